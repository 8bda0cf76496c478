"""An issuer of the tests' own: real keys, real tokens, a real HTTP server for the key set that can be made to fail."""

import base64
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

CLIENT_ID = "alexa-client"
PERSON = "11111111-2222-4333-8444-555555555555"
STRANGER = "99999999-8888-4777-8666-555555555555"

_RSA_KEYS: list[RSAKey] = []


def rsa_key(number: int) -> RSAKey:
    """Making one takes long; tests share them by number."""
    while len(_RSA_KEYS) <= number:
        _RSA_KEYS.append(RSAKey.generate_key(2048))
    return _RSA_KEYS[number]


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class Issuer:
    """Serves `/.well-known/jwks.json` and OpenID metadata on loopback."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {"key-1": rsa_key(0)}
        self.published: list[dict[str, Any]] | None = None  # instead of `keys`
        self.status = 200
        self.body: bytes | None = None  # instead of a key set
        self.metadata_issuer: str | None = None  # instead of our own
        self.requests = 0  # for the key set
        self.made: list[str] = []  # every token: no log may hold one
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _handler(issuer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = 404, b"{}"
                if self.path == "/.well-known/jwks.json":
                    issuer.requests += 1
                    status, body = issuer.status, issuer.document()
                elif self.path == "/.well-known/openid-configuration":
                    status, body = issuer.status, orjson.dumps({"issuer": issuer.metadata_issuer or issuer.url})
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        return Handler

    def document(self) -> bytes:
        if self.body is not None:
            return self.body
        if self.published is not None:
            return orjson.dumps({"keys": self.published})
        return orjson.dumps({"keys": [public(kid, key) for kid, key in self.keys.items()]})

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good access token; a change to None leaves the claim out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": PERSON,
            "username": PERSON,
            "client_id": CLIENT_ID,
            "token_use": "access",
            "scope": "openid",
            "version": 2,
            "jti": str(uuid.uuid4()),
            "origin_jti": str(uuid.uuid4()),
            "auth_time": now - 60,
            "iat": now,
            "exp": now + 3600,
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, header: dict[str, Any] | None = None, key: Key | None = None, **changes: Any) -> str:
        """`header` is merged into the usual one; None as a value leaves a member out."""
        usual: dict[str, Any] = {"alg": "RS256", "kid": "key-1", "typ": "at+jwt"}
        merged = {name: value for name, value in (usual | (header or {})).items() if value is not None}
        key = key or self.keys.get(merged.get("kid", ""), rsa_key(0))
        token = sign(merged, orjson.dumps(self.claims(**changes)), key)
        self.made.append(token)
        return token


def sign(header: dict[str, Any], payload: bytes, key: Key) -> str:
    """A signature over exactly this header, also over one that no library would make."""
    signing = b64(orjson.dumps(header)) + "." + b64(payload)
    algorithm = header["alg"]
    if algorithm == "none":
        return signing + "."
    model = jws.JWSRegistry.algorithms[algorithm]
    return signing + "." + b64(model.sign(signing.encode(), key))


def public(kid: str, key: Key) -> dict[str, Any]:
    algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
    return {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": algorithm}
