"""A passkey in the password's place, for `/login`."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import verification
from authserver.accounts.passkeys import PasskeyRefusal, Reason, assertions
from authserver.oauth.errors import KEEP_ON
from authserver.pages.render import services_of
from authserver.pages.visit import Visit, browser_of, enter, load, network_address

#: the status of a page whose passkey was refused
REFUSED = {Reason.TOO_MANY: 429}


async def sign_in(request: Request, form: dict[str, str], visit: Visit) -> Response | PasskeyRefusal:
    """`visit`: as of `look`, for which the form was made. Verifying took its time: the interaction is loaded anew."""
    services = services_of(request)
    if not services.settings.relying_party_id:
        return PasskeyRefusal(Reason.NOTHING)
    owner, posted = visit.interaction.interaction_id, form.get("credential", "")
    signed = await assertions.check(services, owner, posted, browser_of(request))
    if isinstance(signed, PasskeyRefusal):
        return signed
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        accepted = await assertions.accept(session, signed)
        if isinstance(accepted, PasskeyRefusal):
            return accepted
        if not accepted.user.email_verified:
            await verification.send_to_user(
                services,
                session,
                accepted.user,
                services.clock(),
                hurry=False,
                interaction_id=visit.interaction.interaction_id,
                network=network_address(request),
            )
        return await enter(request, session, visit, accepted)
