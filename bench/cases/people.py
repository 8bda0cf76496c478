"""What people do at the pages, for addresses that have an account and for those that have none."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.cases.storm import LIMITS
from bench.plan import Plan
from bench.servers import Servers
from tests.running.timing import Compared, Watch, add_people, needed


@dataclass(frozen=True)
class People:
    """One database."""

    name: str
    compared: list[Compared]


async def measure(name: str, secret_key: str, plan: Plan, say: Callable[[str], None]) -> People:
    """Through the real server over loopback, argon2 and a mail server included. `name`: SQLite or PostgreSQL."""
    with Servers() as servers:
        url = servers.new_sqlite("people") if name == "SQLite" else servers.postgres.new_database()
        others = LIMITS | {"AUTHSERVER_SMTP_URL": servers.sink().url}
        service = servers.authserver(url, secret_key, **others)
        known = await add_people(url, needed(plan.timings))
        servers.start(f"authserver, {name}", service)
        return People(name, Watch(service.settings["AUTHSERVER_ISSUER"], known).compare(plan.timings, say))
