"""`/device`: a person types, or compares, the code that a device shows (RFC 8628 §3.3), and the way goes on from there.

An address that carries the code fills nothing in unseen: somebody else may have sent it (§5.4). The page shows the code
and asks whether the device in front of the person shows the same.
"""

import io
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import attempts
from authserver.oauth import device_codes, interactions, user_codes
from authserver.oauth.device_codes import DEVICE
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.errors import not_found
from authserver.pages.forms import read_post
from authserver.pages.render import go, headers, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, begin_here, load, look, network_address, onward

GUESSES = 10  # codes that one visit may type; its network has a limit beside it


async def device(request: Request) -> Response:
    """Type, or compare, the code that a device shows."""
    if request.method == "POST":
        return await _posted(request)
    issuer, typed = services_of(request).settings.issuer, request.query_params.get("user_code", "")
    if "interaction" not in request.query_params:
        began = await begin_here(request, {DEVICE: ""})
        code = f"&user_code={quote(typed[: user_codes.LONGEST], safe='')}" if typed else ""
        return began.keep(request, go(f"{issuer}/device?interaction={began.interaction_id}{code}"))
    async with services_of(request).database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session)
        if visit.step is not Step.USER_CODE:
            return await onward(request, session, visit)
    letters = user_codes.read(typed)
    error = "" if letters is not None or not typed else _malformed()
    return _page(request, visit, compared=user_codes.shown(letters) if letters else "", typed=typed, code_error=error)


async def _posted(request: Request) -> Response:
    """A guess is counted, and that is committed, before anything is compared."""
    services = services_of(request)
    form = await read_post(request)
    visit = await look(request, form)
    typed = form.get("user_code", "")[: user_codes.LONGEST]
    letters = user_codes.read(typed)
    if visit.step is Step.USER_CODE:
        if letters is None:
            return _page(request, visit, 422, typed=typed, code_error=_malformed())
        if wait := await _counted(request, visit):
            return _page(request, visit, 429, wait=wait, typed=typed, code_error=texts.too_many_codes(wait))
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if visit.step is not Step.USER_CODE or letters is None:
            return await onward(request, session, visit)
        found = await device_codes.waiting(session, services.secret_keys, visit.now, letters)
        if found is not None and await services.clients.get(found.client_id, session) is not None:
            interactions.wait_for_device(session, visit.interaction, found)
            return await onward(request, session, visit)
    error = _("No device waits with this code. Look at it once more: it may show a new one by now.")
    return _page(request, visit, 422, typed=typed, code_error=error)


async def _counted(request: Request, visit: Visit) -> int:
    """0 when the guess may be compared, else the seconds to wait."""
    services, now = services_of(request), visit.now
    keys, hot, address = services.secret_keys, services.hot, network_address(request)
    if wait := await attempts.count_address(hot, services.settings, keys, address, now, what="user code"):
        return wait
    here = attempts.counter(keys, "user code here", visit.interaction.interaction_id)
    lifetime = services.settings.interaction_lifetime
    return 0 if await attempts.count_up_to(hot, here, GUESSES, lifetime, now) else lifetime


def _malformed() -> str:
    return _("The code has eight letters.")


def _page(request: Request, visit: Visit, status: int = 200, *, wait: int = 0, **values: str) -> Response:
    shown = {"compared": "", "typed": "", "code_error": ""} | values
    return page(request, "device.html", status=status, wait=wait, visit=visit, **shown)


async def done(request: Request) -> Response:
    """Where it ends: it says what to do now, and is of use for nothing else."""
    result = request.query_params.get("result")
    if result not in (device_codes.APPROVED, device_codes.DENIED):
        return await not_found(request)
    return page(request, "device_done.html", approved=result == device_codes.APPROVED)


async def picture(request: Request) -> Response:
    """`/device/qr?user_code=…`: the address with the code as a QR code, for devices that can show a picture and make
    none. It tells nothing of whether there is such a code."""
    letters = user_codes.read(request.query_params.get("user_code", ""))
    if letters is None:
        return await not_found(request)
    import segno  # most workers never draw one

    address = f"{services_of(request).settings.issuer}/device?user_code={user_codes.shown(letters)}"
    drawn = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(drawn, kind="svg", scale=8, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None)
    return Response(drawn.getvalue(), 200, headers(services_of(request).settings), "image/svg+xml")
