"""What is stored about a person: taken away without a secret, and gone with the account."""

import json
from typing import Any

import pytest
from sqlmodel import SQLModel, col, func, select

from authserver.accounts import activity, administration, recovery
from authserver.accounts.activity import Kind
from authserver.accounts.browser import Browser
from authserver.accounts.export import LEFT_OUT, SECTIONS, export
from authserver.models import (
    Activity,
    AuthorizationCode,
    Consent,
    DeviceCode,
    EmailChange,
    Grant,
    Group,
    GroupMember,
    Interaction,
    KnownDevice,
    Mail,
    Passkey,
    Recovery,
    RecoveryCode,
    Session,
    Totp,
    User,
    VerificationCode,
    metadata,
)
from authserver.oauth import interactions
from tests.authserver.accounts.people import People, new_address
from tests.authserver.accounts.test_email_change import ask, person_at
from tests.authserver.protocol.harness import Asker

SECRET = b"\xfe\xedsecret bytes of thirty-two.....!"[:32]
TABLES: dict[str, type[SQLModel]] = {
    "activities": Activity,
    "authorization_codes": AuthorizationCode,
    "consents": Consent,
    "device_codes": DeviceCode,
    "email_changes": EmailChange,
    "grants": Grant,
    "group_members": GroupMember,
    "interactions": Interaction,
    "known_devices": KnownDevice,
    "passkeys": Passkey,
    "recoveries": Recovery,
    "recovery_codes": RecoveryCode,
    "sessions": Session,
    "totps": Totp,
    "users": User,
}


async def full(people: People) -> tuple[User, Asker, dict[str, str]]:
    """An account with something in every table, its client, and the cookies of its browser."""
    user = await people.add(attributes={"name": "Ada", "locale": "en"})
    alexa = await people.server.add_client("alexa")
    await alexa.linked(user)
    await people.server.add_code(alexa, user)
    person, cookies = await person_at(people, user)
    await ask(people, person, new_address())
    await recovery.begin(people.services, user.email, people.network)
    now = people.clock()
    async with people.services.database.unit() as session:
        interaction, _ = await interactions.create(
            people.services.settings, session, now, client_id=alexa.client_id, request={}
        )
        interactions.bind(session, interaction, person.session)
        group = f"group-{user.sub}"
        session.add(Group(name=group, created_at=now, updated_at=now))
        await session.flush()
        session.add(GroupMember(group_name=group, sub=user.sub, created_at=now))
        rows: list[Any] = [
            Consent(sub=user.sub, client_id=alexa.client_id, scope="openid profile", at=now),
            DeviceCode(
                digest=user.sub.encode()[:32],
                user_code_digest=user.sub.encode()[:32],
                client_id=alexa.client_id,
                scope="openid",
                decision="approved",
                sub=user.sub,
                created_at=now,
                expires_at=now + 9,
            ),
            KnownDevice(
                digest=user.sub.encode()[:32], sub=user.sub, created_at=now, last_used_at=now, expires_at=now + 9
            ),
            Passkey(
                credential_id=SECRET + user.sub.encode(), sub=user.sub, public_key=SECRET, name="Phone", created_at=now
            ),
            RecoveryCode(digest=user.sub.encode()[4:36], sub=user.sub, created_at=now),
            Totp(sub=user.sub, secret_sealed=SECRET, created_at=now, confirmed_at=now),
        ]
        session.add_all(rows)
        there = Browser({}, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "203.0.113.9")
        await activity.note(session, user.sub, Kind.LINKED, now, there, application="Lamps")
    return user, alexa, cookies


async def counts(people: People, user: User) -> dict[str, int]:
    async with people.services.database.unit() as session:
        return {
            name: int((await session.exec(select(func.count()).where(col(table.sub) == user.sub))).one())  # type: ignore[attr-defined]
            for name, table in TABLES.items()
        }


async def test_everything_is_in_the_download_and_no_secret(people: People) -> None:
    user, _, cookies = await full(people)
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        everything = await export(session, stored, people.clock())
        text = json.dumps(everything)
        digests = [one.digest for one in (await session.exec(select(Session))).all()]
        digests += [one.digest for one in (await session.exec(select(VerificationCode))).all()]
        seeds = [one.seed for one in (await session.exec(select(Grant))).all()]
        mails = (await session.exec(select(Mail).where(Mail.recipient == user.email))).all()
        bodies = [one.details["code"] for one in mails if "code" in one.details]
    empty = [name for name in SECTIONS if not everything[name]]
    assert empty == [], "each section has something to show"
    assert everything["account"]["email"] == user.email
    assert everything["account"]["profile"] == {"name": "Ada", "locale": "en"}
    assert everything["passkeys"][0]["name"] == "Phone"
    assert everything["linked_applications"][0]["permissions"]
    assert everything["activity"][0]["details"] == {"application": "Lamps"}
    assert bodies
    secrets = [str(user.password_hash), *cookies.values(), *bodies]
    for value in (SECRET, *digests, *seeds):
        secrets += [value.hex(), str(value)[2:-1]]
    for secret in secrets:
        assert secret not in text
    for word in ("argon2", "digest", "seed", "public_key", "credential", "sealed"):
        assert word not in text


async def test_nothing_of_somebody_else_is_in_the_download(people: People) -> None:
    user, _, _ = await full(people)
    somebody, _, _ = await full(people)
    async with people.services.database.unit() as session:
        everything = await export(session, user, people.clock())
    text = json.dumps(everything)
    assert somebody.sub not in text
    assert somebody.email not in text
    assert {len(everything[name]) for name in ("passkeys", "signed_in_devices", "remembered_consents")} == {1}


@pytest.mark.spec("security 6.74")
async def test_the_end_of_an_account_empties_every_table_and_nobody_elses(people: People) -> None:
    # applications are still told of the end, for some days
    assert set(TABLES) | {"logout_notices"} == {
        table.name for table in metadata.sorted_tables if "sub" in table.columns
    }
    user, _, _ = await full(people)
    somebody, _, _ = await full(people)
    before = await counts(people, user)
    assert all(before.values()), before
    assert set(before) == {one for _, names in SECTIONS.values() for one in names if one in TABLES} | (
        set(LEFT_OUT) & set(TABLES)
    )
    async with people.services.database.unit() as session:
        changes = [
            one.change_id for one in (await session.exec(select(EmailChange).where(EmailChange.sub == user.sub))).all()
        ]
        await administration.remove(session, await session.get_one(User, user.sub), people.clock())
    assert await counts(people, user) == dict.fromkeys(TABLES, 0)
    assert await counts(people, somebody) == before
    async with people.services.database.unit() as session:
        left = select(VerificationCode).where(col(VerificationCode.subject).in_([user.sub, *changes]))
        assert (await session.exec(left)).all() == []
    assert await people.mails(user.email) == []
