"""The tables, on the screen and under bench/results/."""

import datetime
import platform
import sqlite3
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.backends.openssl.backend import backend

from bench import load, machine
from bench.cases.lamps import CONNECTIONS, Household
from bench.cases.people import People
from bench.cases.start import Memory, Start
from bench.cases.storm import Storm
from bench.measuring import Measured, Row
from bench.plan import Plan
from bench.targets import Target

RESULTS = Path(__file__).parent / "results"


@dataclass
class Report:
    """All that one run found."""

    plan: Plan
    rows: list[Row] = field(default_factory=list)
    storms: list[Storm] = field(default_factory=list)
    people: list[People] = field(default_factory=list)
    households: list[Household] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    stolen: float = 0


def versions() -> dict[str, str]:
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version, "wrk": load.wrk_version()}
    for name in ("uvicorn", "uvloop", "authlib", "joserfc", "cryptography", "asyncpg", "sqlalchemy", "fastapi"):
        found[name] = version(name)
    found["OpenSSL in cryptography"] = backend.openssl_version_text().split()[1]
    return found


def revision() -> str:
    """The commit, with a mark where files have changed since."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def table(head: list[str], lines: list[list[str]]) -> Iterator[str]:
    """Markdown whose columns stand under each other: it is read on a terminal as well."""
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]

    def shown(cells: list[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])

    yield f"| {shown(head)} |"
    yield "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    for line in lines:
        yield f"| {shown(line)} |"


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _of_targets(targets: list[Target]) -> Iterator[str]:
    lines = []
    for target in targets:
        digits = 0 if target.unit in ("MB",) else 1 if target.unit == "ms" else 2
        wanted = f"{'≥' if target.at_least else '≤'} {target.wanted:g} {target.unit}".strip()
        lines.append([target.about, f"{target.measured:.{digits}f} {target.unit}".strip(), wanted, target.verdict])
    yield from table(["target", "measured", "wanted", ""], lines)


def _of_row(row: Row) -> Iterator[str]:
    yield f"## {row.title}"
    yield ""
    yield row.about
    yield ""
    first = row.candidates[0].median
    lines = []
    for candidate in row.candidates:
        of: Measured = candidate.median
        figures = [_number(of.rate), _number(of.cpu), _number(of.database), _number(of.p50, 1), _number(of.p99, 1)]
        ratios = [_number(first.cpu / of.cpu, 2), _number(of.rate / first.rate, 2), f"{of.stolen:.0%}"]
        lines.append([candidate.name, *figures, *ratios])
    head = [
        "",
        "requests/s",
        "CPU us",
        "PostgreSQL us",
        "p50 ms",
        "p99 ms",
        "of first: CPU",
        "of first: rate",
        "stolen",
    ]
    yield from table(head, lines)
    yield ""


def _of_storms(storms: list[Storm]) -> Iterator[str]:
    yield "## Storms of people"
    yield ""
    yield (
        "32 connections post forms, each for another account, and never wait; 4 connections refresh. Sign-ins have "
        "wrong passwords; sign-ups and forgotten passwords send mails to a real SMTP server, at most 20 a second. "
        "`limits`: how many attempts one network address has."
    )
    yield ""
    lines = []
    for storm in storms:
        quiet, stormy = (sorted(run.rate for run in runs)[len(runs) // 2] for runs in (storm.quiet, storm.stormy))
        answers = {name: sum(counts) / len(counts) for name, counts in storm.answers.items()}
        figures = [_number(quiet), _number(stormy), _number(storm.kept, 2), _number(storm.p99, 1)]
        counts = [_number(answers[name]) for name in ("wrong", "begun", "limited", "busy")]
        mails = _number(sum(storm.mails) / len(storm.mails))
        lines.append([f"{storm.of}, {storm.server.name}", storm.limits, *figures, *counts, mails])
    head = ["", "limits", "quiet/s", "storm/s", "kept", "p99 ms"]
    head += ["compared/s", "begun/s", "limited/s", "busy/s", "mails/s"]
    yield from table(head, lines)
    yield ""


def _of_people(databases: list[People]) -> Iterator[str]:
    yield "## Known and unknown addresses"
    yield ""
    yield (
        f"Medians of {len(databases[0].compared[0].known)} answers of each kind, in pairs whose order is drawn, "
        "through the server over loopback; milliseconds. Wrong passwords and codes; argon2 and mails included."
    )
    yield ""
    lines = []
    for people in databases:
        for one in people.compared:
            medians = [statistics.median(seconds) * 1000 for seconds in (one.known, one.unknown)]
            lines.append([f"{people.name}, {one.what}", *(_number(ms, 2) for ms in medians), f"{one.apart:.1%}"])
    yield from table(["", "known", "unknown", "apart"], lines)
    yield ""


def _of_households(report: Report) -> Iterator[str]:
    yield "## Ten thousand lamps behind a broker"
    yield ""
    yield (
        f"A thousand people with ten lamps each; for {report.plan.lamp_parts * report.plan.lamp_seconds} s, "
        f"{CONNECTIONS} connections send signed directives of every kind and never pause; each answer waits for the "
        "lamp's echo through mosquitto. Broker, lamps and load share the cores. p99 of the whole time, and of "
        "the worst quarter: the first, in which the service still hears of its lamps. Memory of the worker, in MB: "
        "before, and after each quarter."
    )
    yield ""
    lines = []
    for house in report.households:
        cpu = statistics.mean(part.cpu for part in house.parts)
        memory = " ".join(_number(each) for each in (house.before, *house.megabytes))
        found = _number(statistics.median(house.discoveries) * 1000, 1)
        figures = [_number(house.rate), _number(cpu), _number(house.p99), _number(house.worst), memory, found]
        lines.append([house.name, *figures, _number(house.listening, 1)])
    head = [
        "",
        "directives/s",
        "CPU us",
        "p99 ms",
        "worst quarter",
        "memory",
        "300 discovered, ms",
        "all reached after, s",
    ]
    yield from table(head, lines)
    yield ""


def text(report: Report) -> str:
    plan = report.plan
    lines = [
        f"# Measured on {datetime.date.today():%-d %B %Y} at {revision()}",
        "",
        f"{machine.processor()}, {machine.cores()} cores, load generator included. "
        + ", ".join(f"{name} {number}" for name, number in report.versions.items())
        + ".",
        "",
        f"{plan.rounds} rounds of {plan.seconds} s, candidates in turns, medians; {load.CONNECTIONS} connections from "
        "one thread of wrk. CPU: user and system time of the server's process tree for each request. Stolen: time that "
        f"the host of this virtual machine gave to others ({report.stolen:.0%} of the whole run); it makes everything "
        f"slower, and CPU time longer too. The run took {report.seconds / 60:.1f} minutes.",
        "",
        *report.remarks,
        *([""] if report.remarks else []),
        *_of_targets(report.targets),
        "",
    ]
    for row in report.rows:
        lines += _of_row(row)
    if report.storms:
        lines += _of_storms(report.storms)
    if report.people:
        lines += _of_people(report.people)
    if report.households:
        lines += _of_households(report)
    return "\n".join(lines).rstrip() + "\n"


def data(report: Report) -> dict[str, Any]:
    return {
        "date": datetime.date.today().isoformat(),
        "revision": revision(),
        "processor": machine.processor(),
        "cores": machine.cores(),
        "versions": report.versions,
        "plan": asdict(report.plan),
        "stolen": report.stolen,
        "targets": [asdict(target) | {"met": target.met} for target in report.targets],
        "rows": {
            row.title: {
                candidate.name: {"median": asdict(candidate.median), "runs": [asdict(run) for run in candidate.runs]}
                for candidate in row.candidates
            }
            for row in report.rows
        },
        "storms": [
            {
                "server": storm.server.name,
                "of": storm.of,
                "limits": storm.limits,
                "quiet": [asdict(run) for run in storm.quiet],
                "storm": [asdict(run) for run in storm.stormy],
                "answers": storm.answers,
                "mails": storm.mails,
            }
            for storm in report.storms
        ],
        "people": {people.name: [asdict(one) for one in people.compared] for people in report.people},
        "households": [asdict(house) for house in report.households],
        "memory": [asdict(memory) for memory in report.memories],
        "start": [asdict(start) for start in report.starts],
    }


def write(report: Report, name: str) -> Path:
    """`<date>-<name>.md` and `.json`; nothing in them names this machine."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.date.today().isoformat()}-{name}.md"
    file.write_text(text(report))
    file.with_suffix(".json").write_bytes(orjson.dumps(data(report), option=orjson.OPT_INDENT_2) + b"\n")
    return file
