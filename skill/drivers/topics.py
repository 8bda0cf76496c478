"""What a lamp's topics may be. No client is loaded here."""

import re
import unicodedata
from collections import defaultdict

DEEPEST = 100
"""Levels of a topic; brokers end the connection of whoever uses one that is deeper (mosquitto: 200)."""
BELOW = "/#"
"""How an own topic ends that stands for everything below it. No topic of a lamp can end so."""


class BadTopic(ValueError):
    """A topic that a lamp may not have; the text says why."""


def check_topic(topic: str) -> str:
    """Contract 6.2: no wildcards, no broker internals; and nothing for which a broker would end the connection that all
    lamps share, or that would be a line of its own in the broker's files. Raises BadTopic."""
    if not isinstance(topic, str):
        raise BadTopic("a topic is text")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Cn", "Zl", "Zp") for c in topic) or topic != topic.strip():
        raise BadTopic("a topic has no control characters, and no space at its ends")
    if not topic or len(topic.encode()) > 1024 or topic.startswith("$") or any(c in "#+" for c in topic):
        raise BadTopic("a topic is not empty, has no # + or NUL and does not begin with $")
    if topic.count("/") >= DEEPEST:
        raise BadTopic(f"a topic has at most {DEEPEST} levels")
    return topic


def covers(own: str, topic: str) -> bool:
    """Whether `topic` is `own`, or part of what that stands for: as in MQTT, `a/#` is `a` and all below it. `topic` may
    stand for more than one itself."""
    if not own.endswith(BELOW):
        return own == topic
    return topic.startswith(own[:-1]) or topic == own.removesuffix(BELOW)


def covering(topic: str) -> list[str]:
    """Every own topic that would cover this one, itself included."""
    levels = topic.removesuffix(BELOW).split("/")
    return list(dict.fromkeys((topic, *("/".join(levels[: end + 1]) + BELOW for end in range(len(levels))))))


class TopicIndex:
    """Who has which topics, to be asked for whoever is concerned by one: has it, has what is below it, or it is below
    what they have."""

    def __init__(self) -> None:
        self._has: dict[str, set[str]] = defaultdict(set)
        self._under: dict[str, set[str]] = defaultdict(set)

    def add(self, topic: str, who: str) -> None:
        self._has[topic].add(who)
        for each in covering(topic):
            self._under[each].add(who)

    def by(self, topic: str) -> set[str]:
        found = set(self._under.get(topic, ()))
        for each in covering(topic):
            found |= self._has.get(each, set())
        return found


_THING, _SHADOW = re.compile(r"[a-zA-Z0-9:_-]{1,128}"), re.compile(r"[a-zA-Z0-9:_-]{1,64}")


def shadow_prefix(thing: str, shadow: str | None) -> str:
    """The one place where a topic begins with `$`: built from names that AWS IoT allows, never taken as it came. Raises
    BadTopic."""
    if not isinstance(thing, str) or _THING.fullmatch(thing) is None:
        raise BadTopic("a thing has 1 to 128 letters, digits, : _ or -")
    if shadow is None:
        return f"$aws/things/{thing}/shadow"
    if not isinstance(shadow, str) or _SHADOW.fullmatch(shadow) is None:
        raise BadTopic("a shadow has 1 to 64 letters, digits, : _ or -")
    return f"$aws/things/{thing}/shadow/name/{shadow}"
