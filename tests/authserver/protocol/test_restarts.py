"""What has ended stays ended when the server begins anew: nothing of it was in a process alone."""

from typing import Any

import pytest

from tests.authserver.protocol.harness import Asker, Server, settings_for
from tests.conftest import NewDatabase


@pytest.mark.spec("security 6.35", "security 6.22", "security 6.28")
async def test_nothing_that_was_revoked_comes_back_with_a_restart(
    database_kind: str, new_database: NewDatabase
) -> None:
    """Keycloak CVE-2026-9802: the refusals were kept in memory."""
    settings = settings_for(new_database(database_kind))
    async with Server(settings) as server:
        clock, person, disabled = server.clock, await server.add_person(), await server.add_person()
        client, public = await server.add_client(), await server.add_client("public")
        revoked, kept, alone = [await client.linked(person) for _ in range(3)]
        await client.revoke(revoked["refresh_token"])
        await client.revoke(alone["access_token"])
        used, _ = await server.add_code(client, person)
        twice = (await client.exchange(used)).json()
        await client.exchange(used)
        of_disabled = await client.linked(disabled)
        await server.change(disabled, active=False, epoch=1)
        first = (await public.linked(person))["refresh_token"]
        second = (await public.refresh(first)).json()
        clock.advance(600)
        await public.refresh(first)  # a theft: the family ends
    async with Server(settings, clock) as again:
        for asker in (client, public):
            asker.server = again
        assert await _answers(client, revoked) == [400, 401]
        assert await _answers(client, twice) == [400, 401]
        assert await _answers(client, of_disabled) == [400, 401]
        assert await _answers(public, second) == [400, 401]
        assert await _answers(client, alone) == [200, 401]
        assert await _answers(client, kept) == [200, 200]
        assert (await client.exchange(used)).json()["error"] == "invalid_grant"


async def _answers(client: Asker, tokens: dict[str, Any]) -> list[int]:
    """To a refresh, and to the access token."""
    opened = await client.server.userinfo(tokens["access_token"])
    return [(await client.refresh(tokens["refresh_token"])).status_code, opened.status_code]
