"""In and out: to the issuer and back (OpenID Connect, code with PKCE), out here and there, and out from there."""

import logging
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from skill.companion import backchannel
from skill.companion.backchannel import NoLogoutToken
from skill.companion.cookies import FLOW, FLOW_SECONDS, NOTE, SESSION
from skill.companion.languages import N_, _, current
from skill.companion.languages.choosing import keep, match, wish
from skill.companion.oidc import Issuer, IssuerAway, SignInRefused
from skill.companion.sessions import IDLE, Sessions
from skill.companion.stream import Live
from skill.companion.visit import NotSignedIn, Visit, way_back
from skill.errors import AlexaError
from skill.forms import Forbidden, read_form
from skill.service import Service
from skill.settings import Settings

log = logging.getLogger(__name__)

CALLBACK, SIGNED_OUT = "/signed-in", "/signed-out"
AWAY = N_(
    "The server that keeps your account does not answer right now. Your lamps stay as they are. Try again in a moment."
)
REFUSED = {
    "access_denied": N_("You did not sign in. You can do so whenever you like."),
    "temporarily_unavailable": AWAY,
}
ELSE = N_("This sign-in was begun in another browser, has been open for too long, or was finished already.")


class SigningIn:
    def __init__(self, settings: Settings, service: Service, sessions: Sessions, live: Live) -> None:
        assert settings.public_url is not None
        assert settings.companion_client_id is not None
        self._client_id = settings.companion_client_id
        self._own = settings.public_url.rstrip("/")
        self._service, self._sessions, self._live = service, sessions, live
        self._issuer = Issuer(settings)
        self._settings = settings

    async def sign_in(self, visit: Visit) -> Response:
        """Sends the browser to the issuer; `next` is where it goes afterwards."""
        back = way_back(visit.request.query_params.get("next"))
        if visit.session is not None:
            return visit.go(back)
        elsewhere = visit.request.headers.get("host", "").lower() != urlsplit(self._own).netloc.lower()
        if elsewhere and "here" not in visit.request.query_params:
            # the redirect URI has one name of this machine, and cookies do not cross to another one; once, since a
            # proxy may have put another `Host` in the place of the browser's
            return visit.go(f"{self._own}/sign-in?{urlencode({'next': back, 'here': '1'})}")
        try:
            await self._issuer.look()
            kept: dict[str, Any] = {}
            visit.request.scope["session"] = kept
            tag = wish(visit.request, visit.cookies)
            speak = {"ui_locales": tag} if tag else {}
            answer: Response = await self._issuer.authorize_redirect(visit.request, self._own + CALLBACK, **speak)
        except IssuerAway:
            return self._away(visit, back)
        visit.cookies.seal(answer, FLOW, {"kept": kept, "next": back}, FLOW_SECONDS)
        return answer

    def _away(self, visit: Visit, back: str) -> Response:
        retry = f"/sign-in?{urlencode({'next': back})}"
        answer = visit.page("message.html", 503, title=_("Signing in has to wait"), text=_(AWAY), retry=retry)
        answer.headers["retry-after"] = "10"
        return answer

    async def signed_in(self, visit: Visit) -> Response:
        """The redirect URI (RFC 6749 §4.1.2). Only the browser that began can finish: its cookie holds state, nonce and
        verifier, sealed."""
        flow = visit.cookies.open(visit.request, FLOW)
        if flow is None:
            return visit.go("/") if visit.session is not None else self._refused(visit, ELSE, "/")
        visit.request.scope["session"] = flow["kept"]
        back = way_back(flow["next"])
        try:
            person = await self._issuer.finish(visit.request)
        except IssuerAway:
            answer = self._away(visit, back)
            visit.cookies.forget(answer, FLOW)
            return answer
        except SignInRefused as refused:
            log.warning("sign-in refused: %s", refused.error if refused.error.isidentifier() else "unknown")
            answer = self._refused(visit, REFUSED.get(refused.error, ELSE), back)
            if refused.error not in ("invalid_issuer", "repeated", "mismatching_state"):
                visit.cookies.forget(answer, FLOW)  # the browser's own answer; anything else leaves its sign-in alone
            return answer
        name = str(person.get("email") or person.get("name") or person.get("preferred_username") or _("You"))
        sid = person.get("sid")
        former = visit.cookies.value(visit.request, SESSION)
        session = await self._sessions.begin(
            person["sub"], name, sid if isinstance(sid, str) else None, person["id_token"], former
        )
        answer = visit.go(back)
        visit.cookies.set(answer, SESSION, session.value, IDLE)
        visit.cookies.forget(answer, FLOW)
        keep(visit.request, answer, visit.cookies, match(str(person.get("locale", ""))), "account")
        return answer

    def _refused(self, visit: Visit, text: str, back: str) -> Response:
        retry = f"/sign-in?{urlencode({'next': back})}"
        return visit.page("message.html", 400, title=_("You are not signed in"), text=_(text), retry=retry)

    async def sign_out(self, visit: Visit) -> Response:
        """Ends this session, then that at the issuer (RP-Initiated Logout 1.0), if it answers."""
        try:
            await visit.form()
        except NotSignedIn:  # another tab was first
            return visit.go(SIGNED_OUT)
        id_token = await self._sessions.end(visit.person.digest)
        self._live.end({visit.person.digest})
        location = SIGNED_OUT
        try:
            await self._issuer.look()
            there = await self._issuer.create_logout_url(
                self._own + SIGNED_OUT, id_token, client_id=self._client_id, ui_locales=current().tag
            )
            location = there["url"]
        except (IssuerAway, RuntimeError):
            location += "?here=1"
        answer = RedirectResponse(location, 303)
        visit.cookies.forget(answer, SESSION)
        visit.cookies.forget(answer, NOTE)
        return answer

    async def signed_out(self, visit: Visit) -> Response:
        """Where signing out ends."""
        if visit.session is not None:
            return visit.go("/")
        return visit.page("signed_out.html", title=_("Signed out"), here_alone="here" in visit.request.query_params)

    async def left(self, request: Request) -> Response:
        """Back-channel logout: the issuer names who has left."""
        try:
            token = (await read_form(request)).get("logout_token", "")
            left = await backchannel.read(
                token, self._service.keys, self._settings.issuer, self._client_id, self._service.clock()
            )
            if await self._service.store.claim_signature(left.digest, left.expires_at):
                self._live.end(await self._sessions.end_of(left.sub, left.sid))
        except (NoLogoutToken, Forbidden) as refused:
            log.warning("logout token refused: %s", refused)
            return _answer({"error": "invalid_request"}, 400)
        except AlexaError:
            return _answer({"error": "temporarily_unavailable"}, 503)
        return _answer({}, 200)


def _answer(content: dict[str, str], status: int) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
