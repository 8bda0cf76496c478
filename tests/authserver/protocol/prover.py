"""A client that proves a key with each token request (RFC 9449)."""

from typing import Any

import httpx2

from authserver.models import User
from tests.authserver.protocol.harness import FORM, ISSUER, Asker
from tests.running.proving import ProvingKey

TOKEN = f"{ISSUER}/oauth2/token"
USERINFO = f"{ISSUER}/oauth2/userInfo"


class Prover:
    """A client that sends a DPoP header with each token request."""

    def __init__(self, client: Asker, key: ProvingKey) -> None:
        self.client, self.key = client, key
        self.server = client.server

    def proof(self, **claims: Any) -> str:
        return self.key.proof("POST", TOKEN, self.server.clock(), **claims)

    async def ask(self, form: dict[str, str], *proofs: str) -> httpx2.Response:
        data, headers = self.client._credentials(form)
        sent = [*(headers | {"content-type": FORM}).items(), *(("DPoP", proof) for proof in proofs)]
        return await self.server.http.post(f"{self.server.path}/oauth2/token", data=data, headers=sent)

    async def code(self, person: User, **fields: Any) -> dict[str, str]:
        code, verifier = await self.server.add_code(self.client, person, **fields)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uri}
        return form | ({"code_verifier": verifier} if verifier else {})

    async def linked(self, person: User, **fields: Any) -> dict[str, Any]:
        answer = await self.ask(await self.code(person, **fields), self.proof())
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def refresh(self, token: str, *proofs: str) -> httpx2.Response:
        return await self.ask({"grant_type": "refresh_token", "refresh_token": token}, *proofs)


def refused(answer: httpx2.Response, error: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
