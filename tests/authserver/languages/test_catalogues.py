"""Looking texts up, and what a catalogue may not do."""

import re
from pathlib import Path

import pytest

from authserver.languages import TAGS, CatalogueError, Language, _, _n, current, languages, moments, speaking
from authserver.languages.catalogues import isolated, messages
from development.catalogues import ALL, translations

MOMENT = 1_790_000_000  # 21 September 2026, 14:13:20 UTC


def po(folder: Path, entry: str, tag: str = "de") -> Path:
    path = folder / f"{tag}.po"
    path.write_text(f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n{entry}\n')
    return path


def test_a_text_is_in_the_language_that_is_spoken_and_english_where_none_is() -> None:
    assert _("Sign in") == "Sign in"
    with speaking(languages(None)["de"]):
        assert _("Sign in") == "Anmelden"
        with speaking(languages(None)["ja"]):
            assert _("Sign in") == "サインイン"
        assert _("Sign in") == "Anmelden"
    assert current().tag == "en"


@pytest.mark.parametrize(
    ("tag", "count", "written"),
    [
        ("en", 1, "Try again in 1 minute."),
        ("en", 0, "Try again in 0 minutes."),
        ("fr", 0, "Réessayez dans 0 minute."),
        ("pt-BR", 1, "Tente de novo em 1 minuto."),
        ("ja", 1, "1\u00a0分後にもう一度お試しください。"),
        ("ar", 2, "حاول مرة أخرى بعد دقيقتين."),
        ("ar", 5, "حاول مرة أخرى بعد \u20685\u2069 دقائق."),
        ("ar", 15, "حاول مرة أخرى بعد \u206815\u2069 دقيقة."),
        ("ar", 100, "حاول مرة أخرى بعد \u2068100\u2069 دقيقة."),
    ],
)
def test_a_count_takes_its_plural_form(tag: str, count: int, written: str) -> None:
    with speaking(languages(None)[tag]):
        form = _n("Try again in {count} minute.", "Try again in {count} minutes.", count)
    assert form.format(count=count) == written


@pytest.mark.parametrize("tag", TAGS)
def test_a_count_without_a_translation_is_english_whatever_forms_the_language_has(tag: str) -> None:
    with speaking(languages(None)[tag]):
        assert [_n("one lamp", "many lamps", count) for count in (0, 1, 2, 5, 100)] == [
            "many lamps", "one lamp", "many lamps", "many lamps", "many lamps",
        ]  # fmt: skip


def test_dates_spans_and_lists_are_the_readers() -> None:
    with speaking(languages(None)["de"]):
        assert moments.day(MOMENT) == "21. September 2026"
        assert moments.minute(MOMENT) == "21. September 2026, 14:13 UTC"
        assert moments.ago(3 * 3600 + 3599) == "vor 3 Stunden"
        assert moments.ago(3 * 86_400) == "vor 3 Tagen"
        assert moments.listed(["a", "b", "c"]) == "a, b und c"
        assert moments.sentences("Gut.", "Ja.") == "Gut. Ja."
    with speaking(languages(None)["ja"]):
        assert moments.day(MOMENT) == "2026年9月21日"
        assert moments.sentences("はい。", "1 分。", "A.", "B.") == "はい。1 分。A. B."
    assert moments.minute(MOMENT) == "21 September 2026, 14:13 UTC"
    assert moments.ago(119) == "just now"
    assert moments.ago(120) == "2 minutes ago"
    assert moments.ago(7199) == "119 minutes ago"


def test_between_right_to_left_words_a_name_keeps_its_direction() -> None:
    assert isolated("ربط {application} بـ %(name)s.") == "ربط \u2068{application}\u2069 بـ \u2068%(name)s\u2069."
    assert isolated("<strong>%(place)s</strong>") == "<strong>%(place)s</strong>"


@pytest.mark.parametrize(
    ("tag", "stumbles"),
    [
        (
            "ja",
            r"[、。？！：」] |[？！](?!」|$)|%\((since|day)\)s ",
        ),  # no space after what is wide, as the end of a date is
        (
            "ja",
            r"(\d|\)s|\}) (個|台|件|回|分|秒|時間|日|文字|桁|段階|つ|人|度)",
        ),  # a number and its measure stay in one line
        ("hi", r"\)s (मिनटों|घंटों)"),  # after a number a measure stays as it is
        ("ar", r"(}|\)s) ?[A-Za-z]"),  # a Latin unit would stand on the wrong side of its number
    ],
)
def test_numbers_dates_and_signs_are_set_as_readers_of_the_language_do(tag: str, stumbles: str) -> None:
    texts = [text for pages in ALL.values() for forms in translations(pages, tag).values() for text in forms]
    assert [text for text in texts if re.search(stumbles, text)] == []


def test_a_text_of_the_operators_goes_before_ours_and_the_rest_stays(tmp_path: Path) -> None:
    language = Language("de", "Deutsch", po(tmp_path, 'msgid "Sign in"\nmsgstr "Hereinspaziert"'))
    with speaking(language):
        assert _("Sign in") == "Hereinspaziert"
        assert _("Cancel") == "Abbrechen"
    english = Language("en", "English", po(tmp_path, 'msgid "Sign in"\nmsgstr "Come in"', "en"))
    with speaking(english):
        assert _("Sign in") == "Come in"


@pytest.mark.parametrize(
    "entry",
    [
        'msgid "Use at least {shortest} characters."\nmsgstr "Mindestens {kuerzeste} Zeichen."',
        'msgid "Use at least {shortest} characters."\nmsgstr "Mindestens acht Zeichen."',
        'msgid "Unlink %(application)s?"\nmsgstr "Trennen?"',
        'msgid "Sign in"\nmsgstr "100 % rein"',
        'msgid "Sign in"\nmsgstr "<script>alert(1)</script>"',
        'msgid "Sign in"\nmsgstr "a \\" onclick=x b"',
        'msgid "Afterwards you return to <strong>%(place)s</strong>"\nmsgstr "Danach: %(place)s"',
        'msgid "a {count} b"\nmsgid_plural "a {count} c"\nmsgstr[0] "x {count}"',
        "Sign in",
    ],
)
def test_a_catalogue_that_would_break_a_page_is_refused_by_file_and_line(tmp_path: Path, entry: str) -> None:
    path = po(tmp_path, entry)
    with pytest.raises(CatalogueError) as refused:
        messages(path, "de")
    assert f"{path}, line " in str(refused.value)


def test_what_is_not_translated_or_in_doubt_stays_english(tmp_path: Path) -> None:
    path = po(tmp_path, 'msgid "Cancel"\nmsgstr ""\n\n#, fuzzy\nmsgid "Sign in"\nmsgstr "Vielleicht"')
    assert messages(path, "de").text("Cancel") == "Cancel"
    assert messages(path, "de").text("Sign in") == "Sign in"


def test_a_language_that_there_is_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "locales").mkdir()
    (tmp_path / "locales" / "xx.po").write_text("")
    with pytest.raises(CatalogueError, match="the languages are en, de"):
        languages(tmp_path)
