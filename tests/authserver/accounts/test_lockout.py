"""Whoever keeps failing delays others; the owner gets in where they always do, or by a mail (contracts/security.md
6.63)."""

import asyncio

import pytest
from sqlmodel import select

from authserver.accounts import (
    activity,
    administration,
    devices,
    known_devices,
    lockout,
    own_account,
    sign_in,
    unlocking,
)
from authserver.accounts.activity import Kind
from authserver.accounts.lockout import Passes
from authserver.accounts.names import read_username
from authserver.accounts.sign_in import Reason, Refusal, SignedIn, Unconfirmed
from authserver.accounts.sign_up import Wait
from authserver.accounts.verification import CodeRefusal, Proven
from authserver.models import Interaction, KnownDevice, Session, User
from authserver.oauth import interactions
from authserver.secret_values import digest
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address, wrong
from tests.authserver.accounts.statements import statements
from tests.authserver.accounts.test_mail_limits import known_browser
from tests.authserver.protocol.harness import DAY

WRONG = Refusal(Reason.WRONG)


async def attack(people: People, email: str, rounds: int = 5) -> None:
    """From a network of its own each time, until the account rests; the clock stands still meanwhile."""
    for _ in range(rounds):
        answer = await People(people.server).sign_in(email, OTHER)
        assert isinstance(answer, Refusal)
        if answer.reason is Reason.LOCKED:
            people.clock.advance(answer.wait)
            await People(people.server).sign_in(email, OTHER)


async def try_at(
    people: People, email: str, cookies: dict[str, str], password: str = PASSWORD
) -> SignedIn | Unconfirmed | Refusal:
    return await sign_in.sign_in(people.services, email, password, people.network, Passes(cookies))


async def new_cookies(people: People, user: User, cookies: dict[str, str]) -> dict[str, str]:
    """After a sign-in with them."""
    settings = people.services.settings
    async with people.services.database.unit() as session:
        value = await known_devices.remember(settings, session, user.sub, cookies, people.clock())
    return {known_devices.cookie_name(settings): value}


async def known(people: People, user: User) -> list[KnownDevice]:
    async with people.services.database.unit() as session:
        return list((await session.exec(select(KnownDevice).where(KnownDevice.sub == user.sub))).all())


@pytest.mark.spec("security 6.63", "security 6.58")
async def test_where_one_has_signed_in_before_strangers_lock_nobody_out(people: People) -> None:
    user = await people.add()
    cookies = await known_browser(people, user.sub)
    await attack(people, user.email)
    assert isinstance(await people.sign_in(user.email), Refusal), "elsewhere the right password waits"
    proof = await try_at(people, user.email, cookies)
    assert isinstance(proof, SignedIn)
    async with people.services.database.unit() as session:
        assert not isinstance(await sign_in.accept(people.services, session, proof), Refusal)
    refused = await people.sign_in(user.email)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.LOCKED, "the stranger has won no new guesses by it"


@pytest.mark.spec("security 6.63")
async def test_a_clock_that_was_a_year_ahead_locks_nobody_out_afterwards(people: People) -> None:
    user, ahead = await people.add(), 365 * DAY
    people.clock.advance(ahead)
    try:
        await attack(people, user.email)
        await people.use_up_network()
        assert await People(people.server).sign_in(user.email) == Refusal(Reason.LOCKED, 1)
    finally:
        people.clock.advance(-ahead)
    assert isinstance(await people.sign_in(user.email), SignedIn)
    await attack(people, user.email)
    refused = await people.sign_in(user.email)
    assert isinstance(refused, Refusal), "and it counts as ever"
    assert refused.reason is Reason.LOCKED


@pytest.mark.spec("security 6.63")
async def test_a_known_device_fails_ten_times_and_is_then_as_good_as_any_other(people: People) -> None:
    user = await people.add()
    cookies = await known_browser(people, user.sub)
    await attack(people, user.email)
    for _ in range(known_devices.FAILURES):
        assert await try_at(people, user.email, cookies, OTHER) == WRONG
    for password in (OTHER, PASSWORD):
        refused = await try_at(people, user.email, cookies, password)
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.LOCKED
    people.clock.advance(refused.wait)
    assert isinstance(await try_at(people, user.email, cookies), SignedIn)
    cookies = await new_cookies(people, user, cookies)
    assert [one.failures for one in await known(people, user)] == [0], "a sign-in makes it known anew"


@pytest.mark.spec("security 6.63")
@pytest.mark.parametrize("where", ["account page", "sign-in without its second step"])
async def test_right_passwords_at_a_known_device_use_up_nothing(people: People, where: str) -> None:
    """However often its owner changes something, strangers lock nobody out there."""
    services, user = people.services, await people.add()
    cookies = await known_browser(people, user.sub)
    await attack(people, user.email)
    for number in range(known_devices.FAILURES + 2):
        assert await try_at(people, user.email, cookies, OTHER) == WRONG
        if where == "account page":
            proof = await own_account.prove(services, user, PASSWORD, people.network, Passes(cookies))
            assert isinstance(proof, own_account.Proof), proof
            async with services.database.unit() as session:
                name = read_username(f"{user.sub[:8]}-{number}")
                assert await own_account.change_username(services, session, proof, name)
        else:
            signed = await try_at(people, user.email, cookies)
            assert isinstance(signed, SignedIn), signed
            async with services.database.unit() as session:
                assert not isinstance(await sign_in.accept(services, session, signed), Refusal)
        assert [one.failures for one in await known(people, user)] == [0]
    refused = await people.sign_in(user.email)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.LOCKED, "the stranger has won no new guesses by it"


@pytest.mark.spec("security 6.63")
async def test_failures_at_a_known_device_do_not_rest_the_account(people: People) -> None:
    user = await people.add()
    cookies = await known_browser(people, user.sub)
    for _ in range(known_devices.FAILURES):
        await try_at(people, user.email, cookies, OTHER)
    assert isinstance(await people.sign_in(user.email), SignedIn)


@pytest.mark.spec("security 6.62", "security 6.63")
async def test_parallel_guesses_at_a_known_device_have_one_count(people: People) -> None:
    """And what is over it counts for the account: fifteen in all are compared."""
    user = await people.add()
    cookies = await known_browser(people, user.sub)
    answers: list[object] = []
    for _ in range(3):  # no more at once than may wait for a hash
        answers += await asyncio.gather(*(try_at(people, user.email, cookies, OTHER) for _ in range(10)))
    assert answers.count(WRONG) == known_devices.FAILURES + people.services.settings.sign_in_attempts


@pytest.mark.spec("security 6.63")
async def test_a_device_is_known_to_one_account_alone(people: People) -> None:
    mine, theirs = await people.add(), await people.add()
    cookies = await known_browser(people, mine.sub)
    await attack(people, theirs.email)
    refused = await try_at(people, theirs.email, cookies)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.LOCKED


@pytest.mark.spec("security 6.63", "security 6.73")
@pytest.mark.parametrize("value", ["", "x", "A" * 43, ".".join(["B" * 43] * 40), "\x00", "C" * 9000])
async def test_a_value_that_is_not_ours_opens_nothing_and_is_not_adopted(people: People, value: str) -> None:
    user = await people.add()
    cookies = {known_devices.cookie_name(people.services.settings): value}
    await attack(people, user.email)
    assert isinstance(await try_at(people, user.email, cookies), Refusal)
    made = (await new_cookies(people, user, cookies)).popitem()[1]
    assert [one.digest for one in await known(people, user)] == [digest(made)]


@pytest.mark.spec("security 6.63")
async def test_every_sign_in_has_a_new_value_and_the_old_one_is_worth_nothing(people: People) -> None:
    user = await people.add()
    stolen = await known_browser(people, user.sub)
    for _ in range(4):
        await try_at(people, user.email, stolen, OTHER)
    cookies = await new_cookies(people, user, stolen)
    assert cookies != stolen
    (row,) = await known(people, user)
    assert row.failures == 0
    await attack(people, user.email)
    assert isinstance(await try_at(people, user.email, stolen), Refusal)
    assert isinstance(await try_at(people, user.email, cookies), SignedIn)


async def test_what_a_device_is_allowed_besides_stays_with_it(people: People) -> None:
    user = await people.add()
    cookies = await known_browser(people, user.sub)
    (row,) = await known(people, user)
    await people.server.change(row, skips_second_factor_until=7)
    cookies = await new_cookies(people, user, cookies)
    settings = people.services.settings
    async with people.services.database.unit() as session:
        found = await known_devices.of_account(settings, session, user.sub, cookies, people.clock())
    assert found is not None
    assert found.skips_second_factor_until == 7


@pytest.mark.spec("security 6.63")
@pytest.mark.parametrize("end", ["a new password", "400 days", "signing out all other devices", "the account"])
async def test_a_device_is_no_longer_known_after(people: People, end: str) -> None:
    user = await people.add()
    cookies = await known_browser(people, user.sub)
    (here,) = [await people.server.signed_in(user)]
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        if end == "a new password":
            assert user.password_hash is not None
            await administration.set_password(session, stored, user.password_hash, people.clock())
        elif end == "signing out all other devices":
            browser = (await session.exec(select(Session).where(Session.sub == user.sub))).one()
            await devices.end_others(session, people.clock(), stored, browser)
        elif end == "the account":
            await administration.remove(session, stored, people.clock())
    if end == "400 days":
        people.clock.advance(400 * DAY)
    assert here
    await attack(people, user.email)
    assert isinstance(await try_at(people, user.email, cookies), Refusal)


async def test_people_who_share_a_browser_are_known_side_by_side(people: People) -> None:
    household = [await people.add() for _ in range(known_devices.IN_ONE_BROWSER + 1)]
    cookies: dict[str, str] = {}
    for user in household:
        cookies = await new_cookies(people, user, cookies)
    services = people.services
    found = [
        await known_devices.find(services.settings, services.hot, cookies, user.email, people.clock()) is not None
        for user in household
    ]
    assert found == [False] + [True] * known_devices.IN_ONE_BROWSER, "the latest four"


async def test_a_program_that_signs_in_all_day_leaves_twenty_devices(people: People) -> None:
    user = await people.add()
    values = []
    for _ in range(known_devices.OF_ONE_ACCOUNT + 3):
        people.clock.advance(1)
        values.append((await new_cookies(people, user, {})).popitem()[1])
    assert {one.digest for one in await known(people, user)} == {digest(value) for value in values[3:]}


async def in_an_interaction(people: People) -> Interaction:
    async with people.services.database.unit() as session:
        made, _cookie = await interactions.create(
            people.services.settings, session, people.clock(), client_id=None, request={}
        )
    return made


async def send(people: People, interaction: Interaction, name: str) -> Wait | None:
    return await unlocking.send(people.services, interaction.interaction_id, name, people.network, {})


async def complete(people: People, interaction: Interaction, proven: Proven | CodeRefusal) -> bool:
    assert isinstance(proven, Proven), proven
    async with people.services.database.unit() as session:
        stored = await session.get_one(Interaction, interaction.interaction_id)
        return await unlocking.complete(people.services, session, stored, proven, people.clock())


async def try_in(people: People, interaction: Interaction, email: str, password: str = PASSWORD) -> object:
    async with people.services.database.unit() as session:
        stored = await session.get_one(Interaction, interaction.interaction_id)
    passes = Passes({}, stored.interaction_id, stored.unlocked)
    return await sign_in.sign_in(people.services, email, password, people.network, passes)


async def check(people: People, interaction: Interaction, email: str, code: str) -> Proven | CodeRefusal:
    return await unlocking.check(people.services, interaction.interaction_id, email, code, people.network)


@pytest.mark.spec("security 6.63")
async def test_the_mailed_code_lets_its_reader_try_five_times_past_the_lock(people: People) -> None:
    user = await people.add()
    await attack(people, user.email, rounds=12)  # for a minute and longer
    here = await in_an_interaction(people)
    assert isinstance(await try_in(people, here, user.email), Refusal)
    assert await send(people, here, f" {user.email.upper()} ") is None
    async with people.services.database.unit() as session:
        assert await unlocking.pending(session, here.interaction_id, people.clock()) == user.email
    assert isinstance(await try_in(people, here, user.email), Refusal), "the mail alone opens nothing"
    proven = await check(people, here, user.email, await people.code(user.email))
    assert await complete(people, here, proven)
    assert not await complete(people, here, proven)
    for _ in range(lockout.UNLOCKED_TRIES):
        assert await try_in(people, here, user.email, OTHER) == WRONG
    refused = await try_in(people, here, user.email)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.LOCKED
    people.clock.advance(31)
    assert await send(people, here, user.email) is None
    assert await complete(people, here, await check(people, here, user.email, await people.code(user.email)))
    proof = await try_in(people, here, user.email)
    assert isinstance(proof, SignedIn)


@pytest.mark.spec("security 6.63")
async def test_it_opens_one_account_in_one_browser(people: People) -> None:
    user, somebody = await people.add(), await people.add()
    here, elsewhere = await in_an_interaction(people), await in_an_interaction(people)
    await send(people, here, user.email)
    proven = await check(people, here, user.email, await people.code(user.email))
    assert not await complete(people, elsewhere, proven)
    assert await complete(people, here, proven)
    for email in (user.email, somebody.email):
        await attack(people, email)
    assert isinstance(await try_in(people, here, user.email), SignedIn)
    assert isinstance(await try_in(people, here, somebody.email), Refusal)
    assert isinstance(await try_in(people, elsewhere, user.email), Refusal)


@pytest.mark.spec("security 6.62", "security 6.63")
async def test_parallel_tries_past_the_lock_are_five(people: People) -> None:
    user = await people.add()
    here = await in_an_interaction(people)
    await send(people, here, user.email)
    await complete(people, here, await check(people, here, user.email, await people.code(user.email)))
    await attack(people, user.email)
    answers = await asyncio.gather(*(try_in(people, here, user.email, OTHER) for _ in range(12)))
    assert answers.count(WRONG) == lockout.UNLOCKED_TRIES


@pytest.mark.spec("security 6.62")
async def test_ten_wrong_codes_a_day_and_five_for_each(people: People) -> None:
    user = await people.add()
    answers: list[object] = []
    for _ in range(3):
        people.clock.advance(31)
        here = await in_an_interaction(people)
        await send(people, here, user.email)
        code = await people.code(user.email)
        answers += [await check(people, here, user.email, wrong(code, by)) for by in range(1, 6)]
    assert answers[:5] == [CodeRefusal.WRONG] * 4 + [CodeRefusal.SPENT]
    assert answers[10:] == [CodeRefusal.TOO_MANY] * 5


@pytest.mark.spec("security 6.58", "security 6.64", "security 6.63")
@pytest.mark.parametrize("who", ["nobody", "a disabled account", "no address at all"])
async def test_who_has_no_account_goes_the_same_way_and_gets_no_mail(people: People, who: str) -> None:
    name = {
        "nobody": new_address(),
        "a disabled account": (await people.add(active=False)).email,
        "no address at all": "\u212aim",
    }[who]
    here = await in_an_interaction(people)
    assert await send(people, here, name) is None
    async with people.services.database.unit() as session:
        assert await unlocking.pending(session, here.interaction_id, people.clock()) == name
    assert await people.mails(name) == []
    answers = [await check(people, here, name, f"{number:06d}") for number in range(5)]
    assert answers == [CodeRefusal.WRONG] * 4 + [CodeRefusal.SPENT]


@pytest.mark.spec("security 6.58", "security 6.63")
@pytest.mark.parametrize("what", ["signing in", "the fifth failure", "while it rests", "asking for the link"])
async def test_known_and_unknown_names_run_the_same_statements(people: People, what: str) -> None:
    """Their number and kind, on both data paths; what one sees and how long it takes follows from them."""
    mine = await people.add()
    cookies = await known_browser(people, mine.sub)
    seen = []
    for email in ((await people.add()).email, new_address()):
        here = await in_an_interaction(people)
        for _ in range({"signing in": 0, "the fifth failure": 4}.get(what, 5)):
            await people.sign_in(email, OTHER)
        with statements(people.services) as run:
            if what == "asking for the link":
                await unlocking.send(people.services, here.interaction_id, email, people.network, cookies)
            else:
                await try_at(people, email, cookies, OTHER)
        seen.append(run)
    assert seen[0] == seen[1]
    assert len(seen[0]) > 2


@pytest.mark.spec("security 6.58")
async def test_the_owner_sees_once_that_sign_in_was_delayed_and_from_where(people: People) -> None:
    user = await people.add()
    unknown = new_address()
    for email in (user.email, unknown):
        await attack(people, email, rounds=8)
    await people.services.hot._notes.flush()  # type: ignore[attr-defined]
    async with people.services.database.unit() as session:
        (noted,) = await activity.recent(session, user.sub, 10)
    assert (noted.kind, noted.details) == (Kind.LOCKED, {})
    assert noted.address.startswith("10.")
    assert noted.at <= people.clock()
