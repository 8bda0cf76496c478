"""In which language a browser is answered, and how a choice is kept."""

import asyncio
from urllib.parse import urlencode

import httpx2
import pytest
from sqlmodel import select
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.mail import letters
from authserver.languages import TAGS, languages
from authserver.models import User
from authserver.pages import busy_page
from authserver.pages.language import cookie_name
from tests.authserver.accounts.people import People
from tests.authserver.pages.browsing import Linking, browser_of, sign_up
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_account import FIREFOX
from tests.running.reading import Page

WORDS = {"en": "Sign in", "de": "Anmelden", "fr": "Se connecter", "ja": "サインイン", "ar": "تسجيل الدخول"}


def speaks(linking: Linking, header: str) -> None:
    linking.browser.client.headers["accept-language"] = header


def spoken(page: Page) -> str:
    """What the page says of itself, in both places."""
    language = page.answer.headers["content-language"]
    direction = "rtl" if language == "ar" else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in page.answer.text
    return str(language)


async def choose(linking: Linking, page: Page, tag: str) -> Page:
    return await linking.browser.press(page, tag)


async def stored(people: People, user: User) -> User:
    async with people.services.database.unit() as session:
        return await session.get_one(User, user.sub)


@pytest.mark.parametrize("tag", TAGS)
async def test_a_browser_is_answered_in_its_language(linking: Linking, tag: str) -> None:
    speaks(linking, f"xx, {tag};q=0.9, en;q=0.1")
    page = await linking.start()
    assert spoken(page) == tag
    assert f"<h1>{WORDS.get(tag, '')}" in page.answer.text
    assert "accept-language" in page.answer.headers["vary"].lower()


@pytest.mark.spec("OpenID Connect Core §3.1.2.1", "cognito 1", "oidcc ui-locales")
async def test_what_the_request_asks_for_goes_before_the_browsers_language(new_linking: Linkings) -> None:
    for asked, tag in (
        ({"ui_locales": "zh-TW fr-CA en"}, "fr"),
        ({"lang": "ja"}, "ja"),
        ({"ui_locales": "ar", "lang": "ja"}, "ar"),
        ({"ui_locales": "zh"}, "de"),
    ):
        linking = new_linking()
        speaks(linking, "de")
        page = await linking.start(**asked)
        assert spoken(page) == tag
        link = next(link for link in page.links if "/signup" in link)
        assert spoken(await linking.browser.open(link)) == tag


@pytest.mark.spec("cognito 1")
async def test_a_page_opened_directly_takes_cognitos_parameter_along(linking: Linking) -> None:
    page = await linking.browser.open(linking.url("/login?lang=de"))
    assert spoken(page) == "de"
    assert spoken(await linking.browser.open(page.url)) == "de"


async def test_a_choice_holds_on_this_page_in_this_linking_and_in_this_browser(linking: Linking) -> None:
    page = await linking.start(ui_locales="fr")
    chosen = await choose(linking, page, "ja")
    assert chosen.url == page.url
    assert spoken(chosen) == "ja"
    assert linking.browser.client.cookies[cookie_name(linking.people.server.settings)] == "ja"
    assert spoken(await linking.start()) == "ja"
    assert spoken(await linking.browser.open(linking.url("/nowhere"))) == "ja"
    assert spoken(await linking.start(ui_locales="fr")) == "fr"


async def test_among_arabic_words_a_browser_stands_before_its_system(people: People, linking: Linking) -> None:
    user = await people.add(attributes={"locale": "ar"})
    linking.browser.client.headers["user-agent"] = FIREFOX
    await linking.signed_in(user.email)
    page = await linking.browser.open(linking.url("/account/activity"))
    assert '<bdi dir="rtl">\u2068Firefox\u2069 على \u2068Linux\u2069</bdi>' in page.answer.text
    assert f"<bdi>{people.network}" in page.answer.text  # letters of an address keep their order


async def test_a_choice_of_whoever_is_signed_in_is_the_accounts_own(people: People, new_linking: Linkings) -> None:
    user, linking = await people.add(attributes={"name": "Anna"}), new_linking()
    await linking.signed_in(user.email)
    page = await choose(linking, await linking.browser.open(linking.url("/account")), "de")
    assert page.url.endswith("/account")
    assert spoken(page) == "de"
    assert (await stored(people, user)).attributes == {"name": "Anna", "locale": "de"}
    elsewhere = new_linking()
    speaks(elsewhere, "fr")
    assert spoken(await elsewhere.start()) == "fr"
    assert spoken(await elsewhere.signed_in(user.email)) == "de"


async def test_the_language_of_a_sign_up_is_the_accounts(people: People, linking: Linking) -> None:
    speaks(linking, "pt-PT")
    email, page = await sign_up(linking, await linking.start())
    (mail,) = await people.mails(email)
    assert mail.subject == "Seu código para Lampgate"
    await linking.browser.press(page, "confirm", code=await people.code(email))
    async with people.services.database.unit() as session:
        user = (await session.exec(select(User).where(User.email == email))).one()
    assert user.attributes == {"locale": "pt-BR"}


async def test_a_mail_is_in_the_language_of_its_recipient_not_of_whoever_asks(people: People, linking: Linking) -> None:
    """Somebody types the address of a German; a stranger's address gets what the page speaks."""
    german, unknown = await people.add(attributes={"locale": "de-AT"}), await people.add()
    speaks(linking, "ja")
    for user, subject in ((german, "Ihr Code für ein neues Passwort bei Lampgate"), (unknown, "Lampgate の新しい")):
        page = await linking.browser.open(linking.url("/forgotPassword"))
        page = await linking.browser.press(page, "send", email=user.email)
        assert spoken(page) == "ja"
        (mail,) = await people.mails(user.email)
        assert mail.subject.startswith(subject)
    (mail,) = await people.mails(german.email)
    assert '<html lang="de" dir="ltr">' in mail.html


async def test_the_mail_after_a_linking_which_alexa_causes_is_in_the_accounts_language(
    people: People, linking: Linking
) -> None:
    user = await people.add(attributes={"locale": "ar"})
    given = linking.returned(await linking.browser.press(await linking.signed_in(user.email), "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200
    (mail,) = await people.mails(user.email)
    assert '<html lang="ar" dir="rtl">' in mail.html
    assert "\u2068Lamps &lt;b&gt;&amp;&lt;/b&gt; Co\u2069" in mail.html
    assert '<td style="padding:3px 0 3px 16px;color:#65574a">الحساب</td>' in mail.html  # its value follows at the left


async def test_languages_of_requests_under_way_together_do_not_mix(new_linking: Linkings) -> None:
    """Each has a context of its own, also while it waits for the database."""

    async def visit(tag: str) -> tuple[str, str, bool]:
        linking = new_linking()
        speaks(linking, tag)
        page = await linking.start()
        wrong = await linking.browser.press(page, "sign_in", username="nobody@example.org", password="")
        return tag, spoken(wrong), f"<h1>{WORDS[tag]}</h1>" in wrong.answer.text

    answers = await asyncio.gather(*(visit(tag) for tag in [*WORDS] * 4))
    assert [(tag, tag, True) for tag, _, _ in answers] == answers


async def test_an_error_is_told_in_the_language_of_what_failed(linking: Linking) -> None:
    speaks(linking, "de")
    page = await linking.browser.open(linking.url("/consent?interaction=none"))
    assert "Diese Anmeldeseite ist nicht mehr gültig." in page.text
    page = await linking.browser.open(linking.url("/oauth2/authorize?client_id=unknown&ui_locales=fr"))
    assert "n’est pas enregistrée sur ce serveur" in page.text
    page = await linking.browser.open(linking.url("/nowhere"))
    assert "Diese Seite gibt es nicht" in page.text


async def test_an_error_says_once_what_to_do(linking: Linking) -> None:
    page = await linking.browser.open(linking.url("/consent?interaction=none"))
    assert page.text.count("Go back") == 1
    page = await linking.browser.open(linking.url("/oauth2/authorize?client_id=unknown"))
    assert "Go back to where you came from and try again." in page.text


async def test_too_many_at_once_is_told_to_each_in_their_language_and_written_once(people: People) -> None:
    app = people.server.app

    def busy(tag: str, method: str = "POST") -> Response:
        headers = [(b"accept-language", tag.encode())]
        scope = {
            "type": "http",
            "method": method,
            "path": "/login",
            "query_string": b"",
            "headers": headers,
            "app": app,
        }
        return busy_page(Request(scope))

    assert "Gerade melden sich zu viele Menschen an." in bytes(busy("de").body).decode()
    assert "現在、サインインする方が集中しています。" in bytes(busy("ja").body).decode()
    assert busy("de") is busy("de")
    assert busy("de", "GET") is busy("de", "GET")
    assert bytes(busy("de", "GET").body) != bytes(busy("de").body)


@pytest.mark.spec("security 6.60")
@pytest.mark.parametrize(
    "back",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "", "/a\r\nSet-Cookie: x=1"],
)
async def test_a_choice_leads_nowhere_but_to_our_own_pages(linking: Linking, back: str) -> None:
    origin = linking.people.server.settings.origin
    answer = await linking.browser.client.post(
        linking.url("/language"), data={"language": "de", "back": back}, headers={"origin": origin}
    )
    assert answer.status_code in (303, 400)
    if answer.status_code == 303:
        assert answer.headers["location"] == f"{origin}/account"


async def test_a_choice_needs_a_form_of_ours_and_a_language_that_there_is(people: People, linking: Linking) -> None:
    user = await people.add()
    await linking.signed_in(user.email)
    for data, headers in (
        ({"language": "de", "back": "/account"}, {"origin": "https://evil.example"}),
        ({"language": "de", "back": "/account"}, {"sec-fetch-site": "cross-site"}),
        ({"language": "xx", "back": "/account"}, {"origin": people.server.settings.origin}),
        ({"back": "/account"}, {"origin": people.server.settings.origin}),
        ({}, {"origin": people.server.settings.origin}),
    ):
        answer = await linking.browser.client.post(linking.url("/language"), data=data, headers=headers)
        assert "set-cookie" not in answer.headers
    assert (await stored(people, user)).attributes == {}
    unknown = await linking.browser.client.get(linking.url("/language"))
    assert (unknown.status_code, unknown.headers["allow"]) == (405, "POST")
    assert "There is no such page" in unknown.text


async def test_a_choice_changes_no_linking_of_another_browser(new_linking: Linkings) -> None:
    page = await (mine := new_linking()).start()
    other = new_linking()
    back = page.url.removeprefix(other.people.server.settings.origin)
    await other.browser.client.post(
        other.url("/language"),
        data={"language": "ja", "back": back},
        headers={"origin": other.people.server.settings.origin},
    )
    assert spoken(await mine.browser.open(page.url)) == "en"


async def test_the_languages_are_in_the_metadata(people: People) -> None:
    browser = browser_of(people)
    found = (await browser.client.get("/.well-known/openid-configuration")).json()
    assert found["ui_locales_supported"] == list(TAGS)


async def test_a_name_that_would_be_markup_stays_text_in_every_language(linking: Linking) -> None:
    for tag in TAGS:
        page = await linking.start(ui_locales=tag)
        assert "<strong>Lamps &lt;b&gt;&amp;&lt;/b&gt; Co</strong>" in page.answer.text


@pytest.mark.parametrize("tag", TAGS)
def test_every_letter_can_be_written_in_every_language(people: People, tag: str) -> None:
    settings, to = people.server.settings, "a@example.org"
    posted = [
        letters.code_mail(settings, to, "012345", 0, "https://x.example", locale=tag),
        letters.recovery_mail(settings, to, "012345", 0, "https://x.example", locale=tag),
        letters.unlock_mail(settings, to, "012345", 0, "https://x.example", locale=tag),
        letters.password_changed_mail(settings, to, 0, locale=tag),
        letters.second_factor_code_mail(settings, to, "012345", 600, 0, locale=tag),
        letters.second_factor_changed_mail(settings, to, "added", ["app"], 0, locale=tag),
        letters.recovery_code_used_mail(settings, to, 2, 0, locale=tag),
        letters.wrong_codes_mail(settings, to, 0, locale=tag),
        letters.passkey_added_mail(settings, to, "My phone", 0, locale=tag),
        letters.passkey_removed_mail(settings, to, "My phone", 0, locale=tag),
        letters.username_changed_mail(settings, to, "ada", 0, locale=tag),
        letters.invitation_mail(settings, to, "ada", "lantern-river-stone", 7, 0, locale=tag),
        letters.account_deleted_mail(settings, to, 0, locale=tag),
        letters.account_exists_mail(settings, to, 0, locale=tag),
        letters.linked_mail(settings, to, "Lamps", "https://x.example", 0, locale=tag),
        letters.email_change_code_mail(settings, to, "012345", 0, "https://x.example", locale=tag),
        letters.address_taken_mail(settings, to, 0, locale=tag),
        letters.email_change_asked_mail(settings, to, "n…@example.org", 0, locale=tag),
        letters.email_changed_mail(settings, to, "n…@example.org", 0, locale=tag),
    ]
    assert {mail.kind for mail in posted} | {"trial"} == {
        path.name.partition(".")[0] for path in letters.TEMPLATES.glob("*.txt.mail")
    }
    written = [letters.written(settings, mail) for mail in posted]
    for mail in written:
        assert mail.subject
        assert f'<html lang="{tag}" dir="{languages(None)[tag].direction}">' in mail.html
        assert "%(" not in mail.subject + mail.text + mail.html
        assert "{" not in mail.subject + mail.text


async def test_the_menu_names_languages_by_themselves_and_comes_back_with_the_query(linking: Linking) -> None:
    query = urlencode({"interaction": "none", "lang": "de", "x": "ä&b"})
    answer: httpx2.Response = await linking.browser.client.get(linking.url(f"/consent?{query}"))
    assert 'name="back" value="/consent?interaction=none&amp;x=%C3%A4%26b"' in answer.text
    for language in languages(None).values():
        assert f'lang="{language.tag}"' in answer.text
        assert f">{language.name}</button>" in answer.text
