"""One measurement, series of them, and turns: every candidate once in each round, so that all share the weather."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import load, machine
from bench.servers import Contestant


@dataclass(frozen=True)
class Measured:
    """One run. `cpu` and `database`: microseconds of the server's process tree and of PostgreSQL for each request;
    `p50`, `p99`: milliseconds. None: does not apply."""

    rate: float  # requests a second
    cpu: float
    database: float | None = None
    p50: float | None = None
    p99: float | None = None
    stolen: float = 0.0  # the part of the time that the host of this virtual machine took away
    within: tuple[tuple[int, int], ...] = ()  # milliseconds, and answers that came in the one before


CALM = 0.05  # of the time, stolen: runs with more are left out where two calmer ones are there


def under_load(
    contestant: Contestant,
    path: str,
    script: str,
    arguments: Sequence[str | Path],
    seconds: float,
    connections: int = load.CONNECTIONS,
    refused: bool = False,
) -> Measured:
    """`refused`: every answer is to be an error, as to a device that waits. Raises `CannotMeasureError`."""
    before = machine.cpu_seconds(contestant.pid)
    database_before = machine.cpu_seconds(contestant.database) if contestant.database else 0.0
    try:
        seen = load.run(contestant.url + path, script, arguments, seconds, connections, may_refuse=refused)
        if refused and seen.refused != seen.requests:
            raise load.CannotMeasureError(f"of {seen.requests} requests only {seen.refused} were refused")
    except load.CannotMeasureError as error:
        raise load.CannotMeasureError(f"{contestant.name}: {error}") from error
    used = machine.cpu_seconds(contestant.pid) - before
    database = machine.cpu_seconds(contestant.database) - database_before if contestant.database else None
    return Measured(
        rate=seen.rate,
        cpu=used / seen.requests * 1e6,
        database=None if database is None else database / seen.requests * 1e6,
        p50=seen.p50 / 1e3,
        p99=seen.p99 / 1e3,
        within=seen.within,
    )


@dataclass
class Candidate:
    """What is measured under one name; `run` gets the number of the round, from 0."""

    name: str
    run: Callable[[int], Measured]
    runs: list[Measured] = field(default_factory=list)

    @property
    def median(self) -> Measured:
        """Each figure's own median, over the calm runs if there are two."""
        calm = [run for run in self.runs if run.stolen <= CALM]
        runs = calm if len(calm) > 1 else self.runs

        def of(name: str) -> float | None:
            values = [value for run in runs if (value := getattr(run, name)) is not None]
            return statistics.median(values) if values else None

        return Measured(of("rate") or 0.0, of("cpu") or 0.0, of("database"), of("p50"), of("p99"), of("stolen") or 0.0)


@dataclass
class Row:
    """Candidates that do the same, under one heading of the report."""

    title: str
    about: str
    candidates: list[Candidate]

    def named(self, name: str) -> Measured:
        return next(candidate.median for candidate in self.candidates if candidate.name == name)

    def has(self, name: str) -> bool:
        return any(candidate.name == name and candidate.runs for candidate in self.candidates)


def take_turns(rows: Sequence[Row], rounds: int, say: Callable[[str], None]) -> None:
    """Every second round in the opposite order."""
    for number in range(rounds):
        for row in rows:
            for candidate in row.candidates if number % 2 == 0 else reversed(row.candidates):
                begun, stolen = time.monotonic(), machine.stolen_seconds()
                measured = candidate.run(number)
                share = (machine.stolen_seconds() - stolen) / (time.monotonic() - begun) / machine.cores()
                measured = replace(measured, stolen=share)
                candidate.runs.append(measured)
                say(
                    f"round {number + 1}/{rounds}  {row.title[:42]:42}  {candidate.name[:40]:40}"
                    f"{measured.rate:9.0f}/s {measured.cpu:7.0f} us  stolen {share:4.0%}"
                )
