"""What was said to Alexa, understood: a line of text in, an `Intent` or a `NotUnderstood` out. Pure.

Alexa's own language understanding is far wider. This one knows the sentences about a lamp that Amazon documents for
power, brightness, colour, colour temperature and `ReportState`, and says what it knows when lost.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from skill.simulator.colours import COLOURS, WHITES

STEP = 25
"""Percent by which "dim the lamp" and "brighten the lamp" change it when no number is said."""

LONGEST = 200
"""Characters of an utterance that are read."""


@dataclass(frozen=True, slots=True)
class Discover:
    """ "Discover my devices"."""


@dataclass(frozen=True, slots=True)
class Power:
    lamps: tuple[str, ...]
    on: bool


@dataclass(frozen=True, slots=True)
class Brightness:
    """`percent` 0-100."""

    lamps: tuple[str, ...]
    percent: int


@dataclass(frozen=True, slots=True)
class Adjust:
    """`delta` -100..100, in percent points."""

    lamps: tuple[str, ...]
    delta: int


@dataclass(frozen=True, slots=True)
class Colour:
    """`name` is one of `COLOURS`, unless `exactly` (hue 0-360, saturation and brightness 0-1) says it."""

    lamps: tuple[str, ...]
    name: str
    exactly: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class White:
    lamps: tuple[str, ...]
    kelvin: int


@dataclass(frozen=True, slots=True)
class Whiter:
    """Cooler, or warmer."""

    lamps: tuple[str, ...]
    cooler: bool


@dataclass(frozen=True, slots=True)
class Question:
    """`about` says which property the person wants to hear of."""

    lamps: tuple[str, ...]
    about: Literal["power", "brightness", "state"]


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """`answer` is what Alexa says; `suggestions` are sentences that will be understood."""

    answer: str
    suggestions: tuple[str, ...]


Intent = Discover | Power | Brightness | Adjust | Colour | White | Whiter | Question

_NUMBERS = {
    word: number
    for number, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve
        thirteen fourteen fifteen sixteen seventeen eighteen nineteen""".split()  # noqa: SIM905
    )
}
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_LEVELS = {
    "half": 50, "half brightness": 50, "full": 100, "full brightness": 100, "maximum": 100, "max": 100,
    "the maximum": 100, "the brightest": 100, "minimum": 1, "min": 1, "the minimum": 1, "the dimmest": 1,
}  # fmt: skip

_LEVEL = rf"(?P<level>\d{{1,4}}|{'|'.join(sorted(_LEVELS, key=len, reverse=True))})(?: ?(?:%|percent|per cent|pct))?"
_DELTA = r"(?: by (?P<delta>\d{1,4})(?: ?(?:%|percent|per cent|pct))?| a (?:little|bit)(?: bit)?| a lot)?"
_LAMP = r"(?P<lamp>.+?)"
_BRIGHTNESS_OF = rf"(?:the )?(?:brightness|level|light level) (?:of|on|for) {_LAMP}"
_OWN_BRIGHTNESS = rf"{_LAMP}(?:'s)?(?: brightness)?"

_DISCOVER = re.compile(
    r"(?:discover|find|search for|look for|scan for|detect)"
    r"(?: (?:all )?(?:my |new |the )*(?:devices?|lamps?|lights?|things))?"
)
_POWER = [
    re.compile(rf"(?:turn|switch|put|power) (?P<way>on|off) {_LAMP}"),
    re.compile(rf"(?:turn|switch|put|power) {_LAMP} (?P<way>on|off)"),
    re.compile(rf"{_LAMP} (?P<way>on|off)"),
]
_CHANGE = "(?:set|turn|put|change|make|dim|brighten|adjust|raise|lower|increase|decrease)(?: up| down)?"
_SET = [
    re.compile(rf"{_CHANGE} {_BRIGHTNESS_OF} (?:to|at) {_LEVEL}"),
    re.compile(rf"{_CHANGE} {_OWN_BRIGHTNESS} (?:to|at) {_LEVEL}"),
    re.compile(rf"make {_LAMP} {_LEVEL}(?: bright)?"),
    re.compile(rf"{_BRIGHTNESS_OF} {_LEVEL}"),
    re.compile(rf"{_OWN_BRIGHTNESS} (?:to |at )?{_LEVEL}"),
]  # fmt: skip
_SHADE = (
    rf"(?P<shade>{'|'.join(sorted([*COLOURS, *WHITES], key=len, reverse=True))}|(?P<kelvin>\d{{3,5}}) ?(?:k|kelvin))"
)
_COLOUR = "(?:'s)?(?: colou?r)?(?: to)?(?: the)?(?: colou?r)?"
_SHADES = [
    re.compile(rf"(?:set|change|turn|put|make|adjust) (?!on |off ){_LAMP}{_COLOUR} {_SHADE}"),
    re.compile(rf"(?:set|change) (?:the )?colou?r (?:of|on|for) {_LAMP} to {_SHADE}"),
]
_WHITER = re.compile(rf"(?:make|set|turn) {_LAMP} (?:a (?:little|bit) )?(?P<way>warmer|cooler|colder|softer)")
_DOWN = [
    re.compile(rf"(?:dim|lower|decrease|reduce|darken|turn down|bring down) (?:{_BRIGHTNESS_OF}){_DELTA}"),
    re.compile(rf"(?:dim|lower|decrease|reduce|darken|turn down|bring down) {_OWN_BRIGHTNESS}(?: down)?{_DELTA}"),
    re.compile(rf"turn {_LAMP} down{_DELTA}"),
    re.compile(rf"make {_LAMP} (?:dimmer|darker|less bright){_DELTA}"),
]
_UP = [
    re.compile(rf"(?:brighten|raise|increase|lighten|turn up|bring up) (?:{_BRIGHTNESS_OF}){_DELTA}"),
    re.compile(rf"(?:brighten|raise|increase|lighten|turn up|bring up) {_OWN_BRIGHTNESS}(?: up)?{_DELTA}"),
    re.compile(rf"turn {_LAMP} up{_DELTA}"),
    re.compile(rf"make {_LAMP} (?:brighter|lighter|more bright){_DELTA}"),
]
_TELL = "(?:what is|what's|whats|tell me|ask|report|give me)"
_QUESTIONS: list[tuple[Literal["power", "brightness", "state"], re.Pattern[str]]] = [
    ("brightness", re.compile(rf"how bright (?:is|are) {_LAMP}")),
    ("brightness", re.compile(rf"{_TELL} {_BRIGHTNESS_OF}")),
    ("power", re.compile(rf"(?:is|are) {_LAMP} (?:turned |switched )?(?:on|off|lit|burning)(?: or off)?")),
    ("state", re.compile(rf"(?:is|are) {_LAMP} (?:reachable|online|connected|there|working|responding)")),
    ("state", re.compile(rf"{_TELL} (?:the )?(?:state|status) (?:of|for) {_LAMP}")),
    ("state", re.compile(rf"(?:report|ask)(?: the)?(?: state| status)? {_LAMP}")),
    ("state", re.compile(rf"(?:state|status) (?:of|for) {_LAMP}")),
]  # fmt: skip
_ALL = re.compile(
    r"(?:(?:all|every|both)(?: of)?(?: (?:the|my|lamps?|lights?|devices?))*|everything|(?:my )?(?:lamps|lights))"
)
_POLITE = "(?:hey|ok|okay|alexa|please|can you|could you|would you|will you|i want you to)"
_GENERIC = {"lamp", "light", "it", "bulb", "one"}


def understand(said: str, names: Sequence[str]) -> Intent | NotUnderstood:
    """The intent of what was said; `names` are the friendly names that discovery brought, in order."""
    text = _plain(said)
    examples = suggestions(names)
    if not text:
        return NotUnderstood("I'm listening. Try one of these.", examples)
    if re.fullmatch(r"help|what can i say|what can you do", text):
        return NotUnderstood("You can switch lamps, set their brightness and colour, or ask how they are.", examples)
    if _DISCOVER.fullmatch(text):
        return Discover()
    found = _intent(text, names)
    if found is not None:
        return found
    return NotUnderstood("Sorry, I don't know that one.", examples)


def suggestions(names: Sequence[str], coloured: Sequence[str] = (), tunable: Sequence[str] = ()) -> tuple[str, ...]:
    """Sentences that are understood, with the first lamps' own names; of colour and white to lamps that have it."""
    if not names:
        return ("discover my devices",)
    first, second = names[0].lower(), names[1 % len(names)].lower()
    return (
        f"turn on the {first}",
        f"set the {second} to 40 percent",
        f"dim the {first}",
        *(f"set the {name.lower()} to blue" for name in coloured[:1]),
        *(f"make the {name.lower()} warm white" for name in tunable[:1]),
        *(f"make the {name.lower()} cooler" for name in tunable[-1:]),
        f"is the {second} on",
    )


def _intent(text: str, names: Sequence[str]) -> Intent | NotUnderstood | None:
    """The first pattern whose lamp is known wins; where none is, the first that matched says whose name was not."""
    unknown: NotUnderstood | None = None

    def lamps(match: re.Match[str]) -> tuple[str, ...] | None:
        nonlocal unknown
        found = _lamps(match["lamp"], names)
        if isinstance(found, NotUnderstood):
            unknown = unknown or found
            return None
        return found

    for about, question in _QUESTIONS:
        if (match := question.fullmatch(text)) and (which := lamps(match)):
            return Question(which, about)
    for pattern in _SHADES:
        if (match := pattern.fullmatch(text)) and (which := lamps(match)):
            if match["shade"] in COLOURS:
                return Colour(which, match["shade"])
            return White(which, WHITES.get(match["shade"]) or int(match["kelvin"]))
    if (match := _WHITER.fullmatch(text)) and (which := lamps(match)):
        return Whiter(which, match["way"] in ("cooler", "colder"))
    for pattern in _SET:
        if (match := pattern.fullmatch(text)) and (which := lamps(match)):
            level = _LEVELS[match["level"]] if match["level"] in _LEVELS else int(match["level"])
            if level > 100:
                return NotUnderstood("I can only set the brightness between 0 and 100 percent.", suggestions(names))
            return Brightness(which, level)
    for sign, patterns in ((-1, _DOWN), (1, _UP)):
        for pattern in patterns:
            if (match := pattern.fullmatch(text)) and (which := lamps(match)):
                return Adjust(which, sign * min(100, int(match["delta"] or STEP)))
    for pattern in _POWER:
        if (match := pattern.fullmatch(text)) and (which := lamps(match)):
            return Power(which, match["way"] == "on")
    return unknown


def _lamps(said: str, names: Sequence[str]) -> tuple[str, ...] | NotUnderstood:
    """The lamps meant: all of them, the one so called, the only one there is, or the one that sounds most alike."""
    plain = re.sub(r"^(?:(?:the|teh|my|that|this) )+", "", said).strip()
    if names and _ALL.fullmatch(plain):
        return tuple(names)
    by_plain = {_plain(name): name for name in names}
    if plain in by_plain:
        return (by_plain[plain],)
    if plain in _GENERIC and len(names) == 1:
        return (names[0],)
    shares = [name for key, name in by_plain.items() if set(plain.split()) <= set(key.split())]
    if len(shares) == 1:
        return (shares[0],)
    if len(shares) > 1:
        return NotUnderstood(f"A few things share the name {plain}. Which one did you want?", suggestions(names))
    alike = get_close_matches(plain, by_plain, n=2, cutoff=0.8)
    if len(alike) == 1 or (len(alike) == 2 and not get_close_matches(plain, alike[1:], cutoff=0.9)):
        return (by_plain[alike[0]],)
    if not names:
        return NotUnderstood(
            f"I couldn't find a device called {plain}. Discover your devices first.", suggestions(names)
        )
    return NotUnderstood(f"I couldn't find a device called {plain}.", suggestions(names))


def _plain(said: str) -> str:
    """Lower case, digits for number words, without politeness, the wake word and punctuation."""
    text = " ".join(said[:LONGEST].casefold().replace("’", "'").split())
    text = re.sub(r"[.,;:!?\"„“”]+", " ", text)
    text = re.sub(rf"^(?:{_POLITE}\s+)+", "", text.strip() + " ")
    text = re.sub(r"\s+(?:please|now|thanks|thank you)\s*$", "", text)
    return _digits(" ".join(text.split()))


def _digits(text: str) -> str:
    """ "forty five percent" to "45 percent", "a hundred" to "100"."""
    words: list[str] = []
    for word in text.replace("-", " ").split():
        if word in _TENS or word in _NUMBERS:
            number = _TENS.get(word, _NUMBERS.get(word, 0))
            if words and words[-1] in {str(tens) for tens in _TENS.values()} and 0 < number < 10:
                words[-1] = str(int(words[-1]) + number)
            else:
                words.append(str(number))
        elif word == "hundred" and words and words[-1] in ("a", "1"):
            words[-1] = "100"
        elif word == "hundred":
            words.append("100")
        else:
            words.append(word)
    return " ".join(words)
