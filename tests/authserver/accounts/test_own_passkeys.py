"""Passkeys that are made, named and removed."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlmodel import col, select

from authserver.accounts import activity, administration, sessions
from authserver.accounts.activity import Kind
from authserver.accounts.entry import Proof
from authserver.accounts.passkeys import PasskeyRefusal, Reason, own, registrations
from authserver.accounts.passkeys.challenges import LIFETIME
from authserver.accounts.passkeys.registrations import MOST, NewPasskey
from authserver.models import Passkey, User
from tests.authserver.accounts.authenticator import (
    ES512,
    PRESENT,
    VERIFIED,
)
from tests.authserver.accounts.holder import Holder, holder_of
from tests.authserver.accounts.people import OTHER, People

WRONG, OUTDATED, NOTHING = (PasskeyRefusal(reason) for reason in (Reason.WRONG, Reason.OUTDATED, Reason.NOTHING))


@pytest_asyncio.fixture(loop_scope="session")
async def holder(people: People) -> Holder:
    return await holder_of(people)


@pytest.mark.spec("WebAuthn §7.1")
@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"type": "webauthn.get"},
        {"cross_origin": True},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"algorithm": ES512},
        {"credential_id": b""},
        {"credential_id": bytes(1024)},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
async def test_a_passkey_that_was_not_made_here_by_its_owner_is_not_kept(holder: Holder, wrong: dict[str, Any]) -> None:
    assert await holder.post_new(holder.authenticator.create(await holder.creation(), **wrong)) == WRONG
    async with holder.people.services.database.unit() as session:
        assert not await own.every(session, holder.user.sub)


async def test_a_registration_counts_once_and_for_the_session_that_asked(people: People, holder: Holder) -> None:
    posted = holder.authenticator.create(await holder.creation())
    assert await (await holder_of(people, holder.user)).post_new(posted) == OUTDATED
    assert await (await holder_of(people)).post_new(posted) == OUTDATED
    assert isinstance(await holder.post_new(posted), Passkey)
    assert await holder.post_new(posted) == OUTDATED
    asked = await holder.creation()
    people.clock.advance(LIFETIME)
    assert await holder.post_new(holder.authenticator.create(asked)) == OUTDATED


async def test_of_many_registrations_with_one_challenge_at_once_one_wins(holder: Holder) -> None:
    posted = holder.authenticator.create(await holder.creation())
    answers = await asyncio.gather(*(holder.post_new(posted) for _ in range(6)))
    assert sum(isinstance(answer, Passkey) for answer in answers) == 1


async def test_a_passkey_belongs_to_one_account(people: People, holder: Holder) -> None:
    passkey = await holder.register()
    thief = await holder_of(people)
    posted = thief.authenticator.create(await thief.creation(), credential_id=passkey.credential_id)
    assert await thief.post_new(posted) == PasskeyRefusal(Reason.KNOWN)
    proof = await holder.sign_in()
    assert isinstance(proof, Proof)
    assert proof.user.sub == holder.user.sub


async def test_a_session_that_ended_meanwhile_adds_nothing(people: People, holder: Holder) -> None:
    new = await registrations.check(
        people.services, holder.user, holder.signed_in, holder.authenticator.create(await holder.creation()), "thief's"
    )
    assert isinstance(new, NewPasskey)
    async with people.services.database.unit() as session:
        await administration.end_sessions(session, holder.user, holder.people.clock())
    assert await holder.add(new) == OUTDATED


async def test_nobody_has_more_than_twenty_not_even_at_once(people: People, holder: Holder) -> None:
    for _ in range(MOST - 1):
        await holder.register()
    elsewhere = await holder_of(people, holder.user)
    posted = [(one, one.authenticator.create(await one.creation())) for one in (holder, elsewhere)]
    answers = await asyncio.gather(*(one.post_new(text) for one, text in posted))
    assert sorted(isinstance(answer, Passkey) for answer in answers) == [False, True]
    assert PasskeyRefusal(Reason.FULL) in answers


async def test_its_owner_is_told_by_mail_and_in_the_activity_when_one_comes_or_goes(
    people: People, holder: Holder
) -> None:
    passkey = await holder.register()
    key = own.key_of(passkey)
    async with people.services.database.unit() as session:
        assert await own.remove(people.services, session, holder.user, key, holder.browser)
        assert not await own.remove(people.services, session, holder.user, key, holder.browser)
    added, removed = sorted(await people.mails(holder.user.email), key=lambda mail: "removed" in mail.subject)
    assert "was added" in added.subject
    assert "was removed" in removed.subject
    for mail in (added, removed):
        assert "My phone" in mail.text
        assert "My phone" in mail.html
        assert "/account/passkeys" in mail.html
    async with people.services.database.unit() as session:
        noted = await activity.recent(session, holder.user.sub, 5)
    assert {(one.kind, one.details["name"]) for one in noted if "name" in one.details} == {
        (Kind.PASSKEY_ADDED, "My phone"),
        (Kind.PASSKEY_REMOVED, "My phone"),
    }
    assert await holder.sign_in() == WRONG


async def test_of_two_who_remove_at_once_one_does_and_one_mail_is_sent(people: People, holder: Holder) -> None:
    key = own.key_of(await holder.register())

    async def remove() -> bool:
        async with people.services.database.unit() as session:
            return await own.remove(people.services, session, holder.user, key, holder.browser)

    assert sorted(await asyncio.gather(remove(), remove())) == [False, True]
    assert len([mail for mail in await people.mails(holder.user.email) if "removed" in mail.subject]) == 1


async def test_nobody_renames_or_removes_what_is_anothers(people: People, holder: Holder) -> None:
    key, somebody = own.key_of(await holder.register()), await people.add()
    async with people.services.database.unit() as session:
        assert not await own.rename(session, somebody.sub, key, "mine")
        assert not await own.remove(people.services, session, somebody, key, holder.browser)
        assert await own.rename(session, holder.user.sub, key, "Work key")
    async with people.services.database.unit() as session:
        (stored,) = await own.every(session, holder.user.sub)
    assert stored.name == "Work key"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  My \t phone\n", "My phone"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("a\u202eb\x00c", "a b c"),
        ("x" * 64, "x" * 64),
        ("x" * 65, None),
        ("", None),
        (" \u200b\x07 ", None),
    ],
)
def test_a_name_is_kept_as_it_can_be_read(typed: str, kept: str | None) -> None:
    assert own.read_name(typed) == kept


async def test_passkeys_end_with_the_account(people: People, holder: Holder) -> None:
    await holder.register()
    async with people.services.database.unit() as session:
        await administration.remove(session, await session.get_one(User, holder.user.sub), holder.people.clock())
    async with people.services.database.unit() as session:
        assert not (await session.exec(select(Passkey).where(col(Passkey.sub) == holder.user.sub))).all()
    assert await holder.sign_in() == WRONG


async def test_a_new_password_leaves_passkeys_as_they_are(people: People, holder: Holder) -> None:
    await holder.register()
    password_hash = await people.services.passwords.hash(OTHER)
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, holder.user.sub)
        await administration.set_password(session, stored, password_hash, people.clock())
    assert isinstance(await holder.sign_in(), Proof)


async def test_the_session_says_how_it_began(people: People, holder: Holder) -> None:
    await holder.register()
    proof = await holder.sign_in()
    assert isinstance(proof, Proof)
    opened = await people.enter(proof)
    assert opened is not None
    assert opened[0].amr == ["hwk", "mfa"]
    cookies = {sessions.cookie_name(people.server.settings): opened[1]}
    async with people.services.database.unit() as session:
        found, user = await sessions.find(people.server.settings, session, people.clock(), cookies)
    assert found is not None
    assert user is not None
    assert user.sub == holder.user.sub


def test_the_user_handle_tells_nobody_who_it_is() -> None:
    user = User(
        sub="0f8fad5b-d9cb-469f-a165-70867728950e",
        username="",
        email="",
        email_canonical="",
        created_at=0,
        updated_at=0,
    )
    assert own.user_handle(user) == UUID("0f8fad5b-d9cb-469f-a165-70867728950e").bytes
