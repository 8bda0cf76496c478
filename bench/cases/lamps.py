"""A thousand people with ten lamps each behind a real broker, and one person with three hundred."""

import random
import statistics
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from bench import load, machine
from bench.bare import lamps as simulated
from bench.cases.directive import signing
from bench.load import CannotMeasureError
from bench.measuring import Measured, under_load
from bench.plan import Plan
from bench.seed import bulk
from bench.seed.authserver import KEPT
from bench.seed.mint import Mint
from bench.servers import Contestant, Servers
from skill.models import LampRow
from tests.running import process
from tests.running.bridge import directive
from tests.running.broker import Broker
from tests.running.service import Service

PEOPLE, EACH, MANY = 1000, 10, 300
CONNECTIONS = 16
DISCOVERIES = 20

Kind = tuple[str, str, dict[str, Any]]
MIXED: list[Kind] = [
    ("Alexa.PowerController", "TurnOn", {}),
    ("Alexa.PowerController", "TurnOff", {}),
    ("Alexa.BrightnessController", "SetBrightness", {"brightness": 40}),
    ("Alexa.BrightnessController", "AdjustBrightness", {"brightnessDelta": 25}),
    ("Alexa.ColorController", "SetColor", {"color": {"hue": 120.0, "saturation": 1.0, "brightness": 1.0}}),
    ("Alexa.ColorTemperatureController", "SetColorTemperature", {"colorTemperatureInKelvin": 2700}),
    ("Alexa", "ReportState", {}),
    ("Alexa", "ReportState", {}),
]


@dataclass(frozen=True)
class Household:
    """What one service did. `parts` are the runs of the whole time, one after another, and after each the megabytes
    (10^6 bytes) of the largest worker; `discoveries` seconds of answers that name three hundred lamps; `listening`
    seconds after its start until it reaches every lamp."""

    name: str
    listening: float
    before: float
    parts: list[Measured]
    megabytes: list[float]
    discoveries: list[float]

    @property
    def p99(self) -> float:
        """Milliseconds, of the whole time, to the next one."""
        counts: Counter[int] = Counter()
        for part in self.parts:
            counts.update(dict(part.within))
        left = sum(counts.values()) * 0.99
        for ms in sorted(counts):
            left -= counts[ms]
            if left <= 0:
                return ms
        return float("inf")

    @property
    def worst(self) -> float:
        """p99 in milliseconds of the worst part: the first, in which the service still hears of its lamps."""
        return max(part.p99 or 0.0 for part in self.parts)

    @property
    def rate(self) -> float:
        return statistics.mean(part.rate for part in self.parts)

    @property
    def growth(self) -> float:
        """Memory after the last part, of that after the first."""
        return self.megabytes[-1] / self.megabytes[0]


@dataclass(frozen=True)
class _Owned:
    sub: str
    endpoint_ids: list[str]


def _owners() -> list[_Owned]:
    counts = [EACH] * PEOPLE + [MANY]
    return [_Owned(str(uuid.uuid4()), [f"lamp-{uuid.uuid4().hex}" for _ in range(count)]) for count in counts]


async def _seed(url: str, owners: list[_Owned]) -> None:
    now, rows, number = int(time.time()), [], 0
    for owner in owners:
        for endpoint_id in owner.endpoint_ids:
            lamp = LampRow(
                endpoint_id=endpoint_id,
                owner=owner.sub,
                name=f"Lamp {number}",
                driver="mqtt",
                options=simulated.options(number),
                created_at=now,
            )
            rows.append(bulk.row(LampRow, **lamp.model_dump()))
            number += 1
    await bulk.write(url, [(LampRow, rows)])


def _calls(owners: list[_Owned], tokens: list[str], count: int) -> Iterator[bytes]:
    """Any lamp of anybody, any directive; one in two hundred asks for all lamps of a person."""
    chosen, sign = random.Random(20), signing()
    for number in range(count):
        which = chosen.randrange(PEOPLE)
        if number % 200 == 0:
            yield sign(directive("Alexa.Discovery", "Discover", tokens[which]))
            continue
        namespace, name, payload = chosen.choice(MIXED)
        yield sign(directive(namespace, name, tokens[which], chosen.choice(owners[which].endpoint_ids), payload))


def _ask(server: Contestant, message: dict[str, Any]) -> Any:
    """The event of the answer."""
    head, _, body = signing()(message).partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    asked = urllib.request.Request(f"{server.url}/alexa/directive", body, headers)
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return orjson.loads(answer.read())["event"]


def _until_it_listens(server: Contestant, owner: _Owned, token: str) -> float:
    """Seconds from here, just after the service is ready, until the lamp that was registered last obeys."""
    begun = time.perf_counter()
    while (
        _ask(server, directive("Alexa.PowerController", "TurnOn", token, owner.endpoint_ids[-1]))["header"]["name"]
        != "Response"
    ):
        if time.perf_counter() - begun > 60:
            raise CannotMeasureError(f"{server.name} does not reach its lamps")
        time.sleep(0.05)
    return time.perf_counter() - begun


def _discover(server: Contestant, token: str) -> float:
    begun = time.perf_counter()
    found = _ask(server, directive("Alexa.Discovery", "Discover", token))["payload"].get("endpoints", [])
    took = time.perf_counter() - begun
    if len(found) != MANY:
        raise CannotMeasureError(f"{server.name}: {len(found)} lamps were discovered, not {MANY}")
    return took


def _resident(server: Contestant) -> float:
    return max(machine.resident(pid) for pid in server.workers()) / 1e6


async def measure(servers: Servers, authserver: Service, plan: Plan, say: Callable[[str], None]) -> list[Household]:
    """With authserver running. Raises CannotMeasureError where a single answer was an error."""
    owners = _owners()
    mint = Mint(authserver.settings)
    await mint.open()
    tokens = [mint.token(owner.sub) for owner in owners]
    issuer = authserver.settings["AUTHSERVER_ISSUER"]
    found = []
    for name, url in (
        ("skill, SQLite", servers.new_sqlite("lamps")),
        ("skill, PostgreSQL", servers.postgres.new_database()),
    ):
        (servers.folder / name).mkdir()
        broker = Broker(servers.folder / name)
        broker.start()
        ready = servers.folder / name / "ready"
        command = [sys.executable, "-m", "bench.bare.lamps", str(broker.port), str(PEOPLE * EACH + MANY), str(ready)]
        lamps = process.start(command, servers.folder / name / "lamps.log")
        try:
            _wait_for(ready, lamps)
            service = servers.skill(url, issuer, KEPT.client_id, SKILL_MQTT_URL=broker.url)
            await _seed(url, owners)
            with servers.running(name, service) as server:
                found.append(_one(servers, server, owners, tokens, plan, say))
        finally:
            process.stop(lamps)
            broker.stop()
    return found


def _wait_for(ready: Any, lamps: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not ready.exists():
        if lamps.poll() is not None or time.monotonic() > deadline:
            raise CannotMeasureError("the lamps of the bench did not start")
        time.sleep(0.05)


def _one(
    servers: Servers,
    server: Contestant,
    owners: list[_Owned],
    tokens: list[str],
    plan: Plan,
    say: Callable[[str], None],
) -> Household:
    listening = _until_it_listens(server, owners[-1], tokens[-1])
    discoveries = [_discover(server, tokens[-1]) for _ in range(DISCOVERIES)]
    before, parts, megabytes = _resident(server), [], []
    for number in range(plan.lamp_parts):
        count = 3000 * plan.lamp_seconds
        file = load.write_requests(servers.requests / "lamps", _calls(owners, tokens, count))
        arguments = [file, "once", "alexa"]
        parts.append(under_load(server, "", "replay.lua", arguments, plan.lamp_seconds, CONNECTIONS))
        megabytes.append(_resident(server))
        say(
            f"lamps {number + 1}/{plan.lamp_parts}  {server.name:20}{parts[-1].rate:9.0f}/s  p99 {parts[-1].p99:.1f} ms"
            f"  {megabytes[-1]:.0f} MB"
        )
    return Household(server.name, listening, before, parts, megabytes, discoveries)
