"""All that is stored about a person, in plain words, for them to take away. No secret is in it, nor what a secret could
be guessed from: hashes, seeds, digests and public keys stay out.

`SECTIONS` and `LEFT_OUT` name every table that refers to an account: a test finds those that neither does.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.user_agents import device_of
from authserver.models import (
    Activity,
    Client,
    Consent,
    EmailChange,
    Grant,
    GroupMember,
    KnownDevice,
    Mail,
    Passkey,
    Recovery,
    RecoveryCode,
    Session,
    SignUp,
    Totp,
    User,
)
from authserver.oauth import consents


@dataclass(frozen=True)
class Asked:
    """Whose data, and when (Unix seconds)."""

    user: User
    now: int


Section = Callable[[AsyncSession, Asked], Awaitable[Any]]


def _moment(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _account(_session: AsyncSession, asked: Asked) -> dict[str, Any]:
    user = asked.user
    return {
        "id": user.sub,
        "user_name": user.username,
        "email": user.email,
        "email_confirmed": user.email_verified,
        "password": "set" if user.password_hash else "none",
        "codes_by_mail_as_second_step_since": _moment(user.email_code_factor_since),
        "profile": user.attributes,
        "created": _moment(user.created_at),
        "changed": _moment(user.updated_at),
    }


async def _devices(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    return [
        {
            "browser": device_of(one.user_agent).browser,
            "system": device_of(one.user_agent).system,
            "user_agent": one.user_agent,
            "network_address": one.address,
            "signed_in": _moment(one.auth_time),
            "signed_in_with": one.amr,
            "last_used": _moment(one.last_seen_at),
            "ends": _moment(one.expires_at),
        }
        for one in (await session.exec(select(Session).where(Session.sub == asked.user.sub))).all()
    ]


async def _known_devices(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    return [
        {
            "first_used": _moment(one.created_at),
            "last_used": _moment(one.last_used_at),
            "remembered_until": _moment(one.expires_at),
            "no_second_step_until": _moment(one.skips_second_factor_until),
        }
        for one in (await session.exec(select(KnownDevice).where(KnownDevice.sub == asked.user.sub))).all()
    ]


async def _applications(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    found = await session.exec(
        select(Grant, Client)
        .join(Client, col(Client.client_id) == col(Grant.client_id))
        .where(Grant.sub == asked.user.sub)
        .order_by(col(Grant.created_at))
    )
    return [
        {
            "application": client.client_name,
            "permissions": consents.with_claims(grant.scope, grant.claims).split(),
            "linked": _moment(grant.created_at),
            "last_used": _moment(grant.last_used_at),
            "ends": _moment(grant.expires_at),
            "unlinked": _moment(grant.revoked_at),
        }
        for grant, client in found.all()
    ]


async def _consents(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    found = await session.exec(
        select(Consent, Client)
        .join(Client, col(Client.client_id) == col(Consent.client_id))
        .where(Consent.sub == asked.user.sub)
        .order_by(col(Consent.at))
    )
    return [
        {"application": client.client_name, "permissions": one.scope.split(), "agreed": _moment(one.at)}
        for one, client in found.all()
    ]


async def _groups(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    found = await session.exec(
        select(GroupMember).where(GroupMember.sub == asked.user.sub).order_by(col(GroupMember.group_name))
    )
    return [{"group": one.group_name, "since": _moment(one.created_at)} for one in found.all()]


async def _email_changes(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    return [
        {"new_address": one.email, "asked": _moment(one.created_at), "confirmed": _moment(one.completed_at)}
        for one in (await session.exec(select(EmailChange).where(EmailChange.sub == asked.user.sub))).all()
    ]


async def _passkeys(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "added": _moment(one.created_at), "last_used": _moment(one.last_used_at)}
        for one in (await session.exec(select(Passkey).where(Passkey.sub == asked.user.sub))).all()
    ]


async def _authenticator_app(session: AsyncSession, asked: Asked) -> dict[str, Any] | None:
    found = (await session.exec(select(Totp).where(Totp.sub == asked.user.sub))).first()
    return {"added": _moment(found.created_at), "confirmed": _moment(found.confirmed_at)} if found else None


async def _recovery_codes(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    return [
        {"made": _moment(one.created_at), "used": _moment(one.used_at)}
        for one in (await session.exec(select(RecoveryCode).where(RecoveryCode.sub == asked.user.sub))).all()
    ]


async def _activity(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    found = await session.exec(
        select(Activity)
        .where(Activity.sub == asked.user.sub)
        .order_by(col(Activity.at).desc(), col(Activity.activity_id))
    )
    return [
        {
            "what": one.kind,
            "details": one.details,
            "when": _moment(one.at),
            "user_agent": one.user_agent,
            "network_address": one.address,
        }
        for one in found.all()
    ]


async def _mails(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    """What was sent to the address of now, not what it said: a code is in some of them."""
    found = await session.exec(
        select(Mail)
        .where(func.lower(col(Mail.recipient)) == asked.user.email.lower())
        .order_by(col(Mail.created_at), col(Mail.mail_id))
    )
    return [
        {"to": one.recipient, "kind": one.kind, "written": _moment(one.created_at), "sent": _moment(one.sent_at)}
        for one in found.all()
    ]


async def _unfinished(session: AsyncSession, asked: Asked) -> list[dict[str, Any]]:
    """Begun for this address, by whomever."""
    found: list[dict[str, Any]] = []
    kinds: tuple[tuple[str, type[SignUp] | type[Recovery]], ...] = (
        ("new account", SignUp),
        ("forgotten password", Recovery),
    )
    for what, table in kinds:
        rows = await session.exec(
            select(table.created_at, table.completed_at).where(
                col(table.email_canonical) == asked.user.email_canonical,
                or_(col(table.expires_at) > asked.now, col(table.completed_at).is_not(None)),
            )
        )
        found += [{"what": what, "begun": _moment(begun), "completed": _moment(done)} for begun, done in rows.all()]
    return found


#: what the file says, and the tables that it comes from
SECTIONS: dict[str, tuple[Section, tuple[str, ...]]] = {
    "account": (_account, ("users",)),
    "signed_in_devices": (_devices, ("sessions",)),
    "remembered_devices": (_known_devices, ("known_devices",)),
    "linked_applications": (_applications, ("grants",)),
    "remembered_consents": (_consents, ("consents",)),
    "groups": (_groups, ("group_members",)),
    "new_addresses_that_wait": (_email_changes, ("email_changes",)),
    "passkeys": (_passkeys, ("passkeys",)),
    "authenticator_app": (_authenticator_app, ("totps",)),
    "recovery_codes": (_recovery_codes, ("recovery_codes",)),
    "activity": (_activity, ("activities",)),
    "mails": (_mails, ("mails",)),
    "begun_for_this_address": (_unfinished, ("sign_ups", "recoveries")),
}

#: tables that refer to an account and are not in the file
LEFT_OUT: dict[str, str] = {
    "authorization_codes": "secrets of some minutes; what came of them is among the linked applications",
    "device_codes": "secrets of some minutes; what came of them is among the linked applications",
    "interactions": "pages that are open in a browser for half an hour; what came of them is in the activity",
    "logout_notices": "messages of some hours to an application that somebody signed out; they say nothing else",
    "verification_codes": "secrets of some hours; the mails that they went out with are named",
}


async def export(session: AsyncSession, user: User, now: int) -> dict[str, Any]:
    """The whole file, as JSON can write it. Times are UTC."""
    asked = Asked(user, now)
    return {"written": _moment(now)} | {name: await section(session, asked) for name, (section, _) in SECTIONS.items()}
