"""A new password and the end of an account, for whoever types the present password."""

import asyncio

import pytest
from sqlmodel import col, func, select

from authserver.accounts import own_account, sessions
from authserver.accounts.own_account import NewPassword, OutdatedError, Proof
from authserver.accounts.password_policy import Weak
from authserver.accounts.passwords import Busy
from authserver.accounts.sign_in import Reason, Refusal, SignedIn
from authserver.models import AuthorizationCode, Grant, Mail, Recovery, Session, User
from tests.authserver.accounts.people import OTHER, PASSWORD, People, all_places_taken
from tests.authserver.accounts.test_devices import begin, lives

NEW = "a lantern nobody has lit before"


async def check(people: People, user: User, typed: str = PASSWORD, new: str = NEW) -> NewPassword | Weak | Refusal:
    return await own_account.check_change(people.services, user, typed, new, people.network)


async def change(people: People, new: object, cookies: dict[str, str]) -> dict[str, str]:
    assert isinstance(new, NewPassword), new
    async with people.services.database.unit() as session:
        _, value = await own_account.change_password(
            people.services, session, new, cookies=cookies, user_agent="test", address=people.network
        )
    return {sessions.cookie_name(people.services.settings): value}


async def prove(people: People, user: User, typed: str = PASSWORD) -> Proof | Refusal:
    return await own_account.prove(people.services, user, typed, people.network)


async def delete(people: People, proof: object) -> None:
    assert isinstance(proof, Proof), proof
    async with people.services.database.unit() as session:
        await own_account.delete_account(people.services, session, proof)


async def count(people: People, table: type, condition: object) -> int:
    async with people.services.database.unit() as session:
        return int((await session.exec(select(func.count()).select_from(table).where(condition))).one())  # type: ignore[arg-type]


@pytest.mark.spec("security 6.32", "security 6.47", "decision 6")
async def test_a_new_password_renews_this_session_and_ends_the_others_and_leaves_alexa(people: People) -> None:
    user = await people.add()
    alexa, other = await people.server.add_client("alexa"), await people.server.add_client("confidential")
    kept, ended = await alexa.linked(user), await other.linked(user)
    _, here = await begin(people, user)
    _, elsewhere = await begin(people, user)
    people.clock.advance(1)
    renewed = await change(people, await check(people, user), here)
    assert [await lives(people, one) for one in (here, elsewhere, renewed)] == [False, False, True]
    assert (await alexa.refresh(kept["refresh_token"])).status_code == 200
    assert (await other.refresh(ended["refresh_token"])).status_code == 400
    assert isinstance(await people.sign_in(user.email, NEW), SignedIn)
    assert await people.sign_in(user.email) == Refusal(Reason.WRONG)
    assert "was changed" in (await people.mails(user.email))[-1].subject


@pytest.mark.spec("security 6.58")
@pytest.mark.parametrize("ask", [check, prove], ids=["new password", "delete"])
async def test_wrong_passwords_count_with_those_of_signing_in(people: People, ask: object) -> None:
    """A stolen session is no oracle: five wrong ones, and the account rests for both."""
    user = await people.add()
    for number in range(5):
        refused = await (ask(people, user, OTHER) if number % 2 else people.sign_in(user.email, OTHER))  # type: ignore[operator]
        assert refused == Refusal(Reason.WRONG)
    assert await ask(people, user) == Refusal(Reason.LOCKED, 1)  # type: ignore[operator]
    assert await people.sign_in(user.email) == Refusal(Reason.LOCKED, 1)
    people.clock.advance(1)
    assert not isinstance(await ask(people, user), Refusal)  # type: ignore[operator]


@pytest.mark.spec("security 6.58")
async def test_parallel_guesses_get_no_more_tries(people: People) -> None:
    user = await people.add()
    answers = await asyncio.gather(*(prove(people, user, f"{OTHER} {number}") for number in range(12)))
    assert answers.count(Refusal(Reason.WRONG)) == people.services.settings.sign_in_attempts


async def test_the_count_begins_anew_with_the_new_password(people: People) -> None:
    user = await people.add()
    _, here = await begin(people, user)
    for _ in range(4):
        await check(people, user, OTHER)
    await change(people, await check(people, user), here)
    for _ in range(5):
        assert await people.sign_in(user.email, OTHER) == Refusal(Reason.WRONG)


async def test_a_password_that_the_policy_refuses_costs_no_try(people: People) -> None:
    user = await people.add()
    for _ in range(6):
        for new in ("short", "password1", user.email):
            assert isinstance(await check(people, user, OTHER, new), Weak)
    assert isinstance(await check(people, user), NewPassword)


async def test_while_all_hashes_wait_no_try_is_lost_and_a_network_over_its_limit_is_refused(people: People) -> None:
    user = await people.add()
    with all_places_taken(people.services):
        for ask in (check, prove) * 3:
            with pytest.raises(Busy):
                await ask(people, user)
    assert isinstance(await check(people, user), NewPassword)
    crowded = People(people.server)
    await crowded.use_up_network()
    for ask in (check, prove):
        refused = await ask(crowded, user)
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.TOO_MANY


async def test_of_several_at_once_one_changes_the_password(people: People) -> None:
    user = await people.add()
    _, here = await begin(people, user)
    news = [await check(people, user, new=f"{NEW} {number}") for number in range(4)]
    done = await asyncio.gather(*(change(people, new, here) for new in news), return_exceptions=True)
    assert sum(isinstance(one, dict) for one in done) == 1
    assert await count(people, Session, Session.sub == user.sub) == 1


@pytest.mark.parametrize("happens", [{"active": False}, {"epoch": 1}, {"password_hash": "another"}], ids=str)
async def test_what_was_proven_before_the_account_changed_proves_nothing(
    people: People, happens: dict[str, object]
) -> None:
    user = await people.add()
    _, here = await begin(people, user)
    new, proof = await check(people, user), await prove(people, user)
    code, _ = await people.server.add_code(await people.server.add_client(), user)
    await people.server.change(user, **happens)
    with pytest.raises(OutdatedError):
        await change(people, new, here)
    with pytest.raises(OutdatedError):
        await delete(people, proof)
    assert await count(people, User, User.sub == user.sub) == 1
    assert await count(people, AuthorizationCode, AuthorizationCode.sub == user.sub) == 1, "nothing is half done"
    assert code


async def test_a_session_that_was_ended_meanwhile_changes_no_password(people: People) -> None:
    user = await people.add()
    _, here = await begin(people, user)
    new = await check(people, user)
    async with people.services.database.unit() as session:
        await sessions.end(people.services.settings, session, people.clock(), here)
    with pytest.raises(OutdatedError):
        await change(people, new, here)
    assert isinstance(await people.sign_in(user.email), SignedIn)


@pytest.mark.spec("security 6.74", "security 6.32")
async def test_nothing_of_a_deleted_account_is_left_but_the_mail_that_says_so(people: People) -> None:
    user, somebody = await people.add(), await people.add()
    alexa = await people.server.add_client("alexa")
    mine, theirs = await alexa.linked(user), await alexa.linked(somebody)
    code, _ = await people.server.add_code(alexa, user)
    _, here = await begin(people, user)
    await delete(people, await prove(people, user))
    assert not await lives(people, here)
    for refused in (await alexa.refresh(mine["refresh_token"]), await alexa.exchange(code)):
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await alexa.refresh(theirs["refresh_token"])).status_code == 200
    for table, condition in (
        (User, User.sub == user.sub),
        (Grant, Grant.sub == user.sub),
        (Session, Session.sub == user.sub),
        (AuthorizationCode, AuthorizationCode.sub == user.sub),
        (Recovery, Recovery.email_canonical == user.email_canonical),
    ):
        assert await count(people, table, condition) == 0, table
    assert await count(people, Mail, col(Mail.recipient) == user.email) == 1
    (mail,) = await people.mails(user.email)
    assert "was deleted" in mail.subject
    assert await people.sign_in(user.email) == Refusal(Reason.WRONG)


@pytest.mark.spec("security 6.74")
async def test_deleting_beside_exchanges_and_refreshes_leaves_no_live_grant(people: People) -> None:
    user = await people.add()
    alexa = await people.server.add_client("alexa")
    refresh = (await alexa.linked(user))["refresh_token"]
    codes = [(await people.server.add_code(alexa, user))[0] for _ in range(10)]
    proofs = [await prove(people, user) for _ in range(2)]
    answers = await asyncio.gather(
        *(alexa.exchange(code) for code in codes),
        *(alexa.refresh(refresh) for _ in range(10)),
        *(delete(people, proof) for proof in proofs),
        return_exceptions=True,
    )
    assert {getattr(one, "status_code", 0) for one in answers[:20]} <= {200, 400}, answers[:20]
    assert [type(one) for one in answers[20:]].count(type(None)) >= 1
    assert await count(people, Grant, Grant.sub == user.sub) == 0
    assert (await alexa.refresh(refresh)).status_code == 400


async def test_a_new_password_and_the_end_of_the_account_at_once_do_not_lock_each_other(people: People) -> None:
    """Codes wait to be exchanged: both end them, and both hold the account first."""
    user = await people.add()
    client = await people.server.add_client()
    _, here = await begin(people, user)
    new, proof = await check(people, user), await prove(people, user)
    for _ in range(5):
        await people.server.add_code(client, user)
    done = await asyncio.gather(change(people, new, here), delete(people, proof), return_exceptions=True)
    assert {type(one) for one in done} <= {dict, type(None), OutdatedError}
    assert [isinstance(one, OutdatedError) for one in done].count(True) == 1
