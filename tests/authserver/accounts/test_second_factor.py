"""Factors by themselves: what is stored of them, what they take once, and how they end."""

import asyncio
import re
import secrets

import pytest
from sqlmodel import col, select

from authserver.accounts import activity, administration, second_factor
from authserver.accounts.second_factor import asking, changes, recovery_codes, totp
from authserver.accounts.second_factor.asking import Reason, Refusal
from authserver.accounts.second_factor.changes import NeededError
from authserver.accounts.second_factor.factor import Right
from authserver.accounts.verification import CodeRefusal
from authserver.app import secret_keys_of
from authserver.models import Activity, RecoveryCode, Totp, User
from authserver.settings import Settings
from authserver.storage.database import StorageError
from tests.authserver.accounts.factors import (
    HERE,
    account_of,
    codes_left,
    totp_of,
    with_app,
    with_mail_code,
)
from tests.authserver.accounts.people import People


async def kinds_of(people: People, user: User) -> list[str]:
    async with people.services.database.unit() as session:
        found = await session.exec(select(Activity).where(Activity.sub == user.sub).order_by(col(Activity.at)))
        return [one.kind for one in found.all()]


def with_settings(people: People, **changed: object) -> Settings:
    return people.server.settings.model_copy(update=changed)


@pytest.mark.spec("RFC 6238 §5.2", "security 6.59")
@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_clock_may_be_off_by_one_step_each_way(people: People, steps: int, right: bool) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    people.clock.advance(120)
    found = await totp.check(people.services, user, app.code(steps))
    assert isinstance(found, totp.RightCode) is right
    if not right:
        assert found == CodeRefusal.WRONG


@pytest.mark.spec("RFC 6238 §5.2", "security 6.59")
async def test_no_code_of_an_app_is_taken_twice_nor_one_before_it(people: People) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    people.clock.advance(120)
    older, present = app.code(-1), app.code()
    before = await totp.check(people.services, user, older)
    right = await totp.check(people.services, user, present)
    assert isinstance(right, totp.RightCode)
    assert isinstance(before, totp.RightCode)
    async with people.services.database.unit() as session:
        assert await right.consume(session, people.clock())
        assert not await right.consume(session, people.clock())
        assert not await before.consume(session, people.clock())
    for code in (older, present):
        assert await totp.check(people.services, user, code) == CodeRefusal.SPENT


@pytest.mark.spec("security 6.59")
async def test_a_code_used_by_twenty_at_once_is_used_once(people: People) -> None:
    user = await people.add()
    app, codes = await with_app(people, user)
    of_app = await totp.check(people.services, user, app.code())
    assert isinstance(of_app, totp.RightCode)
    async with people.services.database.unit() as session:
        of_paper = await recovery_codes.find(session, user, str(recovery_codes.read(codes[0])))
    assert of_paper is not None

    async def use(right: totp.RightCode | recovery_codes.RightRecoveryCode) -> bool:
        async with people.services.database.unit() as session:
            return await right.consume(session, people.clock())

    for right in (of_app, of_paper):
        assert (await asyncio.gather(*(use(right) for _ in range(20)))).count(True) == 1


@pytest.mark.spec("decision 5")
async def test_a_secret_is_sealed_for_its_owner_and_counts_for_nothing_before_its_first_code(people: People) -> None:
    user, other = await people.add(), await people.add()
    services = people.services
    async with services.database.unit() as session:
        first = await totp.begin(services, session, user, "there")
        second = await totp.begin(services, session, user, "here")
        assert await totp.begin(services, session, user, "here") == second
        assert (await second_factor.held(services.settings, session, user)).set_up == ()
    assert first is not None
    assert second is not None
    assert first != second
    assert len(second) == 20
    row = await totp_of(people, user)
    assert row is not None
    assert second not in row.secret_sealed
    async with services.database.unit() as session:
        session.add(Totp(sub=other.sub, secret_sealed=row.secret_sealed, created_at=1, confirmed_at=1))
    with pytest.raises(StorageError):
        await totp.check(services, other, "123456")
    async with services.database.unit() as session:
        await session.delete(await session.get_one(Totp, other.sub))


async def test_a_second_set_up_leaves_the_app_that_is_used_alone(people: People) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    async with people.services.database.unit() as session:
        assert await totp.begin(people.services, session, user, "here") is None
    assert isinstance(await totp.check(people.services, user, app.code()), totp.RightCode)
    assert await totp.check_begun(people.services, user, app.code(), "here") == CodeRefusal.WRONG


async def test_nothing_is_set_up_for_an_account_that_is_gone(people: People) -> None:
    user = await people.add()
    async with people.services.database.unit() as session:
        await administration.remove(session, await session.get_one(User, user.sub), people.clock())
    async with people.services.database.unit() as session:
        assert await totp.begin(people.services, session, user, "here") is None


@pytest.mark.spec("security 6.59", "security 6.63")
async def test_who_waits_out_a_rest_that_somebody_else_has_caused_is_not_counted_for_it(people: People) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)

    async def answer(step: str, code: str) -> Right | Refusal:
        return await asking.check(people.services, user, f"{user.sub[:8]} {step}", totp.NAME, code, people.network)

    longest = people.services.settings.sign_in_lock_maximum
    while not isinstance(refused := await answer("theirs", app.wrong()), Refusal) or refused.wait < longest:
        people.clock.advance(refused.wait if isinstance(refused, Refusal) else 0)
    for _ in range(longest // 60):
        refused = await answer("own", app.code())
        assert isinstance(refused, Refusal)
        people.clock.advance(min(60, refused.wait))
    assert isinstance(await answer("own", app.code()), totp.RightCode)


@pytest.mark.spec("decision 9", "security 6.75")
async def test_an_app_outlives_a_change_of_the_secret_key(people: People) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    former = people.server.settings.secret_key
    changed = with_settings(people, secret_key=type(former)(secrets.token_urlsafe(48)), secret_key_previous=former)
    present, usual = secret_keys_of(changed), people.services.secret_keys
    try:
        people.services.secret_keys = present
        assert isinstance(await totp.check(people.services, user, app.code()), totp.RightCode)
        async with people.services.database.unit() as session:
            assert await totp.rewrap(session, present) >= 1
        people.services.secret_keys = type(present)(present.current)
        assert isinstance(await totp.check(people.services, user, app.code()), totp.RightCode)
    finally:
        both = type(present)(usual.current, present.current)
        async with people.services.database.unit() as session:
            await totp.rewrap(session, both)
        people.services.secret_keys = usual
    assert isinstance(await totp.check(people.services, user, app.code()), totp.RightCode)


@pytest.mark.spec("decision 5")
async def test_recovery_codes_are_long_and_nowhere_stored(people: People) -> None:
    user = await people.add()
    _, codes = await with_app(people, user)
    assert len(set(codes)) == recovery_codes.COUNT == 10
    for code in codes:
        assert re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code)  # 80 bits
    async with people.services.database.unit() as session:
        stored = str([row.model_dump() for row in (await session.exec(select(RecoveryCode))).all()])
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("0123-4567-89ab-cdef", "0123456789ABCDEF"),
        (" o1i2 l345 6789 abcd ", "0112134567 89ABCD".replace(" ", "")),
        ("０１２３４５６７８９ＡＢＣＤＥＦ", "0123456789ABCDEF"),
        ("0123-4567-89ab-cde", None),
        ("0123-4567-89ab-cdeu", None),
        ("", None),
        ("123456", None),
        ("\x00" * 16, None),
    ],
)
def test_recovery_codes_are_read_as_people_type_them(typed: str, read: str | None) -> None:
    assert recovery_codes.read(typed) == read


async def test_another_persons_recovery_code_is_none(people: People) -> None:
    user, other = await people.add(), await people.add()
    await with_app(people, user)
    _, theirs = await with_app(people, other)
    async with people.services.database.unit() as session:
        assert await recovery_codes.find(session, user, str(recovery_codes.read(theirs[0]))) is None


async def test_with_the_first_factor_come_codes_and_each_change_is_noted_and_mailed(people: People) -> None:
    user = await people.add()
    app_codes = (await with_app(people, user))[1]
    assert len(app_codes) == 10
    assert await with_mail_code(people, user) == []
    async with people.services.database.unit() as session:
        user = await session.get_one(User, user.sub)
        assert await changes.remove(people.services, session, user, "totp", HERE)
        assert not await changes.remove(people.services, session, user, "totp", HERE)
        assert not await changes.remove(people.services, session, user, "passkeys", HERE)
    assert await codes_left(people, user) == 10
    async with people.services.database.unit() as session:
        user = await session.get_one(User, user.sub)
        assert await changes.remove(people.services, session, user, "email", HERE)
    assert await codes_left(people, user) == 0
    kinds = await kinds_of(people, user)
    assert kinds.count("second_factor_added") == kinds.count("second_factor_removed") == 2
    assert kinds.count("recovery_codes_made") == 1
    texts = [mail.text for mail in await people.mails(user.email)]
    for words in ("app was added", "mail were added", "app was removed", "mail were removed"):
        assert [words in text for text in texts].count(True) == 1, words


async def test_new_codes_end_the_old_ones(people: People) -> None:
    user = await people.add()
    _, old = await with_app(people, user)
    async with people.services.database.unit() as session:
        new = await changes.new_recovery_codes(people.services, session, user, HERE)
    assert len(new) == 10
    async with people.services.database.unit() as session:
        assert await recovery_codes.find(session, user, str(recovery_codes.read(old[0]))) is None
        assert await recovery_codes.find(session, user, str(recovery_codes.read(new[0]))) is not None
    assert any("New recovery codes" in mail.text for mail in await people.mails(user.email))


async def test_who_has_no_factor_has_no_codes_for_its_loss(people: People) -> None:
    user = await people.add()
    async with people.services.database.unit() as session:
        assert await changes.new_recovery_codes(people.services, session, user, HERE) == []
    assert await codes_left(people, user) == 0


async def test_the_last_factor_stays_where_one_is_required(people: People) -> None:
    user = await people.add()
    await with_app(people, user)
    services, usual = people.services, people.services.settings
    services.settings = with_settings(people, second_factor="required")
    try:
        with pytest.raises(NeededError):
            async with services.database.unit() as session:
                await changes.remove(services, session, user, "totp", HERE)
    finally:
        services.settings = usual
    assert await totp_of(people, user) is not None


@pytest.mark.parametrize("policy", ["off", "optional", "required"])
@pytest.mark.parametrize("set_up", [False, True], ids=["nothing set up", "an app"])
@pytest.mark.parametrize("allowed", ["totp,email", "email"])
async def test_the_policy_says_who_is_asked(people: People, policy: str, set_up: bool, allowed: str) -> None:
    user = await people.add()
    if set_up:
        await with_app(people, user)
    settings = with_settings(people, second_factor=policy, second_factors=allowed)
    async with people.services.database.unit() as session:
        held = await second_factor.held(settings, session, user)
    counts = set_up and policy != "off" and "totp" in allowed
    assert held.set_up == (("totp",) if counts else ())
    asked = second_factor.demanded(settings, held, ["pwd"], "", remembered=False)
    assert asked is (counts or policy == "required")
    assert second_factor.demanded(settings, held, ["pwd"], "", remembered=True) is (policy == "required" and not counts)
    assert not second_factor.demanded(settings, held, ["pwd", "otp", "mfa"], "", remembered=False)
    assert not second_factor.demanded(settings, held, ["swk"], "", remembered=False)
    assert second_factor.demanded(settings, held, ["pwd"], "loa:4", remembered=True) is (counts or policy == "required")


@pytest.mark.spec("security 6.59", "cognito 3.3")
async def test_guesses_are_counted_for_the_account_over_all_its_sign_ins_and_for_each_sign_in(people: People) -> None:
    """Five, then a rest that doubles and that nobody can lengthen."""
    user, other = await people.add(), await people.add()
    app, codes = await with_app(people, user)
    other_app, _ = await with_app(people, other)
    mine = secrets.token_hex(8)

    async def guess(interaction: str, code: str, whose: User = user, method: str = "totp") -> object:
        return await asking.check(people.services, whose, interaction, method, code, people.network)

    for number in range(5):
        method, typed = ("recovery", "0" * 16) if number == 2 else ("totp", app.wrong())
        assert await guess(secrets.token_hex(8) if number else mine, typed, method=method) == Refusal(Reason.WRONG)
    for interaction, method, code in ((mine, "totp", app.code()), ("another", "recovery", codes[0])):
        refused = await guess(interaction, code, method=method)
        assert refused == Refusal(Reason.LOCKED, 1)
    people.clock.advance(1)
    assert await guess("and another", app.wrong()) == Refusal(Reason.WRONG)
    assert await guess("and another", app.code()) == Refusal(Reason.LOCKED, 2)
    assert isinstance(await guess("somebody else's", other_app.code(), whose=other), totp.RightCode)


@pytest.mark.spec("security 6.59", "decision 4")
async def test_guesses_at_once_are_no_more_than_five(people: People) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    guesses = [f"{number:06d}" for number in range(20)]
    answers = await asyncio.gather(
        *(
            asking.check(people.services, user, secrets.token_hex(8), "totp", guess, people.network)
            for guess in guesses
            if guess not in {app.code(steps) for steps in range(-1, 2)}
        )
    )
    reasons = [answer.reason for answer in answers if isinstance(answer, Refusal)]
    assert reasons.count(Reason.WRONG) == 5
    assert set(reasons) == {Reason.WRONG, Reason.LOCKED}


@pytest.mark.spec("security 6.59")
@pytest.mark.parametrize("at_once", [True, False])
async def test_guesses_that_make_it_rest_are_told_to_the_owner_once(people: People, at_once: bool) -> None:
    """By a mail and among what happened, however long they go on: somebody knows the password."""
    user = await people.add()
    app, _ = await with_app(people, user)
    before = len(await people.mails(user.email))

    async def guess(code: str) -> object:
        return await asking.check(people.services, user, secrets.token_hex(8), "totp", code, people.network)

    async def told() -> tuple[int, list[str]]:
        async with people.services.database.unit() as session:
            seen = await activity.recent(session, user.sub, 50)
        noted = [one.address for one in seen if one.kind == activity.Kind.SECOND_FACTOR_LOCKED]
        return len(await people.mails(user.email)) - before, noted

    if at_once:
        await asyncio.gather(*(guess(app.wrong()) for _ in range(12)))
    else:
        for _ in range(4):
            await guess(app.wrong())
        assert await told() == (0, []), "four are mistyped now and then"
        await guess(app.wrong())
    assert await told() == (1, [people.network])
    for wait in (1, 2, 4):
        people.clock.advance(wait)
        assert await guess(app.wrong()) == Refusal(Reason.WRONG)
    assert await told() == (1, [people.network])
    assert any("Wrong codes were typed" in mail.subject for mail in await people.mails(user.email))


async def test_a_right_answer_after_four_wrong_ones_is_told_to_nobody(people: People) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    before = await people.mails(user.email)
    here = secrets.token_hex(8)
    for code in (*[app.wrong()] * 4, app.code()):
        answer = await asking.check(people.services, user, here, "totp", code, people.network)
    assert isinstance(answer, totp.RightCode)
    assert await people.mails(user.email) == before


async def test_what_is_no_code_costs_no_try(people: People) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    for typed in ("", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666\u0667", "\x00", "x" * 5000):
        for method in ("totp", "email", "recovery"):
            refused = await asking.check(people.services, user, "one", method, typed, people.network)
            assert refused == Refusal(Reason.MALFORMED)
    assert isinstance(await asking.check(people.services, user, "one", "totp", app.code(), people.network), object)
    for method in ("passkey", "", "pwd"):
        refused = await asking.check(people.services, user, "one", method, app.code(), people.network)
        assert refused == Refusal(Reason.WRONG)


@pytest.mark.spec("security 6.67")
async def test_the_operator_resets_what_was_lost(people: People) -> None:
    user = await people.add()
    await with_app(people, user)
    await with_mail_code(people, user)
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        assert await changes.reset(people.services.settings, session, stored, people.clock()) == ["totp", "email"]
    assert await totp_of(people, user) is None
    assert (await account_of(people, user)).email_code_factor_since is None
    assert await codes_left(people, user) == 0
    assert any("The operator of" in mail.text for mail in await people.mails(user.email))
