"""Nonces of the server (RFC 9449 §8): an HMAC over a slot of time, so that every replica knows them and none is stored.

A proof with such a nonce was not made in advance, whatever the client's clock says.
"""

import base64

from authserver.secret_values import SecretKeys, same

SLOT = 150  # seconds
PURPOSE = "dpop nonce"


class Nonces:
    """One nonce is taken for two to three slots: five to seven and a half minutes."""

    def __init__(self, secret_keys: SecretKeys) -> None:
        self._secret_keys = secret_keys

    def current(self, now: int) -> str:
        return _of(self._secret_keys, 0, now // SLOT)

    def accepts(self, nonce: str, now: int) -> bool:
        """Whether it is one of ours, of now or of just before; also of just after, since clocks of replicas differ, and
        of the secret key before the present one."""
        given, slot = nonce.encode(), now // SLOT
        known = [
            same(given, _of(self._secret_keys, key, slot + near).encode())
            for key in range(len(self._secret_keys.all()))
            for near in (0, -1, 1)
        ]
        return any(known)


def _of(secret_keys: SecretKeys, key: int, slot: int) -> str:
    return base64.urlsafe_b64encode(secret_keys.all()[key].mac(PURPOSE, str(slot))[:16]).decode().rstrip("=")
