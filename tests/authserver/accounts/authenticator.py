"""An authenticator in software, and the browser before it: real keys, real signatures, and every way to be wrong."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

ES256, EDDSA, RS256, ES512 = -7, -8, -257, -36
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class Held:
    """One passkey, with its private half."""

    credential_id: bytes
    private: Any
    user_handle: bytes
    rp_id: str
    algorithm: int = ES256
    count: int = 0

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            algorithm = hashes.SHA512() if self.algorithm == ES512 else hashes.SHA256()
            return self.private.sign(message, ec.ECDSA(algorithm))
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(message)
        assert isinstance(self.private, rsa.RSAPrivateKey)
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())

    @property
    def cose(self) -> bytes:
        public = self.private.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            point, size = public.public_numbers(), (public.curve.key_size + 7) // 8
            curve = 3 if self.algorithm == ES512 else 1
            key = {1: 2, 3: self.algorithm, -1: curve, -2: point.x.to_bytes(size), -3: point.y.to_bytes(size)}
        elif isinstance(public, ed25519.Ed25519PublicKey):
            key = {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes_raw()}
        else:
            numbers = public.public_numbers()
            key = {1: 3, 3: RS256, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)}
        return cbor2.dumps(key)


def _new_key(algorithm: int) -> Any:
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == RS256:
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP521R1() if algorithm == ES512 else ec.SECP256R1())


@dataclass
class Authenticator:
    """`create` and `get` take the options that the server gave and answer with what the form holds. `wrong` changes
    one thing: `origin`, `rp_id`, `type`, `challenge`, `cross_origin`, `flags`, `user_handle`, `signature`."""

    origin: str
    synced: bool = False
    counts: bool = False
    held: list[Held] = field(default_factory=list)

    def _client_data(self, kind: str, options: dict[str, Any], wrong: dict[str, Any]) -> bytes:
        told = {
            "type": wrong.get("type", kind),
            "challenge": wrong.get("challenge", options["challenge"]),
            "origin": wrong.get("origin", self.origin),
            "crossOrigin": wrong.get("cross_origin", False),
        }
        return json.dumps(told).encode()

    def _flags(self, wrong: dict[str, Any]) -> int:
        flags: int = wrong.get("flags", PRESENT | VERIFIED | (ELIGIBLE | BACKED_UP if self.synced else 0))
        return flags

    def create(self, options: dict[str, Any], algorithm: int = ES256, **wrong: Any) -> str:
        rp_id = options["rp"]["id"]
        passkey = Held(
            wrong.get("credential_id", secrets.token_bytes(32)),
            _new_key(algorithm),
            base64url_to_bytes(options["user"]["id"]),
            rp_id,
            algorithm,
            1 if self.counts else 0,
        )
        self.held.append(passkey)
        data = (
            hashlib.sha256(wrong.get("rp_id", rp_id).encode()).digest()
            + bytes([self._flags(wrong) | ATTESTED])
            + passkey.count.to_bytes(4)
            + bytes(16)
            + len(passkey.credential_id).to_bytes(2)
            + passkey.credential_id
            + passkey.cose
        )
        return json.dumps(
            {
                "id": bytes_to_base64url(passkey.credential_id),
                "rawId": bytes_to_base64url(passkey.credential_id),
                "type": "public-key",
                "response": {
                    "clientDataJSON": bytes_to_base64url(self._client_data("webauthn.create", options, wrong)),
                    "attestationObject": bytes_to_base64url(
                        cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
                    ),
                    "transports": ["internal", "hybrid", "teleport"],
                },
            }
        )

    def get(self, options: dict[str, Any], number: int = -1, **wrong: Any) -> str:
        """With the passkey of this number."""
        passkey = self.held[number]
        if self.counts:
            passkey.count += 1
        client_data = self._client_data("webauthn.get", options, wrong)
        data = (
            hashlib.sha256(wrong.get("rp_id", passkey.rp_id).encode()).digest()
            + bytes([self._flags(wrong)])
            + wrong.get("count", passkey.count).to_bytes(4)
        )
        signed = passkey.sign(data + hashlib.sha256(client_data).digest())
        handle = wrong.get("user_handle", passkey.user_handle)
        credential_id = wrong.get("credential_id", passkey.credential_id)
        response = {
            "clientDataJSON": bytes_to_base64url(client_data),
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(wrong.get("signature", signed)),
        }
        if handle is not None:
            response["userHandle"] = bytes_to_base64url(handle)
        return json.dumps(
            {
                "id": bytes_to_base64url(credential_id),
                "rawId": bytes_to_base64url(credential_id),
                "type": "public-key",
                "response": response,
            }
        )
