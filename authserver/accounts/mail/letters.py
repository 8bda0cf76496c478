"""What the mails say: text and HTML from templates, as rows for the outbox. Pure."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from authserver.models import Mail
from authserver.secret_values import random_token
from authserver.settings import Settings

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.mail"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    return environment


_ENVIRONMENT = _environment()


def _letter(settings: Settings, kind: str, recipient: str, now: int, **values: Any) -> Mail:
    """The first line of the text template is the subject."""
    values |= {"name": settings.name, "recipient": recipient, "home": settings.issuer}
    subject, _, text = _ENVIRONMENT.get_template(f"{kind}.txt.mail").render(values).partition("\n")
    subject = " ".join(subject.split())
    html = _ENVIRONMENT.get_template(f"{kind}.html.mail").render(values, subject=subject)
    return Mail(
        mail_id=random_token(16),
        recipient=recipient,
        subject=subject[:500],
        text=text.strip() + "\n",
        html=html,
        created_at=now,
        due_at=now,
    )


def code_mail(settings: Settings, recipient: str, code: str, now: int) -> Mail:
    """The code that confirms an address."""
    hours = max(1, settings.email_code_lifetime // 3600)
    return _letter(settings, "code", recipient, now, code=code, hours=hours)


def recovery_mail(settings: Settings, recipient: str, code: str, now: int) -> Mail:
    """The code that lets its reader choose a new password."""
    minutes = max(1, settings.recovery_code_lifetime // 60)
    return _letter(settings, "recovery", recipient, now, code=code, minutes=minutes)


def password_changed_mail(settings: Settings, recipient: str, when: int) -> Mail:
    """The password is another one now: who did not do it must know."""
    forgot = f"{settings.issuer}/forgotPassword"
    return _letter(settings, "password_changed", recipient, when, moment=_moment(when), forgot_url=forgot)


def account_deleted_mail(settings: Settings, recipient: str, when: int) -> Mail:
    """The account is gone, and with it all that it was linked to."""
    return _letter(settings, "account_deleted", recipient, when, moment=_moment(when))


def _moment(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%-d %B %Y, %H:%M UTC")


def account_exists_mail(settings: Settings, recipient: str, now: int) -> Mail:
    """Somebody signed up with an address that has an account: only its owner is told."""
    return _letter(settings, "account_exists", recipient, now, sign_in_url=f"{settings.issuer}/login")


def linked_mail(settings: Settings, recipient: str, client_name: str, unlink_url: str, when: int) -> Mail:
    """An application was linked: what, when, and how to end it (contracts/security.md 6.61)."""
    values = {"client_name": client_name, "moment": _moment(when), "unlink_url": unlink_url}
    return _letter(settings, "linked", recipient, when, **values)
