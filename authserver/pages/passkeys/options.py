"""`/passkeys/options`: what a browser is asked to sign, as JSON, for the script of the page that it is at.

Not in the page itself: a challenge lives five minutes, a sign-in page stays open for longer, and whoever has no use for
passkeys costs no row.
"""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from authserver.accounts.passkeys import assertions, registrations
from authserver.accounts.second_factor import passkey
from authserver.oauth.errors import PageError
from authserver.oauth.interactions import START_OVER, Step
from authserver.pages.forms import read_post
from authserver.pages.render import headers, services_of
from authserver.pages.second_factor import Standing, standing
from authserver.pages.visit import Owner, Visit, load, strong_owner


async def options(request: Request) -> Response:
    """Where the browser stands decides what for: at the sign-in of its interaction, at the second factor there, or,
    without one, at its own account with a fresh sign-in. Raises `PageError` everywhere else."""
    services = services_of(request)
    form = await read_post(request)
    if not services.settings.relying_party_id:
        raise _nothing_to_ask()
    if "interaction" in request.query_params:
        async with services.database.unit() as session:
            asked = await _of_interaction(request, session, await load(request, session, form))
    else:
        found = await strong_owner(request, "account/passkeys/add", form)
        if not isinstance(found, Owner):
            raise _nothing_to_ask()
        async with services.database.unit() as session:
            asked = await registrations.options(services, session, found.user, found.browser)
    return JSONResponse(asked, headers=headers(services.settings))


async def _of_interaction(request: Request, session: AsyncSession, visit: Visit) -> dict[str, Any]:
    services = services_of(request)
    owner = visit.interaction.interaction_id
    if visit.step is Step.SIGN_IN:
        return await assertions.sign_in_options(services, session, owner)
    at = await standing(request, session, None)
    if isinstance(at, Standing) and passkey.NAME in at.methods:
        asked = await assertions.second_factor_options(services, session, owner, at.user)
        if asked is not None:
            return asked
    raise _nothing_to_ask()


def _nothing_to_ask() -> PageError:
    return PageError("no_passkey_here", START_OVER, 403)
