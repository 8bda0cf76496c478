"""The key ring: what signs now, what is published, and when that changes (design, decision 9).

The state of a key follows from its times, so that all replicas agree without talking: the newest key of an algorithm
whose `signs_from` has come signs; each is published until it expires or is revoked. A successor is published
`signing_key_lead` seconds before it signs: verifiers cache a JWKS for up to two hours (contracts/cognito.md 8), and
what they fetch may be some minutes old itself, from a cache on the way or a replica that has not heard of it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey, OKPKey, RSAKey
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Client, ServerState, SigningKey
from authserver.oauth import pairwise
from authserver.oauth.compact import Key, Signer
from authserver.secret_values import SealError, SecretKey, SecretKeys
from authserver.settings import Settings, SettingsError
from authserver.storage.changes import announce

KINDS: dict[str, Any] = {"RS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey}
ALGORITHMS = tuple(KINDS)
LONGEST_TOKEN = 86_400  # seconds; the upper bound of every token lifetime that can be set
LINGERING = 600  # seconds that a key stays beyond its last token: clocks differ, of replicas and of verifiers
SEAL = "signing key"


class KeyRingError(Exception):
    """No key can sign: our own trouble."""


@dataclass(frozen=True)
class LoadedKey:
    """A key parsed once: parsing costs 30 ms, which no request can pay."""

    kid: str
    alg: str
    key: Key = field(repr=False)
    signs_from: int
    expires_at: int | None
    signer: Signer = field(repr=False, compare=False)


@dataclass(frozen=True)
class PastKey:
    """The public half of a key that has expired: it tells that a token was ours, and opens nothing."""

    kid: str
    alg: str
    key: Key = field(repr=False)


@dataclass(frozen=True)
class KeyRing:
    """What one process holds; replaced as a whole when the ring changes."""

    keys: tuple[LoadedKey, ...]
    jwks: bytes
    etag: str
    pairwise_key: SecretKey | None = field(default=None, repr=False)
    past: tuple[PastKey, ...] = ()
    _signing: dict[str, tuple[int, LoadedKey]] = field(default_factory=dict, repr=False, compare=False)

    def ready(self, client: Client, now: int) -> None:
        """Raises `KeyRingError` where this client's tokens could not be signed: before a grant consumes anything."""
        self.signing(client.signing_alg, now)
        if client.id_token_signing_alg:
            self.signing(client.id_token_signing_alg, now)

    def subject_of(self, client: Client, sub: str) -> str:
        """What this client knows the person as. Raises `KeyRingError`."""
        if client.subject_type == "public":
            return sub
        return pairwise.subject_of(self._pairwise(), client, sub)

    def account_of(self, client: Client, subject: str) -> str:
        """The way back: '' where nobody can be meant. Raises `KeyRingError`."""
        return pairwise.account_of(self._pairwise(), client, subject) if pairwise.is_pairwise(client) else subject

    def session_of(self, client: Client, sid: str) -> str:
        """What this client knows the browser's session as: its `sid`. Raises `KeyRingError`."""
        return pairwise.session_of(self._pairwise(), client, sid) if pairwise.is_pairwise(client) else sid

    def sid_of(self, client: Client, session: str) -> str:
        """The way back: '' where none can be meant. Raises `KeyRingError`."""
        return pairwise.sid_of(self._pairwise(), client, session) if pairwise.is_pairwise(client) else session

    def _pairwise(self) -> SecretKey:
        if self.pairwise_key is None:
            raise KeyRingError("no key for pairwise subjects")
        return self.pairwise_key

    def signing(self, alg: str, now: int) -> LoadedKey:
        """The key that signs with this algorithm now. Raises `KeyRingError`."""
        at, found = self._signing.get(alg, (None, None))
        if found is None or at != now:
            found = self._found(alg, now)
            self._signing[alg] = (now, found)
        return found

    def _found(self, alg: str, now: int) -> LoadedKey:
        ready = [key for key in self.keys if key.alg == alg and (key.expires_at is None or key.expires_at > now)]
        if not ready:
            raise KeyRingError(f"no {alg} key")
        begun = [key for key in ready if key.signs_from <= now]
        return max(begun, key=lambda key: key.signs_from) if begun else min(ready, key=lambda key: key.signs_from)


def generate(secret_key: SecretKey, alg: str, now: int, signs_from: int) -> SigningKey:
    """A new key, sealed with the server's secret; its `kid` is the RFC 7638 thumbprint."""
    key: Key
    if alg == "RS256":
        key = RSAKey.generate_key(2048, auto_kid=False)
    elif alg == "ES256":
        key = ECKey.generate_key("P-256", auto_kid=False)
    else:
        key = OKPKey.generate_key("Ed25519", auto_kid=False)
    kid = key.thumbprint()
    private = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[union-attr]
    public = {name: str(value) for name, value in key.as_dict(private=False).items()} | {
        "kid": kid,
        "alg": alg,
        "use": "sig",
    }
    return SigningKey(
        kid=kid,
        alg=alg,
        private_sealed=secret_key.seal(SEAL, private, kid),
        public_jwk=public,
        created_at=now,
        signs_from=signs_from,
    )


def _open(row: SigningKey, secret_keys: SecretKeys) -> LoadedKey:
    for secret_key in secret_keys.all():
        try:
            private = secret_key.unseal(SEAL, row.private_sealed, row.kid)
        except SealError:
            continue
        key: Key = KINDS[row.alg].import_key(private)
        return LoadedKey(row.kid, row.alg, key, row.signs_from, row.expires_at, Signer(row.alg, row.kid, key))
    raise SettingsError(
        f"signing key {row.kid} cannot be opened with AUTHSERVER_SECRET_KEY; set the key that this database was made "
        "with, as AUTHSERVER_SECRET_KEY or AUTHSERVER_SECRET_KEY_PREVIOUS"
    )


def _published(rows: Sequence[SigningKey], now: int) -> list[SigningKey]:
    return [row for row in rows if row.revoked_at is None and (row.expires_at is None or row.expires_at > now)]


async def load(session: AsyncSession, secret_keys: SecretKeys, now: int, known: tuple[LoadedKey, ...] = ()) -> KeyRing:
    """The ring as the database has it; what is `known` is not parsed again, which would hold up every request for 30 ms
    a key. Raises `SettingsError` when a key does not open (contracts/security.md 6.75)."""
    parsed = {key.kid: key for key in known}
    rows = (await session.exec(select(SigningKey).order_by(col(SigningKey.created_at), col(SigningKey.kid)))).all()
    live = _published(rows, now)
    jwks = orjson.dumps({"keys": [row.public_jwk for row in live]})
    keys = tuple(
        replace(parsed[row.kid], signs_from=row.signs_from, expires_at=row.expires_at)
        if row.kid in parsed
        else _open(row, secret_keys)
        for row in live
    )
    etag = f'"{hashlib.sha256(jwks).hexdigest()[:32]}"'
    past = tuple(
        PastKey(row.kid, row.alg, KINDS[row.alg].import_key(row.public_jwk))
        for row in rows
        if row.revoked_at is None and row.expires_at is not None and row.expires_at <= now
    )
    return KeyRing(keys, jwks, etag, await pairwise.load(session, secret_keys), past)


def check_value(secret_key: SecretKey) -> str:
    """Stored once; tells a wrong secret key from a right one before anything is answered with it."""
    return secret_key.mac("check", "secret key").hex()


async def prepare(session: AsyncSession, settings: Settings, secret_keys: SecretKeys, now: int) -> None:
    """At every start: refuse a wrong secret key; make the first signing key if, and only if, the ring is empty.

    Raises `SettingsError`. Two replicas that start at once are put in order by the lock on the check value's row.
    """
    stored = await session.get(ServerState, "secret-check", with_for_update=True)
    if stored is None:
        stored = ServerState(name="secret-check", value=check_value(secret_keys.current), number=now)
        session.add(stored)
        await session.flush()
    elif stored.value not in {check_value(key) for key in secret_keys.all()}:
        raise SettingsError(
            "AUTHSERVER_SECRET_KEY is not the one that this database was made with; nothing is answered with it. "
            "Set the former key, or give it as AUTHSERVER_SECRET_KEY_PREVIOUS and run `authserver key rewrap`"
        )
    await pairwise.prepare(session, secret_keys.current, now)
    await ensure(session, secret_keys.current, "RS256", now)


async def ensure(session: AsyncSession, secret_key: SecretKey, alg: str, now: int) -> None:
    """A key for this algorithm, which signs at once, when there has never been one."""
    if (await session.exec(select(SigningKey.kid).where(SigningKey.alg == alg).limit(1))).first() is None:
        session.add(generate(secret_key, alg, now, now))
        await announce(session)


async def rotate(session: AsyncSession, settings: Settings, secret_key: SecretKey, alg: str, now: int) -> SigningKey:
    """Publish a successor that signs after the lead; the present key stays until its last token has expired."""
    signs_from = now + settings.signing_key_lead
    rows = (await session.exec(select(SigningKey).where(SigningKey.alg == alg))).all()
    successor = generate(secret_key, alg, now, signs_from)
    last_token_ends = signs_from + LONGEST_TOKEN + LINGERING
    for row in _published(rows, now):
        row.expires_at = min(row.expires_at or last_token_ends, last_token_ends)
        session.add(row)
    session.add(successor)
    await announce(session)
    return successor


async def rotate_when_due(session: AsyncSession, settings: Settings, secret_key: SecretKey, now: int) -> list[str]:
    """Successors for keys that have signed for `signing_key_period`; returns the new `kid`s."""
    rows = _published((await session.exec(select(SigningKey))).all(), now)
    made = []
    for alg in sorted({row.alg for row in rows}):
        newest = max(row.signs_from for row in rows if row.alg == alg)
        if newest + settings.signing_key_period <= now + settings.signing_key_lead:
            made.append((await rotate(session, settings, secret_key, alg, now)).kid)
    return made


async def revoke(session: AsyncSession, secret_key: SecretKey, kid: str, now: int) -> bool:
    """Drop a stolen key at once: not published, not signing. What is left signs, or a new key. False: unknown."""
    row = await session.get(SigningKey, kid)
    if row is None:
        return False
    row.revoked_at = row.revoked_at or now
    session.add(row)
    await session.flush()
    rest = _published((await session.exec(select(SigningKey).where(SigningKey.alg == row.alg))).all(), now)
    if not rest:
        session.add(generate(secret_key, row.alg, now, now))
    elif not any(key.signs_from <= now for key in rest):
        successor = min(rest, key=lambda key: key.signs_from)  # published already: verifiers know it
        successor.signs_from = now
        session.add(successor)
    await announce(session)
    return True


async def rewrap(session: AsyncSession, secret_keys: SecretKeys) -> int:
    """Seal every key, that of pairwise subjects too, and the check value with the present secret key; returns how many
    signing keys. Raises `SettingsError`."""
    rows = (await session.exec(select(SigningKey))).all()
    for row in rows:
        private = _open(row, secret_keys).key.private_key.private_bytes(  # type: ignore[union-attr]
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        row.private_sealed = secret_keys.current.seal(SEAL, private, row.kid)
        session.add(row)
    await pairwise.rewrap(session, secret_keys)
    stored = await session.get(ServerState, "secret-check")
    if stored is not None:
        stored.value = check_value(secret_keys.current)
        session.add(stored)
    await announce(session)
    return len(rows)
