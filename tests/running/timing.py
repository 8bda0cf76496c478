"""How long a running server takes for addresses that have an account and for those that have none."""

import random
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

from authserver.accounts.passwords import crypt_context
from authserver.models import User
from authserver.storage.database import Database, DatabaseUrl
from tests.running.reading import Page

PASSWORD = "lanterns over quiet water"
KINDS = ("known", "unknown")


@dataclass
class Compared:
    """Seconds of one kind of request."""

    what: str
    known: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)

    @property
    def apart(self) -> float:
        """How far the medians are from each other: 0.02 is two per cent."""
        one, other = statistics.median(self.known), statistics.median(self.unknown)
        return max(one, other) / min(one, other) - 1


@dataclass(frozen=True)
class Form:
    """A form of one browser in the middle of nothing."""

    url: str
    cookie: str
    hidden: dict[str, str]


def new_address() -> str:
    return f"{secrets.token_hex(12)}@example.org"


async def add_people(database_url: str, count: int) -> list[str]:
    """Addresses of confirmed accounts. All have one password hash: to verify it costs what every other one costs."""
    password_hash, now = crypt_context().hash(PASSWORD), int(time.time())
    found = [new_address() for _ in range(count)]
    database = Database(DatabaseUrl.parse(database_url))
    async with database.unit() as session:
        for email in found:
            sub = secrets.token_hex(16)
            session.add(
                User(
                    sub=sub,
                    username=sub,
                    email=email,
                    email_canonical=email,
                    email_verified=True,
                    password_hash=password_hash,
                    created_at=now,
                    updated_at=now,
                )
            )
    await database.close()
    return found


async def apart(once: Callable[[bool], Awaitable[float]], count: int, enough: float) -> float:
    """How far the medians of `once(known)` for known and unknown lie apart, asked in turn: 0.02 is two per cent.

    Measured again, up to three times, until it is `enough` or less: what a busy machine does once is no leak; one would
    be there each time.
    """
    least = float("inf")
    for _ in range(3):
        seen = Compared("in turn")
        for known in [True, False] * count:
            (seen.known if known else seen.unknown).append(await once(known))
        least = min(least, seen.apart)
        if least <= enough:
            break
    return least


def needed(count: int) -> int:
    """Accounts for so many comparisons."""
    return 2 * (count + 5)


class Watch:
    """Asks a server whose limits for one network are out of the way."""

    def __init__(self, issuer: str, known: list[str]) -> None:
        self.issuer = issuer
        self.known = known
        self.client = httpx2.Client(trust_env=False, verify=False, timeout=60, headers={"origin": issuer})

    def form(self, path: str) -> Form:
        """Opened by a browser that was never here."""
        answer = self.client.get(f"{self.issuer}/{path}")
        cookie = answer.headers["set-cookie"].partition(";")[0]
        self.client.cookies.clear()
        url = answer.headers["location"]
        page = Page(url, self.client.get(url, headers={"cookie": cookie}))
        return Form(url, cookie, next(form.hidden for form in page.forms if form.hidden))

    def post(self, form: Form, path: str, expected: int, **fields: str) -> float:
        """Seconds until the answer is there."""
        url = form.url.replace(urlsplit(form.url).path, f"/{path}")
        begun = time.perf_counter()
        answer = self.client.post(url, data=form.hidden | fields, headers={"cookie": form.cookie})
        taken = time.perf_counter() - begun
        assert answer.status_code == expected, f"{path}: {answer.status_code} {Page(url, answer)}"
        self.client.cookies.clear()
        return taken

    def compare(self, count: int, say: Callable[[str], None] = lambda _: None) -> list[Compared]:
        """Each `count` times for both kinds, in pairs whose order is drawn."""
        assert len(self.known) >= needed(count), "too few accounts"
        seen = {what: Compared(what) for what in ("sign-in", "sign-up", "sign-up: code", "recovery", "recovery: code")}
        for number in range(-5, count):  # the first ones warm up
            kinds = list(KINDS)
            random.shuffle(kinds)
            for kind in kinds:
                known = kind == "known"
                pair = self.known[2 * number + 10 : 2 * number + 12] if known else [new_address(), new_address()]
                for what, seconds in self._once(*pair):
                    if number >= 0:
                        getattr(seen[what], kind).append(seconds)
            if number % 50 == 49:
                say(f"known and unknown addresses: {number + 1}/{count}")
        return list(seen.values())

    def _once(self, email: str, other: str) -> Iterator[tuple[str, float]]:
        """Everything that can be asked, once; the forms are opened before. Two addresses: one gets no two codes within
        half a minute."""
        login, signup, forgot = self.form("login"), self.form("signup"), self.form("forgotPassword")
        yield "sign-in", self.post(login, "login", 422, username=email, password="not the password at all")
        yield "sign-up", self.post(signup, "signup", 303, email=email, password=PASSWORD)
        yield "sign-up: code", self.post(signup, "confirm", 422, code="000000")
        yield "recovery", self.post(forgot, "forgotPassword", 303, email=other)
        yield "recovery: code", self.post(forgot, "confirmforgotPassword", 422, code="000000", password=PASSWORD)
