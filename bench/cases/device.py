"""Devices that wait for a person to agree (RFC 8628 §3.4): each asks once in a run, as each does every five seconds."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from authserver.models import DeviceCode
from authserver.oauth.grants.device_code import GRANT_TYPE
from authserver.oauth.presets import CONFIDENTIAL
from bench import load
from bench.cases.token import POSTGRES, POSTGRES_2, SQLITE
from bench.measuring import Candidate, Row, under_load
from bench.plan import Plan
from bench.seed import bulk
from bench.seed.authserver import BenchClient, Random, clients
from bench.servers import Servers

TITLE = "Polls of devices that wait"
PATH = "/oauth2/token"
TELEVISION = BenchClient("television", CONFIDENTIAL | {"grant_types": [GRANT_TYPE, "refresh_token"]})
HALF_AN_HOUR = 1800


class Waiting:
    """Device codes about which nobody has decided."""

    def __init__(self, now: int, count: int) -> None:
        self.now, self.count = now, count
        self.source = Random()
        self.codes: list[str] = []

    def rows(self) -> Iterator[list[Any]]:
        fresh = DeviceCode(
            digest=b"", user_code_digest=b"", client_id=TELEVISION.client_id, scope="openid",
            created_at=self.now, expires_at=self.now + HALF_AN_HOUR,
        ).model_dump()  # fmt: skip
        for _ in range(self.count):
            code = self.source.bytes(32).hex()
            self.codes.append(code)
            digests = {"digest": hashlib.sha256(code.encode()).digest(), "user_code_digest": self.source.bytes(32)}
            yield bulk.row(DeviceCode, **fresh | digests)

    def request(self, code: str) -> bytes:
        return TELEVISION.token_request(PATH, f"grant_type={quote(GRANT_TYPE)}&device_code={code}")


async def check(url: str, code: str) -> None:
    """That the answer is the one that is meant. Raises `CannotMeasureError`."""
    async with httpx2.AsyncClient() as http:
        answer = await http.post(
            url + PATH,
            data={"grant_type": GRANT_TYPE, "device_code": code},
            headers={"Authorization": TELEVISION.basic},
        )
    if answer.json().get("error") != "authorization_pending":
        raise load.CannotMeasureError(f"a device that waits was answered {answer.status_code} {answer.text}")


async def candidate(servers: Servers, name: str, url: str, secret_key: str, plan: Plan, workers: int = 1) -> Candidate:
    service = servers.authserver(url, secret_key)
    now = int(time.time())
    devices = Waiting(now, plan.polls * plan.rounds + 1)
    await bulk.write(url, [*clients(now, (TELEVISION,)), (DeviceCode, devices.rows())])
    server = servers.start(name, service, workers)
    await check(server.url, devices.codes.pop())

    def file(number: int) -> Path:
        requests = map(devices.request, devices.codes[number :: plan.rounds])
        return load.write_requests(servers.requests / f"device-{name.replace(' ', '-')}.{number}", requests)

    files = [file(number) for number in range(plan.rounds)]
    return Candidate(
        name,
        lambda number: under_load(server, "", "replay.lua", [files[number], "once"], plan.seconds, refused=True),
    )


async def rows(servers: Servers, secret_key: str, plan: Plan) -> list[Row]:
    new = servers.postgres.new_database
    candidates = [
        await candidate(servers, SQLITE, servers.new_sqlite("device"), secret_key, plan),
        await candidate(servers, POSTGRES, new(), secret_key, plan),
        await candidate(servers, POSTGRES_2, new(), secret_key, plan, 2),
    ]
    about = (
        "`authorization_pending`: the code is looked up, and that it was asked for is committed before the answer "
        "leaves, since the next poll may come to another replica. Each device asks once."
    )
    return [Row(TITLE, about, candidates)]
