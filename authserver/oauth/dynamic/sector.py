"""The file that pairwise subjects of several hosts rest on (OpenID Connect Registration §5)."""

import logging
from collections.abc import Collection

from authlib.oauth2.rfc7591 import InvalidClientMetadataError

from authserver.egress import Egress, EgressError

log = logging.getLogger(__name__)


async def check(egress: Egress, uri: str, redirect_uris: Collection[str], token_id: str) -> None:
    """Whoever holds the sector's host says there which redirect URIs are of it: all of these must be, or anybody could
    learn a foreign sector's subjects. Over the network: no unit of work is open. Raises `InvalidClientMetadataError`,
    which tells nothing of what was found."""
    try:
        listed = await egress.get_json(uri, token_id)
    except EgressError as error:
        log.info("sector_identifier_uri %r: %s", uri, error)
        raise InvalidClientMetadataError("sector_identifier_uri could not be read") from error
    if not isinstance(listed, list) or not set(redirect_uris) <= {one for one in listed if isinstance(one, str)}:
        raise InvalidClientMetadataError("sector_identifier_uri must list every redirect URI of the client")
