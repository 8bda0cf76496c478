"""A forgotten password: who gets a code, how often it may be guessed, and what ends with a new password."""

import asyncio
import time

import pytest
from sqlmodel import col, select

from authserver.accounts import administration, own_account, recovery, sessions, verification
from authserver.accounts.password_policy import Weak
from authserver.accounts.passwords import Busy
from authserver.accounts.recovery import NewPassword
from authserver.accounts.sign_in import Reason, Refusal, SignedIn
from authserver.accounts.sign_up import NotAnAddress, Wait
from authserver.accounts.verification import CodeRefusal, Purpose
from authserver.models import Grant, Mail, Recovery, Session, User, VerificationCode
from tests.authserver.accounts.people import OTHER, PASSWORD, People, all_places_taken, enter, new_address, wrong
from tests.authserver.accounts.statements import statements
from tests.authserver.protocol.harness import DAY, HOUR
from tests.running.timing import apart

NEW = "a lantern nobody has lit before"


async def begun(people: People, email: str) -> Recovery:
    found = await recovery.begin(people.services, email, people.network)
    assert isinstance(found, Recovery), found
    return found


async def check(people: People, waiting: Recovery, code: str, password: str = NEW) -> NewPassword | CodeRefusal | Weak:
    return await recovery.check(people.services, waiting, code, password, people.network)


async def complete(people: People, waiting: Recovery, new: object) -> tuple[Session, str, User] | None:
    assert isinstance(new, NewPassword), new
    async with people.services.database.unit() as session:
        proof = await recovery.complete(people.services, session, waiting, new)
        if proof is None:
            return None
        opened = await enter(people, session, proof)
        assert opened is not None, "nothing was missing"
        return *opened, proof.user


async def stored(people: People, user: User) -> User:
    async with people.services.database.unit() as session:
        return await session.get_one(User, user.sub)


async def test_the_code_from_the_mail_makes_a_new_password_and_the_old_one_is_gone(people: People) -> None:
    user = await people.add()
    await people.sign_in(user.email, OTHER)
    waiting = await begun(people, f" {user.email.upper()} ")
    done = await complete(people, waiting, await check(people, waiting, await people.code(user.email)))
    assert done is not None
    assert done[2].sub == user.sub
    assert isinstance(await people.sign_in(user.email, NEW), SignedIn)
    assert await people.sign_in(user.email) == Refusal(Reason.WRONG)
    mails = await people.mails(user.email)
    assert len(mails) == 2
    assert any("was changed" in mail.subject for mail in mails)


@pytest.mark.spec("security 6.58", "security 6.64")
async def test_an_unknown_address_goes_the_same_way_and_gets_no_mail(people: People) -> None:
    email = new_address()
    waiting = await begun(people, email)
    assert await people.mails(email) == []
    for number in range(4):
        assert await check(people, waiting, f"{number:06d}") is CodeRefusal.WRONG
    assert await check(people, waiting, "000009") is CodeRefusal.SPENT
    async with people.services.database.unit() as session:
        unsent = (await session.exec(select(Mail).where(col(Mail.sent_at).is_(None), Mail.recipient == ""))).all()
        codes = (
            await session.exec(select(VerificationCode).where(VerificationCode.subject == waiting.recovery_id))
        ).all()
    assert unsent == [], "a letter for nobody is never sent"
    assert len(codes) == 1


@pytest.mark.spec("security 6.32")
async def test_who_may_not_sign_in_gets_no_code(people: People) -> None:
    user = await people.add(active=False)
    waiting = await begun(people, user.email)
    assert await people.mails(user.email) == []
    assert await check(people, waiting, "123456") is CodeRefusal.WRONG


async def test_a_person_disabled_after_the_code_was_typed_keeps_the_old_password(people: People) -> None:
    user = await people.add()
    waiting = await begun(people, user.email)
    new = await check(people, waiting, await people.code(user.email))
    await people.server.change(user, active=False)
    assert await complete(people, waiting, new) is None
    assert (await stored(people, user)).password_hash == user.password_hash


@pytest.mark.spec("security 6.62")
async def test_ten_guesses_a_day_over_all_codes_and_networks(people: People) -> None:
    user = await people.add()
    strangers = [People(people.server) for _ in range(3)]
    answers = []
    for number, stranger in enumerate(strangers):
        people.clock.advance(60 * number)
        waiting = await begun(stranger, user.email)
        code = await people.code(user.email)
        answers += [await check(stranger, waiting, wrong(code, by)) for by in range(1, 5)]
    assert answers.count(CodeRefusal.TOO_MANY) == 2
    people.clock.advance(60)
    waiting = await begun(people, user.email)
    code = await people.code(user.email)
    assert await check(people, waiting, code) is CodeRefusal.TOO_MANY
    people.clock.advance(DAY)
    waiting = await begun(people, user.email)
    assert isinstance(await check(people, waiting, await people.code(user.email)), NewPassword)


@pytest.mark.spec("security 6.62")
async def test_parallel_guesses_get_five_tries_in_all(people: People) -> None:
    user = await people.add()
    waiting = await begun(people, user.email)
    code = await people.code(user.email)
    async with people.services.database.unit() as session:  # not what is tested here
        await session.exec(select(User).where(User.sub == user.sub))
    answers = await asyncio.gather(
        *(
            verification.check(
                people.services,
                Purpose.RECOVERY,
                waiting.recovery_id,
                waiting.email_canonical,
                wrong(code, by),
                people.network,
            )
            for by in range(1, 13)
        )
    )
    assert answers.count(CodeRefusal.WRONG) <= 5
    assert await check(people, waiting, code) in (CodeRefusal.SPENT, CodeRefusal.TOO_MANY)


async def test_a_password_that_the_policy_refuses_costs_no_try_and_leaves_the_code(people: People) -> None:
    user = await people.add()
    waiting = await begun(people, user.email)
    code = await people.code(user.email)
    for password in ("short", "password1", user.email):
        for _ in range(6):
            assert isinstance(await check(people, waiting, code, password), Weak)
    assert isinstance(await check(people, waiting, code), NewPassword)


async def test_while_all_hashes_wait_no_try_is_lost(people: People) -> None:
    user = await people.add()
    waiting = await begun(people, user.email)
    code = await people.code(user.email)
    with all_places_taken(people.services):
        for _ in range(6):
            with pytest.raises(Busy):
                await check(people, waiting, code)
    assert isinstance(await check(people, waiting, code), NewPassword)


async def test_a_code_is_good_for_an_hour_and_once_and_the_newest_counts(people: People) -> None:
    user = await people.add()
    first = await begun(people, user.email)
    old = await people.code(user.email)
    people.clock.advance(HOUR)
    assert await check(people, first, old) is CodeRefusal.SPENT
    waiting = await begun(people, user.email)
    before = await people.code(user.email)
    assert await recovery.resend(people.services, waiting, people.network) == Wait(30)
    people.clock.advance(31)
    assert await recovery.resend(people.services, waiting, people.network) is None
    code = await people.code(user.email)
    if code != before:
        assert await check(people, waiting, before) is CodeRefusal.WRONG
    new = await check(people, waiting, code)
    assert await complete(people, waiting, new) is not None
    assert await complete(people, waiting, new) is None


async def test_of_two_at_once_with_one_code_one_gets_through(people: People) -> None:
    user = await people.add()
    waiting = await begun(people, user.email)
    code = await people.code(user.email)
    news = [await check(people, waiting, code, f"{NEW} {number}") for number in range(2)]
    done = await asyncio.gather(*(complete(people, waiting, new) for new in news))
    assert sum(one is not None for one in done) == 1


async def two_at_once(people: People, user: User) -> list[tuple[Recovery, NewPassword]]:
    """Begun in two browsers, each with its right code."""
    found = []
    for number in range(2):
        people.clock.advance(30)
        waiting = await begun(people, user.email)
        new = await check(people, waiting, await people.code(user.email), f"{NEW} {number}")
        assert isinstance(new, NewPassword), new
        found.append((waiting, new))
    return found


@pytest.mark.spec("decision 7")
async def test_two_recoveries_of_one_address_at_once_do_not_lock_each_other(people: People) -> None:
    for _ in range(5):
        user = await people.add()
        both = await two_at_once(people, user)
        done = await asyncio.gather(*(complete(people, waiting, new) for waiting, new in both))
        assert sum(one is not None for one in done) == 1


@pytest.mark.spec("decision 7")
@pytest.mark.parametrize("whose", ["the owner", "the operator"])
async def test_a_recovery_and_the_end_of_the_account_at_once_do_not_lock_each_other(people: People, whose: str) -> None:
    async def delete(user: User, proof: own_account.Proof) -> None:
        async with people.services.database.unit() as session:
            if whose == "the owner":
                await own_account.delete_account(people.services, session, proof)
            else:
                await administration.remove(session, user, people.clock())

    for _ in range(5):
        user = await people.add()
        waiting, new = (await two_at_once(people, user))[1]
        proof = await own_account.prove(people.services, user, PASSWORD, people.network)
        assert isinstance(proof, own_account.Proof)
        ended = await asyncio.gather(complete(people, waiting, new), delete(user, proof), return_exceptions=True)
        assert {type(one) for one in ended} <= {tuple, type(None), own_account.OutdatedError}, ended


@pytest.mark.spec("decision 6", "security 6.32", "security 6.33")
async def test_sessions_and_what_applications_hold_end_and_alexa_stays_linked(people: People) -> None:
    user = await people.add()
    alexa, other = await people.server.add_client("alexa"), await people.server.add_client("confidential")
    kept, ended = await alexa.linked(user), await other.linked(user)
    await people.server.signed_in(user)
    people.clock.advance(1)  # the mails about the linkings are older
    waiting = await begun(people, user.email)
    done = await complete(people, waiting, await check(people, waiting, await people.code(user.email)))
    assert done is not None
    assert (await alexa.refresh(kept["refresh_token"])).status_code == 200
    assert (await other.refresh(ended["refresh_token"])).status_code == 400
    async with people.services.database.unit() as session:
        left = (await session.exec(select(Session).where(Session.sub == user.sub))).all()
        assert [one.digest for one in left] == [done[0].digest], "the browser that typed the code alone"
        assert await recovery.still_linked(session, user, people.clock())


@pytest.mark.spec("security 6.67")
async def test_whoever_made_the_account_before_its_address_was_confirmed_keeps_nothing(people: People) -> None:
    user = await people.add(email_verified=False)
    alexa = await people.server.add_client("alexa")
    theirs = await alexa.linked(user)
    people.clock.advance(1)  # the mail about the linking is older
    await people.server.signed_in(user)
    waiting = await begun(people, user.email)
    done = await complete(people, waiting, await check(people, waiting, await people.code(user.email)))
    assert done is not None
    assert (await alexa.refresh(theirs["refresh_token"])).status_code == 400
    now = await stored(people, user)
    assert (now.email_verified, now.epoch) == (True, user.epoch + 1)
    async with people.services.database.unit() as session:
        _, found = await sessions.find(
            people.server.settings,
            session,
            people.clock(),
            {sessions.cookie_name(people.server.settings): done[1]},
        )
        live = select(Grant).where(Grant.sub == user.sub, Grant.epoch == now.epoch)
        assert (await session.exec(live)).first() is None
    assert found is not None, "the new session is of the new epoch"


async def test_the_delay_after_wrong_passwords_ends_with_the_new_password(people: People) -> None:
    user = await people.add()
    for _ in range(6):
        await people.sign_in(user.email, OTHER)
    assert isinstance(await people.sign_in(user.email), Refusal)
    waiting = await begun(people, user.email)
    await complete(people, waiting, await check(people, waiting, await people.code(user.email)))
    assert isinstance(await people.sign_in(user.email, NEW), SignedIn)


async def test_what_is_no_address_and_too_many_mails_are_refused(people: People) -> None:
    assert await recovery.begin(people.services, "nobody", people.network) is NotAnAddress.EMAIL
    user = await people.add()
    await begun(people, user.email)
    assert await recovery.begin(people.services, user.email, people.network) == Wait(30)
    crowded = People(people.server)
    await crowded.use_up_network()
    assert isinstance(await recovery.begin(people.services, new_address(), crowded.network), Wait)


@pytest.mark.alone
class TestTheClock:
    @pytest.mark.spec("security 6.58")
    async def test_known_and_unknown_addresses_take_the_same_time(self, people: People) -> None:
        async def once(known: bool) -> float:
            asker = People(people.server)
            person = await people.server.add_person()  # for both: what stands in caches is the same
            email = person.email if known else new_address()
            start = time.perf_counter()
            await begun(asker, email)
            return time.perf_counter() - start

        assert await apart(once, 40, 0.25) <= 0.25


@pytest.mark.spec("security 6.58", "security 6.62")
async def test_known_and_unknown_addresses_run_the_same_statements(people: People) -> None:
    seen = []
    for email in ((await people.add()).email, new_address()):
        with statements(people.services) as run:
            waiting = await begun(people, email)
            people.clock.advance(31)
            await recovery.resend(people.services, waiting, people.network)
            for number in range(6):
                await check(people, waiting, f"{number:06d}")
        seen.append(run)
    assert seen[0] == seen[1]
    assert len(seen[0]) > 20


async def test_the_old_password_is_not_needed_for_pages_that_were_open(people: People) -> None:
    """A sign-in that was compared before the new password opens no session after it."""
    from authserver.accounts import sign_in

    user = await people.add()
    proof = await people.sign_in(user.email, PASSWORD)
    assert isinstance(proof, SignedIn)
    waiting = await begun(people, user.email)
    await complete(people, waiting, await check(people, waiting, await people.code(user.email)))
    async with people.services.database.unit() as session:
        assert await sign_in.accept(people.services, session, proof) == Refusal(Reason.WRONG)
