"""Catalogues as translators know them (gettext's PO files), read as they are when they are first used: eight
milliseconds each."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from gettext import c2py
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, read_po

from authserver.settings import SettingsError

FOLDER = Path(__file__).resolve().parent.parent / "locales"

#: How many plural forms a language has and which number takes which: CLDR's rules for whole numbers, gettext's words.
PLURALS = {
    "en": "nplurals=2; plural=(n != 1);",
    "de": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "it": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "pt-BR": "nplurals=2; plural=(n > 1);",
    "ja": "nplurals=1; plural=0;",
    "hi": "nplurals=2; plural=(n > 1);",
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);",
}

PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
TAG = re.compile(r"</?\w[^>]*>")
#: a placeholder in a sentence; one that an element encloses is isolated by that element
IN_A_SENTENCE = re.compile(r"(?<!>)(%\(\w+\)s|\{\w+\})|(%\(\w+\)s|\{\w+\})(?!<)")
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"


class CatalogueError(SettingsError):
    """A catalogue that cannot be used; the text says which file, which line, and what is wrong."""


@dataclass(frozen=True)
class Messages:
    """What a language says for a text of the source. `form`: the number of the plural form for a count."""

    texts: dict[str, str] = field(default_factory=dict)
    plurals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    form: Callable[[int], int] = field(default=lambda count: int(count != 1))

    def text(self, text: str) -> str:
        return self.texts.get(text, text)

    def plural(self, one: str, many: str, count: int) -> str:
        """What nobody has translated yet is said in English, with its two forms: this language may have six."""
        forms = self.plurals.get(one)
        return forms[self.form(count)] if forms else (one if count == 1 else many)

    def with_own(self, own: "Messages") -> "Messages":
        return Messages(self.texts | own.texts, self.plurals | own.plurals, self.form)


def forms_of(tag: str) -> tuple[int, Callable[[int], int]]:
    """How many plural forms there are, and which one a count takes."""
    found = re.fullmatch(r"nplurals=(\d); plural=(.+);", PLURALS[tag])
    assert found
    return int(found.group(1)), c2py(found.group(2))


def path_of(tag: str) -> Path:
    return FOLDER / tag.replace("-", "_") / "LC_MESSAGES" / "authserver.po"


def read(path: Path, tag: str) -> Catalog:
    """Raises `CatalogueError`."""
    try:
        with path.open("rb") as file:
            catalog = read_po(file, locale=tag.replace("-", "_"), ignore_obsolete=True, abort_invalid=True)
    except PoFileError as error:
        raise CatalogueError(f"{path}, line {error.lineno}: {error}") from error
    except (OSError, UnicodeError, ValueError, LookupError) as error:
        raise CatalogueError(f"{path} cannot be read: {error}") from error
    return catalog


def messages(path: Path, tag: str, *, right_to_left: bool = False) -> Messages:
    """What of the file is translated, and may be used: raises `CatalogueError` for a text that would break a page.

    Between right-to-left words a name or an address in Latin letters keeps its own direction (Unicode Standard Annex 9,
    isolates).
    """
    count, form = forms_of(tag)
    texts: dict[str, str] = {}
    plurals: dict[str, tuple[str, ...]] = {}
    for message in read(path, tag):
        if not message.id or not any(strings_of(message)) or message.fuzzy:
            continue
        for problem in problems(message, tag):
            raise CatalogueError(f"{path}, line {message.lineno or '?'}: {problem}")
        found = tuple(isolated(string) if right_to_left else string for string in strings_of(message))
        if isinstance(message.id, str):
            texts[message.id] = found[0]
        else:
            assert len(found) == count
            plurals[message.id[0]] = found
    return Messages(texts, plurals, form)


def strings_of(message: Message) -> tuple[str, ...]:
    """One, or one for each plural form; '' for what is not translated."""
    string = message.string or ""
    return (string,) if isinstance(string, str) else tuple(one or "" for one in string)


def isolated(string: str) -> str:
    return IN_A_SENTENCE.sub(lambda found: f"{FIRST_STRONG_ISOLATE}{found.group()}{POP_ISOLATE}", string)


def problems(message: Message, tag: str) -> Iterator[str]:
    """What a page would suffer from: lost or unknown placeholders, broken markup, missing plural forms."""
    sources = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    strings = strings_of(message)
    count, form = forms_of(tag)
    if len(sources) > 1 and (len(strings) != count or not all(strings)):
        yield f"{sources[0]!r} needs {count} plural forms, each with a text"
        return
    for number, string in enumerate(strings):
        # the one number that a form is for need not be said: "the code is valid for one hour"
        single = len(sources) > 1 and sum(form(one) == number for one in range(1000)) == 1
        yield from _problems(sources[-1], string, single)


def _problems(source: str, string: str, single: bool) -> Iterator[str]:
    wanted, found = set(PLACEHOLDER.findall(source)), set(PLACEHOLDER.findall(string))
    lost = wanted - found - ({"{count}", "%(count)s"} if single else set())
    if lost or found - wanted:
        yield f"{string!r} must have the placeholders {', '.join(sorted(wanted)) or '(none)'}, as {source!r} has"
    if Counter(TAG.findall(source)) != Counter(TAG.findall(string)):
        yield f"{string!r} must have the markup of {source!r}"
    left, left_of_source = (re.sub(r"%%", "", TAG.sub("", PLACEHOLDER.sub("", text))) for text in (string, source))
    for character in '%{}"<>&':
        if character in left and character not in left_of_source:
            yield f"{string!r} must not have the character {character}"
    if string != string.strip():
        yield f"{string!r} begins or ends with a space"
