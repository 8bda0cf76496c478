"""A device without a keyboard, as it talks to the endpoints, and the person who decides about it."""

from typing import Any

import httpx2
from sqlmodel import select, update

from authserver.models import DeviceCode, User
from authserver.oauth.grants.device_code import GRANT_TYPE
from authserver.secret_values import digest
from tests.authserver.protocol.harness import Asker, Server

GRANTS = {"grant_types": ["authorization_code", "refresh_token", GRANT_TYPE]}


async def ask(client: Asker, **form: str) -> httpx2.Response:
    data, headers = client._credentials(form)
    return await client.server.post("/oauth2/device_authorization", data, headers)


async def waiting(client: Asker, **form: str) -> dict[str, Any]:
    """What the device is told."""
    answer = await ask(client, **form)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def poll(client: Asker, device_code: str) -> httpx2.Response:
    return await client.token(grant_type=GRANT_TYPE, device_code=device_code)


async def row(server: Server, device_code: str) -> DeviceCode:
    async with server.services.database.unit() as session:
        return (await session.exec(select(DeviceCode).where(DeviceCode.digest == digest(device_code)))).one()


async def decide(server: Server, device_code: str, person: User, decision: str = "approved") -> None:
    """As the last page writes it."""
    now = server.clock()
    async with server.services.database.unit() as session:
        await session.exec(
            update(DeviceCode)
            .where(DeviceCode.digest == digest(device_code))
            .values(decision=decision, decided_at=now, sub=person.sub, epoch=person.epoch, auth_time=now, amr=["pwd"])
        )


def refused(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]
