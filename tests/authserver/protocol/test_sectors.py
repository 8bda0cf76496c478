"""`sector_identifier_uri` (OpenID Connect Dynamic Registration §5) and keys at an address: what registering fetches."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authserver.egress import AT_ONCE, OF_ONE_TOKEN
from authserver.models import Client, User
from authserver.storage.changes import announce
from tests.authserver.protocol.harness import Server, claims_of, settings_for
from tests.authserver.protocol.registering import CALLBACK, Itself, assert_refused, leave, register
from tests.authserver.protocol.signing import Holder, signing
from tests.authserver.protocol.test_client_assertions import ask, assert_let_in
from tests.authserver.protocol.test_client_authentication import assert_unproven
from tests.conftest import NewDatabase
from tests.running.answerer import Answer, Answerer, document, json_of, silence

OTHER = "https://other.example.org/callback"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def developing(new_database: NewDatabase) -> AsyncIterator[Server]:
    """http on loopback is for development alone."""
    settings = settings_for(new_database("sqlite"), development=True, issuer="http://localhost:8000")
    async with Server(settings) as server:
        yield server


@pytest.mark.spec(
    "OpenID Connect Dynamic Registration §5", "OpenID Connect Core §8.1", "OIDC Dynamic sector-identifier"
)
async def test_a_sector_that_lists_every_redirect_uri_is_one_for_all_its_clients(developing: Server) -> None:
    server, person = developing, await developing.add_person()
    token, subjects = await leave(server), set()
    async with Answerer(json_of([OTHER, CALLBACK, "https://third.example.org/"])) as place:
        for uris in ([CALLBACK, OTHER], [OTHER]):
            itself = await Itself.of(
                server, token, subject_type="pairwise", redirect_uris=uris, sector_identifier_uri=place.url
            )
            assert itself.told["sector_identifier_uri"] == place.url
            subjects.add(await known_as(itself, person))
        async with server.services.database.unit() as session:
            row = await session.get(Client, itself.client_id)
        assert row is not None
        assert row.sector_identifier == "127.0.0.1"
        # what it is linked with stays: to it everybody would become somebody else
        answer = await itself.put(subject_type="pairwise", redirect_uris=[OTHER])
        assert_refused(answer, "invalid_client_metadata")
        assert (await itself.read()).json()["sector_identifier_uri"] == place.url
    assert len(subjects) == 1
    assert person.sub not in subjects


NATIVE = {
    "loopback": ["http://127.0.0.1/callback", "http://[::1]/callback"],
    "localhost": ["http://localhost:4711/callback"],
    "own-scheme": ["org.example.app:/callback"],
    # no browser goes to that host for it: it proves nothing
    "own-scheme-with-a-host": ["org.example.app://itself.example.org/callback"],
}


@pytest.mark.spec("OpenID Connect Core §8.1", "RFC 8252 §7")
@pytest.mark.parametrize("uris", NATIVE.values(), ids=NATIVE)
async def test_native_apps_share_their_subjects_with_nobody(server: Server, person: User, uris: list[str]) -> None:
    token, subjects = await leave(server), set()
    for redirect_uris in (uris, uris, [CALLBACK]):
        app = await Itself.of(
            server,
            token,
            subject_type="pairwise",
            redirect_uris=redirect_uris,
            token_endpoint_auth_method="none",
            grant_types=["authorization_code", "refresh_token"],
        )
        subjects.add(await known_as(app, person))
        again = await app.put(  # its own next change leaves it alone
            subject_type="pairwise",
            redirect_uris=redirect_uris,
            token_endpoint_auth_method="none",
            grant_types=["authorization_code", "refresh_token"],
        )
        assert again.status_code == 200, again.text
        assert await known_as(app, person) in subjects
    assert len(subjects | {person.sub}) == 4


@pytest.mark.spec("OpenID Connect Core §8.1")
async def test_an_address_of_its_own_machine_joins_nobodys_sector(server: Server) -> None:
    """Else the codes would come to the app, and the subjects would be those of the host's own application."""
    token = await leave(server)
    for uri in ("http://127.0.0.1/callback", "org.example.app:/cb", "org.example.app://itself.example.org/cb"):
        answer = await register(server, token, subject_type="pairwise", redirect_uris=[CALLBACK, uri])
        assert_refused(answer, "invalid_client_metadata")


@pytest.mark.spec("OpenID Connect Core §8.1", "OpenID Connect Core §12.2")
async def test_a_native_app_that_has_the_sector_of_its_machine_keeps_it(server: Server, person: User) -> None:
    members = {"subject_type": "pairwise", "redirect_uris": ["http://localhost/callback"]}
    app = await Itself.of(server, **members)
    async with server.services.database.unit() as session:
        row = await session.get(Client, app.client_id)
        assert row is not None
        row.sector_identifier = "localhost"  # as it was registered once
        session.add(row)
        await announce(session)
    server.services.clients.forget_one(app.client_id)
    before = await known_as(app, person)
    assert (await app.put(**members, contacts=["me@example.org"])).status_code == 200
    assert await known_as(app, person) == before


async def known_as(app: Itself, person: User) -> str:
    code, _ = await app.server.add_code(app.asker, person, "v" * 43)
    tokens = (await app.asker.exchange(code, code_verifier="v" * 43)).json()
    return str(claims_of(tokens["id_token"])["sub"])


BAD: dict[str, Answer] = {
    "one-missing": json_of([CALLBACK]),
    "almost": json_of([CALLBACK, OTHER + "/"]),
    "empty": json_of([]),
    "object": json_of({"redirect_uris": [CALLBACK, OTHER]}),
    "numbers": json_of([1, None, [CALLBACK, OTHER]]),
    "no-json": document(b"<html>", media_type="text/html"),
    "gone": document(b"[]", status="404 Not Found"),
    "moved": document(b"", "Location: http://127.0.0.1:1/", status="302 Found"),
    "large": document(b'["' + b"x" * 70_000 + b'"]'),
}


@pytest.mark.spec(
    "OpenID Connect Dynamic Registration §5", "OIDC Dynamic sector-identifier-bad", "security 6.77", "ASVS 10.4.7"
)
@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
@pytest.mark.parametrize("subject_type", ["pairwise", "public"])
async def test_a_sector_that_does_not_is_refused_and_tells_nothing(
    developing: Server, answer: Answer, subject_type: str
) -> None:
    token = await leave(developing, uses=1)
    async with Answerer(answer) as place:
        found = await register(
            developing,
            token,
            subject_type=subject_type,
            redirect_uris=[CALLBACK, OTHER],
            sector_identifier_uri=place.url,
        )
    assert_refused(found, "invalid_client_metadata")
    assert str(place.port) not in found.text
    assert (await register(developing, token)).status_code == 201  # it was not used up


@pytest.mark.spec("security 6.55", "security 6.77", "ASVS 10.4.7")
async def test_nothing_else_that_a_client_names_is_ever_fetched(developing: Server) -> None:
    token = await leave(developing)
    async with Answerer(json_of({"keys": [signing().public]})) as place:
        told = dict.fromkeys(("client_uri", "logo_uri", "policy_uri", "tos_uri", "backchannel_logout_uri"), place.url)
        itself = await Itself.of(developing, token, **told, jwks_uri=place.url, request_uris=[place.url])
        await itself.put(**told, initiate_login_uri=place.url)
        await itself.read()
        assert place.asked == []


@pytest.mark.spec(
    "OIDC Dynamic jwks-uri", "OIDC Dynamic client-key-rotation", "OIDC Dynamic private-key-jwt",
    "OpenID Connect Core §10.1.1", "security 6.40",
)  # fmt: skip
async def test_a_client_that_registered_itself_changes_its_keys_as_it_likes(developing: Server) -> None:
    old, new = signing("RS256"), signing("ES256", 3)
    async with Answerer(json_of({"keys": [old.public]})) as place:
        itself = await Itself.of(
            developing,
            token_endpoint_auth_method="private_key_jwt",
            jwks_uri=place.url,
            grant_types=["authorization_code", "refresh_token"],
        )
        client = Holder(developing, itself.client_id, "", CALLBACK, "private_key_jwt", old)
        assert_let_in(await ask(client, client.assertion()))  # its aud is the issuer
        assert_unproven(await ask(client, client.assertion(aud=f"{developing.settings.issuer}/oauth2/token")))
        developing.clock.advance(60)
        place.answer = json_of({"keys": [new.public]})
        client.signing = new
        assert_let_in(await ask(client, client.assertion()))
        answer = await itself.put(
            token_endpoint_auth_method="private_key_jwt",
            jwks={"keys": [signing("ES256", 5).public]},
            grant_types=["authorization_code", "refresh_token"],
        )
        assert "jwks_uri" not in answer.json()
        assert_unproven(await ask(client, client.assertion()))
        client.signing = signing("ES256", 5)
        assert_let_in(await ask(client, client.assertion()))


@pytest.mark.spec("security 6.77")
async def test_clients_of_one_token_at_slow_addresses_keep_no_other_client_out(developing: Server) -> None:
    async with Answerer(silence) as slow, Answerer(json_of({"keys": [signing().public]})) as quick:
        token, others = await leave(developing, uses=2 * AT_ONCE["GET"]), []
        for _ in range(2 * AT_ONCE["GET"]):
            itself = await Itself.of(developing, token, token_endpoint_auth_method="private_key_jwt", jwks_uri=slow.url)
            others.append(Holder(developing, itself.client_id, "", CALLBACK, "private_key_jwt", signing()))
        hanging = [asyncio.ensure_future(ask(one, one.assertion())) for one in others]
        while len(slow.asked) < OF_ONE_TOKEN:
            await asyncio.sleep(0.01)
        client = await Holder.add(developing, jwks_uri=quick.url)
        assert_let_in(await ask(client, client.assertion()))
        assert len(slow.asked) == OF_ONE_TOKEN
        assert not any(one.done() for one in hanging)
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


@pytest.mark.spec(
    "OIDC Dynamic request-uri-rs256",
    "OIDC Dynamic request-uri-unsigned",
    "OIDC Dynamic request-object-rs256",
    "RFC 9101 §6",
    "security 6.55",
)
async def test_its_request_objects_are_signed_and_no_request_uri_is_fetched(developing: Server) -> None:
    server, key = developing, signing("RS256")
    async with Answerer(document(b"eyJhbGciOiJub25lIn0.e30.")) as place:
        itself = await Itself.of(server, jwks={"keys": [key.public]}, request_uris=[place.url], scope="openid")
        assert "request_uris" not in itself.told
        client = Holder(server, itself.client_id, "", CALLBACK, "private_key_jwt", key)
        pkce = {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
        answer = await server.authorize(client.authorization(request_uri=place.url, **pkce))
        assert "error=request_uri_not_supported" in answer.headers["location"]
        assert place.asked == []
    asked = {"client_id": client.client_id, "request": client.request_object(**pkce)}
    answer = await server.authorize(asked)
    assert answer.status_code == 303
    assert "error" not in answer.headers["location"]
    asked["request"] = "eyJhbGciOiJub25lIn0.e30."
    answer = await server.authorize(client.authorization(**pkce) | asked)
    assert "error=request_not_supported" in answer.headers["location"]
