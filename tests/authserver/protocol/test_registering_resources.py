"""What may stand in the registry of resource servers, and what clients may name of it."""

import asyncio
import secrets
from typing import Any

import pytest

from authserver.models import Client
from authserver.oauth import registration, resource_registration
from authserver.oauth.presets import CONFIDENTIAL, MACHINE, TOKEN_EXCHANGE
from authserver.oauth.registration import RegistrationError
from tests.authserver.protocol.harness import CALLBACK, Server
from tests.running.fair import Watch


async def add(server: Server, identifier: str, name: str = "A service", **scopes: str) -> None:
    async with server.services.database.unit() as session:
        await resource_registration.add(session, identifier, name, scopes, server.clock())


async def register(server: Server, preset: dict[str, Any], **columns: Any) -> str:
    async with server.services.database.unit() as session:
        client, _ = await registration.register(session, "A client", preset | columns, server.clock())
        return client.client_id


async def change(server: Server, client_id: str, **columns: Any) -> None:
    async with server.services.database.unit() as session:
        client = await session.get(Client, client_id)
        assert client is not None
        await registration.change(session, client, columns, server.clock())


def new() -> str:
    return f"https://{secrets.token_hex(6)}.example.org"


@pytest.mark.parametrize(
    ("identifier", "name", "scopes"),
    [
        ("https://x.example.org/#a", "Fragment", {}),
        ("with space", "Space", {}),
        ('a"b', "Quote", {}),
        ("", "Empty", {}),
        ("\u00e4", "Letter", {}),
        ("openid", "Of people", {}),
        ("https:", "No place", {}),
        ("https://new.example.org", " ", {}),
        ("https://new.example.org", "x\n", {}),
        ("https://new.example.org", "Slash", {"a/b": ""}),
        ("https://new.example.org", "Space", {"a b": ""}),
        ("https://new.example.org", "Nothing", {"": ""}),
        ("https://new.example.org", "Words", {"read": "x\x00"}),
        ("https://new.example.org", "Words", {"read": "x" * 257}),
        ("https://" + "x" * 240, "Long", {"readreadread": ""}),
        ("x" * 255, "Long", {}),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_cannot_be_a_resource_server_is_refused_as_a_whole(
    server: Server, identifier: str, name: str, scopes: dict[str, str]
) -> None:
    with pytest.raises(RegistrationError):
        await add(server, identifier, name, **scopes)
    async with server.services.database.unit() as session:
        assert await resource_registration.find(session, identifier) is None


async def test_a_resource_server_is_registered_once_and_never_under_a_clients_id(server: Server) -> None:
    """Its identifier becomes `aud`, and the `aud` of an ID token is a client."""
    api = new()
    await add(server, api)
    with pytest.raises(RegistrationError, match="already"):
        await add(server, api)
    client = await server.add_client()
    with pytest.raises(RegistrationError, match="client"):
        await add(server, client.client_id)


async def test_an_identifier_need_not_be_a_uri_but_then_is_no_resource(server: Server) -> None:
    word = f"lamps-{secrets.token_hex(4)}"
    await add(server, word, read="")
    assert await register(server, MACHINE, scopes=[f"{word}/read"])
    with pytest.raises(RegistrationError, match="absolute URI"):
        await register(server, MACHINE, scopes=[f"{word}/read"], resources=[word])


@pytest.mark.spec("cognito 9.27", "RFC 6749 §4.4")
async def test_a_machine_has_scopes_of_resource_servers_and_no_others(server: Server) -> None:
    api = new()
    await add(server, api, read="")
    machine = await register(server, MACHINE, scopes=[f"{api}/read"])
    for scopes in (["openid"], [f"{api}/read", "openid"], [f"{api}/typo"], ["lamps"], [], ["email", "profile"]):
        with pytest.raises(RegistrationError):
            await register(server, MACHINE, scopes=scopes)
        with pytest.raises(RegistrationError):
            await change(server, machine, scopes=scopes)
    both = ["authorization_code", "client_credentials"]
    app = await register(server, CONFIDENTIAL, redirect_uris=[CALLBACK], scopes=["openid", f"{api}/read"])
    await change(server, app, grant_types=both)
    with pytest.raises(RegistrationError):
        await change(server, app, scopes=["openid"])
    with pytest.raises(RegistrationError):
        await register(server, CONFIDENTIAL, redirect_uris=[], scopes=["openid"])


async def test_a_scope_that_looks_like_a_resource_servers_is_one(server: Server) -> None:
    api = new()
    await add(server, api, read="")
    with pytest.raises(RegistrationError, match="no such scope"):
        await register(server, CONFIDENTIAL, redirect_uris=[CALLBACK], scopes=["openid", f"{api}/raed"])
    await register(server, CONFIDENTIAL, redirect_uris=[CALLBACK], scopes=["openid", "lamps", "https://other.org/x"])


async def test_a_client_names_resources_and_clients_that_are_there(server: Server) -> None:
    api, app = new(), await server.add_client()
    await add(server, api, read="")
    exchange = {"grant_types": [TOKEN_EXCHANGE], "scopes": ["openid"]}
    client = await register(server, MACHINE, **exchange, exchange_from=[app.client_id], resources=[api])
    for wrong in (
        {"resources": ["https://typo.example.org"]},
        {"resources": [f"{api}/"]},
        {"exchange_from": ["nobody"]},
        {"grant_types": ["client_credentials"], "scopes": [f"{api}/read"]},
    ):
        with pytest.raises(RegistrationError):
            await change(server, client, **wrong)
    await change(server, client, exchange_from=[client], resources=[])


@pytest.mark.spec("cognito 9.57")
async def test_what_clients_have_is_not_taken_from_under_them(server: Server) -> None:
    api = new()
    await add(server, api, read="", write="")
    client_id = await register(server, MACHINE, scopes=[f"{api}/read"], resources=[api])
    async with server.services.database.unit() as session:
        await resource_registration.remove_scope(session, api, "write")
        for attempt in (
            resource_registration.remove_scope(session, api, "read"),
            resource_registration.remove(session, api),
        ):
            with pytest.raises(RegistrationError, match=client_id):
                await attempt
        with pytest.raises(RegistrationError, match="no scope"):
            await resource_registration.remove_scope(session, api, "write")
        client = await session.get(Client, client_id)
        assert client is not None
        await registration.remove(session, client)
        await resource_registration.remove(session, api)
        assert await resource_registration.find(session, api) is None


async def test_an_update_of_something_else_does_not_look_at_what_a_client_names(server: Server) -> None:
    """A client from before, or after a row was lost, can still be renamed and disabled."""
    old = await server.add_client("machine", scopes=["https://lost.example.org/read"])
    await change(server, old.client_id, client_name="Other", active=False)


@pytest.mark.spec("decision 12")
async def test_a_new_scope_holds_in_a_running_server_within_a_second(server: Server) -> None:
    api = new()
    await add(server, api, read="")
    machine = await server.add_client("machine", scopes=[f"{api}/read", f"{api}/write"])

    async def seen(scope: str) -> None:
        async with Watch() as watch:
            while (await machine.token(grant_type="client_credentials")).json().get("scope") != scope:
                assert watch.seconds < 1, "not seen within a second"
                await asyncio.sleep(0.02)

    await seen(f"{api}/read")
    async with server.services.database.unit() as session:
        await resource_registration.describe(session, api, "write", "Change it")
    await seen(f"{api}/read {api}/write")
