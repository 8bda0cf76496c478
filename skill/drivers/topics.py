"""What a lamp's topics may be. No client is loaded here."""

import re


class BadTopic(ValueError):
    """A topic that a lamp may not have; the text says why."""


def check_topic(topic: str) -> str:
    """Contract 6.2: no wildcards, no broker internals. Raises BadTopic."""
    if not isinstance(topic, str):
        raise BadTopic("a topic is text")
    if not topic or len(topic.encode()) > 1024 or topic.startswith("$") or any(c in "#+\0" for c in topic):
        raise BadTopic("a topic is not empty, has no # + or NUL and does not begin with $")
    return topic


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
