"""`/account/devices`: where somebody is signed in, and the buttons that end it there."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import devices as rules
from authserver.accounts.activity import Kind, just_happened, note
from authserver.accounts.devices import SignedInDevice
from authserver.languages import current
from authserver.pages import texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, browser_of, owner

PAGE = "account/devices"


@dataclass(frozen=True)
class Shown:
    """A device as the page shows it. `place`: '' where it is not known."""

    found: SignedInDevice
    device: str
    place: str
    signed_in: str
    last_use: str


async def devices(request: Request) -> Response:
    """One device, or all but this one."""
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    if form is None:
        return await _shown(request, found)
    services = services_of(request)
    now, done = services.clock(), ""
    async with services.database.unit() as session:
        if "device" in form:
            name = form["device"]
            if await rules.end(services.settings, services.secret_keys, session, now, found.user, name):
                done = "?done=device"
        elif form.get("action") == "end_others" and await rules.end_others(session, now, found.user, found.browser):
            done = "?done=devices"
        if done:
            await note(session, found.user.sub, Kind.SIGNED_OUT_DEVICES, now, browser_of(request))
    return go(f"{services.settings.issuer}/{PAGE}{done}")


async def _shown(request: Request, found: Owner) -> Response:
    services = services_of(request)
    now = services.clock()
    async with services.database.unit() as session:
        alive = await rules.signed_in(services.settings, services.secret_keys, session, now, found.user, found.browser)
        ended = await just_happened(session, found.user.sub, Kind.SIGNED_OUT_DEVICES, now)
    shown = [
        Shown(
            one,
            texts.device(one.device),
            texts.place(services.places.of(one.address, current().tag)),
            texts.ago(now - one.signed_in_at),
            texts.ago(now - one.last_seen_at),
        )
        for one in alive
    ]
    done, notice = request.query_params.get("done"), ""
    if done == "device" and ended:
        notice = _("That device is signed out.")
    elif done == "devices" and len(alive) == 1:
        notice = _("All other devices are signed out.")
    return page(request, "account_devices.html", owner=found, devices=shown, notice=notice)
