"""Signing up and confirming."""

import asyncio
from uuid import UUID

import pytest
from sqlmodel import select

from authserver.accounts import sign_up, verification
from authserver.accounts.password_policy import Weak, Weakness
from authserver.accounts.passwords import Busy
from authserver.accounts.sign_in import SignedIn
from authserver.accounts.sign_up import NotAnAddress, Wait
from authserver.accounts.verification import CodeRefusal, Proven
from authserver.models import SignUp, User, VerificationCode
from tests.authserver.accounts.people import OTHER, PASSWORD, People, all_places_taken, new_address, wrong
from tests.authserver.accounts.statements import statements


@pytest.mark.spec("cognito 9.46", "cognito 9.31")
async def test_the_code_makes_the_account_and_only_then_is_there_one(people: People) -> None:
    email = new_address()
    begun = await people.begin(email.upper())
    async with people.services.database.unit() as session:
        assert (await session.exec(select(User).where(User.email_canonical == email))).first() is None
    user = await people.complete(begun, await people.code(begun.email))
    assert user is not None
    assert UUID(user.sub).version == 4
    assert user.username == user.sub
    assert user.email_verified
    assert user.email_canonical == email
    assert isinstance(await people.sign_in(email), SignedIn)


@pytest.mark.parametrize(
    ("email", "password", "expected"),
    [
        ("nonsense", PASSWORD, NotAnAddress.EMAIL),
        ("\u212aim@example.org", PASSWORD, NotAnAddress.EMAIL),
        ("", PASSWORD, NotAnAddress.EMAIL),
        ("someone@example.org", "short", Weak((Weakness.TOO_SHORT,))),
        ("someone@example.org", "password1", Weak((Weakness.COMMON,))),
        ("some.longer.name@example.org", "longer.name1", Weak((Weakness.OWN_WORDS,))),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_the_reason(
    people: People, email: str, password: str, expected: object
) -> None:
    assert await sign_up.begin(people.services, email, password, people.network) == expected


@pytest.mark.spec("security 6.58", "cognito 9.47")
async def test_a_known_address_goes_the_same_way_and_only_its_owner_is_told(people: People) -> None:
    owner = await people.add()
    begun = await people.begin(owner.email.title(), OTHER)
    (mail,) = await people.mails(begun.email)
    assert "already" in mail.subject
    for number in range(4):
        assert await people.guess(begun, f"{number:06d}") is CodeRefusal.WRONG
    assert await people.guess(begun, "123456") is CodeRefusal.SPENT
    people.clock.advance(30)
    assert await sign_up.resend(people.services, begun, people.network) is None
    assert [("already" in mail.subject) for mail in await people.mails(begun.email)] == [True, True]
    assert isinstance(await people.sign_in(owner.email), SignedIn)


@pytest.mark.spec("security 6.58", "cognito 9.47")
async def test_known_and_unknown_addresses_run_the_same_statements(people: People) -> None:
    seen = []
    for email in ((await people.add()).email, new_address()):
        with statements(people.services) as run:
            begun = await people.begin(email, OTHER)
            people.clock.advance(31)
            await sign_up.resend(people.services, begun, people.network)
            for number in range(6):
                await people.guess(begun, f"{number:06d}")
        seen.append(run)
    assert seen[0] == seen[1]
    assert len(seen[0]) > 20


async def test_a_network_over_its_limit_is_told_so_and_takes_no_place(people: People) -> None:
    await people.use_up_network()
    with all_places_taken(people.services):
        assert await sign_up.begin(people.services, new_address(), PASSWORD, people.network) == Wait(600)
        with pytest.raises(Busy):
            await People(people.server).begin(new_address())


@pytest.mark.spec("security 6.62")
async def test_a_code_has_five_tries(people: People) -> None:
    begun = await people.begin(new_address())
    code = await people.code(begun.email)
    answers = [await people.guess(begun, wrong(code, by)) for by in range(1, 6)]
    assert answers == [CodeRefusal.WRONG] * 4 + [CodeRefusal.SPENT]
    assert await people.guess(begun, code) is CodeRefusal.SPENT


@pytest.mark.spec("security 6.62")
async def test_parallel_guesses_have_five_tries_together(people: People) -> None:
    begun = await people.begin(new_address())
    code = await people.code(begun.email)
    answers = await asyncio.gather(*(people.guess(begun, wrong(code, by)) for by in range(1, 16)))
    assert set(answers) <= {CodeRefusal.WRONG, CodeRefusal.SPENT}
    async with people.services.database.unit() as session:
        (row,) = (
            await session.exec(select(VerificationCode).where(VerificationCode.subject == begun.sign_up_id))
        ).all()
    assert row.tries == verification.TRIES
    assert await people.guess(begun, code) is CodeRefusal.SPENT


async def test_parallel_right_codes_make_one_account(people: People) -> None:
    begun = await people.begin(new_address())
    code = await people.code(begun.email)
    proven = await people.guess(begun, code)
    assert isinstance(proven, Proven)

    async def complete() -> User | None:
        async with people.services.database.unit() as session:
            return await sign_up.complete(session, begun, proven, people.clock())

    made = await asyncio.gather(*(complete() for _ in range(8)))
    assert len([user for user in made if user is not None]) == 1


@pytest.mark.spec("security 6.62")
async def test_what_is_no_code_costs_no_try(people: People) -> None:
    begun = await people.begin(new_address())
    for typed in ("", "12345", "1234567", "abcdef", "12 34 5", "\u2460" * 6, "0" * 5000):
        answer = await people.guess(begun, typed)
        assert answer is CodeRefusal.MALFORMED or typed == "\u2460" * 6
    code = await people.code(begun.email)
    assert isinstance(await people.guess(begun, f" {code[:3]}-{code[3:]} "), Proven)


@pytest.mark.spec("security 6.62", "decision 4")
async def test_a_guess_that_ends_in_an_error_of_ours_has_cost_its_try(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await people.begin(new_address())
    code = await people.code(begun.email)

    def broken(*_: object) -> bool:
        raise RuntimeError

    with monkeypatch.context() as trouble:
        trouble.setattr(verification, "same", broken)
        for by in range(1, 6):
            with pytest.raises(RuntimeError):
                await people.guess(begun, wrong(code, by))
    assert await people.guess(begun, code) is CodeRefusal.SPENT


@pytest.mark.spec("security 6.62")
async def test_a_new_code_ends_the_old_one_and_buys_no_tries_on_it(people: People) -> None:
    begun = await people.begin(new_address())
    first = await people.code(begun.email)
    assert await sign_up.resend(people.services, begun, people.network) == Wait(30)
    people.clock.advance(30)
    assert await sign_up.resend(people.services, begun, people.network) is None
    second = await people.code(begun.email)
    if first != second:
        assert await people.guess(begun, first) is CodeRefusal.WRONG
    assert await people.complete(begun, second) is not None


async def test_five_mails_an_hour_go_to_one_address_for_one_network(people: People) -> None:
    email = new_address()
    for _ in range(5):
        begun = await people.begin(email)
    assert await sign_up.begin(people.services, email, PASSWORD, people.network) == Wait(3600)
    people.clock.advance(30)
    assert await sign_up.resend(people.services, begun, people.network) == Wait(3570)
    people.clock.advance(3570)
    assert await sign_up.resend(people.services, begun, people.network) is None
    assert len(await people.mails(begun.email)) == 6


@pytest.mark.spec("security 6.62")
async def test_guesses_over_all_codes_of_an_address_have_a_limit(people: People) -> None:
    email = new_address()
    answers = []
    for _ in range(5):
        people.clock.advance(1)
        begun = await people.begin(email)
        code = await people.code(begun.email)
        answers += [await people.guess(begun, wrong(code, by)) for by in range(1, 6)]
    assert answers[20:] == [CodeRefusal.TOO_MANY] * 5
    assert await people.guess(begun, code) is CodeRefusal.TOO_MANY


async def test_a_code_lives_a_day(people: People) -> None:
    begun = await people.begin(new_address())
    code = await people.code(begun.email)
    people.clock.advance(people.services.settings.email_code_lifetime - 1)
    assert isinstance(await people.guess(begun, code), Proven)
    late = await people.begin(new_address())
    code = await people.code(late.email)
    people.clock.advance(people.services.settings.email_code_lifetime)
    assert await people.guess(late, code) is CodeRefusal.SPENT
    async with people.services.database.unit() as session:
        assert await sign_up.pending(session, late.sign_up_id, people.clock()) is None


@pytest.mark.spec("security 6.67")
async def test_who_registers_somebody_elses_address_first_leaves_nothing(people: People) -> None:
    email = new_address()
    attackers = await people.begin(email, OTHER)
    people.clock.advance(40)
    owners = await people.begin(email, PASSWORD)
    code = await people.code(owners.email)
    assert await people.guess(attackers, code) is CodeRefusal.WRONG  # the owner's code is for the owner's sign-up
    assert await people.complete(owners, code) is not None
    async with people.services.database.unit() as session:
        assert await session.get(SignUp, attackers.sign_up_id) is None
    assert isinstance(await people.sign_in(email, PASSWORD), SignedIn)
    assert not isinstance(await people.sign_in(email, OTHER), SignedIn)


async def test_of_two_sign_ups_for_one_address_the_second_confirmed_makes_nothing(people: People) -> None:
    email = new_address()
    first = await people.begin(email)
    first_code = await people.code(first.email)
    people.clock.advance(1)
    second = await people.begin(email, OTHER)
    second_code = await people.code(second.email)
    assert await people.complete(first, first_code) is not None
    proven = await people.guess(second, second_code)
    assert isinstance(proven, Proven)
    async with people.services.database.unit() as session:
        assert await sign_up.complete(session, second, proven, people.clock()) is None


async def test_the_proof_of_one_sign_up_completes_no_other(people: People) -> None:
    mine, theirs = await people.begin(new_address()), await people.begin(new_address())
    proven = await people.guess(mine, await people.code(mine.email))
    assert isinstance(proven, Proven)
    async with people.services.database.unit() as session:
        assert await sign_up.complete(session, theirs, proven, people.clock()) is None


async def test_codes_are_stored_as_macs(people: People) -> None:
    begun = await people.begin(new_address())
    code = await people.code(begun.email)
    async with people.services.database.unit() as session:
        (row,) = (
            await session.exec(select(VerificationCode).where(VerificationCode.subject == begun.sign_up_id))
        ).all()
    assert len(row.digest) == 32
    assert code.encode() not in row.digest


async def test_a_right_code_is_not_kept_for_later(people: People) -> None:
    """Between the comparison and the account time passes: the code's end is its end."""
    begun = await people.begin(new_address())
    proven = await people.guess(begun, await people.code(begun.email))
    assert isinstance(proven, Proven)
    people.clock.advance(people.services.settings.email_code_lifetime)
    async with people.services.database.unit() as session:
        assert await sign_up.complete(session, begun, proven, people.clock()) is None
