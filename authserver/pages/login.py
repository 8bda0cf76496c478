"""`/login`: e-mail address or user name, and password, or a passkey."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import mailed_links, sign_in, verification
from authserver.accounts.passkeys import PasskeyRefusal
from authserver.accounts.sign_in import Reason, Refusal, SignedIn, Unconfirmed
from authserver.accounts.verification import Purpose
from authserver.oauth import authorization, interactions
from authserver.oauth.errors import KEEP_ON
from authserver.oauth.interactions import Step
from authserver.pages import texts
from authserver.pages.forms import REFUSED, read_post
from authserver.pages.passkeys import sign_in as passkey
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Visit, begin, enter, leave, load, look, network_address, onward, passes_of


async def login(request: Request) -> Response:
    if request.method == "POST":
        return await _posted(request)
    if "interaction" not in request.query_params:
        return await begin(request, "login")
    async with services_of(request).database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session)
        if visit.step is not Step.SIGN_IN:
            return await onward(request, session, visit)
    return _page(request, visit, username=_expected(visit), other=_is_another(visit))


def _is_another(visit: Visit) -> bool:
    """Somebody is signed in here, and it is not the person whom the client expects."""
    expected = visit.interaction.request.get(interactions.HINTED_SUB)
    return visit.user is not None and expected not in (None, visit.user.sub)


def _expected(visit: Visit) -> str:
    """Whose name stands in the field: the client's hint; else whoever is signed in at this very browser and is asked
    for the password once more. Nobody is looked up by `id_token_hint`: it may be anybody's who sends it."""
    hint = str(visit.interaction.request.get("login_hint", ""))
    if hint or visit.user is None or visit.client is None or _is_another(visit):
        return hint
    return visit.user.email


async def _posted(request: Request) -> Response:
    services = services_of(request)
    form = await read_post(request)
    if form.get("action") == "cancel":
        async with services.database.unit(keep_on=KEEP_ON) as session:
            visit = await load(request, session, form)
            return leave(request, visit, await authorization.refuse(services.oauth, session, visit.interaction))
    visit = await look(request, form)
    if visit.step is Step.USER_CODE:
        return go(f"{services.settings.issuer}/device{visit.query}")
    username, password = form.get("username", ""), form.get("password", "")
    if form.get("action") == "passkey":
        opened = await passkey.sign_in(request, form, visit)
        if not isinstance(opened, PasskeyRefusal):
            return opened
        status, error = passkey.REFUSED.get(opened.reason, 422), texts.passkey_refusal(opened.reason, opened.wait)
        return _page(request, visit, status, wait=opened.wait, username=username, passkey_error=error)
    if not username.strip():
        return _page(request, visit, 422, username_error=texts.name_missing(services.settings))
    if not password:
        return _page(request, visit, 422, username=username, password_error=_("Type your password."))
    for _again in range(2):  # the stored hash may be another by now: a second click has replaced an older kind
        answer = await sign_in.sign_in(
            services, username, password, network_address(request), passes_of(request, visit.interaction)
        )
        if isinstance(answer, Refusal):
            refused = answer
            break
        response = await _right(request, form, answer)
        if not isinstance(response, Refusal):
            return response
        refused = response
    error = texts.sign_in_refusal(refused.reason, refused.wait, services.settings)
    locked = refused.reason is Reason.LOCKED
    return _page(
        request,
        visit,
        REFUSED[refused.reason],
        wait=refused.wait,
        username=username,
        password_error=error,
        locked=locked,
    )


async def _right(request: Request, form: dict[str, str], proof: SignedIn | Unconfirmed) -> Response | Refusal:
    """In a unit of work of its own: hashing took its time, and the interaction may have ended meanwhile."""
    services = services_of(request)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        visit = await load(request, session, form)
        if isinstance(proof, Unconfirmed):
            visit.interaction.sign_up_id = proof.sign_up_id
            session.add(visit.interaction)
            interaction_id = visit.interaction.interaction_id
            await mailed_links.hand_over(session, Purpose.SIGN_UP, proof.sign_up_id, interaction_id)
            return go(f"{services.settings.issuer}/confirm{visit.query}")
        accepted = await sign_in.accept(services, session, proof)
        if isinstance(accepted, Refusal):
            return accepted
        if not accepted.user.email_verified and accepted.user.password_mailed_at is None:
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


def _page(request: Request, visit: Visit, status: int = 200, wait: int = 0, **values: Any) -> Response:
    nothing: dict[str, Any] = {"username": "", "username_error": "", "password_error": "", "passkey_error": ""}
    shown = nothing | {"locked": False, "other": False} | values
    if not shown["username"] and visit.interaction.unlocked:
        shown["username"] = visit.interaction.unlocked
    return page(
        request,
        "login.html",
        status=status,
        wait=wait,
        redirect_uri=visit.redirect_uri,
        visit=visit,
        sign_up=services_of(request).settings.sign_up,
        passkeys=bool(services_of(request).settings.relying_party_id),
        **shown,
    )
