"""Passkeys where somebody signs in: what the browser is asked, and the passkey in the password's place. A person's own
are in `account.passkeys`.

They need a script (`static/passkeys.js`), the one thing here that does: without it, or where the browser knows no
passkeys, nothing of them is offered. What the browser answers comes as a form like any other.
"""
