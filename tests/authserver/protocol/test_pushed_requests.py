"""Pushed authorization requests (RFC 9126): left by the client, begun by a browser, answered once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from authserver.models import PushedRequest, User
from authserver.oauth.pushed import LIFETIME, PREFIX
from authserver.secret_values import digest
from tests.authserver.protocol.harness import CALLBACK, Asker, Server, challenge_of
from tests.authserver.protocol.signing import Holder
from tests.authserver.protocol.test_authorization_request import answered, assert_error, assert_let_in
from tests.authserver.protocol.test_client_authentication import assert_unproven
from tests.authserver.protocol.test_code_exchange import assert_refused
from tests.authserver.protocol.test_races import AT_ONCE, replicas

__all__ = ["replicas"]

PAR = "/oauth2/par"


async def push(client: Asker, **others: str | None) -> httpx2.Response:
    form = client.authorization(**others)
    if client.method != "none":
        del form["client_id"]
    data, headers = client._credentials(form)
    return await client.server.post(PAR, data, headers)


async def pushed(client: Asker, **others: str | None) -> dict[str, str]:
    """The query that a browser brings."""
    answer = await push(client, **others)
    assert answer.status_code == 201, answer.text
    return {"client_id": client.client_id, "request_uri": answer.json()["request_uri"]}


def assert_page(answer: httpx2.Response, reason: str = "request_uri_invalid") -> None:
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert reason in answer.text


@pytest.mark.spec("RFC 9126 §2.2", "security 6.49", "security 4.par")
@pytest.mark.parametrize("preset", ["confidential", "public", "alexa"])
async def test_a_client_pushes_its_request_and_gets_a_reference(server: Server, preset: str) -> None:
    client = await server.add_client(preset)
    answer = await push(client)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"request_uri", "expires_in"}
    assert answer.json()["expires_in"] == LIFETIME
    request_uri = answer.json()["request_uri"]
    assert request_uri.startswith(PREFIX)
    assert len(request_uri) - len(PREFIX) >= 43  # 256 bits
    assert (await push(client)).json()["request_uri"] != request_uri


@pytest.mark.spec("RFC 9126 §4", "RFC 9126 §2.1", "security 3.par-alone")
async def test_the_browser_brings_the_reference_and_the_client_gets_what_it_pushed(
    server: Server, person: User
) -> None:
    client = await server.add_client(first_party=True, scopes=["openid", "email"])
    proof = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256"}
    query = await pushed(client, state="\u00e4 &=", nonce="n", scope="email openid", **proof)
    answer = await server.authorize(query, **await server.signed_in(person))
    given = answered(answer, CALLBACK)
    assert given["state"] == "\u00e4 &="
    tokens = await client.exchange(given["code"], code_verifier="v" * 43)
    assert tokens.json()["scope"] == "email openid"


@pytest.mark.spec("RFC 9126 §4", "RFC 9101 §6.3", "security 6.13", "security 3.par-alone")
async def test_what_stands_beside_the_reference_does_not_count(server: Server, person: User) -> None:
    client = await server.add_client(first_party=True, redirect_uris=[CALLBACK, "https://client.example.org/other"])
    query = await pushed(client, scope="openid", state="mine")
    beside = {
        "redirect_uri": "https://client.example.org/other",
        "state": "theirs",
        "scope": "admin",
        "response_type": "token",
        "prompt": "login",
        "request": "x.y.z",
    }
    answer = await server.authorize(beside | query, **await server.signed_in(person))
    assert answered(answer, CALLBACK)["state"] == "mine"


@pytest.mark.spec("RFC 9126 §7.3", "security 3.par-page-load", "security 3.par-once")
async def test_a_reference_is_not_burned_by_a_page_that_is_loaded_twice(server: Server, person: User) -> None:
    """Scanners of mails and chats load links; people press reload."""
    client = await server.add_client(first_party=True)
    query = await pushed(client)
    for _ in range(3):
        assert_let_in(await server.authorize(query), server)
    cookie = await server.signed_in(person)
    assert "code" in answered(await server.authorize(query, **cookie), CALLBACK)
    assert_page(await server.authorize(query, **cookie))
    assert_page(await server.authorize(query))


@pytest.mark.spec("RFC 9126 §7.3", "security 3.par-once")
async def test_an_error_that_leaves_for_the_client_uses_the_reference(server: Server) -> None:
    client = await server.add_client()
    query = await pushed(client, prompt="none")
    assert_error(await server.authorize(query), client, "login_required")
    assert_page(await server.authorize(query))
    query = await pushed(client, scope="openid")
    registered = await server.services.clients.get(client.client_id)
    assert registered is not None
    await server.change(registered.row, scopes=["email"])
    server.services.clients.forget()
    assert_error(await server.authorize(query), client, "invalid_scope")
    assert_page(await server.authorize(query))


@pytest.mark.spec("RFC 9126 §7.3", "RFC 9700 §2.1.1", "security 3.par-once")
async def test_of_twenty_browsers_with_one_reference_exactly_one_gets_a_code(
    replicas: list[Server], person: User
) -> None:
    client = await replicas[0].add_client(first_party=True)
    cookie = await replicas[0].signed_in(person)
    for _ in range(3):
        query = await pushed(client)
        answers = await asyncio.gather(*(replicas[number % 2].authorize(query, **cookie) for number in range(AT_ONCE)))
        assert Counter(answer.status_code for answer in answers) == {303: 1, 400: AT_ONCE - 1}
        (won,) = [answer for answer in answers if answer.status_code == 303]
        assert (await client.exchange(answered(won, CALLBACK)["code"])).status_code == 200


@pytest.mark.spec("RFC 9126 §4", "security 3.par-expiry")
async def test_it_must_be_begun_in_time(server: Server) -> None:
    client = await server.add_client()
    query = await pushed(client)
    server.clock.advance(LIFETIME - 1)
    assert_let_in(await server.authorize(query), server)
    server.clock.advance(1)
    assert_page(await server.authorize(query))
    assert_error(
        await server.authorize(query | {"redirect_uri": CALLBACK, "state": "xyz"}), client, "invalid_request_uri"
    )


@pytest.mark.spec("RFC 9126 §2.2", "security 3.par-client")
async def test_it_is_bound_to_its_client(server: Server) -> None:
    client, other = await server.add_client(), await server.add_client()
    query = await pushed(client)
    assert_page(await server.authorize(query | {"client_id": other.client_id}))
    answer = await server.authorize(query | {"client_id": other.client_id, "redirect_uri": CALLBACK})
    assert_error(answer, other, "invalid_request_uri", None)
    assert_page(await server.authorize({"request_uri": query["request_uri"]}), "unknown_client")
    assert_page(await server.authorize(query | {"client_id": "nobody"}), "unknown_client")
    assert_let_in(await server.authorize(query), server)


@pytest.mark.spec("security 6.55", "security 6.77", "RFC 9126 §4", "security 4.par")
@pytest.mark.parametrize(
    "reference",
    ["", "x", "\0", "x" * 129, "x" * 60_000, "' OR 1=1 --", "../..", "\u00e4"],
    ids=["empty", "short", "nul", "129", "long", "sql", "dots", "not-ascii"],
)
async def test_a_reference_that_was_never_given_is_a_page(server: Server, reference: str) -> None:
    client = await server.add_client()
    answer = await server.authorize({"client_id": client.client_id, "request_uri": PREFIX + reference})
    assert answer.status_code in (400, 414)
    assert "location" not in answer.headers


@pytest.mark.spec("RFC 9126 §2.1", "security 3.par-request-uri")
@pytest.mark.parametrize("uri", [PREFIX + "x", "https://client.example.org/request.jwt"])
async def test_a_reference_is_not_pushed(server: Server, uri: str) -> None:
    assert_refused(await push(await server.add_client(), request_uri=uri), "invalid_request")


@pytest.mark.spec("RFC 9126 §2.1", "RFC 9110 §15.5.6", "security 3.par-method")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_only_post_pushes(server: Server, method: str) -> None:
    answer = await server.http.request(method, PAR)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


@pytest.mark.spec("RFC 9126 §2.1", "security 6.14", "security 4.duplicates-token")
async def test_what_is_pushed_stands_in_the_body_each_once(server: Server) -> None:
    client = await server.add_client()
    data, headers = client._credentials(client.authorization())
    assert_refused(await server.post(f"{PAR}?scope=openid", data, headers), "invalid_request")
    twice = "&".join(f"{name}={quote(value, safe='')}" for name, value in data.items())
    assert_refused(await server.post(PAR, f"{twice}&scope=openid".encode(), headers), "invalid_request")
    answer = await server.http.post(PAR, json=data, headers=headers)
    assert_refused(answer, "invalid_request", 415)


@pytest.mark.spec("RFC 9126 §2.1", "security 6.36", "security 4.par")
async def test_whoever_pushes_proves_who_it_is(server: Server) -> None:
    client = await server.add_client()
    assert_unproven(await server.post(PAR, client.authorization()))
    client.secret = "wrong"
    assert_unproven(await push(client))
    assert_unproven(await server.post(PAR, client.authorization(client_id="nobody")))


@pytest.mark.spec("RFC 9126 §2.1")
async def test_nobody_pushes_in_the_name_of_another(server: Server) -> None:
    client, other = await server.add_client(), await server.add_client()
    data, headers = client._credentials(client.authorization(client_id=other.client_id))
    assert_refused(await server.post(PAR, data, headers), "invalid_request")
    holder = await Holder.add(server)
    form = holder.authorization(client_id=other.client_id) | holder.proof()
    assert_unproven(await server.post(PAR, form))


#: what the authorization endpoint would refuse is refused at once, to the client itself
FAULTS: dict[str, tuple[dict[str, str | None], str]] = {
    "redirect-uri": ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
    "redirect-uri-slash": ({"redirect_uri": CALLBACK + "/"}, "invalid_request"),
    "no-redirect-uri": ({"redirect_uri": None}, "invalid_request"),
    "no-response-type": ({"response_type": None}, "invalid_request"),
    "response-type": ({"response_type": "token"}, "unsupported_response_type"),
    "scope": ({"scope": "admin"}, "invalid_scope"),
    "plain": ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request"),
    "prompt": ({"prompt": "none login"}, "invalid_request"),
    "max-age": ({"max_age": "soon"}, "invalid_request"),
    "response-mode": ({"response_mode": "fragment"}, "invalid_request"),
    "hint": ({"id_token_hint": "x.y.z"}, "invalid_request"),
    "long-state": ({"state": "s" * 9000}, "invalid_request"),
    "request": ({"request": "x.y.z"}, "request_not_supported"),
}


@pytest.mark.spec("security 3.par-redirect-uri", "RFC 9126 §2.3", "security 4.par", "security 3.pkce-plain")
@pytest.mark.parametrize(("wrong", "error"), FAULTS.values(), ids=FAULTS)
async def test_a_request_with_a_fault_is_refused_when_it_is_pushed(
    server: Server, wrong: dict[str, str | None], error: str
) -> None:
    assert_refused(await push(await server.add_client(), **wrong), error)


@pytest.mark.spec("RFC 9126 §2.3", "security 6.16", "security 3.pkce-required")
async def test_pkce_is_demanded_when_it_is_pushed(server: Server) -> None:
    public = await server.add_client("public")
    assert_refused(await push(public, code_challenge=None), "invalid_request")


@pytest.mark.spec("security 3.par-demanded", "RFC 9126 §5", "RFC 9126 §6", "A03")
async def test_a_client_that_must_push_is_refused_with_a_plain_link(server: Server, person: User) -> None:
    client = await server.add_client(require_pushed_authorization_requests=True, first_party=True)
    cookie = await server.signed_in(person)
    assert_error(await server.authorize(client.authorization(), **cookie), client, "invalid_request")
    assert_page(await server.authorize(client.authorization(redirect_uri="https://evil.example")), "redirect_mismatch")
    assert "code" in answered(await server.authorize(await pushed(client), **cookie), CALLBACK)


@pytest.mark.spec("RFC 9126 §7", "A32", "decision 5")
async def test_neither_the_reference_nor_what_proves_the_client_is_stored(server: Server) -> None:
    client = await server.add_client(token_endpoint_auth_methods=["client_secret_post"])
    query = await pushed(client)
    reference = query["request_uri"].removeprefix(PREFIX)
    async with server.services.database.unit() as session:
        row = await session.get(PushedRequest, digest(reference))
    assert row is not None
    assert row.request["client_id"] == client.client_id
    assert "client_secret" not in row.request
    assert client.secret not in str(row.request)
    holder = await Holder.add(server)
    reference = (await pushed(holder))["request_uri"].removeprefix(PREFIX)
    async with server.services.database.unit() as session:
        row = await session.get(PushedRequest, digest(reference))
    assert row is not None
    assert not {"client_assertion", "client_assertion_type"} & set(row.request)


@pytest.mark.spec("decision 12", "security 4.par")
async def test_what_is_pushed_ends_with_its_client(server: Server) -> None:
    client = await server.add_client()
    query = await pushed(client)
    registered = await server.services.clients.get(client.client_id)
    assert registered is not None
    await server.change(registered.row, active=False)
    server.services.clients.forget()
    assert_page(await server.authorize(query), "unknown_client")


@pytest.mark.spec("RFC 9126 §4")
@pytest.mark.parametrize("method", ["get", "post"])
async def test_a_reference_is_taken_in_both_ways(server: Server, method: str) -> None:
    client = await server.add_client()
    query = await pushed(client)
    send: dict[str, Callable[[], Any]] = {
        "get": lambda: server.authorize(query),
        "post": lambda: server.post("/oauth2/authorize", query),
    }
    assert_let_in(await send[method](), server)
