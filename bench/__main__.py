"""`make bench`, or `python -m bench [--quick] [--only NAME …] [--name NAME]`."""

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable

from bench import load, machine, report, targets
from bench.cases import device, directive, dpop, introspection, lamps, people, size, start, storm, token
from bench.measuring import take_turns
from bench.peers import oidc_provider
from bench.plan import QUICK, WHOLE
from bench.report import Report
from bench.seed.authserver import KEPT, seed
from bench.servers import Servers


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def measure_token(found: Report) -> None:
    plan, secret_key = found.plan, secrets.token_urlsafe(40)
    with Servers() as servers:
        floor = token.floor(servers, plan.seconds)
        contenders = [
            await token.authserver(servers, token.SQLITE, servers.new_sqlite("token"), secret_key, plan),
            await token.authserver(servers, token.POSTGRES, servers.postgres.new_database(), secret_key, plan),
            await token.authserver(servers, token.POSTGRES_2, servers.postgres.new_database(), secret_key, plan, 2),
        ]
        found.versions["PostgreSQL"] = servers.postgres.psql("SHOW server_version")
        try:
            contenders.append(token.peer(servers, plan))
            found.versions["peer"] = oidc_provider.version()
        except oidc_provider.AbsentError as error:
            found.remarks.append(f"node-oidc-provider is not in this run: {error}.")
        rows = token.rows(contenders, floor, plan)
        take_turns(rows, plan.rounds, say)
        found.rows += rows
        found.memories += [start.memory(contender.server) for contender in contenders[:3]]


async def measure_introspection(found: Report) -> None:
    with Servers() as servers:
        rows = await introspection.rows(servers, secrets.token_urlsafe(40), found.plan)
        take_turns(rows, found.plan.rounds, say)
        found.rows += rows


async def measure_dpop(found: Report) -> None:
    with Servers() as servers:
        rows = await dpop.rows(servers, secrets.token_urlsafe(40), found.plan)
        take_turns(rows, found.plan.rounds, say)
        found.rows += rows


async def measure_device(found: Report) -> None:
    with Servers() as servers:
        rows = await device.rows(servers, secrets.token_urlsafe(40), found.plan)
        take_turns(rows, found.plan.rounds, say)
        found.rows += rows


async def measure_directive(found: Report) -> None:
    plan, secret_key = found.plan, secrets.token_urlsafe(40)
    with Servers() as servers:
        authserver = await _small(servers, secret_key)
        rows, contestants = await directive.rows(servers, authserver, plan)
        take_turns(rows, plan.rounds, say)
        found.rows += rows
        found.memories += [start.memory(server) for server in contestants]


async def measure_lamps(found: Report) -> None:
    with Servers() as servers:
        authserver = await _small(servers, secrets.token_urlsafe(40))
        found.households += await lamps.measure(servers, authserver, found.plan, say)


async def measure_storm(found: Report) -> None:
    plan = found.plan
    with Servers() as servers:
        storms = await storm.prepare(servers, secrets.token_urlsafe(40), plan)
        for number in range(plan.storm_rounds):
            for one in storms:
                one.measure(plan.seconds + 1)
                say(f"round {number + 1}/{plan.storm_rounds}  storm of {one.of}, {one.server.name}, {one.limits}")
        found.storms += storms
        found.memories += [
            start.Memory(f"{memory.name}, after a storm", memory.megabytes)
            for memory in (start.memory(one.server) for one in storms[:2])
        ]


async def measure_people(found: Report) -> None:
    for name in ("SQLite", "PostgreSQL"):
        found.people.append(await people.measure(name, secrets.token_urlsafe(40), found.plan, say))


async def measure_size(found: Report) -> None:
    if not found.plan.grants:
        found.remarks.append("Many grants were not measured: `--quick`.")
        return
    with Servers() as servers:
        say(f"writing two databases with {found.plan.grants:,} grants")
        rows = await size.rows(servers, secrets.token_urlsafe(40), found.plan)
        take_turns(rows, found.plan.size_rounds, say)
        found.rows += rows


async def measure_start(found: Report) -> None:
    secret_key, times = secrets.token_urlsafe(40), 2 * found.plan.storm_rounds + 1
    with Servers() as servers:
        issuer = await _small(servers, secret_key)
        at = issuer.settings["AUTHSERVER_ISSUER"]
        databases: list[tuple[str, Callable[[str], str]]] = [
            ("SQLite", servers.new_sqlite),
            ("PostgreSQL", lambda _: servers.postgres.new_database()),
        ]
        for database, new in databases:
            for name, service in (
                ("authserver", servers.authserver(new("starting"), secret_key)),
                ("skill", servers.skill(new("starting-skill"), at, KEPT.client_id)),
            ):
                start.seconds_until_ready(service)  # the first start makes a signing key
                found.starts.append(start.measure(f"{name}, {database}", service, times))


async def _small(servers: Servers, secret_key: str) -> directive.Service:
    """An authserver with hardly any rows, running: an issuer for skill."""
    url = servers.new_sqlite("issuer")
    service = servers.authserver(url, secret_key)
    await seed(url, secret_key, int(time.time()), 4, 4, 0)
    servers.start("authserver", service)
    return service


PARTS: dict[str, Callable[[Report], Awaitable[None]]] = {
    "token": measure_token,
    "introspection": measure_introspection,
    "dpop": measure_dpop,
    "device": measure_device,
    "directive": measure_directive,
    "lamps": measure_lamps,
    "storm": measure_storm,
    "people": measure_people,
    "size": measure_size,
    "start": measure_start,
}


async def run(parts: list[str], found: Report) -> None:
    for part in PARTS:
        if part in parts:
            await PARTS[part](found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten; figures are rough")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--name", help="of the files in bench/results/, after the date; the commit otherwise")
    given = parser.parse_args()
    found = Report(QUICK if given.quick else WHOLE)
    begun, stolen = time.monotonic(), machine.stolen_seconds()
    busy = machine.busy()
    if busy > 0.5:
        found.remarks.append(
            f"The machine was busy before the run began (load average {busy:.1f}): its figures are disturbed."
        )
        say(f"bench: {found.remarks[-1]}")
    try:
        load.ensure_wrk()
        found.versions = report.versions()
        asyncio.run(run(given.only, found))
    except load.CannotMeasureError as error:
        say(f"bench: {error}")
        return 1
    found.seconds = time.monotonic() - begun
    found.stolen = (machine.stolen_seconds() - stolen) / found.seconds / machine.cores()
    found.targets = [
        *targets.of_rows(found.rows),
        *targets.of_storms(found.storms),
        *targets.of_people(found.people),
        *targets.of_households(found.households),
        *targets.of_processes(found.memories, found.starts),
    ]
    print(report.text(found))
    say(f"written to {report.write(found, given.name or report.revision()).relative_to(report.RESULTS.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
