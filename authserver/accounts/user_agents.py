"""Which browser on which system a `User-Agent` names: a few plain names, and none where it is not sure.

For a person who looks for a device that is not theirs. Everybody can send any text: nothing else may rest on it.
"""

from dataclasses import dataclass

ALEXA_APP = "Alexa app"

#: What stands in the text, and what it means; the first that fits counts, since most name others besides themselves.
BROWSERS = (
    ("PitanguiBridge/", ALEXA_APP),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("; wv)", ""),  # Android's web view inside some app
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Device:
    """Names that need no translation, `ALEXA_APP` apart; '' where the text tells none."""

    browser: str
    system: str


def device_of(user_agent: str) -> Device:
    return Device(_first(BROWSERS, user_agent), _first(SYSTEMS, user_agent))


def _first(table: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for mark, name in table if mark in text), "")
