"""Pairwise subjects (OpenID Connect Core §8.1): two applications cannot tell that they have the same person."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from authserver.accounts import sessions
from authserver.models import Client, LogoutNotice, ServerState, Session, User
from authserver.oauth import keys, pairwise, registration
from authserver.oauth.backchannel import logout_token
from authserver.secret_values import SecretKey, SecretKeys
from authserver.settings import SettingsError
from tests.authserver.protocol.harness import Asker, Server, claims_of, header_of
from tests.authserver.protocol.test_authorization_request import answered, assert_error
from tests.authserver.protocol.test_groups import add_groups

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


async def told(server: Server, client: Asker, cookie: dict[str, str]) -> dict[str, Any]:
    """All that one client is ever told of the person of this browser, each answer by a name of its own."""
    code = answered(await server.authorize(client.authorization(prompt="none"), **cookie), client.redirect_uri)["code"]
    tokens = (await client.exchange(code)).json()
    server.clock.advance(17)
    refreshed = (await client.refresh(tokens["refresh_token"])).json()
    return {
        "code": code,
        "first": tokens,
        "refreshed": refreshed,
        "userinfo": (await server.userinfo(refreshed["access_token"])).json(),
        "introspected": (await client.introspect(refreshed["access_token"])).json(),
        "introspected_refresh_token": (await client.introspect(refreshed["refresh_token"])).json(),
    }


async def logged_out(server: Server, client: Asker, person: User) -> str:
    """The logout token that this client gets. Nobody sends it: no notice is due when the unit of work ends."""
    registered = await server.services.clients.get(client.client_id)
    assert registered is not None
    async with server.services.database.unit() as session:
        which = select(LogoutNotice).where(LogoutNotice.client_id == client.client_id, LogoutNotice.sub == person.sub)
        [notice] = (await session.exec(which)).all()
        return logout_token.make(server.services.keys, server.settings.issuer, registered, notice, server.clock())


async def end_session(server: Server, person: User) -> None:
    async with server.services.database.unit() as session:
        assert await sessions.end_all(session, server.clock(), col(Session.sub) == person.sub) == 1
        for notice in (await session.exec(select(LogoutNotice).where(LogoutNotice.sub == person.sub))).all():
            notice.due_at = None
            session.add(notice)


def leaves(told: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with the name of its claim: tokens are opened, and refresh tokens taken apart."""
    if isinstance(told, dict):
        for inner, value in told.items():
            yield from leaves(value, inner)
    elif isinstance(told, list):
        for value in told:
            yield from leaves(value, name)
    elif isinstance(told, str) and told.startswith("eyJ"):
        yield from leaves([header_of(told), claims_of(told)])
    elif name == "refresh_token":
        yield from ((name, part) for part in told.split("."))
    else:
        yield name, told


def joining(one: dict[str, Any], other: dict[str, Any], stranger: dict[str, Any]) -> set[str]:
    """The claims of `one` with a value that `other` has too, alone or within another, and somebody else has not."""
    known = {value for _, value in leaves(stranger)}
    theirs = {value for _, value in leaves(other)} - known
    text = "\n".join(map(str, theirs))
    return {
        name
        for name, value in leaves(one)
        if value not in known and (value in theirs or (isinstance(value, str) and len(value) >= 8 and value in text))
    }


@pytest.mark.spec("OpenID Connect Core §8.1")
async def test_two_applications_of_one_session_share_only_what_the_decision_names(server: Server) -> None:
    """Whatever is added to a token and tells two sectors that they have one person is found here, by its value."""
    person, stranger = await server.add_person(username="maple", username_canonical="maple"), await server.add_person()
    wanted: dict[str, Any] = {"first_party": True, "backchannel_logout_uri": "https://client.example.org/told"}
    sectors = ("one.example", "two.example", "one.example")
    one, two, twin = [await pairwise_client(server, sector, **wanted) for sector in sectors]
    public = await server.add_client(**wanted)
    await add_groups(server, person, ("the-only-one-here", None))
    elsewhere = await told(server, one, await server.signed_in(stranger))
    server.clock.advance(1009)
    cookie = await server.signed_in(person)
    found: list[dict[str, Any]] = []
    for client in (one, two, twin, public):
        server.clock.advance(101)
        found.append(await told(server, client, cookie))
    await end_session(server, stranger)
    elsewhere["logout"] = await logged_out(server, one, stranger)
    server.clock.advance(101)
    await end_session(server, person)
    for client, answers in zip((one, two, twin, public), found, strict=True):
        server.clock.advance(13)
        answers["logout"] = await logged_out(server, client, person)
    decision = (Path(__file__).parents[3] / "docs/adr/0038-pairwise-subjects.md").read_text()
    still = next(part for part in decision.split("\n\n") if part.startswith("**What still joins.**"))
    assert (
        joining(found[0], found[1], elsewhere) == {"auth_time", "cognito:groups"} <= set(re.findall(r"`(.+?)`", still))
    )
    assert joining(found[0], found[3], elsewhere) == {"auth_time", "cognito:groups"}
    # one sector is one: the test sees what joins
    same = joining(found[0], found[2], elsewhere)
    assert same == {"auth_time", "cognito:groups", "sub", "username", "cognito:username", "sid"}
    assert claims_of(found[0]["logout"])["sid"] == claims_of(found[0]["first"]["id_token"])["sid"]
    assert claims_of(found[0]["refreshed"]["id_token"])["sid"] == claims_of(found[0]["first"]["id_token"])["sid"]


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
    app = await register(redirect_uris=["http://127.0.0.1/cb", "http://[::1]/cb"])
    assert app.sector_identifier == f"client:{app.client_id}"
    for wrong in (
        f"client:{client.client_id}",
        "https://c.example",
        "C.example",
        "c.example/x",
        "c example",
        "",
        "c.example:8443",
    ):
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
