"""Clients that registered themselves and want more than they were given, and strangers at their endpoint."""

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest
from sqlmodel import select
from starlette.types import Message

from authserver.models import Client, Consent, User
from authserver.oauth import client_keys, registration
from authserver.oauth.dynamic import document, registrations, turnstile
from authserver.oauth.grants.device_code import GRANT_TYPE
from authserver.storage.statements import NOTE_FIRST_TOKENS
from tests.authserver.protocol.harness import Server, claims_of
from tests.authserver.protocol.registering import CALLBACK, PATH, Itself, assert_refused, bearer, leave, register, send
from tests.authserver.protocol.signing import signing
from tests.authserver.protocol.test_managing_registrations import linked

VERIFIER = "v" * 43
METADATA = "invalid_client_metadata"
THEIRS = "https://another.example.org/cb"


async def narrow(itself: Itself, **policy: Any) -> None:
    """As the operator does with `client update`."""
    server = itself.server
    async with server.services.database.unit() as session:
        client = await registration.find(session, itself.client_id)
        assert client is not None
        await registration.change(session, client, policy, server.clock())
        await registrations.narrow(session, client, policy)


async def stored(itself: Itself) -> Client:
    async with itself.server.services.database.unit() as session:
        return await session.get_one(Client, itself.client_id)


@pytest.mark.spec("RFC 7592 §2.2", "ASVS 10.4.7")
async def test_a_change_that_takes_its_time_is_judged_by_what_the_operator_says_meanwhile(server: Server) -> None:
    itself = await Itself.of(server, scope="openid profile email")
    body = orjson.dumps({"client_id": itself.client_id, "redirect_uris": [CALLBACK], "scope": "openid profile email"})
    half, rest, begun = [body[:5]], asyncio.Event(), asyncio.Event()
    said: list[Message] = []

    async def receive() -> Message:
        if half:
            return {"type": "http.request", "body": half.pop(), "more_body": True}
        begun.set()
        await rest.wait()
        return {"type": "http.request", "body": body[5:], "more_body": False}

    async def hear(message: Message) -> None:
        said.append(message)

    headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {itself.token}".encode())]
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PUT", "scheme": "https"},
        **{"path": server.path + PATH, "raw_path": b"", "root_path": "", "headers": headers},
        **{"query_string": f"client_id={itself.client_id}".encode(), "client": ("127.0.0.1", 1), "server": ("x", 443)},
    }
    task = asyncio.create_task(server.app(scope, receive, hear))
    await asyncio.wait_for(begun.wait(), 20)
    await narrow(itself, scopes=["openid"])
    rest.set()
    await task
    assert said[0]["status"] == 400
    assert (await stored(itself)).scopes == ["openid"]


@pytest.mark.spec("OpenID Connect Core §8.1", "ASVS 10.4.7")
async def test_no_client_moves_into_the_sector_of_another(server: Server, person: User) -> None:
    """With a code that it has already, it would learn there what the other one knows the person as."""
    victim = await Itself.of(server, subject_type="pairwise", redirect_uris=[THEIRS])
    code, _ = await server.add_code(victim.asker, person, VERIFIER)
    known = claims_of((await victim.asker.exchange(code, code_verifier=VERIFIER)).json()["id_token"])["sub"]
    itself = await Itself.of(server)
    code, _ = await server.add_code(itself.asker, person, VERIFIER)
    answer = await itself.put(subject_type="pairwise", redirect_uris=[THEIRS])
    assert_refused(answer, METADATA)
    seen = claims_of((await itself.asker.exchange(code, code_verifier=VERIFIER)).json()["id_token"])["sub"]
    assert seen != known


@pytest.mark.spec("OpenID Connect Core §8.1", "ASVS 10.4.7")
@pytest.mark.parametrize("more", [[], ["authorization_code"]], ids=["devices-alone", "devices-and-browsers"])
async def test_no_device_is_of_a_sector_that_it_only_names(server: Server, more: list[str]) -> None:
    token = await leave(server, grant_types=[GRANT_TYPE, "authorization_code"])
    members = {"redirect_uris": [THEIRS] if more else [], "response_types": ["code"] if more else []}
    answer = await register(server, token, subject_type="pairwise", grant_types=[GRANT_TYPE, *more], **members)
    assert_refused(answer, METADATA)


@pytest.mark.spec("security 6.57", "ASVS 10.4.7")
@pytest.mark.parametrize("change", [{"client_name": "Photo prints"}, {"redirect_uris": [THEIRS]}, {}], ids=str)
async def test_people_are_asked_again_where_it_is_no_longer_what_they_agreed_to(
    server: Server, person: User, change: dict[str, Any]
) -> None:
    itself = await Itself.of(server, scope="openid")
    async with server.services.database.unit() as session:
        values = {"sub": person.sub, "client_id": itself.client_id, "scope": "openid", "epoch": person.epoch}
        session.add(Consent(**values, at=server.clock()))
    assert (await itself.put(scope="openid", **change)).status_code == 200
    async with server.services.database.unit() as session:
        left = (await session.exec(select(Consent).where(Consent.client_id == itself.client_id))).all()
    assert len(left) == (0 if change else 1)


@pytest.mark.spec("RFC 7517 §5")
def test_one_bad_key_of_a_set_takes_no_good_one_along() -> None:
    good = signing("ES256").public
    for bad in ({"alg": {}}, {"key_ops": 5}):
        assert len(client_keys.parse({"keys": [good | bad, good]})) == 1


@pytest.mark.spec("RFC 7591 §3.2.2", "security 6.71")
@pytest.mark.parametrize("member", [{"alg": []}, {"alg": {}}, {"key_ops": 5}, {"key_ops": None}, {"x": 5}], ids=str)
async def test_a_key_whose_members_are_of_wrong_types_is_the_clients_fault(
    server: Server, member: dict[str, Any]
) -> None:
    keys = {"keys": [signing("ES256").public | member]}
    assert_refused(await register(server, await leave(server), jwks=keys), METADATA)


@pytest.mark.spec("RFC 7591 §3.2.2", "security 6.71")
async def test_a_number_that_nobody_can_keep_is_no_json(server: Server) -> None:
    body = orjson.dumps({"redirect_uris": [CALLBACK], "default_max_age": 5, "more": 1}).replace(b":1}", b":1e400}")
    answer = await send(server, "POST", await leave(server), body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert document.parse(b'{"a": 1.5e3}') == {"a": 1500.0}


@pytest.mark.spec("RFC 7591 §5", "ASVS 10.4.7")
@pytest.mark.parametrize(
    "name",
    ["AMAZON\u3000alexa", "Amazon Alexa\ufe0f", "Amazon\u034f Alexa", "Amazon Alexa\u3164", "Amazon\u115f Alexa",
     "Amazon Alexa.", "Amazon Àlexa", "Amazon Аlexa", "\u3164", "\u2800"],
    ids=ascii,
)  # fmt: skip
async def test_no_mark_and_no_borrowed_letter_makes_it_the_operators_client(server: Server, name: str) -> None:
    async with server.services.database.unit() as session:
        names = {row.client_name for row in await registration.every(session)}
        if "Amazon Alexa" not in names:
            policy = {"redirect_uris": [CALLBACK], "scopes": ["openid"], "grant_types": ["authorization_code"]}
            policy |= {"token_endpoint_auth_methods": ["client_secret_basic"]}
            await registration.register(session, "Amazon Alexa", policy, server.clock())
    assert_refused(await register(server, await leave(server), client_name=name), METADATA)
    assert (await register(server, await leave(server), client_name="Лампы дома")).status_code == 201


@pytest.mark.spec("alexa 0", "decision 7")
async def test_strangers_at_this_endpoint_leave_the_database_to_who_gets_tokens(server: Server, person: User) -> None:
    itself = await Itself.of(server, grant_types=["authorization_code", "refresh_token"])
    tokens = await linked(itself, person)

    async def stranger() -> int:
        url, asked = server.path + PATH, {"client_id": "abc"}
        return (await server.http.get(url, params=asked, headers=bearer("x" * 43))).status_code

    flood = [asyncio.create_task(stranger()) for _ in range(400)]
    await asyncio.sleep(0)
    server.services.clients.forget()
    assert (await itself.asker.refresh(tokens["refresh_token"])).status_code == 200
    answers = Counter(await asyncio.gather(*flood))
    assert set(answers) == {401, 503}
    assert answers[401] <= turnstile.AT_ONCE + turnstile.MOST_WAITING
    assert await stranger() == 401  # who waited is forgotten


async def test_a_client_that_gets_its_first_token_this_moment_is_not_removed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for the unused and the removal, where the database lets two write at once; on SQLite before."""
    itself = await Itself.of(server)
    noted = []

    async def note() -> None:
        noted.append(True)
        await server.services.hot.execute(NOTE_FIRST_TOKENS, which=itself.client_id, at=server.clock())

    if server.services.database.url.kind == "sqlite":
        await note()
    async with server.services.database.unit() as session:
        execute = session.exec

        async def between(statement: Any, **others: Any) -> Any:
            if not noted and "DELETE FROM client_registrations" in str(statement):
                await note()
            return await execute(statement, **others)

        monkeypatch.setattr(session, "exec", between)
        await registrations.remove_unused(session, server.clock() + 1, 500)
    assert noted
    assert (await stored(itself)).client_id == itself.client_id
