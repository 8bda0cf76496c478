"""`python -m bench.bare.verifying PORT JWKS_FILE`: the floor of a directive: its token is verified, nothing else.

Reads the directive's JSON, as every server of directives must; no cache, no database.
"""

import base64
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from bench.bare.serving import Receive, Send, answer, body_of, serve


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Verifying:
    def __init__(self, jwks: dict[str, Any]) -> None:
        self.keys = {
            jwk["kid"]: rsa.RSAPublicNumbers(
                int.from_bytes(_decoded(jwk["e"])), int.from_bytes(_decoded(jwk["n"]))
            ).public_key()
            for jwk in jwks["keys"]
        }
        self.scheme, self.digest = padding.PKCS1v15(), SHA256()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        directive = orjson.loads(await body_of(receive))["directive"]
        signed, _, signature = directive["endpoint"]["scope"]["token"].rpartition(".")
        header, _, claims = signed.partition(".")
        key = self.keys[orjson.loads(_decoded(header))["kid"]]
        key.verify(_decoded(signature), signed.encode(), self.scheme, self.digest)
        who = orjson.loads(_decoded(claims))
        if who["exp"] <= time.time():
            raise ValueError("expired")
        await answer(send, orjson.dumps({"sub": who["sub"], "endpointId": directive["endpoint"]["endpointId"]}))


if __name__ == "__main__":
    serve(Verifying(orjson.loads(Path(sys.argv[2]).read_bytes())), int(sys.argv[1]))
