"""`/dev/mailbox`: the outbox of a development server, for this machine only (contracts/security.md 6.76)."""

from sqlmodel import col, select
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from authserver.accounts.mail import letters
from authserver.models import Mail
from authserver.pages import texts
from authserver.pages.errors import not_found
from authserver.pages.render import headers, page, services_of
from authserver.settings import is_loopback

NEWEST = 50
#: an HTML mail has inline styles and may do nothing else
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


def _is_here(request: Request) -> bool:
    """A name that somebody else points at this machine (DNS rebinding) is no loopback `Host`."""
    return is_loopback(f"http://{request.headers.get('host', '')}")


async def mailbox(request: Request) -> Response:
    """Newest first."""
    if not _is_here(request):
        return await not_found(request)
    async with services_of(request).database.unit() as session:
        found = (
            await session.exec(
                select(Mail)
                .where(Mail.recipient != "")  # never meant to be sent: `accounts.recovery`
                .order_by(col(Mail.created_at).desc(), col(Mail.mail_id))
                .limit(NEWEST)
            )
        ).all()
    mails = [
        {
            "mail": mail,
            "letter": letters.written(services_of(request).settings, mail) if mail.details else None,
            "when": texts.minute(mail.created_at),
        }
        for mail in found
    ]
    return page(request, "mailbox.html", mails=mails, sending=services_of(request).settings.smtp_url is not None)


async def letter(request: Request) -> Response:
    """The HTML of one mail, as a mail program shows it."""
    mail_id = request.path_params["mail_id"]
    if not _is_here(request) or not mail_id.isprintable():
        return await not_found(request)
    async with services_of(request).database.unit() as session:
        mail = await session.get(Mail, mail_id)
    if mail is None or not mail.details:  # emptied when it was sent
        return await not_found(request)
    settings = services_of(request).settings
    html = letters.written(settings, mail).html
    return HTMLResponse(html, headers=headers(settings) | {"Content-Security-Policy": LETTER_POLICY})
