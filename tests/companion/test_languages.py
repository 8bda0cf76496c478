"""In which language the companion speaks, and how a choice is kept."""

from datetime import date, datetime
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from skill.companion.languages import LANGUAGES, TAGS, _, _n, moments, speaking
from skill.companion.languages.choosing import match, preferred
from tests.running.companion import Companion, Visitor
from tests.running.linking import Person

WELCOME = {
    "en": "Your lamps, at hand",
    "de": "Ihre Lampen zur Hand",
    "ja": "照明を手もとに",
    "ar": "مصابيحك في متناول يدك",
}


def spoken(answer: httpx2.Response) -> str:
    """What the page says of itself, in both places."""
    tag = answer.headers["content-language"]
    assert f'<html lang="{tag}" dir="{"rtl" if tag == "ar" else "ltr"}">' in answer.text
    return str(tag)


async def choose(visitor: Visitor, tag: str, back: str = "/", **headers: str) -> httpx2.Response:
    return await visitor.client.post(
        f"{visitor.url}/language", data={"language": tag, "back": back}, headers={"origin": visitor.url} | headers
    )


async def asked_of_the_issuer(visitor: Visitor, query: str = "") -> list[str]:
    answer = await visitor.client.get(f"{visitor.url}/sign-in{query}")
    return parse_qs(urlsplit(answer.headers["location"]).query).get("ui_locales", [])


async def test_a_browser_is_answered_in_its_language(companion: Companion) -> None:
    for tag in TAGS:
        async with Visitor(companion.url) as visitor:
            answer = await visitor.get("/", **{"accept-language": f"xx, {tag};q=0.9, en;q=0.1"})
            assert spoken(answer) == tag
            assert f"<h1>{WELCOME.get(tag, '')}" in answer.text
            assert await asked_of_the_issuer(visitor) == []  # the browser tells it the same


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
async def test_a_choice_holds_here_and_at_the_sign_in(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        answer = await choose(visitor, "ja", back="/claim?code=7K3M")
        assert (answer.status_code, answer.headers["location"]) == (303, "/claim?code=7K3M")
        assert "max-age=31536000" in answer.headers["set-cookie"].lower()
        assert spoken(await visitor.get("/?lang=de")) == "ja"
        assert await asked_of_the_issuer(visitor) == ["ja"]
        assert spoken(await visitor.sign_in(anna)) == "ja"
        assert "まだ照明がありません" in visitor.page
        refused = await visitor.post("/claim", code="7K3M")
        assert (refused.status_code, spoken(refused)) == (422, "ja")
        gone = await visitor.get("/lamps/none")
        assert (gone.status_code, spoken(gone)) == (404, "ja")
        assert (await choose(visitor, "de")).status_code == 303
        assert spoken(await visitor.get("/history")) == "de"


async def test_what_an_address_names_holds_on_the_pages_after_it(companion: Companion) -> None:
    async with Visitor(companion.url) as visitor:
        for asked, tag in (("de-AT", "de"), ("zh-TW+ar+en", "ar"), ("zh", "ar")):
            assert spoken(await visitor.get(f"/?lang={asked}")) == tag
            assert spoken(await visitor.get("/signed-out")) == tag
        assert await asked_of_the_issuer(visitor) == ["ar"]
        assert await asked_of_the_issuer(visitor, "?lang=fr") == ["fr"]


async def test_the_accounts_language_holds_where_nobody_named_another(companion: Companion) -> None:
    person = companion.person()
    companion.authserver.cli_json("user", "set-attribute", person.email, "locale", "fr-CA")
    async with Visitor(companion.url) as visitor:
        assert spoken(await visitor.sign_in(person)) == "fr"
    for named in ("choice", "address"):
        async with Visitor(companion.url) as visitor:
            await (choose(visitor, "it") if named == "choice" else visitor.get("/?lang=it"))
            assert spoken(await visitor.sign_in(person)) == "it"


async def test_a_choice_leads_back_to_a_page_of_ours_alone(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        for back in ("https://evil.example/", "//evil.example", "/\\evil.example", "/sign-out", ""):
            assert (await choose(visitor, "de", back)).headers["location"] == "/"
        assert (await choose(visitor, "fr", origin="https://evil.example")).status_code == 403
        unknown = await choose(visitor, "zh")
        assert (unknown.status_code, "set-cookie" in unknown.headers) == (303, False)
        await visitor.sign_in(anna)
        assert 'name="back" value="/claim?code=7K3M&amp;x=1"' in (await visitor.get("/claim?code=7K3M&x=1")).text
        lamp = f"/lamps/{await companion.lamp(anna.sub)}"
        referer = {"referer": visitor.url + lamp}
        wrong = await visitor.post(f"{lamp}/name", headers=referer, name="!!!", room="")
        assert f'name="back" value="{lamp}"' in wrong.text


@pytest.mark.spec("RFC 4647 §3.4")
def test_a_language_is_served_wherever_it_is_spoken() -> None:
    wanted = {"DE": "de", "de-CH": "de", "pt-PT": "pt-BR", "pt_BR": "pt-BR", "zh": None, "dede": None, "": None}
    assert {tag: match(tag) for tag in wanted} == wanted


@pytest.mark.spec("RFC 9110 §12.5.4")
def test_what_a_browser_asks_for_is_weighed() -> None:
    wanted = {
        "en;q=0.4, fr;q=0.5": "fr",
        "de;q=0, it;q=0.1": "it",
        "de;q=often, ja": "ja",
        "zh": None,
        ",;,;q=1,": None,
    }
    assert {header: preferred(header) for header in wanted} == wanted


def test_dates_numbers_and_lists_are_the_languages_own() -> None:
    at = datetime(2026, 11, 26, 14, 5)
    found = {}
    for tag in ("en", "de", "ja", "ar"):
        with speaking(LANGUAGES[tag]):
            found[tag] = (moments.day(at.date()), moments.clock(at), moments.percent_pattern(), moments.listed("abc"))
    assert found == {
        "en": ("26 November 2026", "14:05", "{number}%", "a, b and c"),
        "de": ("26. November 2026", "14:05", "{number}\u00a0%", "a, b und c"),
        "ja": ("2026年11月26日", "14:05", "{number}%", "a、b、c"),
        "ar": ("26 نوفمبر 2026", "2:05 م", "{number}%", "a وb وc"),
    }
    with speaking(LANGUAGES["de"]):
        assert moments.day_of_week(date(2026, 11, 26)) == "Donnerstag, 26. November 2026"


def test_each_number_has_its_plural_form() -> None:
    one, many = "{count} other lamp", "{count} other lamps"
    with speaking(LANGUAGES["ar"]):
        forms = [_n(one, many, count) for count in (1, 2, 3, 11, 100)]
        assert len(set(forms)) == 5
        assert "\u2068%(name)s\u2069" in _("Alexa calls it “%(name)s”.")  # a Latin name keeps its direction
    with speaking(LANGUAGES["ja"]):
        assert _n(one, many, 1) == _n(one, many, 2) == "ほか {count}\u00a0台"
    with speaking(LANGUAGES["fr"]):
        assert [_n(one, many, count) for count in (1, 2)] == ["{count} autre lampe", "{count} autres lampes"]
