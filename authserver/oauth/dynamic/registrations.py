"""Registered clients that manage themselves: each function works in the caller's unit of work.

The client's row is taken first by whoever changes anything (`hold`), so that of a change and a removal at once one
waits and then finds the client gone; codes and grants follow it (`oauth.registration.remove`).
"""

import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7591 import InvalidClientMetadataError
from sqlmodel import col, delete, exists, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import AuthorizationCode, Client, ClientRegistration, ClientSecret, DeviceCode, Grant
from authserver.oauth import consents, pairwise, registration
from authserver.oauth.client_rules import has_secrets
from authserver.oauth.dynamic import initial_access
from authserver.oauth.dynamic.initial_access import Limits
from authserver.oauth.dynamic.metadata import COLUMNS, LOOPBACK, Asked, refused
from authserver.oauth.errors import InvalidTokenError
from authserver.oauth.registration import RegistrationError
from authserver.secret_values import digest, new_secret, same

log = logging.getLogger(__name__)

NOBODY = digest("no registration has this token")
OVER = "The token is unknown, over, or of another client"
UNSEEN = frozenset("\u115f\u1160\u3164\uffa0")  # fillers of Hangul
ALIKE = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})


@dataclass(frozen=True)
class Registered:
    """`secret` and `access_token`: the one time that they are told, else None."""

    client: Client
    row: ClientRegistration
    secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)


async def register(session: AsyncSession, token_id: str, limits: Limits, asked: Asked, now: int) -> Registered:
    """Uses the initial access token once; a refusal rolls that back. Raises `InvalidTokenError`,
    `InvalidClientMetadataError`."""
    if not await initial_access.use(session, token_id, now):
        raise InvalidTokenError(OVER)
    client_id = registration.new_id()
    name = asked.name or client_id
    await _refuse_names_of_others(session, name, client_id)
    public = asked.columns["token_endpoint_auth_methods"] == ["none"]
    policy = {**asked.columns, "refresh_rotation": public}
    try:
        client, secret = await registration.register(session, name, policy, now, client_id=client_id)
    except RegistrationError as error:
        raise _in_words(error) from error
    value, stored = new_secret()
    row = ClientRegistration(
        client_id=client_id,
        digest=stored,
        token_id=token_id,
        limits=limits.kept(),
        told=dict(asked.told),
        created_at=now,
    )
    session.add(row)
    await session.flush()
    log.info("client %s registered itself with the initial access token %s", client_id, token_id)
    return Registered(client, row, secret, value)


async def find(session: AsyncSession, client_id: str, presented: str) -> Registered | None:
    """None where the registration access token is not this client's, or the client is gone or switched off."""
    row = await session.get(ClientRegistration, client_id) if _is_id(client_id) else None
    proven = same(row.digest if row is not None else NOBODY, digest(presented))
    client = await session.get(Client, client_id) if row is not None and proven else None
    return Registered(client, row) if row is not None and client is not None and client.active else None


async def hold(session: AsyncSession, client_id: str, presented: str, now: int) -> Registered:
    """The same as the first statement of a change: whoever else changes this client waits. Raises
    `InvalidTokenError`."""
    token = select(ClientRegistration.client_id).where(
        ClientRegistration.client_id == client_id, ClientRegistration.digest == digest(presented)
    )
    held = await session.exec(
        update(Client)
        .where(col(Client.client_id).in_(token), col(Client.active).is_(True))
        .values(updated_at=now)
        .returning(col(Client.client_id))
        .execution_options(synchronize_session=False)
    )
    found = await find(session, client_id, presented) if held.first() is not None else None
    if found is None:
        raise InvalidTokenError(OVER)
    return found


async def replace(session: AsyncSession, held: Registered, asked: Asked, secret: str | None, now: int) -> Registered:
    """All of its metadata anew (RFC 7592 §2.2). `secret`: what the request gave as its own. Raises
    `InvalidRequestError`, `InvalidClientMetadataError`."""
    client, row = held.client, held.row
    present = await registration.secrets_of(session, client.client_id)
    if secret is not None and True not in [same(digest(secret), one.digest) for one in present]:
        raise InvalidRequestError("client_secret is not the one of this client")
    name = asked.name or client.client_id
    await _refuse_names_of_others(session, name, client.client_id)
    agreed_to = client.client_name, set(client.redirect_uris)
    subjects = client.subject_type, client.sector_identifier
    try:
        await registration.change(session, client, {**_with_sector(client, asked), "client_name": name}, now)
        made = None
        if has_secrets(client) and not present:  # it had a key until now
            made, _ = await registration.add_secret(session, client, now)
    except RegistrationError as error:
        raise _in_words(error) from error
    if pairwise.is_pairwise(client) and (client.subject_type, client.sector_identifier) != subjects:
        raise refused("The sector of pairwise subjects stays as it was registered: register another client")
    if agreed_to != (client.client_name, set(client.redirect_uris)):  # people agreed to another: they are asked again
        await consents.forget(session, now, client_id=client.client_id)
    if not has_secrets(client):
        await session.exec(delete(ClientSecret).where(col(ClientSecret.client_id) == client.client_id))
    row.told = dict(asked.told)
    session.add(row)
    log.info("client %s changed its registration", client.client_id)
    return Registered(client, row, made)


async def remove(session: AsyncSession, held: Registered) -> None:
    """With all that was granted to it, as the operator's `client remove`."""
    await registration.remove(session, held.client)
    log.info("client %s removed itself", held.client.client_id)


async def of(session: AsyncSession, client_id: str) -> ClientRegistration | None:
    """For the operator: None for a client that the operator registered."""
    return await session.get(ClientRegistration, client_id)


async def every(session: AsyncSession) -> dict[str, ClientRegistration]:
    return {row.client_id: row for row in (await session.exec(select(ClientRegistration))).all()}


async def narrow(session: AsyncSession, client: Client, policy: Mapping[str, Any]) -> None:
    """What the operator sets of scopes and grant types is the most from now on: the client's own next change must not
    take it back."""
    row = await of(session, client.client_id)
    if row is not None:
        row.limits = row.limits | {name: list(policy[name]) for name in ("scopes", "grant_types") if name in policy}
        session.add(row)


async def remove_unused(session: AsyncSession, before: int, most: int) -> int:
    """Clients that registered themselves before that moment and never got a token, nor are about to; how many went."""
    theirs = col(ClientRegistration.client_id)
    unused = (
        select(ClientRegistration.client_id)
        .where(
            col(ClientRegistration.used_at).is_(None),
            col(ClientRegistration.created_at) < before,
            *(~exists().where(col(table.client_id) == theirs) for table in (Grant, AuthorizationCode, DeviceCode)),
        )
        .limit(most)
    )
    found = (await session.exec(unused)).all()
    for client_id in found:
        gone = await session.exec(
            delete(ClientRegistration)
            .where(col(ClientRegistration.client_id) == client_id, col(ClientRegistration.used_at).is_(None))
            .returning(col(ClientRegistration.client_id))
        )
        client = await session.get(Client, client_id) if gone.first() is not None else None  # or it was used just now
        if client is not None:
            await registration.remove(session, client)
            log.info("client %s registered itself and was never used: removed", client_id)
    return len(found)


def metadata_of(registered: Registered) -> dict[str, Any]:
    """All that is registered (RFC 7591 §3.2.1): what is not in it is not."""
    client = registered.client
    method = client.token_endpoint_auth_methods[0]
    members: dict[str, Any] = {
        "client_name": client.client_name,
        "scope": " ".join(client.scopes),
        "grant_types": client.grant_types,
        "response_types": ["code"] if "authorization_code" in client.grant_types else [],
        "token_endpoint_auth_method": method,
        **{member: getattr(client, column) for member, column in COLUMNS.items()},
        **registered.row.told,
    }
    members["id_token_signed_response_alg"] = client.id_token_signing_alg or client.signing_alg
    return {name: value for name, value in members.items() if value is not None}


def _with_sector(client: Client, asked: Asked) -> Mapping[str, Any]:
    """A client that registered while loopback counted as a sector has that one for ever."""
    hosts = {urlsplit(uri).hostname for uri in asked.columns["redirect_uris"]}
    kept = asked.sector_uri is None and client.sector_identifier in LOOPBACK and hosts == {client.sector_identifier}
    return {**asked.columns, "sector_identifier": client.sector_identifier} if kept else asked.columns


def _is_id(client_id: str) -> bool:
    return 0 < len(client_id) <= 128 and client_id.isascii() and client_id.isprintable()


def _seen_as(name: str) -> str:
    """Equal for two names that people would take for one: letters and digits alone, without accents and without what
    is counted a letter and not seen."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum() and letter not in UNSEEN)


def _borrows_letters(name: str) -> bool:
    """Latin letters beside those of an alphabet that has the same shapes: `Аlexa`."""
    alphabets = {unicodedata.name(letter, "").partition(" ")[0] for letter in name if letter.isalpha()}
    return "LATIN" in alphabets and not alphabets.isdisjoint(ALIKE)


async def _refuse_names_of_others(session: AsyncSession, name: str, client_id: str) -> None:
    """A client that registers itself does not take the name of one that the operator registered: the name is what
    people go by on the consent page."""
    if not _seen_as(name):
        raise InvalidClientMetadataError("client_name needs a letter or a digit")
    if _borrows_letters(name):
        raise InvalidClientMetadataError("client_name mixes Latin letters with those of an alphabet that looks alike")
    itself = select(ClientRegistration.client_id)
    with session.no_autoflush:
        names = await session.exec(
            select(Client.client_name).where(col(Client.client_id).not_in(itself), Client.client_id != client_id)
        )
    if _seen_as(name) in map(_seen_as, names.all()):
        raise InvalidClientMetadataError("client_name is that of another client")


def _in_words(error: RegistrationError) -> InvalidClientMetadataError:
    """The rules speak to the operator and may hold the client's own text: of these lines the log has all, the client
    none."""
    log.info("registration refused: %r", str(error))
    lines = [line for line in str(error).splitlines() if not {"'", '"', "\\"} & set(line)]
    return refused("; ".join(lines)[:500] or "This server has a rule against such a client; its log says which")
