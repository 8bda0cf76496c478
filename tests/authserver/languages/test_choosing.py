"""Which language somebody wants."""

import pytest

from authserver.languages import TAGS, match, preferred
from authserver.languages.choosing import first_of


@pytest.mark.spec("RFC 4647 §3.4")
@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-CH", "de"),
        ("pt-BR", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("pt", "pt-BR"),
        ("pt_BR", "pt-BR"),
        ("ar-EG", "ar"),
        ("ja-JP-u-ca-japanese", "ja"),
        ("zh", None),
        ("zh-TW", None),
        ("dede", None),
        ("", None),
        ("*", None),
    ],
)
def test_a_language_is_served_wherever_it_is_spoken(asked: str, served: str | None) -> None:
    assert match(asked, TAGS) == served


@pytest.mark.spec("RFC 9110 §12.5.4")
@pytest.mark.parametrize(
    ("header", "served"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.4, fr;q=0.5", "fr"),
        ("zh-CN, zh;q=0.9, ja;q=0.1", "ja"),
        ("zh", None),
        ("de;q=0, it;q=0.1", "it"),
        ("de;q=0", None),
        ("*", "en"),
        ("*;q=0.5, hi;q=0.6", "hi"),
        ("es;q=1.000;level=1", "es"),
        ("de;q=often, fr", "fr"),
        ("de;q=nan", None),
        ("de;q=7, it;q=0.2", "it"),
        ("", None),
        (",;,;q=1,", None),
        ("x" * 100_000 + ",de", None),
    ],
)
def test_what_a_browser_asks_for_is_weighed(header: str, served: str | None) -> None:
    assert preferred(header, TAGS, "en") == served


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
def test_of_several_languages_the_first_that_there_is_counts() -> None:
    assert first_of("zh-TW fr-CA fr en", TAGS) == "fr"
    assert first_of("  ", TAGS) is None
