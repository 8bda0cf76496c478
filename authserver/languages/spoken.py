"""The languages, and the one that this request is answered in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from babel.core import Locale

from authserver.languages import catalogues
from authserver.languages.catalogues import CatalogueError, Messages

#: BCP 47, and the name that each gives itself: those of Alexa's customers
NAMES = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "pt-BR": "Português (Brasil)",
    "ja": "日本語",
    "hi": "हिन्दी",
    "ar": "العربية",
}
TAGS = tuple(NAMES)
RIGHT_TO_LEFT = frozenset({"ar"})
SOURCE = "en"
#: where CLDR's name is another than the tag; English dates are those that no reader takes for another day
LOCALES = {"en": "en_GB", "pt-BR": "pt_BR"}


@dataclass(frozen=True)
class Language:
    """One language; its catalogue is read when it is first used. `own`: the operator's texts, which go before ours."""

    tag: str
    name: str
    own: Path | None = None

    @property
    def direction(self) -> str:
        """HTML's `dir`."""
        return "rtl" if self.tag in RIGHT_TO_LEFT else "ltr"

    @cached_property
    def messages(self) -> Messages:
        """Raises `CatalogueError`; our own catalogues are whole, and the operator's are read at the start."""
        right_to_left = self.direction == "rtl"
        found = Messages()
        if self.tag != SOURCE:
            found = catalogues.messages(catalogues.path_of(self.tag), self.tag, right_to_left=right_to_left)
        if self.own is not None:
            found = found.with_own(catalogues.messages(self.own, self.tag, right_to_left=right_to_left))
        return found

    def unused(self) -> list[str]:
        """Texts of the operator's that stand in place of none of ours, since we have other ones by now."""
        if self.own is None:
            return []
        ours = catalogues.messages(catalogues.path_of(TAGS[1]), TAGS[1])
        own = catalogues.messages(self.own, self.tag)
        return sorted((own.texts.keys() | own.plurals.keys()) - ours.texts.keys() - ours.plurals.keys())

    @cached_property
    def locale(self) -> Locale:
        """How it writes dates and lists."""
        return Locale.parse(LOCALES.get(self.tag, self.tag))


@lru_cache(maxsize=16)
def languages(overrides: Path | None) -> Mapping[str, Language]:
    """Each by its tag. `overrides`: the operator's folder, whose `locales/<tag>.po` go before our texts."""
    folder = overrides / "locales" if overrides else None
    own = {path.stem.replace("_", "-"): path for path in folder.glob("[!.]*.po")} if folder else {}
    if unknown := sorted(set(own) - set(NAMES)):
        raise CatalogueError(f"{own[unknown[0]]}: the languages are {', '.join(TAGS)}")
    return {tag: Language(tag, name, own.get(tag)) for tag, name in NAMES.items()}


def read_own(overrides: Path | None) -> None:
    """The operator's texts, before anybody is shown one. Raises `CatalogueError`."""
    for language in languages(overrides).values():
        if language.own is not None:
            _ = language.messages


ENGLISH = Language(SOURCE, NAMES[SOURCE])
_SPOKEN: ContextVar[Language | None] = ContextVar("language", default=None)


def spoken() -> Language | None:
    """The language of what is being done; None where nobody has said one."""
    return _SPOKEN.get()


def current() -> Language:
    """As `spoken`; English where nobody has said one."""
    return _SPOKEN.get() or ENGLISH


def speak(language: Language) -> None:
    """From now on, to the end of the `speaking` around it."""
    _SPOKEN.set(language)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """What is done inside speaks it, however many requests are under way: each has its own context."""
    before = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(before)


def gettext(text: str) -> str:
    """The text in the language of this request."""
    return current().messages.text(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The form that fits `count`, in the language of this request."""
    return current().messages.plural(one, many, count)


def N_(text: str) -> str:
    """Marks a text that is looked up where it is shown."""
    return text
