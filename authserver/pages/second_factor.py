"""`/second-factor`: the second step of a sign-in, or the more that an application asks for (docs/adr/0016, 0017).

There is no session before it is done. What was proved so far stands in the interaction, is looked at again with every
request, and is good for one session.
"""

from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import entry, passkeys, second_factor, sessions
from authserver.accounts.entry import FirstFactor, Missing, Proof
from authserver.accounts.passkeys import PasskeyRefusal, assertions
from authserver.accounts.second_factor import Held, asking, changes, email_code, passkey
from authserver.accounts.second_factor.asking import Refusal
from authserver.accounts.second_factor.factor import Right
from authserver.models import User
from authserver.oauth import authorization, interactions
from authserver.oauth.errors import KEEP_ON, PageError
from authserver.oauth.interactions import START_OVER, Step
from authserver.pages import setting_up, texts
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.setting_up import Place
from authserver.pages.visit import (
    Visit,
    browser_of,
    enter,
    forget,
    know,
    leave,
    load,
    network_address,
    onward,
    remember,
    stays_linked,
)


@dataclass
class Standing:
    """Somebody whose first factor stands, of whom more is asked. `methods`: what they can do now; `mailed`: a code was
    sent for this sign-in."""

    visit: Visit
    first: FirstFactor
    user: User
    held: Held
    methods: tuple[str, ...]
    mailed: bool

    @property
    def place(self) -> Place:
        """For whom nothing is set up yet, and must be."""
        return Place(
            f"second-factor{self.visit.query}",
            self.visit.csrf,
            owner=self.visit.interaction.interaction_id,
            back="",
            in_sign_in=True,
            redirect_uri=self.visit.redirect_uri,
            can_cancel=self.visit.client is not None,
        )


async def second_factor_page(request: Request) -> Response:
    services = services_of(request)
    form = await read_post(request) if request.method == "POST" else None
    async with services.database.unit(keep_on=KEEP_ON) as session:
        at = await standing(request, session, form)
        if not isinstance(at, Standing):
            return at
        action = (form or {}).get("action")
        if action == "cancel":
            return leave(request, at.visit, await authorization.refuse(services.oauth, session, at.visit.interaction))
        if action == "restart":
            await sessions.end(services.settings, session, services.clock(), request.cookies)
            interactions.sign_in_again(session, at.visit.interaction)
            return forget(request, go(f"{services.settings.issuer}/login{at.visit.query}"))
        if action == "send":
            return await _send(request, session, at)
        if form is None:
            return await _shown(request, session, at)
    assert form is not None
    return await (_verify(request, form, at) if at.held.set_up else _set_up(request, form, at))


async def standing(request: Request, session: AsyncSession, form: dict[str, str] | None) -> Standing | Response:
    """Who is asked for more, or the way to where this browser should be. What was proved under a session belongs to
    that session, and what was proved before there was one to none."""
    services = services_of(request)
    visit = await load(request, session, form)
    if visit.step is not Step.SECOND_FACTOR:
        return await onward(request, session, visit)
    browser, user = visit.browser, visit.user
    if browser is None or user is None or not interactions.counts(visit.interaction, browser, user):
        browser = user = None
    first = entry.waiting(visit.interaction, visit.now)
    if first is not None and first.session != (browser.digest.hex() if browser else ""):
        first = None
    if user is None and first is not None:
        user = await session.get(User, first.sub)
    if user is None or (first is not None and not first.stands(user, visit.now)):
        entry.start_over(session, visit.interaction)
        return await onward(request, session, visit)
    amr = first.amr if first else list(browser.amr) if browser else []
    held = await second_factor.held(services.settings, session, user)
    wanted = str(visit.interaction.request.get("acr_values", ""))
    if browser is not None and not second_factor.leading_to(held, amr, wanted):
        if visit.client is None:
            raise PageError("second_factor_missing", START_OVER)
        return leave(request, visit, await authorization.cannot_reach(services.oauth, session, visit.interaction))
    if first is None:
        assert browser is not None  # else there is no `user`
        interactions.bind(session, visit.interaction, browser)
        proof = Proof(user, amr, visit.now, browser.signed_in_at)
        first = entry.wait_for(session, visit.interaction, proof, Missing.SECOND_FACTOR, browser)
        await asking.begin(services, session, visit.interaction, first, user, network_address(request))
    if not held.set_up and services.settings.second_factor != "required":  # it was removed elsewhere meanwhile
        if await asking.hold(session, user) is None:
            raise PageError("second_factor_missing", START_OVER)
        return await enter(request, session, visit, Proof(user, first.amr, first.at, first.signed_in_at))
    mailed = await email_code.was_sent(session, visit.interaction.interaction_id)
    return Standing(visit, first, user, held, second_factor.ways(held, amr, wanted), mailed)


async def _shown(request: Request, session: AsyncSession, at: Standing) -> Response:
    asked = request.query_params
    if not at.held.set_up:
        offered = setting_up.choices(request, ())
        name = asked.get("set_up", "")
        if name in offered:
            shown = await setting_up.form_page(request, session, at.place, at.user, name, sent="sent" in asked)
            if shown is not None:
                return shown
        return setting_up.choice_page(request, at.place, at.user, offered)
    method = asked.get("with", "")
    if method not in at.methods or (method == email_code.NAME and not at.mailed):
        method = at.methods[0] if at.methods else ""
    return _page(request, at, method, sent="sent" in asked)


async def _send(request: Request, session: AsyncSession, at: Standing) -> Response:
    """A new code by mail, for this sign-in or for setting it up."""
    services = services_of(request)
    issuer = services.settings.issuer
    if at.held.set_up:
        if email_code.NAME not in at.methods:
            return go(f"{issuer}/second-factor{at.visit.query}")
        subject, network = at.visit.interaction.interaction_id, network_address(request)
        if wait := await email_code.send(services, session, at.user, subject, network, hurry=not at.mailed):
            return _page(request, at, email_code.NAME, Refusal(asking.Reason.TOO_MANY, wait))
        return go(f"{issuer}/second-factor{at.visit.query}&with=email&sent=1")
    if email_code.NAME not in setting_up.choices(request, ()):
        return go(f"{issuer}/second-factor{at.visit.query}")
    hurry = not await email_code.was_sent(session, at.user.sub, setting_up=True)
    if wait := await email_code.send(
        services, session, at.user, at.user.sub, network_address(request), setting_up=True, hurry=hurry
    ):
        refused = Refusal(asking.Reason.TOO_MANY, wait)
        shown = await setting_up.form_page(request, session, at.place, at.user, email_code.NAME, refused=refused)
        return shown or setting_up.choice_page(request, at.place, at.user, setting_up.choices(request, ()), wait)
    return go(f"{issuer}/{at.place.at(email_code.NAME)}&sent=1")


async def _verify(request: Request, form: dict[str, str], at: Standing) -> Response:
    """In a unit of work of its own after the comparison, which takes its time: all is looked at again."""
    services, method = services_of(request), form.get("method", "")
    if method not in at.methods:
        return go(f"{services.settings.issuer}/second-factor{at.visit.query}")
    interaction_id = at.visit.interaction.interaction_id
    right: Right | Refusal | PasskeyRefusal
    if method == passkey.NAME:
        posted = form.get("credential", "")
        right = await assertions.check_second(services, interaction_id, posted, browser_of(request), at.user)
    else:
        typed, address = form.get("code", ""), network_address(request)
        right = await asking.check(services, at.user, interaction_id, method, typed, address)
    if isinstance(right, Refusal | PasskeyRefusal):
        return _page(request, at, method, right, remember="remember" in form)
    async with services.database.unit(keep_on=KEEP_ON) as session:
        again = await standing(request, session, form)
        if not isinstance(again, Standing):
            return again
        if again.user.sub == at.user.sub and method in again.methods:
            proof = await _accepted(request, session, again, right)
            if proof is not None:
                skips = "remember" in form and _may_remember(request, again, method)
                return await enter(request, session, again.visit, proof, skips_next_time=skips)
    late = PasskeyRefusal(passkeys.Reason.OUTDATED) if method == passkey.NAME else Refusal(asking.Reason.SPENT)
    return _page(request, at, method, late)


async def _accepted(request: Request, session: AsyncSession, at: Standing, right: Right) -> Proof | None:
    proof = await asking.accept(
        services_of(request), session, at.visit.interaction, at.first, at.user, right, browser_of(request)
    )
    if proof is not None and at.first.session:
        assert at.visit.browser is not None
        if not await sessions.hold(session, at.visit.browser):  # ended meanwhile, and so has what it proved
            raise PageError("session_ended", START_OVER)
    return proof


def _may_remember(request: Request, at: Standing, method: str) -> bool:
    """Not for a step-up, which asks whatever is remembered, nor for a code that stands in for a lost factor."""
    offered = services_of(request).settings.remember_device_days > 0
    return offered and not at.first.session and method in (*second_factor.FACTORS, passkey.NAME)


async def _set_up(request: Request, form: dict[str, str], at: Standing) -> Response:
    """The first factor of somebody who must have one: with it they are signed in, and see their recovery codes."""
    services, name = services_of(request), form.get("method", "")
    if name not in setting_up.choices(request, ()):
        return go(f"{services.settings.issuer}/second-factor{at.visit.query}")
    right = await setting_up.check(request, at.place, at.user, name, form.get("code", ""))
    async with services.database.unit(keep_on=KEEP_ON) as session:
        again = await standing(request, session, form)
        if not isinstance(again, Standing):
            return again
        if isinstance(right, Refusal) or again.user.sub != at.user.sub or again.held.set_up:
            refused = right if isinstance(right, Refusal) else Refusal(asking.Reason.SPENT)
            shown = await setting_up.form_page(request, session, again.place, again.user, name, refused=refused)
            return shown or go(f"{services.settings.issuer}/second-factor{at.visit.query}")
        proof = await _accepted(request, session, again, right)
        if proof is None:
            return go(f"{services.settings.issuer}/second-factor{at.visit.query}")
        codes = await changes.added(services, session, proof.user, name, browser_of(request))
        await session.refresh(proof.user)
        if not codes:
            return await enter(request, session, again.visit, proof)
        return await _with_codes(request, session, again.visit, proof, codes)


async def _with_codes(
    request: Request, session: AsyncSession, visit: Visit, proof: Proof, codes: list[str]
) -> Response:
    """Signed in, and not yet on to the application: its code lives for a minute, and these want to be written down."""
    services = services_of(request)
    opened = await entry.enter(services, session, visit.interaction, proof, browser_of(request))
    path = "second-factor"
    if opened is not None:
        interactions.bind(session, visit.interaction, opened[0])
        path = "still-linked" if await stays_linked(request, session, visit, proof.user) else path
    shown = setting_up.codes_page(
        request, codes, onward=f"{path}{visit.query}", redirect_uri=visit.redirect_uri, first=True
    )
    if opened is None:
        return shown
    return await know(request, session, remember(request, shown, opened[1]), proof.user)


def _page(
    request: Request,
    at: Standing,
    method: str,
    refused: Refusal | PasskeyRefusal | None = None,
    **values: Any,
) -> Response:
    shown = {"sent": False, "remember": False} | values
    error = ""
    if isinstance(refused, PasskeyRefusal):
        error = texts.passkey_refusal(refused.reason, refused.wait)
    elif refused is not None:
        error = texts.second_factor_refusal(method, refused.reason, refused.wait)
    settings = services_of(request).settings
    return page(
        request,
        "second_factor.html",
        status=200 if refused is None else 429 if refused.wait else 422,
        wait=refused.wait if refused else 0,
        redirect_uri=at.visit.redirect_uri,
        visit=at.visit,
        method=method,
        others=[other for other in at.methods if other != method],
        email=texts.masked(at.user.email),
        by_mail=at.user.password_by_mail_at is not None and email_code.NAME in at.held.set_up,
        days=settings.remember_device_days if _may_remember(request, at, method) else 0,
        step_up=bool(at.first.session),
        mailed=at.mailed or shown["sent"],
        code_error=error,
        **shown,
    )
