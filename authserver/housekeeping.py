"""Purging what has expired and rotating signing keys, in the running service, once across replicas."""

import asyncio
import logging
from typing import Any

from sqlalchemy import delete, insert, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity
from authserver.models import (
    Activity,
    Attempt,
    AuthorizationCode,
    Challenge,
    DeviceCode,
    EmailChange,
    Grant,
    InitialAccessToken,
    Interaction,
    KnownDevice,
    LogoutNotice,
    Mail,
    PushedRequest,
    Recovery,
    RevokedAccessToken,
    ServerState,
    Session,
    SigningKey,
    SignUp,
    SpentToken,
    VerificationCode,
)
from authserver.oauth import keys
from authserver.oauth.dynamic import registrations
from authserver.services import Services
from authserver.storage.database import StorageError

log = logging.getLogger(__name__)

BATCH = 500  # rows of one transaction: a purge never holds a lock for long
FEW = 50  # clients of one transaction, each with what belongs to it
HOUR, DAY = 3_600, 86_400
LEASE = "lease:housekeeping"


def expired(now: int) -> list[tuple[Any, Any]]:
    """Key column and condition of what may go. Codes stay a day, so that a second use is still recognised; ended grants
    stay a month for the person's account page."""
    return [
        (AuthorizationCode.digest, col(AuthorizationCode.expires_at) < now - DAY),
        (Interaction.interaction_id, col(Interaction.expires_at) < now),
        (Session.digest, col(Session.expires_at) < now),
        (SignUp.sign_up_id, col(SignUp.expires_at) < now),
        (Recovery.recovery_id, col(Recovery.expires_at) < now),
        (EmailChange.change_id, col(EmailChange.expires_at) < now),
        (KnownDevice.digest, col(KnownDevice.expires_at) < now),
        (Challenge.digest, col(Challenge.expires_at) < now),
        (Activity.activity_id, col(Activity.at) < now - activity.KEPT),
        (VerificationCode.code_id, col(VerificationCode.expires_at) < now - DAY),
        (DeviceCode.digest, col(DeviceCode.expires_at) < now - DAY),
        (PushedRequest.digest, col(PushedRequest.kept_until) < now),
        (SpentToken.digest, col(SpentToken.expires_at) < now),
        (RevokedAccessToken.jti, col(RevokedAccessToken.expires_at) < now),
        (LogoutNotice.notice_id, col(LogoutNotice.created_at) < now - 7 * DAY),
        (Attempt.name, col(Attempt.expires_at) < now),
        (Mail.mail_id, col(Mail.kept_until) < now),
        (Grant.grant_id, col(Grant.expires_at) < now - 30 * DAY),
        (Grant.grant_id, col(Grant.revoked_at) < now - 30 * DAY),
        (InitialAccessToken.token_id, col(InitialAccessToken.expires_at) < now - 30 * DAY),
        (InitialAccessToken.token_id, col(InitialAccessToken.revoked_at) < now - 30 * DAY),
        (SigningKey.kid, col(SigningKey.expires_at) < now - 30 * DAY),
    ]


async def hold_lease(session: AsyncSession, now: int, until: int) -> bool:
    """Whether this replica does the job now: the database decides, by one conditional UPDATE."""
    taken = await session.exec(
        update(ServerState)
        .where(
            col(ServerState.name) == LEASE,
            # one far ahead was taken by a clock that was wrong
            or_(col(ServerState.number) <= now, col(ServerState.number) > until + HOUR),
        )
        .values(number=until)
        .returning(col(ServerState.name))
    )
    if taken.first() is not None:
        return True
    if await session.get(ServerState, LEASE) is not None:
        return False
    try:
        async with session.begin_nested():
            await session.exec(insert(ServerState).values(name=LEASE, value="", number=until))
    except IntegrityError:
        return False
    return True


async def purge(services: Services, now: int) -> int:
    """Deletes in small batches, each its own transaction; returns how many rows went."""
    gone = 0
    for key, condition in expired(now):
        table = key.class_
        while True:
            async with services.database.unit() as session:
                ids = select(key).where(condition).limit(BATCH).scalar_subquery()
                done = await session.exec(delete(table).where(col(key).in_(ids)))
                count = done.rowcount
            gone += count
            if count < BATCH:
                break
            await asyncio.sleep(0.05)
    return gone


async def remove_unused_registrations(services: Services, now: int) -> int:
    """Clients that registered themselves and never got a token; returns how many went."""
    gone = 0
    while True:
        async with services.database.unit() as session:
            before = now - services.settings.unused_registration_lifetime
            count = await registrations.remove_unused(session, before, FEW)
        gone += count
        if count < FEW:
            return gone
        await asyncio.sleep(0.05)


async def round_once(services: Services) -> None:
    """One round, if this replica holds the lease. Raises `StorageError`."""
    now = services.clock()
    async with services.database.unit() as session:
        if not await hold_lease(session, now, now + services.settings.housekeeping_interval):
            return
    async with services.database.unit() as session:
        made = await keys.rotate_when_due(session, services.settings, services.secret_keys.current, now)
    for kid in made:
        log.info("signing key %s is published; it signs after %d s", kid, services.settings.signing_key_lead)
    gone = await purge(services, now)
    gone += await remove_unused_registrations(services, now)
    if gone:
        log.info("purged %d expired rows", gone)


async def run_housekeeping(services: Services) -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(services.settings.housekeeping_interval)
        try:
            await round_once(services)
        except StorageError as error:
            log.warning("housekeeping waits: %s", error)
        except Exception:
            log.exception("housekeeping")
