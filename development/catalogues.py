"""Catalogues of the pages' texts: `python -m development.catalogues [--check]` keeps them in step with the source.

For translators, with `--of companion` for the companion's pages:

    python -m development.catalogues missing de > de.tsv   # key, text, plural: what has no translation yet
    python -m development.catalogues fill de < done.tsv    # key, translation (one more for each plural form)

The key stands for the text itself, so that a list stays good while others change the source.
"""

import argparse
import ast
import hashlib
import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from jinja2.ext import babel_extract

from authserver.languages import TAGS
from authserver.languages.catalogues import FOLDER, PLURALS, forms_of, problems, read, strings_of
from authserver.templating import OPTIONS

ROOT = Path(__file__).resolve().parent.parent
#: calls whose texts are shown to people, and which arguments the texts are
CALLS: Mapping[str, tuple[int, ...]] = {"_": (0,), "N_": (0,), "_n": (0, 1)}
KEYWORDS = ["_", "gettext", "ngettext"]
Text = str | tuple[str, str]


@dataclass(frozen=True)
class Pages:
    """What has catalogues of its own, named `name`, in `locales`; `errors`: calls that show an argument, too."""

    name: str
    sources: tuple[Path, ...]
    locales: Path
    errors: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def path_of(self, tag: str) -> Path:
        return self.locales / tag.replace("-", "_") / "LC_MESSAGES" / f"{self.name}.po"

    def files(self) -> Iterator[Path]:
        for source in self.sources:
            yield from sorted(source.rglob("*")) if source.is_dir() else [source]


AUTHSERVER = Pages("authserver", (ROOT / "authserver",), FOLDER, {"PageError": (1,)})
COMPANION = Pages(
    "companion", (ROOT / "skill" / "companion", ROOT / "skill" / "forms.py"),
    ROOT / "skill" / "companion" / "locales", {"Forbidden": (0,)},
)  # fmt: skip
ALL = {pages.name: pages for pages in (AUTHSERVER, COMPANION)}


class ExtractionError(Exception):
    """A call that cannot be translated; the text says where."""


def of_python(path: Path, errors: Mapping[str, tuple[int, ...]]) -> Iterator[Text]:
    """Texts of `_`, `_n`, `N_` and of errors that are pages; what is no literal there is looked up elsewhere, or a
    mistake where nobody can have marked it."""
    calls = {**CALLS, **errors}
    for node in ast.walk(ast.parse(path.read_text())):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or name not in calls:
            continue
        given = [node.args[place] for place in calls[name] if place < len(node.args)]
        texts = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if any(isinstance(one, ast.JoinedStr) for one in given) or (name in ("_n", "N_") and len(texts) < len(given)):
            raise ExtractionError(f"{path.relative_to(ROOT)}, line {node.lineno}: {name}(…) needs a plain text")
        if len(texts) == 2:
            yield texts[0], texts[1]
        elif texts:
            yield texts[0]


def of_template(path: Path) -> Iterator[Text]:
    options = {"extensions": ",".join(OPTIONS["extensions"]), "trimmed": "true", "silent": "false"}
    options |= dict.fromkeys(("trim_blocks", "lstrip_blocks"), "true")
    for _line, function, found, _comments in babel_extract(io.BytesIO(path.read_bytes()), KEYWORDS, [], options):
        texts = [text for text in (found if isinstance(found, tuple) else (found,)) if text]
        if function == "ngettext":
            yield texts[0], texts[1]
        elif texts:
            yield texts[0]


def texts(pages: Pages = AUTHSERVER) -> dict[str, tuple[Text, list[str]]]:
    """Every text of the source by its (first) form, with the files that it stands in."""
    found: dict[str, tuple[Text, list[str]]] = {}
    for path in pages.files():
        if path.suffix == ".py":
            here = of_python(path, pages.errors)
        elif path.suffix in (".html", ".mail"):
            here = of_template(path)
        else:
            continue
        for text in here:
            key = text if isinstance(text, str) else text[0]
            known, files = found.setdefault(key, (text, []))
            if isinstance(text, tuple) and isinstance(known, tuple) and known != text:
                raise ExtractionError(f"{path.relative_to(ROOT)}: {key!r} has two plurals")
            if isinstance(text, tuple):
                found[key] = (text, files)
            if (name := path.relative_to(ROOT).as_posix()) not in files:
                files.append(name)
    return found


def key_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def catalogue(pages: Pages, tag: str, translations: dict[str, tuple[str, ...]]) -> Catalog:
    """All texts in a fixed order; what is not translated yet is empty."""
    made = Catalog(locale=tag.replace("-", "_"), fuzzy=False)
    count, _form = forms_of(tag)
    for key, (text, files) in sorted(texts(pages).items()):
        strings = translations.get(key, ())
        plural = not isinstance(text, str)
        if len(strings) != (count if plural else 1):
            strings = ("",) * count if plural else ("",)
        made.add(text, strings if plural else strings[0], locations=[(file, 0) for file in files])
    return made


def translations(pages: Pages, tag: str) -> dict[str, tuple[str, ...]]:
    path = pages.path_of(tag)
    if not path.exists():
        return {}
    return {
        message.id if isinstance(message.id, str) else message.id[0]: strings_of(message)
        for message in read(path, tag)
        if message.id and not message.fuzzy
    }


def written(pages: Pages, tag: str, translated: dict[str, tuple[str, ...]]) -> str:
    """The file: what its head says to translators stays, dates and line numbers are left out."""
    path = pages.path_of(tag)
    head = []
    for line in path.read_text().splitlines() if path.exists() else []:
        if not line.startswith("#") or line.startswith("#:"):
            break
        head.append(line)
    fields = {"Language": tag, "Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "8bit"}
    fields["Plural-Forms"] = PLURALS[tag]
    lines = [*head, 'msgid ""', 'msgstr ""', *(f'"{name}: {value}\\n"' for name, value in fields.items()), "", ""]
    body = io.BytesIO()
    write_po(
        body, catalogue(pages, tag, translated), width=120, omit_header=True, include_lineno=False, ignore_obsolete=True
    )
    return "\n".join(lines) + body.getvalue().decode()


def update(check: bool) -> int:
    stale = []
    for pages, tag in ((pages, tag) for pages in ALL.values() for tag in TAGS[1:]):
        path, text = pages.path_of(tag), written(pages, tag, translations(pages, tag))
        if not path.exists() or path.read_text() != text:
            stale.append(path.relative_to(ROOT).as_posix())
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                print(f"wrote {stale[-1]}")
        whole = catalogue(pages, tag, translations(pages, tag))
        missing = [message for message in whole if message.id and not all_of(message.string)]
        if missing:
            how = f"python -m development.catalogues missing {tag} --of {pages.name}"
            print(f"{tag}: {len(missing)} texts are not translated; `{how}`")
    if check and stale:
        print(f"not in step with the source: {', '.join(stale)}\nrun `make catalogues`", file=sys.stderr)
    return int(check and bool(stale))


def all_of(string: object) -> bool:
    return all(string) if isinstance(string, tuple | list) else bool(string)


def missing(pages: Pages, tag: str, everything: bool) -> None:
    for message in catalogue(pages, tag, translations(pages, tag)):
        if message.id and (everything or not all_of(message.string)):
            forms = [message.id] if isinstance(message.id, str) else list(message.id)
            print("\t".join([key_of(forms[0]), *(form.replace("\n", "\\n") for form in forms)]))


def fill(pages: Pages, tag: str) -> int:
    known = {key_of(key): key for key in texts(pages)}
    translated, wrong = translations(pages, tag), 0
    for line in sys.stdin.read().splitlines():
        key, *strings = (part.replace("\\n", "\n") for part in line.split("\t"))
        if key in known:
            translated[known[key]] = tuple(strings)
        elif key.strip():
            wrong = 1
            print(f"{key}: no text has this key", file=sys.stderr)
    for message in catalogue(pages, tag, translated):
        if message.id and any(strings_of(message)):
            for problem in problems(message, tag):
                wrong = 1
                print(
                    f"{tag} {key_of(message.id if isinstance(message.id, str) else message.id[0])}: {problem}",
                    file=sys.stderr,
                )
    path = pages.path_of(tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written(pages, tag, translated))
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m development.catalogues", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["update", "missing", "fill"], default="update")
    parser.add_argument("tag", nargs="?", choices=TAGS[1:])
    parser.add_argument("--of", choices=list(ALL), default=AUTHSERVER.name, help="whose pages (missing, fill)")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file would change")
    parser.add_argument("--all", action="store_true", help="also what is translated")
    arguments = parser.parse_args()
    if arguments.command == "update":
        return update(arguments.check)
    if arguments.tag is None:
        parser.error("of which language?")
    if arguments.command == "missing":
        missing(ALL[arguments.of], arguments.tag, arguments.all)
        return 0
    return fill(ALL[arguments.of], arguments.tag)


if __name__ == "__main__":
    sys.exit(main())
