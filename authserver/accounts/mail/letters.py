"""What the mails say: rows for the outbox, and text and HTML made of them from templates, in the language of their
recipient. Pure."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import Any

from authserver.languages import TAGS, Language, current, languages, match, moments, read_own, speaking, spoken
from authserver.models import Mail
from authserver.settings import Settings
from authserver.templating import Templates, folder_of

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@lru_cache(maxsize=16)
def _templates(overrides: Path | None) -> Templates:
    return Templates(TEMPLATES, folder_of(overrides, "mail"))


def check(settings: Settings) -> None:
    """Raises `SettingsError` when a template or a text of the operator's cannot be read."""
    _templates(settings.overrides).check()
    if folder_of(settings.overrides, "locales"):
        read_own(settings.overrides)


def _language(settings: Settings, locale: str) -> Language:
    """The recipient's own, else the one in which they are just answered, else the server's."""
    known = languages(settings.overrides)
    tag = match(locale, TAGS) if locale else None
    return known[tag] if tag else spoken() or known[settings.language]


#: kinds that a person waits for at a page: they go before all others
AWAITED = frozenset(
    {"code", "recovery", "unlock", "second_factor_code", "account_exists", "email_change_code", "address_taken"}
)


@dataclass(frozen=True)
class Letter:
    """What a mail says."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def _letter(settings: Settings, kind: str, recipient: str, now: int, *, locale: str = "", **values: Any) -> Mail:
    """A row for `outbox.post`. It is written out when it is sent: no request waits for a template. `locale`: the
    recipient's language, where it is known; the value `moment` is Unix seconds."""
    language = _language(settings, locale).tag
    return Mail(
        mail_id=token_hex(16),  # commands take it: it never begins with a hyphen
        kind=kind,
        recipient=recipient,
        details=values | {"home": settings.issuer, "language": language},
        rank=0 if kind in AWAITED else 1,
        created_at=now,
        due_at=now,
    )


def written(settings: Settings, mail: Mail) -> Letter:
    """The first line of the text template is the subject. Raises `TemplateError`."""
    known = languages(settings.overrides)
    values = {"name": settings.name, "recipient": mail.recipient} | mail.details
    with speaking(known.get(values["language"], known[settings.language])):
        values["language"] = current()
        if "moment" in values:
            values["moment"] = moments.minute(values["moment"])
        templates = _templates(settings.overrides)
        subject, _, text = templates.render(f"{mail.kind}.txt.mail", values).partition("\n")
        subject = " ".join(subject.split())[:500]
        html = templates.render(f"{mail.kind}.html.mail", values | {"subject": subject})
    return Letter(subject, text.strip() + "\n", html)


def code_mail(settings: Settings, recipient: str, code: str, now: int, link: str = "", *, locale: str = "") -> Mail:
    """The code that confirms an address. `link`: the URL that stands for it in the browser that asked, if any."""
    hours = max(1, settings.email_code_lifetime // 3600)
    return _letter(settings, "code", recipient, now, locale=locale, code=code, hours=hours, link=link)


def recovery_mail(settings: Settings, recipient: str, code: str, now: int, link: str = "", *, locale: str = "") -> Mail:
    """The code that lets its reader choose a new password."""
    minutes = max(1, settings.recovery_code_lifetime // 60)
    return _letter(settings, "recovery", recipient, now, locale=locale, code=code, minutes=minutes, link=link)


def unlock_mail(settings: Settings, recipient: str, code: str, now: int, link: str = "", *, locale: str = "") -> Mail:
    """The code that lets its reader sign in, with the password, although somebody guesses at it."""
    minutes = max(1, settings.recovery_code_lifetime // 60)
    return _letter(settings, "unlock", recipient, now, locale=locale, code=code, minutes=minutes, link=link)


def password_changed_mail(settings: Settings, recipient: str, when: int, *, locale: str = "") -> Mail:
    """The password is another one now: who did not do it must know."""
    forgot = f"{settings.issuer}/forgotPassword"
    return _letter(settings, "password_changed", recipient, when, locale=locale, moment=when, forgot_url=forgot)


def username_changed_mail(settings: Settings, recipient: str, username: str, when: int, *, locale: str = "") -> Mail:
    """The user name is another one now: who did not do it must know."""
    values = {"username": username, "moment": when, "forgot_url": f"{settings.issuer}/forgotPassword"}
    return _letter(settings, "username_changed", recipient, when, locale=locale, **values)


def invitation_mail(
    settings: Settings, recipient: str, username: str, password: str, days: int, now: int, *, locale: str = ""
) -> Mail:
    """An account that the operator made, with a password to sign in once and replace. `username`: '' for none."""
    values = {"username": username, "password": password, "days": days, "sign_in_url": f"{settings.issuer}/login"}
    return _letter(settings, "invitation", recipient, now, locale=locale, **values)


def second_factor_code_mail(
    settings: Settings, recipient: str, code: str, lifetime: int, now: int, *, locale: str = ""
) -> Mail:
    """The code that is a second factor. `lifetime`: seconds."""
    minutes = max(1, lifetime // 60)
    return _letter(settings, "second_factor_code", recipient, now, locale=locale, code=code, minutes=minutes)


def second_factor_changed_mail(
    settings: Settings, recipient: str, change: str, factors: list[str], when: int, *, locale: str = ""
) -> Mail:
    """What signs in beside the password is another now. `change`: added, removed, recovery codes, or reset by the
    operator; `factors`: their names."""
    values = _places(settings) | {"change": change, "factors": factors, "moment": when}
    return _letter(settings, "second_factor_changed", recipient, when, locale=locale, **values)


def recovery_code_used_mail(settings: Settings, recipient: str, left: int, when: int, *, locale: str = "") -> Mail:
    """Somebody signed in with one of the codes for recovery; `left` remain."""
    values = _places(settings) | {"left": left, "moment": when}
    return _letter(settings, "recovery_code_used", recipient, when, locale=locale, **values)


def wrong_codes_mail(settings: Settings, recipient: str, when: int, *, locale: str = "") -> Mail:
    """Somebody with the right password guesses at the second factor: who it is not must know."""
    forgot = f"{settings.issuer}/forgotPassword"
    return _letter(settings, "wrong_codes", recipient, when, locale=locale, moment=when, forgot_url=forgot)


def _places(settings: Settings) -> dict[str, Any]:
    """Where somebody goes who did not do it."""
    return {
        "account_url": f"{settings.issuer}/account/second-factor",
        "forgot_url": f"{settings.issuer}/forgotPassword",
    }


def account_deleted_mail(settings: Settings, recipient: str, when: int, *, locale: str = "") -> Mail:
    """The account is gone, and with it all that it was linked to."""
    return _letter(settings, "account_deleted", recipient, when, locale=locale, moment=when)


def trial_mail(settings: Settings, recipient: str, now: int) -> Mail:
    """For `authserver mail test`: whether mails arrive."""
    return _letter(settings, "trial", recipient, now)


def passkey_added_mail(settings: Settings, recipient: str, passkey: str, when: int, *, locale: str = "") -> Mail:
    """One more passkey opens the account: who did not do it must know."""
    values = {"passkey": passkey, "moment": when, "passkeys_url": f"{settings.issuer}/account/passkeys"}
    return _letter(settings, "passkey_added", recipient, when, locale=locale, **values)


def passkey_removed_mail(settings: Settings, recipient: str, passkey: str, when: int, *, locale: str = "") -> Mail:
    """A passkey opens the account no more."""
    values = {"passkey": passkey, "moment": when, "passkeys_url": f"{settings.issuer}/account/passkeys"}
    return _letter(settings, "passkey_removed", recipient, when, locale=locale, **values)


def account_exists_mail(settings: Settings, recipient: str, now: int, *, locale: str = "") -> Mail:
    """Somebody signed up with an address that has an account: only its owner is told."""
    return _letter(settings, "account_exists", recipient, now, locale=locale, sign_in_url=f"{settings.issuer}/login")


def linked_mail(
    settings: Settings, recipient: str, client_name: str, unlink_url: str, when: int, *, locale: str = ""
) -> Mail:
    """An application was linked: what, when, and how to end it (contracts/security.md 6.61)."""
    values = {"client_name": client_name, "moment": when, "unlink_url": unlink_url}
    return _letter(settings, "linked", recipient, when, locale=locale, **values)


def email_change_code_mail(
    settings: Settings, recipient: str, code: str, now: int, link: str = "", *, locale: str = ""
) -> Mail:
    """The code that makes this address the one of an account; `link` as in `code_mail`."""
    hours = max(1, settings.email_code_lifetime // 3600)
    return _letter(settings, "email_change_code", recipient, now, locale=locale, code=code, hours=hours, link=link)


def address_taken_mail(settings: Settings, recipient: str, now: int, *, locale: str = "") -> Mail:
    """Another account asked for an address that has an account: only its owner is told."""
    return _letter(settings, "address_taken", recipient, now, locale=locale)


def email_change_asked_mail(settings: Settings, recipient: str, new: str, when: int, *, locale: str = "") -> Mail:
    """To the old address: a new one waits for its code. `new`: as much of it as may be read by others."""
    forgot = f"{settings.issuer}/forgotPassword"
    return _letter(
        settings, "email_change_asked", recipient, when, locale=locale, new=new, moment=when, forgot_url=forgot
    )


def email_changed_mail(settings: Settings, recipient: str, new: str, when: int, *, locale: str = "") -> Mail:
    """To the old address, for the last time: the account has another one now."""
    return _letter(settings, "email_changed", recipient, when, locale=locale, new=new, moment=when)
