"""A note that a client which registered itself is in use: what never is goes (`registrations.remove_unused`)."""

import logging

from authserver.oauth.clients import Clients
from authserver.storage.database import StorageError
from authserver.storage.hot import HotStore
from authserver.storage.statements import NOTE_FIRST_TOKENS

log = logging.getLogger(__name__)


async def note(hot: HotStore, clients: Clients, client_id: str, now: int) -> None:
    """Once for each client and worker. Tokens are good without it, and the next ones bring it again."""
    try:
        await hot.execute(NOTE_FIRST_TOKENS, which=client_id, at=now)
    except StorageError as error:
        log.warning("that client %s is in use could not be noted: %s", client_id, error)
    else:
        clients.forget_one(client_id)
