"""Signing in, and what stands in the way of guessing."""

import asyncio
import time

import pytest
from passlib.hash import pbkdf2_sha256  # noqa: TID251 - a hash as another system made it
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import administration, attempts, sessions, sign_in
from authserver.accounts.passwords import Busy
from authserver.accounts.sign_in import Reason, Refusal, SignedIn, Unconfirmed
from authserver.models import Session, User
from authserver.secret_values import digest
from tests.authserver.accounts.people import OTHER, PASSWORD, People, all_places_taken, enter, new_address
from tests.running.timing import apart


async def open_session(people: People, proof: object, cookies: dict[str, str] | None = None) -> tuple[Session, str]:
    found = await try_to_open(people, proof, cookies)
    assert not isinstance(found, Refusal)
    return found


async def try_to_open(
    people: People, proof: object, cookies: dict[str, str] | None = None
) -> tuple[Session, str] | Refusal:
    assert isinstance(proof, SignedIn), proof
    async with people.services.database.unit() as session:
        return await opened(people, session, proof, cookies)


async def opened(
    people: People, session: AsyncSession, proof: SignedIn, cookies: dict[str, str] | None = None
) -> tuple[Session, str] | Refusal:
    accepted = await sign_in.accept(people.services, session, proof)
    if isinstance(accepted, Refusal):
        return accepted
    found = await enter(people, session, accepted, cookies)
    assert found is not None, "nothing was missing"
    return found


async def set_password(people: People, user: User, password: str) -> int:
    """As `authserver user set-password` does: how many sessions ended."""
    password_hash = await people.services.passwords.hash(password)
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        return (await administration.set_password(session, stored, password_hash, people.clock())).sessions


async def sessions_of(people: People, user: User) -> int:
    async with people.services.database.unit() as session:
        return len((await session.exec(select(Session).where(Session.sub == user.sub))).all())


async def test_the_right_password_signs_in_and_case_does_not_matter(people: People) -> None:
    user = await people.add()
    proof = await people.sign_in(user.email.upper())
    assert isinstance(proof, SignedIn)
    assert proof.user.sub == user.sub
    browser, cookie = await open_session(people, proof)
    assert browser.amr == ["pwd"]
    assert browser.digest == digest(cookie)


@pytest.mark.spec("security 6.58", "cognito 9.47")
async def test_wrong_unknown_disabled_and_nonsense_look_the_same(people: People) -> None:
    user, disabled, without = await people.add(), await people.add(active=False), await people.server.add_person()
    answers = [
        await people.sign_in(user.email, OTHER),
        await people.sign_in(new_address(), OTHER),
        await people.sign_in(disabled.email, PASSWORD),
        await people.sign_in(without.email, PASSWORD),
        await people.sign_in("no address at all", OTHER),
        await people.sign_in(user.email, "x" * 5000),
    ]
    assert answers == [Refusal(Reason.WRONG)] * 6


@pytest.mark.alone
class TestTheClock:
    @pytest.mark.usefixtures("hashed_in_full")
    @pytest.mark.spec("security 6.58", "cognito 9.47")
    async def test_known_and_unknown_take_the_same_time(self, people: People) -> None:
        user = await people.add()

        async def once(known: bool) -> float:
            email = user.email if known else new_address()
            begun = time.process_time()  # what else runs does not count
            await people.sign_in(email, OTHER)
            taken = time.process_time() - begun
            people.clock.advance(2000)  # the account's count begins anew
            return taken

        assert await apart(once, 12, 0.34) <= 0.34


@pytest.mark.spec("security 6.64")
@pytest.mark.parametrize("name", ["\u212aim", "\uff4bim", "K\u0131m"])
async def test_a_disguised_name_reaches_nobody(people: People, name: str) -> None:
    rest = new_address()
    await people.add(email=f"kim.{rest}", email_canonical=f"kim.{rest}")
    assert isinstance(await people.sign_in(f"KIM.{rest}"), SignedIn)
    assert await people.sign_in(f"{name}.{rest}") == Refusal(Reason.WRONG)


async def test_neither_sub_nor_user_name_is_an_address(people: People) -> None:
    user = await people.add()
    assert await people.sign_in(user.sub) == Refusal(Reason.WRONG)


@pytest.mark.spec("cognito 9.48", "cognito 3.3")
async def test_five_failures_rest_the_account_and_double_up_to_a_quarter_of_an_hour(people: People) -> None:
    user = await people.add()
    for _ in range(5):
        assert await people.sign_in(user.email, OTHER) == Refusal(Reason.WRONG)
    waits = []
    for _ in range(13):
        refused = await people.sign_in(user.email, OTHER)
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.LOCKED
        waits.append(refused.wait)
        people.clock.advance(refused.wait)
        assert await people.sign_in(user.email, OTHER) == Refusal(Reason.WRONG)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


@pytest.mark.spec("cognito 9.48", "security 6.58")
async def test_the_right_password_waits_too_and_nobody_lengthens_the_wait(people: People) -> None:
    user = await people.add()
    for _ in range(5):
        await people.sign_in(user.email, OTHER)
    people.clock.advance(1)
    assert await people.sign_in(user.email, OTHER) == Refusal(Reason.WRONG)  # two seconds from here
    for _ in range(10):
        assert await people.sign_in(user.email, PASSWORD) == Refusal(Reason.LOCKED, 2)
    people.clock.advance(1)
    assert await people.sign_in(user.email, PASSWORD) == Refusal(Reason.LOCKED, 1)
    people.clock.advance(1)
    proof = await people.sign_in(user.email, PASSWORD)
    await open_session(people, proof)
    assert await people.sign_in(user.email, OTHER) == Refusal(Reason.WRONG)
    assert isinstance(await people.sign_in(user.email, PASSWORD), SignedIn)


async def test_a_quiet_quarter_of_an_hour_forgets_failures(people: People) -> None:
    user = await people.add()
    for _ in range(4):
        await people.sign_in(user.email, OTHER)
    people.clock.advance(attempts.QUIET + people.services.settings.sign_in_lock_maximum)
    for _ in range(4):
        assert await people.sign_in(user.email, OTHER) == Refusal(Reason.WRONG)
    assert isinstance(await people.sign_in(user.email), SignedIn)


@pytest.mark.spec("security 6.63")
async def test_unknown_names_are_counted_alike(people: People) -> None:
    known, unknown = (await people.add()).email, new_address()

    async def try_often(email: str) -> list[object]:
        return [await people.sign_in(email, OTHER) for _ in range(7)]

    assert await try_often(known) == await try_often(unknown)


@pytest.mark.spec("security 6.58")
async def test_parallel_guesses_get_no_more_tries(people: People) -> None:
    user = await people.add()
    answers = await asyncio.gather(*(people.sign_in(user.email, OTHER) for _ in range(15)), return_exceptions=True)
    compared = [answer for answer in answers if answer == Refusal(Reason.WRONG)]
    refused = [answer for answer in answers if isinstance(answer, Refusal) and answer.reason is Reason.LOCKED]
    assert len(compared) == 5
    assert len(refused) == 10


async def test_one_network_has_a_limit_over_all_accounts(people: People) -> None:
    await people.use_up_network()
    refused = await people.sign_in(new_address())
    assert refused == Refusal(Reason.TOO_MANY, 600)
    assert await People(people.server).sign_in(new_address()) == Refusal(Reason.WRONG)
    people.clock.advance(600)
    assert await people.sign_in(new_address()) == Refusal(Reason.WRONG)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
    ],
)
def test_a_household_is_one_network(one: str, other: str, same: bool) -> None:
    assert (attempts.network_of(one) == attempts.network_of(other)) is same


async def test_who_is_sent_away_as_busy_has_lost_no_try(people: People) -> None:
    user = await people.add()
    services = people.services
    with all_places_taken(services):
        for _ in range(10):
            with pytest.raises(Busy):
                await people.sign_in(user.email, OTHER)
    assert isinstance(await people.sign_in(user.email), SignedIn)


async def test_a_network_over_its_limit_is_told_so_and_takes_no_place(people: People) -> None:
    """It would keep the places from others while it waits for the database."""
    await people.use_up_network()
    with all_places_taken(people.services):
        assert await people.sign_in(new_address()) == Refusal(Reason.TOO_MANY, 600)
        with pytest.raises(Busy):
            await People(people.server).sign_in(new_address())


async def test_a_password_set_between_comparing_and_opening_leaves_no_session(people: People) -> None:
    user = await people.add()
    proof = await people.sign_in(user.email)
    await set_password(people, user, OTHER)
    assert await try_to_open(people, proof) == Refusal(Reason.WRONG)
    assert await sessions_of(people, user) == 0
    await open_session(people, await people.sign_in(user.email, OTHER))


async def test_replacing_an_older_hash_never_brings_back_a_password_set_meanwhile(people: People) -> None:
    user = await people.server.add_person(password_hash=pbkdf2_sha256.using(rounds=4).hash(PASSWORD))
    proof = await people.sign_in(user.email)
    await set_password(people, user, OTHER)
    assert await try_to_open(people, proof) == Refusal(Reason.WRONG)
    assert await people.sign_in(user.email, PASSWORD) == Refusal(Reason.WRONG)
    assert isinstance(await people.sign_in(user.email, OTHER), SignedIn)


@pytest.mark.parametrize("enabled_again", [False, True])
async def test_an_account_disabled_between_comparing_and_opening_gets_no_session(
    people: People, enabled_again: bool
) -> None:
    user = await people.add()
    proof = await people.sign_in(user.email)
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        await administration.disable(session, stored, people.clock())
        if enabled_again:
            await administration.enable(session, stored, people.clock())
    assert await try_to_open(people, proof) == Refusal(Reason.WRONG)
    assert await sessions_of(people, user) == 0


async def test_opening_waits_for_a_password_that_is_being_set(people: People) -> None:
    user = await people.add()
    proof = await people.sign_in(user.email)
    password_hash = await people.services.passwords.hash(OTHER)
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        await administration.set_password(session, stored, password_hash, people.clock())
        opening = asyncio.create_task(try_to_open(people, proof))
        await asyncio.sleep(0.2)
        assert not opening.done()
    assert await opening == Refusal(Reason.WRONG)
    assert await sessions_of(people, user) == 0


async def test_setting_a_password_waits_for_a_session_that_is_being_opened_and_ends_it(people: People) -> None:
    user = await people.add()
    proof = await people.sign_in(user.email)
    assert isinstance(proof, SignedIn)
    async with people.services.database.unit() as session:
        assert not isinstance(await opened(people, session, proof), Refusal)
        setting = asyncio.create_task(set_password(people, user, OTHER))
        await asyncio.sleep(0.2)
        assert not setting.done()
    assert await setting == 1
    assert await sessions_of(people, user) == 0


async def test_an_older_hash_is_replaced_at_sign_in(people: People) -> None:
    user = await people.server.add_person(password_hash=pbkdf2_sha256.using(rounds=4).hash(PASSWORD))
    await open_session(people, await people.sign_in(user.email))
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
    assert stored.password_hash is not None
    assert stored.password_hash.startswith("$argon2id$")
    assert isinstance(await people.sign_in(user.email), SignedIn)


@pytest.mark.spec("security 6.47")
async def test_every_sign_in_has_a_new_session_and_ends_the_one_before(people: People) -> None:
    user = await people.add()
    settings = people.services.settings
    _, first = await open_session(people, await people.sign_in(user.email))
    before = {sessions.cookie_name(settings): first}
    _, second = await open_session(people, await people.sign_in(user.email), before)
    assert first != second
    async with people.services.database.unit() as session:
        assert await sessions.find(settings, session, people.clock(), before) == (None, None)
        browser, found = await sessions.find(
            settings, session, people.clock(), {sessions.cookie_name(settings): second}
        )
    assert browser is not None
    assert found is not None
    assert found.sub == user.sub


@pytest.mark.spec("cognito 9.46")
async def test_before_the_confirmation_the_right_password_asks_for_the_code(people: People) -> None:
    email = new_address()
    begun = await people.begin(email)
    assert await people.sign_in(email) == Unconfirmed(begun.sign_up_id)
    assert await people.sign_in(email, OTHER) == Refusal(Reason.WRONG)


@pytest.mark.spec("security 6.58")
async def test_a_strangers_sign_up_tells_nothing_and_buys_no_guesses(people: People) -> None:
    """Whoever signs up with the address of somebody else sees the same whether it has an account, and cannot begin the
    count of failures anew with a password of their own."""
    known, unknown = (await people.add()).email, new_address()
    for email in (known, unknown):
        await people.begin(email, OTHER)
        assert isinstance(await people.sign_in(email, OTHER), Unconfirmed)
        for _ in range(4):
            await people.sign_in(email, "yet another guess")
        assert await people.sign_in(email, OTHER) == Refusal(Reason.LOCKED, 1)
