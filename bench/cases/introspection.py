"""Introspection: a client asks for tokens of its own, each of another grant."""

import time

from bench import load
from bench.cases.token import POSTGRES, POSTGRES_2, SQLITE
from bench.measuring import Candidate, Row, under_load
from bench.plan import Plan
from bench.seed.authserver import KEPT, seed
from bench.seed.mint import Mint
from bench.servers import Servers

TITLE = "Introspection of access tokens"
TOKENS = 2000  # asked for in turn
PATH = "/oauth2/introspect"


async def candidate(servers: Servers, name: str, url: str, secret_key: str, plan: Plan, workers: int = 1) -> Candidate:
    """Seeded and running; the tokens are made with its own key."""
    service = servers.authserver(url, secret_key)
    seeded = await seed(url, secret_key, int(time.time()), TOKENS, 4, 0)
    server = servers.start(name, service, workers)
    mint = Mint(service.settings)
    await mint.open()
    calls = (KEPT.introspection_request(PATH, mint.token(sub, origin)) for sub, origin in seeded.origins)
    file = load.write_requests(servers.requests / f"introspection-{name.replace(' ', '-')}", calls)
    return Candidate(name, lambda _: under_load(server, "", "replay.lua", [file, "again"], plan.seconds))


async def rows(servers: Servers, secret_key: str, plan: Plan) -> list[Row]:
    new = servers.postgres.new_database
    candidates = [
        await candidate(servers, SQLITE, servers.new_sqlite("introspection"), secret_key, plan),
        await candidate(servers, POSTGRES, new(), secret_key, plan),
        await candidate(servers, POSTGRES_2, new(), secret_key, plan, 2),
    ]
    about = "A signature is checked, the grant with its person is read, and whether this one token was revoked."
    return [Row(TITLE, about, candidates)]
