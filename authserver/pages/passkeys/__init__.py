"""Passkeys on the pages: what the browser is asked, signing in with one, and a person's own.

They need a script (`static/passkeys.js`), the one thing here that does: without it, or where the browser knows no
passkeys, nothing of them is offered but their list. What the browser answers comes as a form like any other.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from authserver.pages.passkeys import add, change, options, own

PAGES: dict[str, tuple[list[str], Callable[[Request], Awaitable[Response]]]] = {
    "/passkeys/options": (["POST"], options.options),
    "/passkeys/add": (["GET"], add.cognitos_path),
    "/account/passkeys": (["GET"], own.passkeys),
    "/account/passkeys/add": (["GET", "POST"], add.add),
    "/account/passkeys/change": (["GET", "POST"], change.change),
    "/account/passkeys/remove": (["GET", "POST"], change.remove),
}
