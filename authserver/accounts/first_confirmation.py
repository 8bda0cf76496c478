"""An account whose address was never confirmed, and whose owner has just shown to read its mail.

Somebody else may have made it, and may know its password (contracts/security.md 6.67): a new one is chosen, as after a
forgotten one, and `recovery.complete` then ends all that was made before.
"""

from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import verification
from authserver.accounts.surroundings import Surroundings
from authserver.accounts.verification import Proven, Purpose
from authserver.models import Recovery, User
from authserver.secret_values import random_token


async def begin(
    around: Surroundings, session: AsyncSession, user: User, proven: Proven, interaction_id: str, now: int
) -> Recovery | None:
    """The owner of an address that was never confirmed reads its mail, and has signed in with a password that somebody
    else may have set, and may know: the browser of `interaction_id` chooses another one, as after a mailed link,
    and `complete` then confirms the address. None when the code was used, or is for another address."""
    if proven.subject != user.sub or proven.email != user.email_canonical:
        return None
    if not await verification.consume(session, proven, now):
        return None
    recovery = Recovery(
        recovery_id=random_token(16),
        email=user.email,
        email_canonical=user.email_canonical,
        sub=user.sub,
        created_at=now,
        expires_at=now + around.settings.recovery_code_lifetime,
    )
    session.add(recovery)
    # a code that nobody knows, and that counts as typed
    await verification.issue_with_link(
        around,
        session,
        now,
        Purpose.RECOVERY,
        recovery.recovery_id,
        recovery.email_canonical,
        real=False,
        interaction_id=interaction_id,
        lifetime=around.settings.recovery_code_lifetime,
        confirmed=True,
    )
    return recovery
