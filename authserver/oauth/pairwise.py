"""Pairwise subjects (OpenID Connect Core §8.1): clients of different sectors cannot tell whether two of their people
are one.

The `sub` that such a client sees is the person's own, encrypted as one block under a key of the client's sector: always
the same for one sector, never the same for two people, and readable by this server alone, which needs no table to know
whom an `id_token_hint` means (docs/adr/0038). So it is with `sid`, the name of the browser's session. The key is made
once and never changes, since every `sub` would change with it; it lies in the database, sealed with the server's secret
key.
"""

import base64
import binascii
import secrets
from urllib.parse import urlsplit
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Client, ServerState
from authserver.secret_values import SealError, SecretKey, SecretKeys
from authserver.settings import SettingsError, is_loopback

NAME = "pairwise-key"  # in `ServerState`
SEAL = "pairwise key"
PAIRWISE = "pairwise"
SUBJECT_TYPES = ("public", PAIRWISE)


SUBJECTS = "pairwise sector"  # of what a name is given: subjects and sessions have keys of their own in each sector
SESSIONS = "pairwise session"


def is_pairwise(client: Client) -> bool:
    return client.subject_type == PAIRWISE


def own_sector(client: Client) -> str:
    """Of a client that shares its subjects with none: no host can be written so."""
    return f"client:{client.client_id}"


def sector_of(client: Client) -> str | None:
    """The host of its redirect URIs (OpenID Connect Core §8.1); itself where each leads to loopback or to a scheme of
    an app's own, where what is written as a host is nobody's. None where they have several hosts, or there are none.
    """
    hosts = {_host_of(uri) for uri in client.redirect_uris}
    if hosts == {""}:
        return own_sector(client)
    return hosts.pop() if len(hosts) == 1 else None


def _host_of(uri: str) -> str:
    """'' where it proves nothing: org.example.app://bank.example/ is opened by the app, never by that host."""
    parts = urlsplit(uri)
    return parts.hostname or "" if parts.scheme == "https" and not is_loopback(uri) else ""


def subject_of(key: SecretKey, client: Client, sub: str) -> str:
    """What this client knows the person as: `sub` itself unless the client's subjects are pairwise."""
    return _named(key, SUBJECTS, client, sub) if is_pairwise(client) else sub


def account_of(key: SecretKey, client: Client, subject: str) -> str:
    """The `sub` of the account whom this client knows as `subject`; '' where nobody can be meant. What was made up
    names an account that does not exist: whether there is one is not checked here."""
    return _meant(key, SUBJECTS, client, subject) if is_pairwise(client) else subject


def session_of(key: SecretKey, client: Client, sid: str) -> str:
    """What this client knows the browser's session as: one `sid` for all would tell them that they have one person."""
    return _named(key, SESSIONS, client, sid) if is_pairwise(client) else sid


def sid_of(key: SecretKey, client: Client, session: str) -> str:
    """The way back, as `account_of`."""
    return _meant(key, SESSIONS, client, session) if is_pairwise(client) else session


def _named(key: SecretKey, what: str, client: Client, uuid: str) -> str:
    block = key.permute(f"{what} {client.sector_identifier}", UUID(uuid).bytes)
    return base64.urlsafe_b64encode(block).decode().rstrip("=")


def _meant(key: SecretKey, what: str, client: Client, name: str) -> str:
    try:
        block = base64.b64decode(name + "==", altchars=b"-_", validate=True) if len(name) == 22 else b""
    except (binascii.Error, ValueError):
        return ""
    purpose = f"{what} {client.sector_identifier}"
    return str(UUID(bytes=key.permute(purpose, block, back=True))) if len(block) == 16 else ""


async def prepare(session: AsyncSession, secret_key: SecretKey, now: int) -> None:
    """Makes the key where there has never been one."""
    if await session.get(ServerState, NAME) is None:
        sealed = secret_key.seal(SEAL, secrets.token_bytes(32), NAME)
        session.add(ServerState(name=NAME, value=base64.b64encode(sealed).decode(), number=now))


def _open(row: ServerState, secret_keys: SecretKeys) -> bytes:
    for secret_key in secret_keys.all():
        try:
            return secret_key.unseal(SEAL, base64.b64decode(row.value), NAME)
        except SealError:
            continue
    raise SettingsError(
        "the key of pairwise subjects cannot be opened with AUTHSERVER_SECRET_KEY; set the key that this database was "
        "made with, as AUTHSERVER_SECRET_KEY or AUTHSERVER_SECRET_KEY_PREVIOUS"
    )


async def load(session: AsyncSession, secret_keys: SecretKeys) -> SecretKey | None:
    """None before the first start. Raises `SettingsError` when it does not open."""
    row = await session.get(ServerState, NAME)
    return SecretKey(_open(row, secret_keys)) if row is not None else None


async def rewrap(session: AsyncSession, secret_keys: SecretKeys) -> None:
    """Seal it with the present secret key. Raises `SettingsError`."""
    row = await session.get(ServerState, NAME)
    if row is not None:
        row.value = base64.b64encode(secret_keys.current.seal(SEAL, _open(row, secret_keys), NAME)).decode()
        session.add(row)
