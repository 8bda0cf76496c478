"""Every JWT that we sign, presented wherever a JWT is taken: it is good where it is meant, and nowhere else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson
import pytest

from authserver.models import LogoutNotice, User
from authserver.oauth.backchannel import logout_token
from authserver.oauth.presets import TOKEN_EXCHANGE
from tests.authserver.protocol.harness import Server
from tests.authserver.protocol.signing import Holder
from tests.authserver.protocol.test_authorization_request import answered
from tests.authserver.protocol.test_introspection import JWT

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@dataclass
class Places:
    """Where a JWT is taken. `client`: got all of them, and has registered our own keys as its own, so that not even the
    signature is in the way; it may also exchange its own tokens."""

    server: Server
    client: Holder
    person: User

    async def userinfo(self, token: str) -> bool:
        answer = await self.server.userinfo(token)
        assert answer.status_code in (200, 401)
        return answer.status_code == 200

    async def introspection(self, token: str) -> bool:
        answer = await self.client.introspect(token)
        assert answer.status_code == 200
        return bool(answer.json()["active"])

    async def hint(self, token: str) -> bool:
        asked = self.client.authorization(id_token_hint=token, prompt="none")
        given = answered(await self.server.authorize(asked, **await self.server.signed_in(self.person)), self.redirect)
        assert given.get("error") in (None, "invalid_request")
        return "code" in given

    async def assertion(self, token: str) -> bool:
        form = {"grant_type": "refresh_token", "refresh_token": "v1.k.g.1.m"} | self.client.proof(token)
        for more in ({}, {"client_id": self.client.client_id}):
            answer = await self.server.post("/oauth2/token", form | more)
            if answer.json()["error"] != "invalid_client":
                return True
        return False

    async def subject_token(self, token: str) -> bool:
        form = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        answer = await self.client.token(**form)
        assert answer.status_code == 200 or answer.json()["error"] == "invalid_request", answer.text
        return answer.status_code == 200

    async def request_object(self, token: str) -> bool:
        asked = {"client_id": self.client.client_id, "request": token, "redirect_uri": self.redirect}
        answer = await self.server.authorize(asked)
        return "error=invalid_request_object" not in answer.headers["location"]

    @property
    def redirect(self) -> str:
        return self.client.redirect_uri

    async def tokens(self) -> dict[str, str]:
        """One of each kind, all of them valid."""
        made = await self.client.linked(self.person)
        registered = await self.server.services.clients.get(self.client.client_id)
        assert registered is not None
        now = self.server.clock()
        notice = LogoutNotice(
            notice_id="n", client_id=self.client.client_id, sub=self.person.sub, sid="s", created_at=now, due_at=now
        )
        logout = logout_token.make(self.server.services.keys, self.server.settings.issuer, registered, notice, now)
        return {
            "access token": made["access_token"],
            "ID token": made["id_token"],
            "logout token": logout,
            "signed userinfo": (await self.server.userinfo(made["access_token"])).text,
            "signed introspection": (await self.client.introspect(made["access_token"], accept=JWT)).text,
        }


Place = Callable[[str], Awaitable[bool]]
#: what is good where; every other pair is refused
MEANT = {
    ("access token", "userinfo"),
    ("access token", "introspection"),
    ("access token", "subject_token"),
    ("ID token", "hint"),
}


@pytest.mark.spec("security 6.69", "security 6.51", "RFC 8725 §3.11", "RFC 8725 §3.12")
async def test_what_we_sign_for_one_purpose_is_refused_for_every_other(server: Server, person: User) -> None:
    client = await Holder.add(
        server,
        first_party=True,
        userinfo_signing_alg="RS256",
        grant_types=["authorization_code", "refresh_token", TOKEN_EXCHANGE],
    )
    places = Places(server, client, person)
    tokens = await places.tokens()
    assert all(token.count(".") == 2 for token in tokens.values())
    found = set()
    for place in ("userinfo", "introspection", "hint", "subject_token", "assertion", "request_object"):
        if place == "assertion":
            registered = await server.services.clients.get(client.client_id)
            assert registered is not None
            await server.change(registered.row, jwks=orjson.loads(server.services.keys.jwks))
            server.services.clients.forget()
        take: Place = getattr(places, place)
        found |= {(kind, place) for kind, token in tokens.items() if await take(token)}
    assert found == MEANT
