"""What a refresh costs with few and with many grants in the database."""

import asyncio
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench import load
from bench.measuring import Candidate, Row, under_load
from bench.plan import Plan
from bench.seed.authserver import HOUR, KEPT, ROTATING, Seeded, seed
from bench.servers import Contestant, Servers

FEW = 1000
SAMPLE = 6000  # grants of each client that are refreshed in a round, where there are so many
DATABASES = ("SQLite", "PostgreSQL")
KEPT_TITLE = "Few and many grants: refresh without rotation"
ROTATING_TITLE = "Few and many grants: refresh with rotation"


def name(database: str, many: bool) -> str:
    return f"authserver, {database}, {'many' if many else 'few'} grants"


def _seed(url: str, secret_key: str, count: int, rounds: int) -> Seeded:
    """Half of the grants belong to each client, and four to each person. Runs in a process of its own.

    None is due to have its use noted: how often that happens depends on how many grants are refreshed, not on how many
    there are.
    """
    half, now = count // 2, int(time.time())
    keep = max(1, half // (SAMPLE * rounds))
    return asyncio.run(seed(url, secret_key, now, half, half, 0, grants_each=4, keep=keep, last_used=now + HOUR))


def _candidates(servers: Servers, server: Contestant, values: Seeded, plan: Plan) -> tuple[Candidate, Candidate]:
    """Refreshes of both kinds; each round takes other grants, scattered among all."""
    path, rounds, seconds = "/oauth2/token", plan.size_rounds, plan.seconds
    kept, rotating = [], []
    for number in range(rounds):
        file = servers.requests / f"{server.port}.{number}"
        requests = (KEPT.refresh_request(path, token) for token in values.kept[number::rounds])
        kept.append(load.write_requests(file.with_suffix(f".kept.{number}"), requests))
        rotating.append(load.write_lines(file.with_suffix(f".rotating.{number}"), values.rotating[number::rounds]))
    return (
        Candidate(server.name, lambda n: under_load(server, "", "replay.lua", [kept[n], "again"], seconds)),
        Candidate(
            server.name, lambda n: under_load(server, path, "rotate.lua", [rotating[n], ROTATING.basic], seconds)
        ),
    )


async def rows(servers: Servers, secret_key: str, plan: Plan) -> list[Row]:
    """Not to be called where the plan has no large database."""
    made = []
    for database in DATABASES:
        for many in (False, True):
            url = servers.new_sqlite(f"size-{many}") if database == "SQLite" else servers.postgres.new_database()
            service = servers.authserver(url, secret_key)
            made.append((name(database, many), url, plan.grants if many else FEW, service))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        tasks = [pool.submit(_seed, url, secret_key, count, plan.size_rounds) for _, url, count, _ in made]
        seeded = [task.result() for task in tasks]
    pairs = [
        _candidates(servers, servers.start(title, service), values, plan)
        for (title, _, _, service), values in zip(made, seeded, strict=True)
    ]
    about = f"{FEW:,} grants and {plan.grants:,}; of the many, other ones are refreshed all the time."
    return [
        Row(KEPT_TITLE, about, [pair[0] for pair in pairs]),
        Row(ROTATING_TITLE, about, [pair[1] for pair in pairs]),
    ]
