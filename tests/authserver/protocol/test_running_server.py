"""Real processes: a foreign OAuth client, the operator's commands while it serves, raw sockets, a crash."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import pytest_asyncio
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.httpx_client import OAuthError as ForeignError
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from authserver.accounts import administration
from authserver.accounts.names import read_email
from authserver.accounts.passwords import crypt_context
from authserver.oauth import registration
from authserver.oauth.presets import CONFIDENTIAL, PUBLIC
from authserver.storage.database import Database, DatabaseUrl
from tests.authserver.protocol.harness import FORM, claims_of, header_of
from tests.running.fair import Watch
from tests.running.linking import PASSWORD, Alexa, Person, walk
from tests.running.reading import Browser
from tests.running.service import Service

CALLBACK = "https://client.example.org/callback"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def elsewhere(authserver: Service) -> AsyncIterator[Database]:
    """Another connection to the server's database: what commands do, without the second that each takes to start."""
    database = Database(DatabaseUrl.parse(authserver.settings["AUTHSERVER_DATABASE_URL"]))
    yield database
    await database.close()


async def person_in(database: Database) -> Person:
    email = read_email(f"{generate_token(12)}@example.org")
    async with database.unit() as session:
        user = await administration.add(session, email, crypt_context().hash(PASSWORD), int(time.time()), verified=True)
    return Person(email.address, PASSWORD, user.sub)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def human(elsewhere: Database) -> Person:
    return await person_in(elsewhere)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def registered(authserver: Service, elsewhere: Database) -> dict[str, dict[str, str]]:
    """A confidential and a public client."""
    made = {}
    for kind, preset in (("confidential", CONFIDENTIAL), ("public", PUBLIC)):
        policy = preset | {"redirect_uris": [CALLBACK], "scopes": ["openid", "email"]}
        async with elsewhere.unit() as session:
            client, secret = await registration.register(session, f"A {kind} app", policy, int(time.time()))
        made[kind] = {"client_id": client.client_id} | ({"client_secret": secret} if secret else {})
        authserver.must_not_log(secret or "")
    return made


async def discovered(authserver: Service) -> dict[str, Any]:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
        answer = await http.get(f"{authserver.settings['AUTHSERVER_ISSUER']}/.well-known/openid-configuration")
        metadata: dict[str, Any] = answer.json()
        return metadata


def foreign(client: dict[str, str], method: str) -> AsyncOAuth2Client:
    """Authlib's own client, which knows nothing of us."""
    return AsyncOAuth2Client(
        client_id=client["client_id"],
        client_secret=client.get("client_secret"),
        token_endpoint_auth_method=method,
        redirect_uri=CALLBACK,
        scope="openid email",
        code_challenge_method="S256",
        trust_env=False,
    )


@pytest.mark.spec("A29", "RFC 6749 §4.1", "RFC 7636 §1.1", "OpenID Connect Core §3.1", "cognito 9.13", "oidcc server")
@pytest.mark.parametrize(
    ("kind", "method"),
    [("confidential", "client_secret_basic"), ("confidential", "client_secret_post"), ("public", "none")],
)
async def test_authlibs_own_client_signs_in_refreshes_asks_and_revokes(
    authserver: Service, registered: dict[str, dict[str, str]], human: Person, kind: str, method: str
) -> None:
    metadata = await discovered(authserver)
    async with foreign(registered[kind], method) as client, Browser() as browser:
        verifier, nonce = generate_token(48), generate_token()
        url, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        page = await walk(browser, await browser.open(url), human)
        assert page.left_to is not None
        token = await client.fetch_token(
            metadata["token_endpoint"], authorization_response=page.left_to, state=state, code_verifier=verifier
        )
        keys = KeySet.import_key_set((await client.get(metadata["jwks_uri"])).json())
        read = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
        claims = CodeIDToken(
            read.claims,
            read.header,
            {"iss": {"value": metadata["issuer"]}, "aud": {"value": client.client_id}, "nonce": {"value": nonce}},
            {"nonce": nonce, "client_id": client.client_id, "access_token": token["access_token"]},
        )
        claims.validate(now=int(time.time()))
        info = (await client.get(metadata["userinfo_endpoint"])).json()
        assert info["sub"] == claims["sub"] == human.sub
        assert info["email"] == human.email

        authserver.must_not_log(token["access_token"], token["refresh_token"], token["id_token"], verifier)
        again = await client.refresh_token(metadata["token_endpoint"])
        assert again["access_token"] != token["access_token"]
        assert (again["refresh_token"] != token["refresh_token"]) is (kind == "public")
        assert (await client.get(metadata["userinfo_endpoint"])).status_code == 200
        answer = await client.revoke_token(metadata["revocation_endpoint"], token_type_hint="refresh_token")
        assert answer.status_code == 200
        assert (await client.get(metadata["userinfo_endpoint"])).status_code == 401
        with pytest.raises(ForeignError, match="invalid_grant"):
            await client.refresh_token(metadata["token_endpoint"], refresh_token=again["refresh_token"])


@pytest.mark.spec("RFC 6749 §5.2", "security 6.19")
async def test_authlibs_own_client_understands_our_refusals(
    authserver: Service, registered: dict[str, dict[str, str]]
) -> None:
    metadata = await discovered(authserver)
    async with foreign(registered["confidential"], "client_secret_basic") as client:
        with pytest.raises(ForeignError, match="invalid_grant"):
            await client.fetch_token(metadata["token_endpoint"], code="unknown", code_verifier="x" * 43)
        client.client_secret = "wrong"
        with pytest.raises(ForeignError, match="invalid_client"):
            await client.fetch_token(metadata["token_endpoint"], code="unknown")


def alexa_like(authserver: Service, client: dict[str, str]) -> Alexa:
    issuer = authserver.settings["AUTHSERVER_ISSUER"]
    return Alexa(issuer, client["client_id"], client["client_secret"], CALLBACK)


async def eventually(ask: Any, within: float = 1.0) -> float:
    async with Watch() as watch:
        while not await ask():
            assert watch.seconds < within, "not seen in time"
            await asyncio.sleep(0.02)
    return watch.seconds


@pytest.mark.spec("decision 12", "decision 9", "security 6.32", "A28")
async def test_commands_hold_in_the_running_server_within_a_second(
    authserver: Service, elsewhere: Database, registered: dict[str, dict[str, str]]
) -> None:
    """From the moment that the command has ended."""
    person = await person_in(elsewhere)
    client = registered["confidential"]
    alexa = alexa_like(authserver, client)
    linked = await alexa.link(person)
    old = header_of(linked.access_token)["kid"]

    async with httpx2.AsyncClient(trust_env=False, verify=False, base_url=alexa.issuer) as http:

        async def published() -> set[str]:
            return {key["kid"] for key in (await http.get("/.well-known/jwks.json")).json()["keys"]}

        async def let_in(redirect_uri: str) -> bool:
            asked = Alexa(alexa.issuer, alexa.client_id, "", redirect_uri).authorization_url()
            return (await http.get(asked)).status_code == 303

        new = await asyncio.to_thread(authserver.cli_json, "key", "rotate")
        await eventually(lambda: _holds(published, lambda kids: len(kids) == 2))
        assert header_of((await alexa.refresh(linked.refresh_token)).json()["access_token"])["kid"] == old
        await asyncio.to_thread(authserver.cli_json, "key", "revoke", old)
        await eventually(lambda: _holds(published, lambda kids: old not in kids))
        answer = await alexa.refresh(linked.refresh_token)
        assert answer.status_code == 200, new
        assert header_of(answer.json()["access_token"])["kid"] in await published()

        other = "https://client.example.org/other"
        assert not await let_in(other)
        await asyncio.to_thread(
            authserver.cli_json, "client", "update", client["client_id"], "--add-redirect-uri", other
        )
        await eventually(lambda: let_in(other))

        await asyncio.to_thread(authserver.cli_json, "user", "disable", person.email)
        assert (await alexa.refresh(linked.refresh_token)).status_code == 400


async def _holds(ask: Any, condition: Any) -> bool:
    return bool(condition(await ask()))


@pytest_asyncio.fixture(loop_scope="session")
async def linked_refresh(
    authserver: Service, registered: dict[str, dict[str, str]], human: Person
) -> AsyncIterator[tuple[Alexa, str]]:
    alexa = alexa_like(authserver, registered["confidential"])
    yield alexa, (await alexa.link(human)).refresh_token


@pytest.mark.spec("A20", "A18", "security 6.26")
async def test_twenty_at_once_over_real_connections(
    authserver: Service, linked_refresh: tuple[Alexa, str], human: Person
) -> None:
    alexa, token = linked_refresh
    answers = await asyncio.gather(*(alexa.refresh(token) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    code = (await alexa.authorize(human)).code
    answers = await asyncio.gather(*(alexa.exchange(code) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


@pytest.mark.spec("A19", "decision 3", "decision 4")
async def test_what_was_answered_survives_a_crash(authserver: Service, human: Person, registered: Any) -> None:
    """SIGKILL right after the answer: the grant and the code's use are on disk."""
    alexa = alexa_like(authserver, registered["confidential"])
    code = (await alexa.authorize(human)).code
    tokens = (await alexa.exchange(code)).json()
    await asyncio.to_thread(authserver.kill)
    await asyncio.to_thread(authserver.start)
    assert (await alexa.refresh(tokens["refresh_token"])).status_code == 200
    assert (await alexa.exchange(code)).status_code == 400  # and not once more


def raw(authserver: Service, request: bytes) -> bytes:
    """One connection, these bytes, and all that comes back."""
    at = urlsplit(authserver.url)
    with socket.create_connection((at.hostname, at.port or 80), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


RAW = {
    "100-kilobytes-of-state": b"GET /oauth2/authorize?state=" + b"s" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw-bytes-in-query": b"GET /oauth2/authorize?client_id=\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw-bytes-in-path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "percent-nul-in-path": b"GET /login%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no-host": b"GET /oauth2/authorize HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET /oauth2/authorize HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two-lengths": b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length-and-chunks": b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative-length": b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "promised-more": b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: " + FORM.encode()
    + b"\r\nContent-Length: 500\r\n\r\ngrant_type=x",
    "endless-chunks": b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: " + FORM.encode()
    + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 20,
    "not-http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "upgrade": b"GET /oauth2/token HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
}  # fmt: skip


@pytest.mark.spec("security 6.13", "security 6.56")
@pytest.mark.parametrize("request_bytes", RAW.values(), ids=RAW)
def test_bytes_that_no_client_sends_make_no_500_and_no_trace(authserver: Service, request_bytes: bytes) -> None:
    before = len(authserver.log())
    answer = raw(authserver, request_bytes)
    status = answer.split(b" ", 2)[1:2]
    assert status == [] or (status[0][:1] == b"4"), answer[:300]
    assert b"Traceback" not in answer
    assert "Traceback" not in authserver.log()[before:]
    assert httpx2.get(f"{authserver.url}/healthz", trust_env=False, verify=False).status_code == 200


@pytest.mark.spec("A27", "decision 8")
async def test_the_issuer_in_tokens_is_the_configured_one_whatever_the_request_says(
    authserver: Service, linked_refresh: tuple[Alexa, str]
) -> None:
    alexa, token = linked_refresh
    async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
        answer = await http.post(
            f"{authserver.url}/oauth2/token",
            data={
                "grant_type": "refresh_token",
                "refresh_token": token,
                "client_id": alexa.client_id,
                "client_secret": alexa.client_secret,
            },
            headers={"host": "evil.example", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example"},
        )
    assert claims_of(answer.json()["access_token"])["iss"] == authserver.settings["AUTHSERVER_ISSUER"]
