"""`python -m bench.bare.signing PORT`: the floor of the token endpoint, one RS256 token for each request."""

import base64
import sys
import time
import uuid
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from bench.bare.serving import Receive, Send, answer, body_of, serve


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


class Signing:
    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.scheme, self.digest = padding.PKCS1v15(), SHA256()
        self.header = _encoded(orjson.dumps({"alg": "RS256", "kid": "bare", "typ": "at+jwt"}))

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await body_of(receive)
        now = int(time.time())
        claims = {"iss": "http://127.0.0.1", "sub": str(uuid.uuid4()), "iat": now, "exp": now + 3600}
        signed = self.header + b"." + _encoded(orjson.dumps(claims | {"client_id": "bare", "scope": "openid"}))
        token = signed + b"." + _encoded(self.key.sign(signed, self.scheme, self.digest))
        await answer(send, b'{"access_token":"' + token + b'","token_type":"Bearer","expires_in":3600}')


if __name__ == "__main__":
    serve(Signing(), int(sys.argv[1]))
