"""An account whose address was never confirmed: whoever made it has nothing of it once the owner proves the address."""

import pytest
from sqlmodel import SQLModel, col, func, select

from authserver.accounts import administration, first_confirmation, recovery, sessions, verification
from authserver.accounts.recovery import NewPassword
from authserver.accounts.sign_in import Reason, Refusal, SignedIn
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import (
    Consent,
    EmailChange,
    Grant,
    KnownDevice,
    Passkey,
    Recovery,
    RecoveryCode,
    Session,
    Totp,
    User,
    VerificationCode,
)
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address
from tests.authserver.protocol.harness import Asker

NEW = "a lantern nobody has lit before"
BROWSER = "an-interaction"
MADE: dict[str, type[SQLModel]] = {
    "session": Session,
    "passkey": Passkey,
    "authenticator app": Totp,
    "recovery code": RecoveryCode,
    "consent": Consent,
    "known device": KnownDevice,
    "pending change of the address": EmailChange,
}


async def prepared(people: People, user: User, client: Asker) -> None:
    """All that somebody may leave in an account that they made for another's address."""
    now, sub = people.clock(), user.sub
    await people.server.signed_in(user)
    change, later = f"c{sub[:20]}", now + 86_400
    async with people.services.database.unit() as session:
        session.add_all(
            [
                Passkey(credential_id=sub.encode(), sub=sub, public_key=b"theirs", created_at=now),
                Totp(sub=sub, secret_sealed=b"theirs", created_at=now, confirmed_at=now),
                RecoveryCode(digest=sub.encode()[:32], sub=sub, created_at=now),
                Consent(sub=sub, client_id=client.client_id, scope="openid", at=now),
                KnownDevice(digest=sub.encode()[:32], sub=sub, created_at=now, last_used_at=now, expires_at=later),
                EmailChange(
                    change_id=change,
                    sub=sub,
                    email="thief@example.org",
                    email_canonical="thief@example.org",
                    created_at=now,
                    expires_at=later,
                ),
            ]
        )
        await verification.issue(
            people.services, session, now, Purpose.VERIFY_EMAIL, change, "thief@example.org", real=True
        )


async def left(people: People, user: User) -> list[str]:
    async with people.services.database.unit() as session:
        return [
            what
            for what, table in MADE.items()
            if (await session.exec(select(func.count()).select_from(table).where(table.sub == user.sub))).one()  # type: ignore[attr-defined]
        ]


async def stored(people: People, user: User) -> User:
    async with people.services.database.unit() as session:
        return await session.get_one(User, user.sub)


async def asked(people: People, user: User) -> str:
    """The code that went to the stored address."""
    async with people.services.database.unit() as session:
        assert not await verification.send_to_user(
            people.services, session, user, people.clock(), hurry=True, interaction_id=BROWSER
        )
    return await people.code(user.email)


async def prove(people: People, user: User) -> Proven | CodeRefusal:
    return await verification.check(
        people.services,
        Purpose.VERIFY_EMAIL,
        user.sub,
        user.email_canonical,
        await asked(people, user),
        people.network,
    )


async def begin(people: People, user: User, proven: Proven | CodeRefusal) -> Recovery | None:
    assert isinstance(proven, Proven), proven
    async with people.services.database.unit() as session:
        found = await session.get_one(User, user.sub)
        return await first_confirmation.begin(people.services, session, found, proven, BROWSER, people.clock())


async def choose(people: People, waiting: Recovery, password: str = NEW) -> bool:
    """As the page does it in the browser that confirmed."""
    async with people.services.database.unit() as session:
        proven = await recovery.confirmed(session, waiting, BROWSER, people.clock())
    assert proven is not None
    new = await recovery.check_confirmed(people.services, waiting, proven, password)
    assert isinstance(new, NewPassword), new
    async with people.services.database.unit() as session:
        return await recovery.complete(people.services, session, waiting, new) is not None


@pytest.mark.spec("security 6.67")
@pytest.mark.parametrize("way", ["confirmation", "recovery"])
async def test_nothing_made_before_the_owner_proves_the_address_lives_on(people: People, way: str) -> None:
    user = await people.add(email_verified=False, password_expires_at=1, email_code_factor_since=1)
    alexa = await people.server.add_client("alexa")
    theirs = await alexa.linked(user)
    code, _ = await people.server.add_code(alexa, user)
    people.clock.advance(1)  # the mail about the linking is older
    await prepared(people, user, alexa)
    assert await left(people, user) == list(MADE)
    if way == "confirmation":
        waiting = await begin(people, user, await prove(people, user))
        assert waiting is not None
        assert await choose(people, waiting)
    else:
        begun = await recovery.begin(people.services, user.email, people.network)
        assert isinstance(begun, Recovery)
        new = await recovery.check(people.services, begun, await people.code(user.email), NEW, people.network)
        assert isinstance(new, NewPassword)
        async with people.services.database.unit() as session:
            assert await recovery.complete(people.services, session, begun, new) is not None
    assert await left(people, user) == []
    assert await people.sign_in(user.email, PASSWORD) == Refusal(Reason.WRONG)
    assert isinstance(await people.sign_in(user.email, NEW), SignedIn)
    assert (await alexa.refresh(theirs["refresh_token"])).status_code == 400
    assert (await alexa.exchange(code)).status_code == 400
    now = await stored(people, user)
    assert (now.email_verified, now.epoch) == (True, user.epoch + 1)
    assert (now.password_expires_at, now.email_code_factor_since) == (None, None)
    async with people.services.database.unit() as session:
        grants = select(Grant).where(Grant.sub == user.sub, col(Grant.revoked_at).is_(None))
        assert (await session.exec(grants)).first() is None
        codes = select(VerificationCode).where(
            VerificationCode.purpose == Purpose.VERIFY_EMAIL, VerificationCode.subject == f"c{user.sub[:20]}"
        )
        assert (await session.exec(codes)).first() is None, "the pending change has no code either"


@pytest.mark.spec("security 6.67")
def test_whatever_belongs_to_an_account_is_thought_of() -> None:
    """A table that comes later is wiped too, or stands here with a reason."""
    theirs = {
        table.name
        for table in SQLModel.metadata.tables.values()
        if any(key.target_fullname == "users.sub" for key in table.foreign_keys)
    }
    stays = {
        "grants", "authorization_codes",  # revoked with the epoch, and used: a second use is still recognised
        "device_codes",  # likewise
        "group_members",  # the operator's word, and nobody else's
        "interactions",  # of a session that is gone, or of a first factor of the epoch before
        "activities",  # what happened, for the owner to see
    }  # fmt: skip
    assert theirs == {str(table.__tablename__) for table in MADE.values()} | stays


@pytest.mark.spec("security 6.67")
async def test_a_confirmed_address_keeps_what_its_owner_has(people: People) -> None:
    """A forgotten password of an ordinary account takes away neither passkeys nor second factors nor Alexa's links."""
    user = await people.add()
    alexa = await people.server.add_client("alexa")
    await prepared(people, user, alexa)
    async with people.services.database.unit() as session:
        await administration.set_password(
            session, await session.get_one(User, user.sub), "argon2 is not asked", people.clock()
        )
    ended = ("session", "consent", "known device", "pending change of the address")
    assert await left(people, user) == [what for what in MADE if what not in ended]


@pytest.mark.spec("security 6.67")
async def test_until_another_password_is_chosen_nothing_is_confirmed(people: People) -> None:
    user = await people.add(email_verified=False)
    waiting = await begin(people, user, await prove(people, user))
    assert waiting is not None
    assert not (await stored(people, user)).email_verified
    async with people.services.database.unit() as session:
        assert await recovery.confirmed(session, waiting, "another-interaction", people.clock()) is None
    guessed = await recovery.check(people.services, waiting, "123456", NEW, people.network)
    assert guessed is CodeRefusal.WRONG, "nobody was told a code"
    people.clock.advance(people.services.settings.recovery_code_lifetime)
    async with people.services.database.unit() as session:
        assert await recovery.confirmed(session, waiting, BROWSER, people.clock()) is None
    assert isinstance(await people.sign_in(user.email, PASSWORD), SignedIn), "and the code can be asked for again"


@pytest.mark.spec("CVE-2026-115770")
async def test_a_code_for_an_old_address_confirms_no_new_one(people: People) -> None:
    user = await people.add(email_verified=False)
    code = await asked(people, user)
    check = (people.services, Purpose.VERIFY_EMAIL, user.sub)
    assert await verification.check(*check, new_address(), code, people.network) is CodeRefusal.WRONG
    proven = await verification.check(*check, user.email_canonical, code, people.network)
    changed = new_address()
    await people.server.change(user, email=changed, email_canonical=changed)
    assert await begin(people, user, proven) is None


async def test_a_code_confirms_once_and_its_own_account_only(people: People) -> None:
    user, somebody = await people.add(email_verified=False), await people.add(email_verified=False)
    proven = await prove(people, user)
    assert await begin(people, somebody, proven) is None
    waiting = await begin(people, user, proven)
    assert waiting is not None
    assert await begin(people, user, proven) is None
    assert await choose(people, waiting)
    async with people.services.database.unit() as session:
        assert await recovery.pending(session, waiting.recovery_id, people.clock()) is None
        assert await sessions.find(people.services.settings, session, people.clock(), {}) == (None, None)


async def test_a_disabled_account_is_not_opened_by_its_code(people: People) -> None:
    user = await people.add(email_verified=False)
    waiting = await begin(people, user, await prove(people, user))
    assert waiting is not None
    await people.server.change(user, active=False)
    assert not await choose(people, waiting, OTHER)
    assert not (await stored(people, user)).email_verified
