"""Every text of the pages in every language."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.core import Locale

from authserver.languages import TAGS
from authserver.languages.catalogues import forms_of, problems, read, strings_of
from development import catalogues
from tests.browser.every_page import PAGES
from tests.house.sources import ROOT

TRANSLATED = [tag for tag in TAGS if tag != "en"]
PAGES_OF = pytest.mark.parametrize("pages", catalogues.ALL.values(), ids=list(catalogues.ALL))
COMPANION = ROOT / "skill" / "companion" / "templates"
#: what a reader sees as a misprint: spaces, quotation marks, an article that not every date may bear (l’8 maggio)
MISPRINTS = {
    "de": r"[«»”]|„[^“]*$",
    "fr": r"[^\u202f](?!! ou -)[:;?!»]|«(?!\u202f)|[“”„]",
    "it": r"[“”„]|\b(?:[Ii]l|d?al|del) %\((?:moment|since|day)\)s",
    "es": r"[“”„]|^[^¿]*\?",
    "pt-BR": r"[«»„]|“[^”]*$",
}


@PAGES_OF
@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_catalogue_holds_every_text_translated_and_nothing_else(pages: catalogues.Pages, tag: str) -> None:
    """`python -m development.catalogues` brings it in step, `missing TAG` and `fill TAG` translate."""
    found = {message.id: message for message in read(pages.path_of(tag), tag) if message.id}
    wanted = [text for text, _files in catalogues.texts(pages).values()]
    assert sorted(map(str, set(found) ^ set(wanted))) == []
    assert [message.id for message in found.values() if message.fuzzy] == []
    assert [message.id for message in found.values() if not all(strings_of(message))] == []


@PAGES_OF
@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_translation_keeps_placeholders_markup_and_plural_forms(pages: catalogues.Pages, tag: str) -> None:
    messages = read(pages.path_of(tag), tag)
    assert [problem for message in messages if message.id for problem in problems(message, tag)] == []


@PAGES_OF
@pytest.mark.parametrize("tag", MISPRINTS)
def test_a_translation_is_set_as_its_language_is_printed(pages: catalogues.Pages, tag: str) -> None:
    found = [string for message in read(pages.path_of(tag), tag) if message.id for string in strings_of(message)]
    assert [string for string in found if re.search(MISPRINTS[tag], string)] == []


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_button_beside_a_name_leaves_room_for_the_name(tag: str) -> None:
    texts = {message.id: message.string for message in read(catalogues.AUTHSERVER.path_of(tag), tag)}
    beside = [str(texts[text]) for text in ("Unlink", "Ask again", "Remove", "Change", "Sign out")]
    assert [text for text in beside if len(text) > 18] == []


@PAGES_OF
def test_both_services_speak_the_same_languages(pages: catalogues.Pages) -> None:
    assert sorted(path.name for path in pages.locales.iterdir()) == sorted(tag.replace("-", "_") for tag in TRANSLATED)


@pytest.mark.parametrize("template", sorted(COMPANION.glob("*.html")), ids=lambda path: path.name)
def test_a_page_of_the_companion_has_no_text_outside_the_catalogues(template: Path) -> None:
    """Between tags, and in attributes that somebody reads or hears."""
    text = re.sub(
        r"{% (trans).*?{% end\1 %}|{% block kind %}.*?{% endblock %}|{#.*?#}", "", template.read_text(), flags=re.DOTALL
    )
    text = re.sub(r"{{.*?}}|{%.*?%}", "", text, flags=re.DOTALL).replace("Lampgate", "")
    assert re.findall(r'(?:aria-[a-z]*(?:label|text)|alt|title)="[^"]*[^\W\d][^"]*"', text) == []
    assert re.findall(r"[^\W\d_]{2,}", re.sub(r"<[^<]*?>", " ", text)) == []


@pytest.mark.parametrize("tag", TAGS)
def test_plural_forms_are_those_of_cldr(tag: str) -> None:
    """Two numbers share a form of ours where they share a category there, and only there."""
    _count, form = forms_of(tag)
    category = Locale.parse(tag.replace("-", "_")).plural_form
    pairs = {(form(number), category(number)) for number in range(1000)}
    assert len(pairs) == len({ours for ours, _theirs in pairs}) == len({theirs for _ours, theirs in pairs})


def test_catalogues_are_written_as_the_command_writes_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "development.catalogues", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_template_of_a_page_is_looked_at_by_the_tests_of_accessibility() -> None:
    """A new page gets an entry in `tests/browser/every_page.py`: how it is reached."""
    templates = {path.name for path in (ROOT / "authserver" / "pages" / "templates").glob("*.html")}
    pieces = {name for name in templates if name == "layout.html" or name.endswith("parts.html")}
    assert templates - pieces == {template for template, _face in PAGES}
