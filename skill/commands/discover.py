"""`skill lamp discover`: lamps that announced themselves become lamps of nobody, or of --owner."""

import asyncio
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skill.broker.announcements import PREFIX, Announced, Skipped, read
from skill.commands.lamps import lamp_app
from skill.commands.shown import Json, as_dict, checked_owner, code_as_dict, print_code, print_json
from skill.commands.working import Undone, fail, on_lamps, settings_of
from skill.drivers.codecs import BadOption
from skill.drivers.topics import BadTopic, check_topic
from skill.drivers.wiring import Wiring
from skill.settings import RegistrySettings

if TYPE_CHECKING:
    from skill.models import LampRow
    from skill.storage.registry import Registry


AT_ONCE = 50
"""Announcements in one unit of work: on SQLite directives wait for it, and not for longer than three seconds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one announcement: new, changed, unchanged or skipped."""

    known_as: str
    word: str
    lamp: "LampRow | None" = None
    code: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()


@lamp_app.command()
def discover(
    wait: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds to listen.")] = 3.0,
    prefix: Annotated[str, typer.Option(help="Where lamps announce themselves.")] = PREFIX,
    owner: Annotated[
        str | None, typer.Option(help="The `sub` whose lamps the new ones are; without it they have codes.")
    ] = None,
    new_topics: Annotated[
        bool, typer.Option("--new-topics", help="Follow lamps that somebody has to topics that they have changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Register the lamps that announce themselves by Home Assistant's MQTT discovery (JSON schema). One that was found
    before is brought up to date; its owner, name and room stay."""
    whose = "" if owner is None else checked_owner(owner)
    try:
        check_topic(prefix)
    except BadTopic as error:
        raise typer.BadParameter(str(error), param_hint="--prefix") from error
    messages = _listen(prefix, wait)
    found = [each for topic in sorted(messages) for each in read(prefix, topic, messages[topic])]

    async def work(lamps: "Registry", some: list[Announced | Skipped]) -> list[Outcome]:
        outcomes = [
            Outcome(each.known_as, "skipped", reason=each.reason)
            if isinstance(each, Skipped)
            else await _registered(lamps, each, whose, new_topics, dry_run)
            for each in some
        ]
        if dry_run:
            raise Undone(outcomes)
        return outcomes

    outcomes: list[Outcome] = []
    at_once = len(found) + 1 if dry_run else AT_ONCE
    try:
        for start in range(0, len(found), at_once):
            some = found[start : start + at_once]
            outcomes += on_lamps(partial(work, some=some))
    finally:  # of what was done before something failed, the codes are shown here alone
        if as_json:
            print_json([_as_dict(outcome, dry_run) for outcome in outcomes])
        else:
            _print(outcomes, dry_run)


def _listen(prefix: str, wait: float) -> dict[str, bytes]:
    import aiomqtt  # only here: other commands have no use for the client

    from skill.broker.listening import announcements

    url = settings_of(RegistrySettings).mqtt_url
    if url is None:
        fail("SKILL_MQTT_URL is required: the broker where the lamps are", 2)
    lively = sys.stderr.isatty()
    typer.echo(f"listening at {prefix}/ for {wait:g} s", err=True)

    def heard(count: int) -> None:
        if lively:
            typer.echo(f"\r{count} announcements", err=True, nl=False)

    try:
        messages = asyncio.run(announcements(url, prefix, wait, heard))
    except (aiomqtt.MqttError, OSError) as error:
        fail(f"the broker cannot be reached or refuses: {error}", 1)
    typer.echo(f"{chr(13) if lively else ''}{len(messages)} announcements", err=True)
    return messages


async def _registered(lamps: "Registry", found: Announced, owner: str, new_topics: bool, dry_run: bool) -> Outcome:
    from skill.storage.registry import TopicTaken

    try:
        lamp = await lamps.discovered(found.known_as)
        if lamp is not None:
            return await _again(lamps, lamp, found, new_topics)
        lamp = await lamps.add(
            owner, found.name, "mqtt", found.options, discovered_as=found.known_as, details=found.details
        )
    except TopicTaken as taken:
        reason = f"{taken.endpoint_id} has the topic {taken.topic}"
        return Outcome(found.known_as, "skipped", reason=reason, notes=found.notes)
    code = None if owner or dry_run else await lamps.code(lamp.endpoint_id)
    return Outcome(found.known_as, "new", lamp, code, notes=found.notes)


async def _again(lamps: "Registry", lamp: "LampRow", found: Announced, new_topics: bool) -> Outcome:
    """Whoever may announce could otherwise lead a lamp that somebody has to topics of a stranger's."""
    confirm = {"confirm": lamp.options["confirm"]} if "confirm" in lamp.options else {}
    options = {**found.options, **confirm}
    if lamp.options == options and (lamp.details or {}) == (dict(found.details) or lamp.details or {}):
        return Outcome(found.known_as, "unchanged", lamp, notes=found.notes)
    if lamp.owner and not new_topics and _topics(lamp.options) != _topics(options):
        reason = f"{lamp.endpoint_id} has other topics now, and an owner: --new-topics follows it"
        return Outcome(found.known_as, "skipped", lamp, reason=reason, notes=found.notes)
    changed = await lamps.change(lamp.endpoint_id, options, found.details)
    return Outcome(found.known_as, "changed", changed, notes=found.notes)


def _topics(options: Any) -> tuple[set[str], set[str]]:
    try:
        wiring = Wiring.of(options)
    except BadOption:
        return set(), set()
    return set(wiring.own_topics), set(wiring.listens_to)


def _as_dict(outcome: Outcome, dry_run: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"known_as": outcome.known_as, "outcome": outcome.word, "notes": list(outcome.notes)}
    if outcome.reason is not None:
        shown["reason"] = outcome.reason
    if outcome.lamp is not None:
        lamp = as_dict(outcome.lamp)
        shown["lamp"] = {
            key: value for key, value in lamp.items() if not dry_run or key in ("name", "options", "details")
        }
    return shown | (code_as_dict(outcome.code) if outcome.code is not None else {})


def _print(outcomes: list[Outcome], dry_run: bool) -> None:
    for outcome in outcomes:
        lamp = outcome.lamp
        named = "" if lamp is None else lamp.name if dry_run else f"{lamp.endpoint_id}  {lamp.name}"
        typer.echo(f"{outcome.word:<9}  {outcome.known_as}  {named}".rstrip())
        for line in (*([outcome.reason] if outcome.reason else ()), *outcome.notes):
            typer.echo(f"{'':<9}  {line}")
        if outcome.code is not None:
            print_code(outcome.code)
            typer.echo()
    words = [outcome.word for outcome in outcomes]
    counted = ", ".join(f"{words.count(word)} {word}" for word in ("new", "changed", "unchanged", "skipped"))
    typer.echo(counted + (" (nothing was done)" if dry_run else ""))
