"""What was promised, and whether it is so."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.cases import directive, size, token
from bench.cases.lamps import MANY, Household
from bench.cases.people import People
from bench.cases.start import Memory, Start
from bench.cases.storm import Storm
from bench.measuring import Measured, Row


@dataclass(frozen=True)
class Target:
    """`measured` is to be at least, or at most, `wanted`; `aim` is what was hoped for beyond it."""

    about: str
    measured: float
    wanted: float
    at_least: bool = True
    unit: str = ""
    aim: float | None = None

    @property
    def met(self) -> bool:
        return self.measured >= self.wanted if self.at_least else self.measured <= self.wanted

    @property
    def verdict(self) -> str:
        if self.met and self.aim is not None and self.measured >= self.aim:
            return "pass, aim reached"
        return "pass" if self.met else "**miss**"


def _against(
    row: Row, title: str, names: tuple[str, ...], to: str, wanted: float, aim: float | None
) -> Iterator[Target]:
    """By CPU time, which noisy neighbours disturb least, and by throughput."""
    best: Measured = row.named(to)
    for name in names:
        own = row.named(name)
        yield Target(f"{title}, {name}: CPU", best.cpu / own.cpu, wanted, aim=aim)
        yield Target(f"{title}, {name}: throughput", own.rate / best.rate, wanted, aim=aim)


def of_rows(rows: list[Row]) -> Iterator[Target]:
    by_title = {row.title: row for row in rows}
    one_worker = (token.SQLITE, token.POSTGRES)
    titles = (token.KEPT_TITLE, token.ROTATING_TITLE, token.MACHINE_TITLE)
    refreshes = [row for title in titles if (row := by_title.get(title))]
    for row in refreshes:
        yield from _against(row, f"{row.title}, of the signing bound", one_worker, token.BOUND, 0.5, 0.6)
    for row in refreshes:
        for name in one_worker:
            own = row.named(name)
            if own.p50 and own.p99:
                yield Target(f"{row.title}, {name}: p99 of p50", own.p99 / own.p50, 5, at_least=False)
    for row in refreshes:
        if row.has(token.PEER):
            for name in one_worker:
                ratio = row.named(token.PEER).cpu / row.named(name).cpu
                yield Target(f"{row.title}, {name}: of node-oidc-provider, per CPU second", ratio, 1.1)
    for title in (directive.SWITCH_TITLE, directive.REPORT_TITLE):
        if row := by_title.get(title):
            names = (directive.SQLITE, directive.POSTGRES)
            yield from _against(row, f"{title}, of the bare verifying server", names, directive.FLOOR, 0.6, None)
    for title in (size.KEPT_TITLE, size.ROTATING_TITLE):
        if row := by_title.get(title):
            for database in size.DATABASES:
                few, many = row.named(size.name(database, False)), row.named(size.name(database, True))
                yield Target(f"{title}, {database}: CPU, many of few", many.cpu / few.cpu, 1.2, at_least=False)
                if few.database and many.database:
                    ratio = (many.cpu + many.database) / (few.cpu + few.database)
                    yield Target(f"{title}, {database} and its server: CPU, many of few", ratio, 1.2, at_least=False)


def of_storms(storms: list[Storm]) -> Iterator[Target]:
    for storm in storms:
        about = f"Storm of {storm.of}, {storm.server.name}, limits {storm.limits}"
        yield Target(f"{about}: throughput of refreshes, of quiet", storm.kept, 0.8)
        yield Target(f"{about}: p99 of refreshes", storm.p99, 20, at_least=False, unit="ms")


def of_people(databases: list[People]) -> Iterator[Target]:
    """contracts/security.md 6.58: no clock tells who has an account."""
    for people in databases:
        for one in people.compared:
            about = f"Known and unknown addresses, {people.name}, {one.what}: medians apart"
            yield Target(about, one.apart * 100, 5, at_least=False, unit="%")


def of_households(households: list[Household]) -> Iterator[Target]:
    for house in households:
        about = f"10,000 lamps behind a broker, {house.name}"
        yield Target(f"{about}: p99 of directives", house.p99, 100, at_least=False, unit="ms")
        yield Target(f"{about}: memory at the end, of that after a quarter", house.growth, 1.05, at_least=False)
        slowest = max(house.discoveries)
        yield Target(f"{MANY} lamps discovered, {house.name}: the slowest", slowest, 1, at_least=False, unit="s")


def of_processes(memories: list[Memory], starts: list[Start]) -> Iterator[Target]:
    for memory in memories:
        yield Target(f"Resident memory of a worker, {memory.name}", memory.megabytes, 120, at_least=False, unit="MB")
    for start in starts:
        yield Target(f"From start to ready, {start.name}", start.seconds, 2, at_least=False, unit="s")
