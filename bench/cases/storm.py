"""A storm of people: 32 connections post forms while 4 refresh. Sign-ins with wrong passwords alone, or together with
sign-ups and forgotten passwords, each of which sends a mail to a real SMTP server."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from bench import load
from bench.measuring import Measured, under_load
from bench.plan import Plan
from bench.seed.authserver import KEPT, REDIRECT, seed
from bench.servers import Contestant, Servers
from tests.running.reading import Browser
from tests.running.smtp_sink import Sink

REFRESHING = 4  # connections
FORMS = 4000
UNLIMITED = "1000000000"
LIMITS = {"AUTHSERVER_ADDRESS_ATTEMPTS": UNLIMITED, "AUTHSERVER_ADDRESS_VISITS": UNLIMITED}
SIGN_INS, EVERYTHING = "sign-ins", "sign-ins, sign-ups and mails"


@dataclass
class Storm:
    """One server; the refreshes in quiet and in the storm, and what became of the sign-ins in each second."""

    server: Contestant
    of: str  # what is posted
    limits: str  # how the server limits attempts
    refreshes: Path
    forms: Path
    sink: Sink
    quiet: list[Measured] = field(default_factory=list)
    stormy: list[Measured] = field(default_factory=list)
    answers: dict[str, list[float]] = field(default_factory=dict)
    mails: list[float] = field(default_factory=list)  # sent, each second

    def measure(self, seconds: int) -> None:
        self.quiet.append(self._refresh(seconds))
        storm = load.start(self.server.url, "storm.lua", [self.forms], seconds + 2)
        before, begun = len(self.sink.taken()), time.monotonic()
        time.sleep(1)
        self.stormy.append(self._refresh(seconds))
        text, _ = storm.communicate()
        seen = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
        self.mails.append((len(self.sink.taken()) - before) / (time.monotonic() - begun))
        if seen["other"]:
            raise load.CannotMeasureError(f"{seen['other']} forms of the storm got an answer that no form gets")
        passed = seen.pop("microseconds") / 1e6
        for name, count in seen.items():
            self.answers.setdefault(name, []).append(count / passed)

    def _refresh(self, seconds: int) -> Measured:
        return under_load(self.server, "", "replay.lua", [self.refreshes, "again"], seconds, REFRESHING)

    @property
    def kept(self) -> float:
        """The throughput of refreshes in the storm as a part of the one in quiet."""
        pairs = zip(self.stormy, self.quiet, strict=True)
        return statistics.median(stormy.rate / quiet.rate for stormy, quiet in pairs)

    @property
    def p99(self) -> float:
        """Of refreshes in the storm, milliseconds."""
        return statistics.median(run.p99 or 0 for run in self.stormy)


async def _interactions(issuer: str) -> list[tuple[str, str, str]]:
    """Path, cookie and hidden fields of the sign-in page of so many browsers, each in the middle of a linking."""
    found = []
    asked = {"response_type": "code", "client_id": KEPT.client_id, "redirect_uri": REDIRECT, "state": "storm"}
    for _ in range(load.CONNECTIONS):
        async with Browser() as browser:
            page = await browser.open(f"{issuer}/oauth2/authorize?{urlencode(asked)}")
            form = next(page.forms_with("username", "password"))
            cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)
            parts = urlsplit(page.url)
            found.append((f"{parts.path}?{parts.query}", cookies, urlencode(form.hidden)))
    return found


def _forms(issuer: str, interactions: list[tuple[str, str, str]], known: list[str]) -> Iterator[bytes]:
    """Sign-ins, each to another account: what slows down guesses at one account must not hide what hashing costs. With
    `known` addresses a third of all are sign-ups, and a third forgotten passwords of these."""
    for number in range(FORMS):
        path, cookies, hidden = interactions[number % len(interactions)]
        stranger, password = f"nobody-{number}@example.org", f"wrong password {number}"
        kinds = {
            "login": {"username": stranger, "password": password},
            "signup": {"email": stranger, "password": password},
            "forgotPassword": {"email": known[number % len(known)] if known else ""},
        }
        kind = list(kinds)[number % 3 if known else 0]
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookies), ("Origin", issuer)]
        yield load.post(path.replace("/login", f"/{kind}"), headers, f"{hidden}&{urlencode(kinds[kind])}".encode())


async def prepare(servers: Servers, secret_key: str, plan: Plan) -> list[Storm]:
    """Both databases, without the limit for one network address, which would end the storm after a hundred attempts;
    SQLite as it comes; and both with mails."""
    storms = []
    sqlite, postgres = "authserver, SQLite", "authserver, PostgreSQL"
    make: list[tuple[str, Callable[[], str], str, str, dict[str, str]]] = [
        (sqlite, lambda: servers.new_sqlite("storm"), SIGN_INS, "none", LIMITS),
        (postgres, servers.postgres.new_database, SIGN_INS, "none", LIMITS),
        (sqlite, lambda: servers.new_sqlite("limited"), SIGN_INS, "as shipped", {}),
        (sqlite, lambda: servers.new_sqlite("mails"), EVERYTHING, "none", LIMITS),
        (postgres, servers.postgres.new_database, EVERYTHING, "none", LIMITS),
    ]
    for number, (name, database, of, limits, settings) in enumerate(make):
        url, sink = database(), servers.sink()
        service = servers.authserver(url, secret_key, AUTHSERVER_SMTP_URL=sink.url, **settings)
        seeded = await seed(url, secret_key, int(time.time()), plan.kept * 2, 0, 0)
        server = servers.start(name, service)
        issuer = service.settings["AUTHSERVER_ISSUER"]
        refreshes = (KEPT.refresh_request("/oauth2/token", token) for token in seeded.kept)
        forms = _forms(issuer, await _interactions(issuer), seeded.emails if of == EVERYTHING else [])
        storms.append(
            Storm(
                server,
                of,
                limits,
                load.write_requests(servers.requests / f"storm.refreshes.{number}", refreshes),
                load.write_requests(servers.requests / f"storm.forms.{number}", forms),
                sink,
            )
        )
    return storms
