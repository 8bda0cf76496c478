"""Whether a call comes from our bridge: HMAC-SHA256 of `timestamp "." body` over the raw bytes, five minutes, once."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple

TOLERANCE = 300  # seconds to either side
_PROOF = frozenset({b"x-bridge-timestamp", b"x-bridge-signature"})
_REGION = b"x-bridge-region"
_REGIONS = {b"us-east-1": "NA", b"eu-west-1": "EU", b"us-west-2": "FE"}
"""Of Amazon's event gateways, by the AWS regions from which Alexa calls (contract 1.11)."""
_TIMESTAMP = re.compile(rb"[0-9]{10}")
_SIGNATURE = re.compile(rb"[0-9a-fA-F]{64}")


class NotTheBridge(Exception):
    """The call is refused with 401; the text is for the log."""


class SignatureUsed(Exception):
    """A genuine signature that came before: the call is refused with 401, and nothing acts on it."""


class BridgeCall(NamedTuple):
    """A genuine signature. Whether it was used before is the database's to say: `Store.claim_signature`.

    `region` is where the bridge says that it runs. It is not signed: whoever could change it, inside of TLS, could
    choose among three gateways of Amazon, of which two would refuse the user's events.
    """

    timestamp: int
    signature: bytes
    region: str | None = None

    @property
    def expires_at(self) -> int:
        """Until then the timestamp would be taken."""
        return self.timestamp + TOLERANCE


def verify(headers: Sequence[tuple[bytes, bytes]], body: bytes, secrets: Sequence[bytes], now: float) -> BridgeCall:
    """`headers` as ASGI gives them (lower case). Raises NotTheBridge."""
    timestamp, signature, region = _proof(headers)
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise NotTheBridge("the timestamp is not ten digits")
    if _SIGNATURE.fullmatch(signature) is None:
        raise NotTheBridge("the signature is not 64 hexadecimal digits")
    given = bytes.fromhex(signature.decode())
    signed = timestamp + b"." + body
    genuine = [hmac.compare_digest(hmac.digest(secret, signed, hashlib.sha256), given) for secret in secrets]
    if not any(genuine):
        raise NotTheBridge("the signature is wrong")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise NotTheBridge("the timestamp is more than five minutes away from this clock")
    return BridgeCall(int(timestamp), given, region)


def proof(body: bytes, answer: bytes, secrets: Sequence[bytes]) -> bytes:
    """That an answer is ours and belongs to `body`, once for each secret, since the bridge has one of them. It gives
    Alexa no answer that unlinks without it. A call begins with digits: none is ever signed by this."""
    said = b"answer." + hashlib.sha256(body).hexdigest().encode() + b"." + answer
    return b", ".join(hmac.digest(secret, said, hashlib.sha256).hex().encode() for secret in secrets)


def _proof(headers: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, bytes, str | None]:
    """Timestamp and signature, each from the one header that holds it, and the region."""
    found: dict[bytes, bytes] = {}
    region = None
    for name, value in headers:
        if name in _PROOF:
            if name in found:
                raise NotTheBridge(f"{name.decode()} is repeated")
            found[name] = value
        elif name == _REGION:
            region = _REGIONS.get(value)
    if len(found) < len(_PROOF):
        raise NotTheBridge("the call is not signed")
    return found[b"x-bridge-timestamp"], found[b"x-bridge-signature"], region
