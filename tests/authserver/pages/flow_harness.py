"""What somebody tries who does not take a flow's honest path, for every flow that is described as data.

A `Flow` says how it is begun and which forms lead to its end (`flows.FLOWS`). The harness walks it, and at every step
tries what must not get through; what counts is not what pages say, but what is in the database afterwards.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import httpx2
from sqlmodel import col, func, select

from authserver.accounts import sessions
from authserver.models import (
    AuthorizationCode,
    Consent,
    DeviceCode,
    EmailChange,
    Grant,
    Interaction,
    Mail,
    Passkey,
    RecoveryCode,
    Session,
    Totp,
    User,
    VerificationCode,
)
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address
from tests.authserver.pages.browsing import Linking
from tests.running.reading import Page

AT_ONCE = 20
GUESS = "271828"
NAME = "Work"  # what a flow gives to something
#: what a page may answer to somebody on a way of their own; anything else is a failure of ours
ANSWERS = {200, 303, 400, 403, 404, 409, 415, 422, 429, 503}


@dataclass
class Run:
    """One person on the way through one flow. `keep`: what the flow wants to remember; `asked`: what its client asks
    for beyond the usual."""

    people: People
    linking: Linking
    new_linking: Callable[[], Linking]
    email: str = field(default_factory=new_address)
    user: User | None = None
    keep: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    page: Page = field(init=False)

    async def has_account(self, **fields: object) -> User:
        self.user = await self.people.add(email=self.email, email_canonical=self.email, **fields)
        return self.user

    @property
    def owner(self) -> User:
        assert self.user is not None, "the flow made no account"
        return self.user


Value: TypeAlias = str | Callable[[Run], Awaitable[str]]


@dataclass(frozen=True)
class Step:
    """One form: where it goes, and what passes it. A value that is a function is asked when the form is sent; a
    `LookupError` means that it cannot be known yet, and a guess is sent in its place.

    `begins`: whoever sends it in a flow of their own begins one, which is nobody else's (an address, or a password that
    is right), except `only_here`, where this flow has opened the way for it. `any_tab`: whoever is signed in may send
    it in any tab. `free`: fields that hold whatever somebody likes, where a guess is as good as any. `then`: what is
    opened once it is sent, in the place of the page to which it leads (the link of a mail).
    """

    path: str
    fields: Mapping[str, Value]
    begins: bool = False
    any_tab: bool = False
    only_here: bool = False
    free: tuple[str, ...] = ()
    then: Callable[[Run], Awaitable[Page]] | None = None

    @property
    def begins_elsewhere(self) -> bool:
        return self.begins and not self.only_here

    async def filled(self, run: Run) -> dict[str, str]:
        found = {}
        for name, value in self.fields.items():
            try:
                found[name] = value if isinstance(value, str) else await value(run)
            except LookupError:
                found[name] = GUESS
        return found


@dataclass(frozen=True)
class Flow:
    """`begin` gives the page of the first step. `cancel`: leaves the flow, honestly, from any step. `anywhere`: what
    the form holds is all the proof that is needed, in any browser (a mailed link that ends something). `settings`: what
    its server has that is not the default."""

    name: str
    begin: Callable[[Run], Awaitable[Page]]
    steps: tuple[Step, ...]
    cancel: Callable[[Run], Awaitable[None]] | None = None
    anywhere: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Effects:
    """What a run has caused. `accounts`: address, `sub`, hash, whether verified and active, epoch."""

    accounts: frozenset[tuple[Any, ...]]
    sessions: frozenset[bytes]
    counts: tuple[tuple[str, int], ...]
    mails: tuple[tuple[str, int], ...]

    def shape(self, before: "Effects") -> tuple[object, ...]:
        """How much has changed since `before`, whatever it is called."""
        hashes = [{account[2] for account in effects.accounts} for effects in (before, self)]
        states = sorted(account[3:] for account in self.accounts)
        return (states, len(hashes[1] - hashes[0]), len(self.sessions), self.counts, self.mails)


async def effects(run: Run) -> Effects:
    async with run.people.services.database.unit() as session:
        users = (await session.exec(select(User).where(User.email_canonical == run.email))).all()
        subs = [user.sub for user in users] + ([run.user.sub] if run.user else [])

        def count(model: Any, *conditions: Any) -> Any:
            return select(func.count()).select_from(model).where(*conditions).scalar_subquery()

        approved = (col(DeviceCode.sub).in_(subs), col(DeviceCode.decision) == "approved")
        pressed = (
            col(VerificationCode.email).in_([run.email, *subs]),
            col(VerificationCode.confirmed_at).is_not(None),
        )
        asked = {
            "codes": count(AuthorizationCode, col(AuthorizationCode.sub).in_(subs)),
            "devices": count(DeviceCode, *approved),
            "grants": count(Grant, col(Grant.sub).in_(subs), col(Grant.revoked_at).is_(None)),
            "named": count(Passkey, col(Passkey.sub).in_(subs), col(Passkey.name) == NAME),
            "user names": count(User, col(User.sub).in_(subs), col(User.username) != col(User.sub)),
            "pressed": count(VerificationCode, *pressed),
            "unlocked": count(Interaction, col(Interaction.unlocked) == run.email),
        }
        for model in (Consent, Totp, Passkey, RecoveryCode, EmailChange):
            asked[model.__name__] = count(model, col(model.sub).in_(subs))
        counts = (await session.exec(select(*asked.values()))).one()  # after every post: in one question
        browsers = (await session.exec(select(Session.digest).where(col(Session.sub).in_(subs)))).all()
        mails = (await session.exec(select(Mail.kind).where(Mail.recipient == run.email))).all()
    return Effects(
        frozenset(
            (user.email, user.sub, user.password_hash, user.email_verified, user.active, user.epoch) for user in users
        ),
        frozenset(browsers),
        tuple(zip(asked, counts, strict=True)),
        tuple(sorted(Counter(mails).items())),
    )


async def begun(flow: Flow, people: People, new_linking: Callable[[], Linking], steps: int = 0) -> Run:
    """So many steps are done, honestly."""
    run = Run(people, new_linking(), new_linking)
    run.page = await flow.begin(run)
    for step in flow.steps[:steps]:
        await honestly(run, step)
    return run


async def honestly(run: Run, step: Step) -> None:
    answer = await send(run, step)
    assert answer.status_code in (200, 303), f"{step.path}: {answer.status_code} {Page(step.path, answer)}"
    url = run.linking.url(step.path)
    run.page = await run.linking.browser._follow(url, answer)
    if step.then is not None:
        run.page = await step.then(run)
    assert run.page.status in (200, 303), run.page


def interaction_of(page: Page) -> str:
    """In the page's address, or where its forms go (a mailed link has none)."""
    addresses = (page.url, *(form.action for form in page.forms))
    found = (parse_qs(urlsplit(address).query).get("interaction", [""])[0] for address in addresses)
    return next(filter(None, found), "")


def hidden_of(page: Page) -> dict[str, str]:
    return next((form.hidden for form in page.forms if form.hidden), {})


async def send(
    run: Run,
    step: Step,
    *,
    browser: Linking | None = None,
    page: Page | None = None,
    fields: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> httpx2.Response:
    """The step's form, sent by hand: the hidden fields and the interaction of `page` (this run's), from `browser` (this
    run's), with `fields` (those that pass)."""
    page, browser = page or run.page, browser or run.linking
    filled = await step.filled(run) if fields is None else dict(fields)
    interaction = interaction_of(page)
    query = f"?interaction={interaction}" if interaction else ""
    answer = await browser.browser.client.post(
        run.linking.url(step.path) + query,
        data=hidden_of(page) | filled,
        headers={"origin": run.people.server.settings.origin if origin is None else origin},
    )
    assert answer.status_code in ANSWERS, f"{step.path}: {answer.status_code} {answer.text[:300]}"
    return answer


async def attack(flow: Flow, run: Run, done: int) -> None:
    """`done` steps were done honestly; whatever is tried now changes nothing. Mails are not looked at: asking for one
    is nothing that anybody could be kept from."""
    before = await effects(run)

    async def nothing(what: str, step: Step) -> None:
        after = await effects(run)
        assert (after.accounts, after.sessions, after.counts) == (before.accounts, before.sessions, before.counts), (
            f"{flow.name}: after {done} steps, {step.path} {what}"
        )

    for step in flow.steps[done:]:
        hidden = hidden_of(run.page)
        kept = {name: "" for name in hidden if name != "csrf_token"}
        await send(run, step, fields=kept)
        await nothing("empty", step)
        await send(run, step, fields=kept | dict.fromkeys(step.fields, ""))
        await nothing("with every field empty", step)
        for name in set(step.fields) - {"action"} or step.fields:  # what is proved, or else what is pressed
            for value in ("",) if name in step.free else ("", GUESS):
                await send(run, step, fields=await step.filled(run) | {name: value})
                await nothing(f"with {name}={value!r}", step)
        for token in ("", GUESS):
            if "csrf_token" in hidden:
                answer = await send(run, step, fields=await step.filled(run) | {"csrf_token": token})
                early = {400} if step is not flow.steps[done] and not interaction_of(run.page) else set()
                assert answer.status_code in {303, 403} | early, f"{step.path} without this browser's token"
                await nothing("without this browser's token", step)
        for origin in ("https://evil.example", "null"):
            answer = await send(run, step, origin=origin)
            assert answer.status_code == 403, f"{step.path} from {origin}"
            await nothing(f"from {origin}", step)
    for step in flow.steps[done + 1 :]:
        await send(run, step)
        await nothing("before its turn", step)
    if not flow.anywhere:
        await _from_another_browser(flow, run, done, nothing)
        await _with_another_flow(flow, run, done, nothing)


Nothing: TypeAlias = Callable[[str, Step], Awaitable[None]]


async def _from_another_browser(flow: Flow, run: Run, done: int, nothing: Nothing) -> None:
    """Somebody else, signed in elsewhere, who has seen all that stands in this person's pages and mails."""
    stranger = run.new_linking()
    other = await run.people.add(OTHER)
    theirs = await stranger.signed_in(other.email, OTHER)
    if run.asked:
        theirs = await stranger.start(**run.asked)
    for step in flow.steps[done:]:
        await send(run, step, browser=stranger)
        await nothing("in another browser", step)
        if not step.begins_elsewhere:
            await send(run, step, browser=stranger, page=theirs)
            await nothing("in another browser's flow", step)
        assert not await is_signed_in(run, stranger), f"{flow.name}: {step.path} signs a stranger in"


async def _with_another_flow(flow: Flow, run: Run, done: int, nothing: Nothing) -> None:
    """The same browser in a second tab that has just begun; what stands in it may honestly be sent there."""
    fresh = await run.linking.start(**run.asked)
    here = urlsplit(fresh.url).path
    for step in flow.steps[done:]:
        same = urlsplit(run.linking.url(step.path)).path == here and not step.only_here
        honest = step.begins_elsewhere or step.any_tab or same
        if interaction_of(fresh) and not honest:
            await send(run, step, page=fresh)
            await nothing("in a second tab", step)


async def is_signed_in(run: Run, browser: Linking) -> bool:
    """Whether this browser has become the run's person."""
    services = run.people.services
    async with services.database.unit() as session:
        _, user = await sessions.find(
            services.settings, session, run.people.clock(), browser.browser.client.cookies, note=False
        )
    return user is not None and user.email == run.email


async def at_once(run: Run, step: Step) -> list[httpx2.Response]:
    """The honest form, twenty times in one moment."""
    fields = await step.filled(run)
    return await asyncio.gather(*(send(run, step, fields=fields) for _ in range(AT_ONCE)))


__all__ = ["PASSWORD", "Effects", "Flow", "Run", "Step", "at_once", "attack", "begun", "effects", "honestly", "send"]
