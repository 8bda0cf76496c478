"""The languages, their texts (gettext's PO files), and the language that this request is answered in."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from gettext import c2py
from pathlib import Path

from babel.core import Locale
from babel.messages.pofile import read_po

FOLDER = Path(__file__).resolve().parent.parent / "locales"

#: BCP 47, and the name that each gives itself: those of the issuer's pages
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
SOURCE = "en"
#: where CLDR's name is another than the tag; English dates are those that no reader takes for another day
LOCALES = {"en": "en_GB", "pt-BR": "pt_BR"}
#: a placeholder in a sentence; one that an element encloses is isolated by that element
IN_A_SENTENCE = re.compile(r"(?<!>)(%\(\w+\)s|\{\w+\})|(%\(\w+\)s|\{\w+\})(?!<)")
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True)
class Messages:
    """What a language says for a text of the source. `form`: the number of the plural form for a count."""

    texts: dict[str, str] = field(default_factory=dict)
    plurals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    form: Callable[[int], int] = field(default=lambda count: int(count != 1))


@dataclass(frozen=True)
class Language:
    """One language; its catalogue is read when it is first used."""

    tag: str
    name: str

    @property
    def direction(self) -> str:
        """HTML's `dir`."""
        return "rtl" if self.locale.character_order == "right-to-left" else "ltr"

    @cached_property
    def locale(self) -> Locale:
        """How it writes dates, numbers and lists."""
        return Locale.parse(LOCALES.get(self.tag, self.tag))

    @cached_property
    def messages(self) -> Messages:
        if self.tag == SOURCE:
            return Messages()
        with path_of(self.tag).open("rb") as file:
            catalogue = read_po(file, locale=self.tag.replace("-", "_"), abort_invalid=True)
        found = Messages(form=c2py(catalogue.plural_expr))
        for message in catalogue:
            strings = message.string or ""
            if not isinstance(strings, str):
                found.plurals[message.id[0]] = tuple(self._isolated(string) for string in strings)
            elif message.id and strings:
                found.texts[str(message.id)] = self._isolated(strings)
        return found

    def _isolated(self, string: str) -> str:
        """Between right-to-left words a name in Latin letters keeps its own direction (Unicode Standard Annex 9)."""
        if self.direction == "ltr":
            return string
        return IN_A_SENTENCE.sub(lambda found: f"{FIRST_STRONG_ISOLATE}{found.group()}{POP_ISOLATE}", string)


def path_of(tag: str) -> Path:
    return FOLDER / tag.replace("-", "_") / "LC_MESSAGES" / "companion.po"


LANGUAGES = {tag: Language(tag, name) for tag, name in NAMES.items()}
_SPOKEN: ContextVar[Language] = ContextVar("companion language")


def current() -> Language:
    """English where nobody has said one."""
    return _SPOKEN.get(LANGUAGES[SOURCE])


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """What is done inside speaks it, however many requests are under way: each has its own context."""
    before = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(before)


def gettext(text: str) -> str:
    """The text in the language of this request; in English where nobody has translated it."""
    return current().messages.texts.get(text, text)


def ngettext(one: str, many: str, count: int) -> str:
    """The form that fits `count`, in the language of this request."""
    messages = current().messages
    forms = messages.plurals.get(one)
    return forms[messages.form(count)] if forms else (one if count == 1 else many)


def N_(text: str) -> str:
    """Marks a text that is looked up where it is shown."""
    return text
