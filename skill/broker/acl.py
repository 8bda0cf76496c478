"""Who may say and hear what, as mosquitto's `acl_file`: a lamp its own topics alone, the service those of all lamps.

Source: `mosquitto.conf(5)`, "acl_file": after `user NAME`, `topic read|write TOPIC`; what is not listed is refused:
what is published there is dropped, what is subscribed to is not delivered. A last will is published under the lamp's
own rights.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from skill.broker.announcements import subscriptions
from skill.drivers.codecs import BadOption, Codec
from skill.drivers.codecs.aws_shadow import AwsShadow
from skill.drivers.codecs.tasmota import Tasmota
from skill.drivers.codecs.wled import Wled
from skill.drivers.codecs.zigbee2mqtt import Zigbee2Mqtt
from skill.drivers.topics import BELOW, TopicIndex
from skill.drivers.wiring import Wiring


class NoAccount(Exception):
    """The lamp itself is no client of this broker; the text says who is."""


class Rights(NamedTuple):
    """What the lamp's firmware hears (its commands) and what it says (its state, and whether it is there)."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]


class Account(NamedTuple):
    """A lamp at the broker. `user` is None where it has no account; lamps of one device have one together. `owner` is
    empty where nobody has the lamp."""

    endpoint_id: str
    options: Mapping[str, Any]
    user: str | None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """`text` is the file; `notes` say what was left out, and why."""

    text: str
    notes: tuple[str, ...]


def rights(codec: Codec) -> Rights:
    """As the firmware needs them. Raises NoAccount."""
    says = (*codec.state_topics, *codec.availability_topics)
    if isinstance(codec, Zigbee2Mqtt):
        raise NoAccount("it is behind Zigbee2MQTT, which is the broker's client: the gateway has one account for all")
    if isinstance(codec, AwsShadow) and codec.service:
        raise NoAccount("AWS IoT has accounts of its own")
    if isinstance(codec, Tasmota):  # every command, and whatever it answers
        return Rights((codec.command + BELOW[1:],), (codec.result + BELOW[1:], codec.telemetry + BELOW[1:]))
    if isinstance(codec, Wled):
        return Rights((codec.device, f"{codec.device}/col", f"{codec.device}/api"), (*says, f"{codec.device}/v"))
    return Rights(codec.command_topics, says)


def torn(lamps: Iterable[tuple[str | None, str]]) -> frozenset[str]:
    """Of users and owners of lamps: the accounts whose lamps have come to different people. One of them would hear and
    command the other's lamp, and nobody knows who has the password: such an account opens nothing."""
    owners: dict[str, set[str]] = defaultdict(set)
    for user, owner in lamps:
        if user and owner:
            owners[user].add(owner)
    return frozenset(user for user, whose in owners.items() if len(whose) > 1)


def note_on(user: str) -> str:
    return f"the account {user} is left out: its lamps have different owners. Make new ones: `skill lamp credentials`"


def rules(lamps: Iterable[Account], skill_user: str, prefix: str) -> Rules:
    """A topic that concerns another as well is no lamp's to say: where several hear of their gateway, and where lamps
    have shared one since before topics were exclusive."""
    lamps = list(lamps)
    apart = torn((lamp.user, lamp.owner) for lamp in lamps)
    wired, notes = [], [note_on(user) for user in sorted(apart)]
    for lamp in lamps:
        if lamp.user in apart:
            lamp = lamp._replace(user=None)
        try:
            wired.append((lamp, Wiring.of(lamp.options)))
        except BadOption as error:
            notes.append(f"{lamp.endpoint_id} is left out: {error.option}: {error}")
    concerned = _concerned(wired)
    by_user: dict[str, list[str]] = defaultdict(list)
    for lamp, wiring in wired:
        if lamp.user is None:
            continue
        try:
            may = rights(wiring.codec)
        except NoAccount as reason:
            notes.append(f"{lamp.endpoint_id} has an account of no use: {reason}")
            continue
        for word, topics in (("read", may.reads), ("write", may.writes)):
            for topic in topics:
                if others := concerned.by(topic) - {lamp.user}:
                    notes.append(f"{lamp.endpoint_id} may not {word} {topic}: it concerns {min(others)} too")
                else:
                    by_user[lamp.user].append(f"topic {word} {topic}")
    said = (f"topic write {topic}" for _, wiring in wired for topic in wiring.codec.command_topics)
    heard = (f"topic read {topic}" for _, wiring in wired for topic in wiring.listens_to)
    announced = (f"topic read {topic}" for topic in subscriptions(prefix))
    parts = [_part(skill_user, (*announced, *said, *heard))]
    parts += [_part(user, by_user[user]) for user in sorted(by_user)]
    return Rules("\n".join(parts), tuple(notes))


def _part(user: str, granted: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in (f"user {user}", *dict.fromkeys(granted)))


def _concerned(wired: Iterable[tuple[Account, Wiring]]) -> TopicIndex:
    concerned = TopicIndex()
    for lamp, wiring in wired:
        for topic in dict.fromkeys((*wiring.own_topics, *wiring.listens_to)):
            concerned.add(topic, lamp.user or lamp.endpoint_id)
    return concerned
