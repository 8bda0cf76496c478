"""The forms that set a second factor up, at the account and in the middle of a sign-in, and the codes shown once."""

from dataclasses import dataclass

from markupsafe import Markup
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import attempts, second_factor
from authserver.accounts.second_factor import email_code, recovery_codes, totp
from authserver.accounts.second_factor.asking import Reason, Refusal
from authserver.accounts.second_factor.factor import Right
from authserver.accounts.verification import CodeRefusal
from authserver.models import User
from authserver.pages import texts
from authserver.pages.render import page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import network_address

#: the factors whose forms are here
HERE = (totp.NAME, email_code.NAME)


@dataclass(frozen=True)
class Place:
    """Where it happens. `action`: the path of the forms below the issuer, with its query; `owner`: the interaction or
    the session that it happens in, and no other; `back`: the path of the way out, '' for none; `in_sign_in`: somebody
    is asked to before they are signed in."""

    action: str
    csrf: str
    owner: str
    back: str
    in_sign_in: bool = False
    redirect_uri: str = ""
    can_cancel: bool = False

    def at(self, name: str) -> str:
        """The form of this factor."""
        return f"{self.action}{'&' if '?' in self.action else '?'}set_up={name}"


def choices(request: Request, set_up: tuple[str, ...]) -> list[str]:
    """What can be set up here and is not yet."""
    settings = services_of(request).settings
    return [name for name in second_factor.allowed(settings) if name in HERE and name not in set_up]


def choice_page(request: Request, place: Place, user: User, offered: list[str], wait: int = 0) -> Response:
    """`wait`: seconds, where a code by mail was asked for too often."""
    return page(
        request,
        "second_factor_choice.html",
        status=429 if wait else 200,
        wait=wait,
        mail_error=texts.wait(wait) if wait else "",
        redirect_uri=place.redirect_uri,
        place=place,
        offered=offered,
        email=texts.masked(user.email),
    )


async def form_page(
    request: Request,
    session: AsyncSession,
    place: Place,
    user: User,
    name: str,
    *,
    refused: Refusal | None = None,
    sent: bool = False,
) -> Response | None:
    """The form of a factor that is being set up, in the caller's unit of work; None when it is set up already, or
    what was typed is of none that has begun."""
    services = services_of(request)
    shown: dict[str, object] = {"secret": "", "address": "", "picture": ""}
    if name == totp.NAME:
        if refused is not None and not await totp.waits(session, user):
            return None
        secret = await totp.begin(services, session, user, place.owner)
        if secret is None:
            return None
        text, address = totp.text_of(secret), totp.address_for_apps(services.settings, user, secret)
        groups = [text[at : at + 4] for at in range(0, len(text), 4)]
        shown = {"secret": groups, "address": address, "picture": picture(address)}
    elif not await email_code.was_sent(session, user.sub, setting_up=True):
        return None
    error = texts.second_factor_refusal(name, refused.reason, refused.wait) if refused else ""
    return page(
        request,
        f"second_factor_{name}.html",
        status=200 if refused is None else 429 if refused.wait else 422,
        wait=refused.wait if refused else 0,
        redirect_uri=place.redirect_uri,
        place=place,
        email=texts.masked(user.email),
        code_error=error,
        sent=sent,
        **shown,
    )


def picture(address: str) -> Markup:
    """A QR code as SVG without any style, dark on light also in the dark: cameras want it so."""
    import segno  # most workers never draw one

    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(dark="#000", light="#fff", border=3, omitsize=True, svgclass=None, lineclass=None))  # noqa: S704


async def check(request: Request, place: Place, user: User, name: str, typed: str) -> Right | Refusal:
    """The code that proves that it works. Guesses gain nothing: whoever types has the secret, or the mail, before
    them."""
    services, address = services_of(request), network_address(request)
    found: Right | CodeRefusal
    if name == totp.NAME:
        now = services.clock()
        if wait := await attempts.count_address(services.hot, services.settings, services.secret_keys, address, now):
            return Refusal(Reason.TOO_MANY, wait)
        found = await totp.check_begun(services, user, typed, place.owner)
    else:
        found = await email_code.check(services, user, user.sub, typed, address, setting_up=True)
    return Refusal(Reason(found.value)) if isinstance(found, CodeRefusal) else found


def codes_page(request: Request, codes: list[str], *, onward: str, redirect_uri: str = "", first: bool) -> Response:
    """The recovery codes, once. `onward`: the path of what comes next; `first`: a factor was just set up."""
    name = services_of(request).settings.name
    lines = [_("Recovery codes for {name}").format(name=name), "", *codes, ""]
    return page(
        request,
        "recovery_codes.html",
        redirect_uri=redirect_uri,
        codes=codes,
        text="\r\n".join(lines),
        onward=onward,
        first=first,
        count=recovery_codes.COUNT,
    )
