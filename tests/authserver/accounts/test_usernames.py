"""User names beside e-mail addresses: who signs in with what, and that neither tells of the other."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

import pytest

from authserver.accounts import attempts, own_account, recovery, sign_in, sign_up, usernames
from authserver.accounts.names import read_username
from authserver.accounts.password_policy import Weak, Weakness
from authserver.accounts.recovery import NewPassword
from authserver.accounts.sign_in import Reason, Refusal, SignedIn, Unconfirmed
from authserver.accounts.sign_up import NotAnAddress, UnusableName, Wait
from authserver.accounts.verification import CodeRefusal
from authserver.models import Recovery, User
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address, wrong

NEW = "a lantern nobody has lit before"
WRONG = Refusal(Reason.WRONG)


def new_name() -> str:
    return f"anna-{secrets.token_hex(6)}"


async def add(people: People, name: str = "", **fields: Any) -> User:
    name = name or new_name()
    return await people.add(username=name, username_canonical=name, **fields)


@pytest.fixture
def given_settings() -> dict[str, Any]:
    return {"sign_in_with": "email,username"}


async def begin_recovery(people: People, name: str) -> Recovery:
    begun = await recovery.begin(people.services, name, people.network)
    assert isinstance(begun, Recovery), begun
    return begun


async def guess(people: People, begun: Recovery, code: str, password: str = NEW) -> NewPassword | CodeRefusal | Weak:
    return await recovery.check(people.services, begun, code, password, people.network)


async def finish(people: People, begun: Recovery, new: object) -> User | None:
    assert isinstance(new, NewPassword), new
    async with people.services.database.unit() as session:
        proof = await recovery.complete(people.services, session, begun, new)
        return proof.user if proof else None


async def rename(people: People, user: User, name: str) -> bool:
    proof = await own_account.prove(people.services, user, PASSWORD, people.network)
    assert isinstance(proof, own_account.Proof), proof
    async with people.services.database.unit() as session:
        return await own_account.change_username(people.services, session, proof, read_username(name))


async def test_either_name_signs_in_and_case_does_not_matter(people: People) -> None:
    user = await add(people)
    for name in (user.email, user.username, f" {user.username.upper()} "):
        proof = await people.sign_in(name)
        assert isinstance(proof, SignedIn)
        assert proof.user.sub == user.sub


@pytest.mark.spec("security 6.58", "security 6.64", "cognito 9.47")
async def test_nonsense_and_names_of_nobody_look_like_a_wrong_password(people: People) -> None:
    user = await add(people, "kim-" + secrets.token_hex(6))
    disguised = ["\u212a" + user.username[1:], "\uff4b" + user.username[1:], user.username.replace("i", "\u0131")]
    for name in (new_name(), user.sub, user.sub.upper(), "@", "a b", "%00", *disguised):
        assert await people.sign_in(name) == WRONG, name
    assert await people.sign_in(user.username, OTHER) == WRONG


@pytest.mark.spec("security 6.58", "security 6.63", "cognito 9.48")
async def test_two_names_of_one_account_buy_no_second_five_guesses(people: People) -> None:
    user = await add(people)
    for _ in range(5):
        assert await people.sign_in(user.username, OTHER) == WRONG
    assert await people.sign_in(user.username) == Refusal(Reason.LOCKED, 1)
    assert await people.sign_in(user.email) == WRONG, "the right password is not compared meanwhile"
    people.clock.advance(1)
    assert isinstance(await people.sign_in(user.email), SignedIn)


@pytest.mark.spec("security 6.63", "cognito 9.48")
@pytest.mark.parametrize("named", [True, False], ids=["with a user name", "without one"])
async def test_a_success_begins_every_count_anew(people: People, named: bool) -> None:
    """Who mistypes once at each sign-in is never refused, however often they sign in."""
    user = await (add(people) if named else people.add())
    for _ in range(8):
        assert await people.sign_in(user.email, OTHER) == WRONG
        proof = await people.sign_in(user.email)
        assert isinstance(proof, SignedIn)
        async with people.services.database.unit() as session:
            assert not isinstance(await sign_in.accept(people.services, session, proof), Refusal)


@pytest.mark.spec("security 6.58", "security 6.63")
async def test_that_one_name_is_locked_tells_nothing_of_the_other(people: People) -> None:
    """Whoever locks a user name and then tries addresses sees the same for its owner's and for all others."""
    user, nobody = await add(people), new_address()
    for _ in range(6):
        await people.sign_in(user.username, OTHER)

    async def seen(email: str) -> list[object]:
        return [await people.sign_in(email, OTHER) for _ in range(7)]

    assert await seen(user.email) == await seen(nobody)


@pytest.mark.spec("security 6.58")
async def test_a_strangers_sign_up_does_not_tell_whose_the_locked_name_is(people: People) -> None:
    user, nobody = await add(people), new_address()
    for email in (user.email, nobody):
        await people.begin(email, OTHER)
    for _ in range(6):
        await people.sign_in(user.username, "yet another guess")
    for email in (user.email, nobody):
        assert isinstance(await people.sign_in(email, OTHER), Unconfirmed)


@pytest.mark.spec("security 6.63")
async def test_unknown_user_names_are_counted_alike(people: People) -> None:
    known, unknown = (await add(people)).username, new_name()

    async def try_often(name: str) -> list[object]:
        return [await people.sign_in(name, OTHER) for _ in range(7)]

    assert await try_often(known) == await try_often(unknown)


async def test_parallel_guesses_under_both_names_have_five_tries_together(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await add(people)
    compared: list[str | None] = []
    place = type(people.services.passwords)
    verify = place._verify

    def counting(self: Any, text: str, typed: str, stored: str | None) -> Any:
        compared.append(stored)
        return verify(self, text, typed, stored)

    monkeypatch.setattr(place, "_verify", counting)
    names = [user.email, user.username] * 8
    answers = await asyncio.gather(*(people.sign_in(name, OTHER) for name in names))
    assert all(isinstance(answer, Refusal) for answer in answers)
    assert sum(stored == user.password_hash for stored in compared) == 5


async def test_signing_in_right_begins_all_counts_of_the_account_anew(people: People) -> None:
    user = await add(people)
    for _ in range(4):
        await people.sign_in(user.username, OTHER)
    proof = await people.sign_in(user.email)
    assert isinstance(proof, SignedIn)
    async with people.services.database.unit() as session:
        assert not isinstance(await sign_in.accept(people.services, session, proof), Refusal)
    for _ in range(4):
        assert await people.sign_in(user.username, OTHER) == WRONG
    assert isinstance(await people.sign_in(user.username), SignedIn)


async def test_a_session_is_no_way_to_more_guesses_than_both_names_have(people: People) -> None:
    user = await add(people)
    for _ in range(5):
        await people.sign_in(user.username, OTHER)
    refused = await own_account.prove(people.services, user, PASSWORD, people.network)
    assert refused == Refusal(Reason.LOCKED, 1)


@pytest.mark.spec("cognito 9.57")
async def test_what_signs_in_is_a_setting_that_may_change_at_any_time(people: People) -> None:
    both, without = await add(people), await people.add()
    services = people.services
    usual = services.settings

    async def signs_in(name: str, with_: str) -> bool:
        services.settings = usual.model_copy(update={"sign_in_with": with_})
        try:
            return isinstance(await people.sign_in(name), SignedIn)
        finally:
            services.settings = usual

    assert [await signs_in(both.email, one) for one in ("email", "username", "email,username")] == [True, False, True]
    assert [await signs_in(both.username, one) for one in ("email", "username", "email,username")] == [
        False,
        True,
        True,
    ]
    assert await signs_in(without.email, "username"), "who has no user name is not shut out by the change"
    assert not await signs_in(without.sub, "username")


@pytest.mark.spec("security 6.64", "security 6.58")
async def test_recovery_by_user_name_goes_to_the_stored_address_and_names_it_nowhere(people: People) -> None:
    user = await add(people)
    begun = await begin_recovery(people, user.username.upper())
    assert user.email not in (begun.email, begun.username_canonical)
    done = await finish(people, begun, await guess(people, begun, await people.code(user.email)))
    assert done is not None
    assert done.sub == user.sub
    assert isinstance(await people.sign_in(user.username, NEW), SignedIn)


@pytest.mark.spec("security 6.58")
async def test_an_unknown_user_name_goes_the_same_way(people: People) -> None:
    answers = []
    for name in ((await add(people)).username, new_name()):
        begun = await begin_recovery(people, name)
        answers.append(
            [
                await recovery.resend(people.services, begun, people.network),
                *[await guess(people, begun, f"{number:06d}") for number in range(6)],
                await recovery.begin(people.services, name, people.network),
            ]
        )
        assert begun.email == name
    assert answers[0] == answers[1]
    assert answers[0][0] == Wait(30)


@pytest.mark.parametrize("name", ["a b", "", "anna@", "\u212aim", "7b0ec1f7-6c4f-4a53-9d6c-0f6f0d3c5b1e"])
async def test_what_can_be_nobodys_name_is_said_at_once(people: People, name: str) -> None:
    assert await recovery.begin(people.services, name, people.network) is NotAnAddress.EMAIL


@pytest.mark.spec("security 6.58", "security 6.62")
async def test_limits_of_one_name_tell_nothing_of_the_other_and_hold_for_the_account(people: People) -> None:
    """Ten guesses at an account over both names; what is typed for its other name looks as for anybody's."""
    user, nobody = await add(people), new_address()
    by_name = await begin_recovery(people, user.username)
    for number in range(5):
        await guess(people, by_name, wrong(await people.code(user.email), number + 1))
    people.clock.advance(31)
    by_name = await begin_recovery(people, user.username)
    for number in range(5):
        await guess(people, by_name, wrong(await people.code(user.email), number + 1))
    seen = []
    for email in (user.email, nobody):
        begun = await begin_recovery(people, email)
        seen.append([await guess(people, begun, "000000"), await guess(people, begun, "000001")])
    assert seen[0] == seen[1] == [CodeRefusal.WRONG] * 2
    people.clock.advance(31)
    begun = await begin_recovery(people, user.email)
    right = await people.code(user.email)
    assert await guess(people, begun, right) is CodeRefusal.WRONG, "the eleventh guess of the day is not compared"


async def test_one_account_gets_so_many_mails_an_hour_by_whichever_name(people: People) -> None:
    user = await add(people)
    for _ in range(3):
        elsewhere = People(people.server)
        for _ in range(4):
            await begin_recovery(elsewhere, user.username)
            await begin_recovery(elsewhere, user.email)
            people.clock.advance(31)
    assert len(await people.mails(user.email)) == attempts.MAILS_AN_HOUR_IN_ALL == 20


async def test_every_change_of_the_name_is_told_by_mail_and_a_form_sent_twice_once(people: People) -> None:
    """Also when somebody changes it again within the same second."""
    user, names = await add(people), [new_name() for _ in range(2)]
    for name in (names[0], names[0], names[1], names[0], names[0].title()):
        assert await rename(people, user, name)
    mails = [mail.text for mail in await people.mails(user.email)]
    assert [sum(name in text for text in mails) for name in (*names, names[0].title())] == [2, 1, 1]
    assert len(mails) == 4


@pytest.mark.spec("security 6.64")
async def test_a_recovery_stays_with_its_account_when_the_name_changes_hands(people: People) -> None:
    attacker, victim, name = await add(people), await add(people), new_name()
    assert await rename(people, attacker, name)
    people.clock.advance(1)  # the code's mail is the last one
    begun = await begin_recovery(people, name)
    right = await people.code(attacker.email)
    assert await rename(people, attacker, new_name())
    assert await rename(people, victim, name)
    done = await finish(people, begun, await guess(people, begun, right))
    assert done is not None
    assert done.sub == attacker.sub
    assert isinstance(await people.sign_in(name), SignedIn), "the victim's password is what it was"


async def test_words_of_the_hidden_address_are_not_given_away_by_the_policy(people: People) -> None:
    user = await add(people, email=f"marigold.{new_address()}")
    begun = await begin_recovery(people, user.username)
    assert not isinstance(await guess(people, begun, "000000", "marigold-77"), Weak)


async def test_a_sign_up_with_a_user_name_makes_both(people: People) -> None:
    name, email = f"Anna-{secrets.token_hex(6)}", new_address()
    begun = await people.begin(email, username=name)
    assert await people.sign_in(name) == Unconfirmed(begun.sign_up_id)
    user = await people.complete(begun, await people.code(begun.email))
    assert user is not None
    assert (user.username, user.username_canonical) == (name.lower(), name.lower())
    assert usernames.shown(user) == name
    assert isinstance(await people.sign_in(name), SignedIn)
    assert isinstance(await people.sign_in(email), SignedIn)


async def test_a_user_name_may_be_left_out_where_the_address_signs_in(people: People) -> None:
    begun = await people.begin(new_address())
    user = await people.complete(begun, await people.code(begun.email))
    assert user is not None
    assert (user.username, user.username_canonical) == (user.sub, None)


@pytest.mark.spec("security 6.58", "security 6.64")
async def test_a_taken_user_name_is_said_whether_the_address_is_known_or_not(people: People) -> None:
    user = await add(people)

    async def begin(email: str, username: str, password: str = PASSWORD) -> object:
        return await sign_up.begin(people.services, email, password, people.network, username=username)

    for email in (new_address(), user.email):
        assert await begin(email, user.username.upper()) is UnusableName.TAKEN
        assert await begin(email, user.sub) is UnusableName.MALFORMED
        assert await begin(email, user.email) is UnusableName.MALFORMED
    assert await begin(new_address(), "kettledrum", "Kettledrum7") == Weak((Weakness.OWN_WORDS,))
    people = People(people.server)
    await people.use_up_network()
    assert await begin(new_address(), user.username) == Wait(600), "names cannot be asked for without end"


async def test_of_two_sign_ups_with_one_name_the_first_to_confirm_gets_it(people: People) -> None:
    name = new_name()
    first, second = await people.begin(new_address(), username=name), await people.begin(new_address(), username=name)
    one = await people.complete(second, await people.code(second.email))
    other = await people.complete(first, await people.code(first.email))
    assert one is not None
    assert other is not None
    assert (one.username_canonical, other.username_canonical) == (name, None)
    assert other.username == other.sub


async def test_a_name_is_one_persons_whoever_asks_at_once(people: People) -> None:
    name, users = new_name(), [await add(people) for _ in range(4)]
    given = await asyncio.gather(*(rename(people, user, name) for user in users))
    assert given.count(True) == 1
    assert isinstance(await people.sign_in(name), SignedIn)


@pytest.mark.spec("cognito 2", "security 6.64")
async def test_the_claim_of_an_account_is_never_another_ones_name(people: People) -> None:
    """Applications know people by `username`: who changes the name to sign in with stays who they are there."""
    old, new = new_name(), new_name()
    user, other = await add(people, old), await people.add()
    assert await rename(people, user, new.title())
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
    assert (stored.username, stored.username_canonical) == (old, new)
    assert stored.attributes["preferred_username"] == new.title()
    assert await people.sign_in(old) == WRONG
    assert not await rename(people, other, old)
    assert await rename(people, stored, old), "back to one's own"
    assert any("user name" in mail.subject for mail in await people.mails(user.email))


async def test_a_change_under_a_password_that_changed_meanwhile_does_nothing(people: People) -> None:
    user = await add(people)
    proof = await own_account.prove(people.services, user, PASSWORD, people.network)
    assert isinstance(proof, own_account.Proof)
    await people.server.change(user, password_hash=await people.services.passwords.hash(OTHER))
    with pytest.raises(own_account.OutdatedError):
        async with people.services.database.unit() as session:
            await own_account.change_username(people.services, session, proof, read_username(new_name()))


def test_a_counter_of_a_name_is_never_one_of_an_account(people: People) -> None:
    keys = people.services.secret_keys
    assert attempts.name_counter(keys, "anna") != attempts.account_counter(keys, "anna")


@dataclass
class Counted:
    """A hot store that notes what it is asked."""

    store: Any
    asked: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self.store, name)


@pytest.mark.spec("security 6.58", "cognito 9.47")
async def test_signing_in_asks_the_database_the_same_for_everybody(people: People) -> None:
    user, without, services = await add(people), await people.add(), people.services
    usual, asked = services.hot, []
    for name in (user.email, user.username, without.email, new_name(), new_address(), "a b", user.sub):
        services.hot = counted = Counted(usual)  # type: ignore[assignment]
        try:
            assert await people.sign_in(name, OTHER) == WRONG
        finally:
            services.hot = usual
        asked.append(counted.asked)
    assert all(one == asked[0] for one in asked), asked
