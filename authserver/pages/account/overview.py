"""`/account`: what there is, each part with its state in a few words, and the way out."""

from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import activity, devices, sessions, usernames
from authserver.languages import current
from authserver.models import Activity, User
from authserver.oauth import granted
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _, _n
from authserver.pages.visit import Owner, forget, owner


@dataclass(frozen=True)
class Part:
    """One line of the overview. `icon`: a drawing in the template."""

    icon: str
    path: str
    title: str
    state: str


async def overview(request: Request) -> Response:
    """Its one form signs out."""
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, "account", form)
    if not isinstance(found, Owner):
        return found
    services = services_of(request)
    if form is not None:
        if form.get("action") != "sign_out":
            return go(f"{services.settings.issuer}/account")
        async with services.database.unit() as session:
            await sessions.end(services.settings, session, services.clock(), request.cookies)
        return forget(request, go(f"{services.settings.issuer}/login"))
    async with services.database.unit() as session:
        parts = await _parts(request, session, found)
    username = usernames.shown(found.user) if services.settings.username_signs_in else None
    since = texts.day(found.user.created_at)
    return page(request, "account.html", owner=found, username=username, since=since, parts_of_account=parts)


async def _parts(request: Request, session: AsyncSession, found: Owner) -> list[Part]:
    services, now, user = services_of(request), services_of(request).clock(), found.user
    links = len(await granted.granted(session, now, sub=user.sub))
    places = len(await devices.signed_in(services.settings, services.secret_keys, session, now, user, found.browser))
    newest = await activity.recent(session, user.sub, 1)
    linked = _n("{count} application", "{count} applications", links).format(count=links)
    return [
        Part("person", "profile", _("Profile"), _name(user)),
        Part("lock", "security", _("Sign-in and security"), _("E-mail address, password and more")),
        Part(
            "link",
            "applications",
            _("Linked applications"),
            linked if links else _("No application"),
        ),
        Part(
            "device",
            "devices",
            _("Signed-in devices"),
            _("Only this one") if places == 1 else _n("{count} device", "{count} devices", places).format(count=places),
        ),
        Part("clock", "activity", _("Activity"), _event(newest[0], now) if newest else _("Nothing yet")),
        Part("globe", "language", _("Language"), current().name),
        Part("box", "data", _("Your data"), _("Download it, or delete your account")),
    ]


def _name(user: User) -> str:
    name = user.attributes.get("name")
    return name if isinstance(name, str) and name else _("No name given")


def _event(newest: Activity, now: int) -> str:
    return _("{what}, {when}").format(what=texts.event(newest), when=texts.ago(now - newest.at))
