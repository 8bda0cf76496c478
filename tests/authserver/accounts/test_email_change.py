"""A new e-mail address: the old one holds until a code that went to the new one is typed by whoever asked."""

import asyncio

import pytest
from sqlmodel import col, select

from authserver.accounts import administration, email_change, recovery, sessions, sign_up, verification
from authserver.accounts.browser import Browser
from authserver.accounts.email_change import OutdatedError, OwnAddress, Person, SpentError
from authserver.accounts.recovery import NewPassword
from authserver.accounts.sign_in import Reason, Refusal, SignedIn
from authserver.accounts.sign_up import NotAnAddress, Wait
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import Activity, EmailChange, Recovery, User, VerificationCode
from tests.authserver.accounts.people import People, code_in, new_address, wrong
from tests.authserver.accounts.test_devices import begin as sign_in_at
from tests.authserver.accounts.test_devices import lives

NEW = "a lantern nobody has lit before"


async def person_at(people: People, user: User) -> tuple[Person, dict[str, str]]:
    """Signed in at another browser."""
    session, cookies = await sign_in_at(people, user)
    return Person(user, session), cookies


async def ask(people: People, person: Person, email: str) -> EmailChange:
    begun = await email_change.begin(people.services, person, email, people.network)
    assert isinstance(begun, EmailChange), begun
    return begun


async def guess(people: People, change: EmailChange, code: str) -> Proven | CodeRefusal:
    return await verification.check(
        people.services, Purpose.EMAIL_CHANGE, change.change_id, change.email_canonical, code, people.network
    )


async def complete(
    people: People, person: Person, change: EmailChange, proven: object, cookies: dict[str, str] | None = None
) -> dict[str, str]:
    assert isinstance(proven, Proven), proven
    async with people.services.database.unit() as session:
        browser = Browser(cookies or {}, "test", people.network)
        _, value = await email_change.complete(people.services, session, person, change, proven, browser)
    return {sessions.cookie_name(people.services.settings): value}


async def confirm(people: People, person: Person, change: EmailChange, **others: dict[str, str]) -> dict[str, str]:
    code = await people.code(change.email)
    return await complete(people, person, change, await guess(people, change, code), **others)


async def stored(people: People, user: User) -> User:
    async with people.services.database.unit() as session:
        return (await session.exec(select(User).where(User.sub == user.sub))).one()


async def waiting(people: People, user: User) -> list[EmailChange]:
    async with people.services.database.unit() as session:
        return list((await session.exec(select(EmailChange).where(EmailChange.sub == user.sub))).all())


@pytest.mark.spec("cognito 9.31", "cognito 9.57", "security 6.47")
async def test_the_old_address_holds_until_the_new_one_is_confirmed_and_what_is_linked_stays(people: People) -> None:
    user = await people.add()
    alexa = await people.server.add_client("alexa")
    tokens = await alexa.linked(user)
    person, here = await person_at(people, user)
    _, elsewhere = await person_at(people, user)
    new = new_address()
    change = await ask(people, person, new.upper())
    assert isinstance(await people.sign_in(user.email), SignedIn)
    assert await people.sign_in(new) == Refusal(Reason.WRONG)
    people.clock.advance(5)
    renewed = await confirm(people, person, change, cookies=here)
    now = await stored(people, user)
    assert (now.sub, now.email_canonical, now.email_verified) == (user.sub, new, True)
    assert now.updated_at == people.clock()
    assert isinstance(await people.sign_in(new), SignedIn)
    assert await people.sign_in(user.email) == Refusal(Reason.WRONG)
    assert [await lives(people, one) for one in (here, elsewhere, renewed)] == [False, False, True]
    refreshed = await alexa.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200
    seen = await people.server.userinfo(refreshed.json()["access_token"])
    assert seen.json()["sub"] == user.sub


async def test_a_code_is_no_sign_in(people: People) -> None:
    """The new session is as old as the one that typed it: neither fresh for other changes, nor longer lived."""
    user = await people.add()
    person, here = await person_at(people, user)
    change = await ask(people, person, new_address())
    people.clock.advance(3000)
    renewed = await confirm(people, person, change, cookies=here)
    async with people.services.database.unit() as session:
        found, _ = await sessions.find(people.services.settings, session, people.clock(), renewed)
    assert found is not None
    assert (found.auth_time, found.expires_at) == (person.session.auth_time, person.session.expires_at)


async def test_the_old_address_is_told_when_it_is_asked_for_and_when_it_is_done(people: People) -> None:
    user = await people.add()
    person, _ = await person_at(people, user)
    change = await ask(people, person, "new.person@" + new_address().replace("@", "."))
    (asked,) = await people.mails(user.email)
    assert "/forgotPassword" in asked.text
    assert "n…@" in asked.text
    assert change.email not in asked.text + asked.html
    assert len(await people.mails(change.email)) == 1
    people.clock.advance(1)
    await confirm(people, person, change)
    mails = await people.mails(user.email)
    assert "was changed" in mails[-1].subject
    assert change.email not in mails[-1].text + mails[-1].html
    async with people.services.database.unit() as session:
        (event,) = (
            await session.exec(select(Activity).where(Activity.sub == user.sub, Activity.kind == "email_changed"))
        ).all()
    assert event.details == {"old": user.email, "new": change.email}


@pytest.mark.spec("security 6.58", "security 6.64")
async def test_an_address_of_another_account_looks_the_same_and_only_its_owner_is_told(people: People) -> None:
    somebody, user = await people.add(), await people.add()
    person, _ = await person_at(people, user)
    change = await ask(people, person, somebody.email.upper())
    (told,) = await people.mails(somebody.email)
    assert "belongs to your account already" in told.text
    assert "    " not in told.text, "no code"
    assert await people.mails(somebody.email.upper()) == [], "never to what was typed"
    for code in range(verification.TRIES - 1):
        assert await guess(people, change, f"{code:06d}") is CodeRefusal.WRONG
    assert await guess(people, change, "000009") is CodeRefusal.SPENT
    people.clock.advance(60)
    assert await email_change.resend(people.services, person, change, people.network) is None
    assert len(await people.mails(somebody.email)) == 2
    free = await ask(people, (await person_at(people, await people.add()))[0], new_address())
    assert set(change.model_dump()) == set(free.model_dump())
    assert change.expires_at - change.created_at == free.expires_at - free.created_at


@pytest.mark.spec("security 6.58")
async def test_an_address_that_somebody_takes_meanwhile_is_a_code_that_no_longer_counts(people: People) -> None:
    user, new = await people.add(), new_address()
    person, here = await person_at(people, user)
    change = await ask(people, person, new)
    proven = await guess(people, change, await people.code(new))
    await people.server.add_person(email=new, email_canonical=new)
    with pytest.raises(SpentError):
        await complete(people, person, change, proven)
    assert (await stored(people, user)).email == user.email
    assert await lives(people, here), "nothing is half done"
    people.clock.advance(60)
    assert await email_change.resend(people.services, person, change, people.network) is None
    assert "belongs to your account already" in (await people.mails(new))[-1].text


async def test_of_two_accounts_that_want_one_address_at_once_one_gets_it(people: People) -> None:
    new = new_address()
    asked = []
    for _ in range(2):
        person, _cookies = await person_at(people, await people.add())
        change = await ask(people, person, new)
        people.clock.advance(1)
        asked.append((person, change, await guess(people, change, await people.code(new))))
    done = await asyncio.gather(*(complete(people, *one) for one in asked), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["SpentError", "dict"]
    async with people.services.database.unit() as session:
        assert len((await session.exec(select(User).where(User.email_canonical == new))).all()) == 1


async def test_one_change_at_once_and_a_sign_up_for_the_same_address(people: People) -> None:
    user, new = await people.add(), new_address()
    person, _ = await person_at(people, user)
    begun = await people.begin(new)
    signing_up = await people.guess(begun, await people.code(new))
    people.clock.advance(60)
    change = await ask(people, person, new)
    proven = await guess(people, change, await people.code(new))

    async def sign_up_too() -> User | None:
        assert isinstance(signing_up, Proven)
        async with people.services.database.unit() as session:
            return await sign_up.complete(session, begun, signing_up, people.clock())

    made, changed = await asyncio.gather(
        sign_up_too(), complete(people, person, change, proven), return_exceptions=True
    )
    assert isinstance(made, User) != isinstance(changed, dict), (made, changed)
    assert isinstance(changed, dict | SpentError)


async def test_the_same_code_sent_many_times_at_once_changes_the_address_once(people: People) -> None:
    user = await people.add()
    person, _ = await person_at(people, user)
    change = await ask(people, person, new_address())
    proven = await guess(people, change, await people.code(change.email))
    done = await asyncio.gather(*(complete(people, person, change, proven) for _ in range(6)), return_exceptions=True)
    assert [type(one).__name__ for one in done].count("dict") == 1
    assert {type(one) for one in done} <= {dict, OutdatedError, SpentError}
    assert len([one for one in await people.mails(user.email) if "was changed" in one.subject]) == 1


@pytest.mark.spec("security 6.62")
async def test_a_code_has_five_tries_also_in_parallel(people: People) -> None:
    user = await people.add()
    person, _ = await person_at(people, user)
    change = await ask(people, person, new_address())
    code = await people.code(change.email)
    answers = await asyncio.gather(*(guess(people, change, wrong(code, by)) for by in range(1, 12)))
    assert answers.count(CodeRefusal.WRONG) == verification.TRIES - 1
    assert await guess(people, change, code) is CodeRefusal.SPENT
    assert (await stored(people, user)).email == user.email


async def test_the_newer_of_two_changes_holds_and_the_older_code_is_dead(people: People) -> None:
    user = await people.add()
    person, _ = await person_at(people, user)
    first = await ask(people, person, new_address())
    old_code = await people.code(first.email)
    known = await guess(people, first, old_code)
    second = await ask(people, person, new_address())
    assert await guess(people, first, old_code) is CodeRefusal.SPENT
    with pytest.raises(OutdatedError):
        await complete(people, person, first, known)
    assert [one.change_id for one in await waiting(people, user)] == [second.change_id]
    both = await asyncio.gather(*(ask(people, person, new_address()) for _ in range(3)))
    assert len(both) == 3
    assert len(await waiting(people, user)) == 1


async def test_a_change_that_was_given_up_or_has_expired_confirms_nothing(people: People) -> None:
    user = await people.add()
    person, _ = await person_at(people, user)
    change = await ask(people, person, new_address())
    known = await guess(people, change, await people.code(change.email))
    async with people.services.database.unit() as session:
        await email_change.cancel(session, person)
    assert await waiting(people, user) == []
    with pytest.raises(OutdatedError):
        await complete(people, person, change, known)
    people.clock.advance(60)
    with pytest.raises(OutdatedError):
        await email_change.resend(people.services, person, change, people.network)
    late = await ask(people, person, new_address())
    code = await people.code(late.email)
    known = await guess(people, late, code)
    people.clock.advance(people.services.settings.email_code_lifetime)
    assert await guess(people, late, code) is CodeRefusal.SPENT
    with pytest.raises(OutdatedError):
        await complete(people, person, late, known)
    assert (await stored(people, user)).email == user.email


async def test_resending_ends_the_code_before(people: People) -> None:
    user = await people.add()
    person, _ = await person_at(people, user)
    change = await ask(people, person, new_address())
    first = await people.code(change.email)
    assert isinstance(await email_change.resend(people.services, person, change, people.network), Wait)
    people.clock.advance(30)
    assert await email_change.resend(people.services, person, change, people.network) is None
    codes = {code_in(mail.text) for mail in await people.mails(change.email)}
    second = (codes - {first}).pop()
    assert isinstance(await guess(people, change, first), CodeRefusal)
    await complete(people, person, change, await guess(people, change, second))


@pytest.mark.spec("security 6.48")
async def test_a_code_or_a_change_of_somebody_else_is_of_no_use(people: People) -> None:
    user, somebody = await people.add(), await people.add()
    mine, _ = await person_at(people, user)
    theirs, _ = await person_at(people, somebody)
    my_change, their_change = await ask(people, mine, new_address()), await ask(people, theirs, new_address())
    my_code = await guess(people, my_change, await people.code(my_change.email))
    their_code = await guess(people, their_change, await people.code(their_change.email))
    for person, change, code in (
        (mine, their_change, their_code),  # signed in as another person
        (mine, my_change, their_code),  # another change's code
        (theirs, my_change, my_code),
    ):
        with pytest.raises(OutdatedError):
            await complete(people, person, change, code)
    assert (await stored(people, user)).email == user.email
    assert (await stored(people, somebody)).email == somebody.email


async def test_it_is_confirmed_in_another_browser_of_the_same_person(people: People) -> None:
    user = await people.add()
    person, here = await person_at(people, user)
    change = await ask(people, person, new_address())
    other, elsewhere = await person_at(people, user)
    renewed = await confirm(people, other, change, cookies=elsewhere)
    assert [await lives(people, one) for one in (here, elsewhere, renewed)] == [False, False, True]


@pytest.mark.spec("security 6.48")
async def test_a_session_that_has_ended_asks_for_nothing_and_confirms_nothing(people: People) -> None:
    user = await people.add()
    person, here = await person_at(people, user)
    change = await ask(people, person, new_address())
    known = await guess(people, change, await people.code(change.email))
    async with people.services.database.unit() as session:
        await sessions.end(people.services.settings, session, people.clock(), here)
    with pytest.raises(OutdatedError):
        await complete(people, person, change, known)
    with pytest.raises(OutdatedError):
        await ask(people, person, new_address())


@pytest.mark.spec("security 6.67", "security 6.32")
@pytest.mark.parametrize("happens", ["new password", "disabled", "recovery"])
async def test_a_new_password_and_the_end_of_an_account_stop_a_change(people: People, happens: str) -> None:
    """Whoever knew the password may have asked for it."""
    user = await people.add()
    person, _ = await person_at(people, user)
    change = await ask(people, person, new_address())
    code = await people.code(change.email)
    known = await guess(people, change, code)
    if happens == "recovery":
        people.clock.advance(60)
        begun = await recovery.begin(people.services, user.email, people.network)
        assert isinstance(begun, Recovery)
        new = await recovery.check(people.services, begun, await people.code(user.email), NEW, people.network)
        assert isinstance(new, NewPassword)
        async with people.services.database.unit() as session:
            assert await recovery.complete(people.services, session, begun, new)
    else:
        async with people.services.database.unit() as session:
            held = (await session.exec(select(User).where(User.sub == user.sub))).one()
            if happens == "disabled":
                await administration.disable(session, held, people.clock())
            else:
                await administration.set_password(session, held, "x", people.clock())
    assert await guess(people, change, code) is CodeRefusal.SPENT
    assert await waiting(people, user) == []
    fresh = await stored(people, user)
    with pytest.raises(OutdatedError):
        await complete(people, Person(fresh, person.session), change, known)
    assert fresh.email == user.email


@pytest.mark.spec("CVE-2026-115770")
async def test_what_was_mailed_to_the_old_address_confirms_nothing_after_the_change(people: People) -> None:
    """Pocket ID, CVE-2026-115770."""
    user = await people.add()
    begun = await recovery.begin(people.services, user.email, people.network)
    assert isinstance(begun, Recovery)
    code = await people.code(user.email)
    known = await recovery.check(people.services, begun, code, NEW, people.network)
    assert isinstance(known, NewPassword)
    async with people.services.database.unit() as session:
        await verification.issue(
            people.services, session, people.clock(), Purpose.VERIFY_EMAIL, user.sub, user.email_canonical, real=True
        )
    person, _ = await person_at(people, user)
    change = await ask(people, person, new_address())
    await confirm(people, person, change)
    async with people.services.database.unit() as session:
        assert await recovery.pending(session, begun.recovery_id, people.clock()) is None
        assert await recovery.complete(people.services, session, begun, known) is None
    assert isinstance(await people.sign_in(change.email), SignedIn), "the password is the same"
    heir = await people.add(email=user.email, email_canonical=user.email_canonical)
    assert isinstance(await recovery.check(people.services, begun, code, NEW, people.network), CodeRefusal)
    assert isinstance(await people.sign_in(heir.email), SignedIn)
    async with people.services.database.unit() as session:
        left = (
            await session.exec(
                select(VerificationCode).where(
                    VerificationCode.subject == begun.recovery_id, col(VerificationCode.used_at).is_(None)
                )
            )
        ).all()
    assert left == []


async def test_what_is_no_address_or_the_own_one_asks_for_nothing(people: People) -> None:
    user = await people.add()
    person, _ = await person_at(people, user)
    for typed in (
        "",
        "no address",
        "a@b@c",
        "person@localhost",
        "Kelvin\u212a@example.org",
        "x" * 250 + "@example.org",
    ):
        assert await email_change.begin(people.services, person, typed, people.network) is NotAnAddress.EMAIL
    assert await email_change.begin(people.services, person, user.email.upper(), people.network) is OwnAddress.EMAIL
    assert await waiting(people, user) == []
    assert await people.mails(user.email) == []


async def test_an_account_writes_to_few_strangers_a_day(people: People) -> None:
    user = await people.add()
    person, _ = await person_at(people, user)
    for _ in range(10):
        await ask(people, person, new_address())
    refused = await email_change.begin(people.services, person, new_address(), people.network)
    assert isinstance(refused, Wait)
    assert refused.seconds > 3600


async def test_asking_and_confirming_beside_a_linking_that_ends_locks_nobody_out(people: People) -> None:
    """The account's unique name changes while codes that refer to it are exchanged."""
    user = await people.add()
    alexa = await people.server.add_client("alexa")
    person, _ = await person_at(people, user)
    change = await ask(people, person, new_address())
    proven = await guess(people, change, await people.code(change.email))
    codes = [(await people.server.add_code(alexa, user))[0] for _ in range(8)]
    answers = await asyncio.gather(
        *(alexa.exchange(code) for code in codes[:4]),
        complete(people, person, change, proven),
        *(alexa.exchange(code) for code in codes[4:]),
    )
    assert [getattr(one, "status_code", 200) for one in answers] == [200] * 9
    assert (await stored(people, user)).email == change.email
