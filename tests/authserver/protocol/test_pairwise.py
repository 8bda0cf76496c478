"""Pairwise subjects (OpenID Connect Core §8.1): two applications cannot tell that they have the same person."""

import json
from typing import Any
from uuid import UUID

import pytest

from authserver.models import Client, ServerState, User
from authserver.oauth import keys, pairwise, registration
from authserver.secret_values import SecretKey, SecretKeys
from authserver.settings import SettingsError
from tests.authserver.protocol.harness import Asker, Server, claims_of
from tests.authserver.protocol.test_authorization_request import answered, assert_error

PAIRWISE: dict[str, Any] = {"subject_type": "pairwise", "scopes": ["openid", "profile", "email"]}


async def pairwise_client(server: Server, sector: str, **fields: Any) -> Asker:
    return await server.add_client(**(PAIRWISE | {"sector_identifier": sector} | fields))


@pytest.mark.spec("OpenID Connect Core §8.1")
async def test_every_answer_names_the_person_alike_and_never_by_the_public_name(server: Server) -> None:
    person = await server.add_person(username="willow", username_canonical="willow")
    client = await pairwise_client(server, "one.example")
    tokens = await client.linked(person, scope="openid")
    sub = claims_of(tokens["id_token"])["sub"]
    refreshed = (await client.refresh(tokens["refresh_token"])).json()
    info = (await server.userinfo(refreshed["access_token"])).json()
    answers: list[dict[str, Any]] = [
        claims_of(tokens["id_token"]),
        claims_of(tokens["access_token"]),
        claims_of(refreshed["id_token"]),
        claims_of(refreshed["access_token"]),
        info,
        (await client.introspect(refreshed["access_token"])).json(),
        (await client.introspect(refreshed["refresh_token"])).json(),
    ]
    for answer in answers:
        assert answer["sub"] == sub
        assert answer.get("username", sub) == answer.get("cognito:username", sub) == sub
        text = json.dumps(answer)
        assert person.sub not in text
        assert "willow" not in text
    assert person.sub not in tokens["refresh_token"]
    assert sub.isascii()
    assert len(sub) <= 255


@pytest.mark.spec("OpenID Connect Core §8.1")
async def test_one_sector_knows_the_person_alike_and_two_do_not(server: Server, person: User) -> None:
    async def known(client: Asker, who: User = person) -> str:
        return str(claims_of((await client.linked(who))["id_token"])["sub"])

    one, same, other = [await pairwise_client(server, sector) for sector in ("a.example", "a.example", "b.example")]
    assert await known(one) == await known(one) == await known(same)
    assert await known(one) != await known(other)
    assert await known(one) != await known(one, await server.add_person())
    assert person.sub not in {await known(one), await known(other)}
    assert await known(await server.add_client()) == person.sub


@pytest.mark.spec("OpenID Connect Core §8.1", "decision 9")
async def test_it_survives_a_change_of_the_secret_key(server: Server, person: User) -> None:
    client = await pairwise_client(server, "a.example")
    registered = await server.services.clients.get(client.client_id)
    assert registered is not None
    known = claims_of((await client.linked(person))["id_token"])["sub"]
    old, new = server.services.secret_keys.current, SecretKey.of("another secret key of at least 32 bytes")
    try:
        async with server.services.database.unit() as session:
            await pairwise.rewrap(session, SecretKeys(new, old))
        async with server.services.database.unit() as session:
            key = await pairwise.load(session, SecretKeys(new))
            assert key is not None
            assert pairwise.subject_of(key, registered.row, person.sub) == known
            with pytest.raises(SettingsError):
                await pairwise.load(session, SecretKeys(old))
    finally:
        async with server.services.database.unit() as session:
            await pairwise.rewrap(session, SecretKeys(old, new))


async def test_the_key_is_made_once(server: Server) -> None:
    services = server.services

    async def stored() -> str:
        async with services.database.unit() as session:
            row = await session.get(ServerState, pairwise.NAME)
            assert row is not None
            return row.value

    before = await stored()
    async with services.database.unit() as session:
        await keys.prepare(session, services.settings, services.secret_keys, server.clock())
    assert await stored() == before


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
async def test_an_id_token_hint_means_the_person(server: Server, person: User) -> None:
    client = await pairwise_client(server, "a.example", first_party=True)
    twin = await pairwise_client(server, "a.example", first_party=True)
    hint = (await client.linked(person))["id_token"]
    mine, others = await server.signed_in(person), await server.signed_in(await server.add_person())

    async def asked(cookie: dict[str, str], who: Asker = client, **given: str) -> Any:
        return await server.authorize(who.authorization(prompt="none", **given), **cookie)

    for given in (
        {"id_token_hint": hint},
        {"claims": json.dumps({"id_token": {"sub": {"value": claims_of(hint)["sub"]}}})},
    ):
        assert "code" in answered(await asked(mine, **given), client.redirect_uri)
        assert_error(await asked(others, **given), client, "login_required")
    assert_error(await asked(mine, twin, id_token_hint=hint), twin, "invalid_request")
    for made_up in (person.sub, "A" * 22, "x", "ä" * 22):
        claims = json.dumps({"id_token": {"sub": {"value": made_up}}})
        assert_error(await asked(mine, claims=claims), client, "login_required")


def test_no_two_people_are_one_and_the_way_back_is_ours_alone() -> None:
    key, other = SecretKey(b"k" * 32), SecretKey(b"o" * 32)
    client = Client(client_id="c", client_name="c", subject_type="pairwise", sector_identifier="a.example")
    subs = [str(UUID(int=number)) for number in range(500)]
    known = [pairwise.subject_of(key, client, sub) for sub in subs]
    assert len(set(known)) == 500
    assert [pairwise.account_of(key, client, one) for one in known] == subs
    assert not set(subs) & {pairwise.account_of(other, client, one) for one in known}


@pytest.mark.spec("OpenID Connect Core §8.1", "alexa 0")
async def test_a_sector_is_one_host_and_alexas_people_are_public(server: Server) -> None:
    async def register(**fields: Any) -> Client:
        policy = {
            "scopes": ["openid"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods": ["client_secret_basic"],
            "subject_type": "pairwise",
        }
        async with server.services.database.unit() as session:
            client, _ = await registration.register(session, "App", policy | fields, server.clock())
            return client

    client = await register(redirect_uris=["https://a.example/1", "https://a.example/2"])
    assert client.sector_identifier == "a.example"
    apart = ["https://a.example/1", "https://b.example/2"]
    with pytest.raises(registration.RegistrationError, match="sector identifier"):
        await register(redirect_uris=apart)
    assert (await register(redirect_uris=apart, sector_identifier="c.example")).sector_identifier == "c.example"
    for wrong in ("https://c.example", "C.example", "c.example/x", "c example", "", "c.example:8443"):
        with pytest.raises(registration.RegistrationError):
            await register(redirect_uris=apart, sector_identifier=wrong)
    with pytest.raises(registration.RegistrationError, match="lamps"):
        await register(preset="alexa", consent="always", redirect_uris=["https://a.example/1"])


@pytest.mark.spec("OpenID Connect Core §12.2")
async def test_people_who_are_linked_do_not_become_others(server: Server, person: User) -> None:
    """The `sub` of a refreshed ID token is the one of the first (§12.2)."""
    client = await pairwise_client(server, "a.example")
    made = await client.linked(person)

    async def change(**policy: Any) -> None:
        async with server.services.database.unit() as session:
            row = await registration.find(session, client.client_id)
            assert row is not None
            await registration.change(session, row, policy, server.clock())

    for policy in ({"subject_type": "public"}, {"sector_identifier": "b.example"}):
        with pytest.raises(registration.RegistrationError, match="linked"):
            await change(**policy)
    await change(redirect_uris=["https://elsewhere.example/cb"])  # the sector stays what it was
    assert (
        claims_of((await client.refresh(made["refresh_token"])).json()["id_token"])["sub"]
        == claims_of(made["id_token"])["sub"]
    )
    await client.revoke(made["refresh_token"])
    await change(subject_type="public")
