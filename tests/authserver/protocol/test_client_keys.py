"""Keys of a client that lie at its own address (`jwks_uri`): fetched when they are needed, kept while it is away."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from authserver.oauth import client_keys
from authserver.oauth.client_keys import FRESH, KEPT, RETRY, RETRY_WITHOUT, KeySetError, parse
from tests.authserver.protocol.harness import Clock, Server, settings_for
from tests.authserver.protocol.signing import Holder, Signing, signing
from tests.authserver.protocol.test_client_assertions import ask, assert_let_in
from tests.authserver.protocol.test_client_authentication import assert_unproven
from tests.conftest import NewDatabase
from tests.running.answerer import Answerer, document, json_of


def key_set(*keys: Signing) -> dict[str, object]:
    return {"keys": [each.public for each in keys]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def developing(new_database: NewDatabase) -> AsyncIterator[Server]:
    """http on loopback is for development alone."""
    settings = settings_for(new_database("sqlite"), development=True, issuer="http://localhost:8000")
    async with Server(settings) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def place() -> AsyncIterator[Answerer]:
    async with Answerer(json_of(key_set(signing()))) as place:
        yield place


async def fetching(server: Server, place: Answerer, keys: Signing | None = None) -> Holder:
    return await Holder.add(server, keys, jwks_uri=place.url)


def assert_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "retry-after" in answer.headers


@pytest.mark.spec("OpenID Connect Core §10.1.1", "RFC 7517 §5")
async def test_a_key_set_is_fetched_once_and_used_for_ten_minutes(developing: Server, place: Answerer) -> None:
    client = await fetching(developing, place)
    assert place.asked == []
    for _ in range(3):
        assert_let_in(await ask(client, client.assertion()))
    assert len(place.asked) == 1
    developing.clock.advance(FRESH)
    assert_let_in(await ask(client, client.assertion()))
    assert len(place.asked) == 2


@pytest.mark.spec("OpenID Connect Core §10.1.1")
async def test_twenty_at_once_are_one_fetch(developing: Server, place: Answerer) -> None:
    client = await fetching(developing, place)
    for answer in await asyncio.gather(*(ask(client, client.assertion()) for _ in range(20))):
        assert_let_in(answer)
    assert len(place.asked) == 1


@pytest.mark.spec("OpenID Connect Core §10.1.1", "security 6.77")
async def test_a_new_key_is_taken_at_once_but_a_set_is_asked_for_once_a_minute(
    developing: Server, place: Answerer
) -> None:
    new, stranger = signing("ES256", 3), signing("ES256", 4)
    client = await fetching(developing, place)
    assert_let_in(await ask(client, client.assertion()))
    developing.clock.advance(RETRY)
    place.answer = json_of(key_set(signing(), new))
    assert_let_in(await ask(client, new.sign(client.claims())))
    assert len(place.asked) == 2
    for _ in range(5):
        assert_unproven(await ask(client, stranger.sign(client.claims())))
    assert len(place.asked) == 2
    developing.clock.advance(RETRY)
    assert_unproven(await ask(client, stranger.sign(client.claims())))
    assert len(place.asked) == 3


@pytest.mark.spec("OpenID Connect Core §10.1.1", "decision 7")
@pytest.mark.parametrize("trouble", ["status", "no-json", "no-set", "private", "gone"])
async def test_while_the_address_is_away_known_keys_hold_for_a_day(
    developing: Server, place: Answerer, trouble: str, clock: Clock
) -> None:
    client = await fetching(developing, place)
    assert_let_in(await ask(client, client.assertion()))
    if trouble == "gone":
        await place.__aexit__()
    else:
        place.answer = {
            "status": document(b"{}", status="500 Oh"),
            "no-json": document(b"<html>", media_type="text/html"),
            "no-set": json_of({"keys": {}}),
            "private": json_of({"keys": [signing().key.as_dict(private=True)]}),
        }[trouble]
    for seconds in (FRESH, RETRY, KEPT - FRESH - RETRY - 1):
        developing.clock.advance(seconds)
        assert_let_in(await ask(client, client.assertion()))
    developing.clock.advance(2)
    assert_unavailable(await ask(client, client.assertion()))


@pytest.mark.spec("security 6.40")
async def test_a_key_that_was_taken_away_ends_with_the_next_fetch(developing: Server, place: Answerer) -> None:
    client = await fetching(developing, place)
    assert_let_in(await ask(client, client.assertion()))
    place.answer = json_of(key_set(signing("ES256", 3)))
    assert_let_in(await ask(client, client.assertion()))
    developing.clock.advance(FRESH)
    assert_unproven(await ask(client, client.assertion()))


@pytest.mark.spec("decision 7")
async def test_without_any_key_nobody_is_to_blame_and_it_is_tried_again_soon(
    developing: Server, place: Answerer
) -> None:
    client = await fetching(developing, place)
    place.answer = document(b"{}", status="503 Later")
    for _ in range(3):
        assert_unavailable(await ask(client, client.assertion()))
    assert len(place.asked) == 1
    place.answer = json_of(key_set(signing()))
    assertion = client.assertion()
    assert_unavailable(await ask(client, assertion))
    developing.clock.advance(RETRY_WITHOUT)
    assert_let_in(await ask(client, assertion))


@pytest.mark.spec("security 6.77")
async def test_whoever_is_not_the_client_causes_no_fetch(developing: Server, place: Answerer) -> None:
    client = await fetching(developing, place)
    secret = await developing.add_client(jwks_uri=place.url)
    holder = Holder(developing, secret.client_id, secret.secret, secret.redirect_uri, signing=signing())
    assert_unproven(await ask(client, client.assertion(aud="https://other.example.org")))
    assert_unproven(await ask(client, client.assertion(exp=1)))
    assert_unproven(await ask(holder, holder.assertion()))
    assert_unproven(await ask(client, "a.b.c"))
    assert place.asked == []


@pytest.mark.spec("security 6.77", "security 6.76")
async def test_in_production_a_key_set_on_this_machine_is_never_asked_for(server: Server, place: Answerer) -> None:
    client = await fetching(server, place)
    assert_unavailable(await ask(client, client.assertion()))
    assert place.asked == []


@pytest.mark.spec("security 6.77")
async def test_sets_of_many_clients_do_not_fill_the_memory(
    developing: Server, place: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_keys, "MOST_SETS", 2)
    clients = [await fetching(developing, place) for _ in range(3)]
    for client in clients:
        assert_let_in(await ask(client, client.assertion()))
    assert len(developing.services.oauth.client_keys._remotes) <= 2
    assert_let_in(await ask(clients[0], clients[0].assertion()))


RSA_1024 = {"kty": "RSA", "e": "AQAB", "n": "y" * 171, "kid": "small"}
SETS: dict[str, object] = {
    "nothing": None,
    "list": [],
    "no-keys": {},
    "keys-is-text": {"keys": "text"},
    "empty": {"keys": []},
    "entries-are-text": {"keys": ["text", 1, None]},
    "private": {"keys": [signing("ES256").key.as_dict(private=True)]},
    "one-private": {"keys": [signing("ES256").public, signing("ES256", 1).key.as_dict(private=True)]},
    "symmetric": {"keys": [{"kty": "oct", "k": "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg"}]},
    "small-rsa": {"keys": [RSA_1024]},
    "other-curve": {"keys": [{**signing("ES256").public, "crv": "P-384"}]},
    "not-on-the-curve": {"keys": [{**signing("ES256").public, "x": "A" * 43}]},
    "unknown-kind": {"keys": [{"kty": "AKP", "pub": "x"}]},
    "for-encryption": {"keys": [{**signing("ES256").public, "use": "enc"}]},
    "other-algorithm": {"keys": [{**signing("ES256").public, "alg": "ES512"}]},
    "too-many": {"keys": [signing("ES256").public] * 21},
}


@pytest.mark.spec("RFC 7517 §5", "RFC 8725 §3.5", "security 6.40")
@pytest.mark.parametrize("document", SETS.values(), ids=SETS)
def test_what_is_no_set_of_usable_public_keys_is_refused(document: object) -> None:
    with pytest.raises(KeySetError):
        parse(document)


@pytest.mark.spec("RFC 7517 §5")
def test_keys_that_we_cannot_use_are_left_aside() -> None:
    keys = parse({"keys": [RSA_1024, {"kty": "new"}, "text", signing("ES256").public, signing("EdDSA").public]})
    assert [key.kid for key in keys] == ["ES256-0", "EdDSA-0"]
