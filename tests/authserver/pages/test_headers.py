"""What every page says besides its text."""

import re
from urllib.parse import urljoin

import pytest

from authserver.models import User
from authserver.pages.render import form_targets
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address
from tests.authserver.pages.browsing import Linking, browser_of, sign_up
from tests.authserver.protocol.harness import Server, settings_for
from tests.conftest import NewDatabase
from tests.running.reading import Page


async def pages_of(people: People, linking: Linking) -> list[Page]:
    """One of each kind, with and without errors."""
    user = await people.add()
    login = await linking.start()
    wrong = await linking.browser.press(login, "sign_in", username=user.email, password=OTHER)
    _, confirm = await sign_up(linking, login)
    wrong_code = await linking.browser.press(confirm, "confirm", code="")
    consent = await linking.signed_in(user.email)
    paths = ("/login", "/unlink?link=x", "/confirmUser?link=x", "/nowhere")
    opened = [await linking.browser.open(linking.url(path)) for path in paths]
    return [login, wrong, confirm, wrong_code, consent, *opened]


@pytest.mark.spec("security 6.43", "security 6.44", "security 6.49", "A11", "security 4.page-headers")
async def test_every_page_is_neither_framed_nor_kept_nor_told_of(people: People, linking: Linking) -> None:
    for page in await pages_of(people, linking):
        headers = page.answer.headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] in ("same-origin", "no-referrer")
        assert headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.spec("A01", "security 6.43")
async def test_a_page_loads_only_what_we_serve_and_keep_for_a_year(people: People, linking: Linking) -> None:
    for page in await pages_of(people, linking):
        assert page.status < 500
        loaded = re.findall(r'<(?:link|script|img)[^>]+(?:href|src)="([^"]+)"', page.answer.text)
        assert len(loaded) >= 3
        for target in loaded:
            assert target.startswith("/static/")
            answer = await linking.browser.client.get(urljoin(page.url, target))
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-type"].startswith(("text/css", "text/javascript", "image/svg+xml"))


async def test_an_old_version_of_a_file_is_not_there(people: People) -> None:
    browser = browser_of(people)
    for path in ("/static/0000000000000000/pages.css", "/static/x/nothing", "/static//pages.css"):
        assert (await browser.client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("redirect_uri", "targets"),
    [
        ("https://layla.amazon.com/api/skill/link/M1", " https:"),
        ("http://localhost:8001/simulator/callback", " https: http://localhost:8001"),
        ("http://127.0.0.1:4000/cb", " https: http://127.0.0.1:4000"),
        ("http://[::1]:4000/cb", " https: http:"),
        ("org.example.app:/callback", " https: org.example.app:"),
    ],
)
def test_a_form_may_lead_where_the_application_is(redirect_uri: str, targets: str) -> None:
    assert form_targets(redirect_uri) == targets


@pytest.mark.spec("security 6.46")
async def test_every_answer_to_a_form_that_leads_on_is_303(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.start()
    headers = {"origin": people.server.settings.origin}
    form = page.forms[0].hidden | {"username": user.email, "password": PASSWORD, "action": "sign_in"}
    signed_in = await linking.browser.client.post(page.url, data=form, headers=headers)
    assert signed_in.status_code == 303
    page = await linking.browser.open(urljoin(page.url, signed_in.headers["location"]))
    form = page.forms[0].hidden | {"action": "allow"}
    allowed = await linking.browser.client.post(page.url, data=form, headers=headers)
    assert allowed.status_code == 303
    assert allowed.headers["referrer-policy"] == "no-referrer"
    assert allowed.headers["cache-control"] == "no-store"


@pytest.mark.spec("security 6.58", "cognito 9.47")
async def test_known_and_unknown_addresses_get_the_same_pages(people: People, linking: Linking) -> None:
    """Status, headers and every byte but the address that was typed and the tokens of the page."""
    user, nobody = await people.add(), new_address()

    def blank(page: Page, email: str) -> str:
        return page.answer.text.replace(email, "").replace(email.partition("@")[0], "")

    page = await linking.start()
    for fields in ({"action": "sign_in"}, {"action": "sign_up"}):
        answers = []
        for email in (user.email, nobody):
            if fields["action"] == "sign_in":
                answer = await linking.browser.press(page, "sign_in", username=email, password=OTHER)
            else:
                link = next(link for link in page.links if "/signup" in link)
                answer = await linking.browser.press(
                    await linking.browser.open(link), "sign_up", email=email, password=PASSWORD
                )
            answers.append((answer.status, answer.url, blank(answer, email)))
        assert answers[0] == answers[1]


@pytest.mark.spec("security 6.56")
async def test_host_and_forwarding_headers_change_no_address(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.start()
    spoofed = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "forwarded": "host=evil.example",
        "origin": people.server.settings.origin,
    }
    form = page.forms[0].hidden | {"username": user.email, "password": PASSWORD, "action": "sign_in"}
    answer = await linking.browser.client.post(page.url, data=form, headers=spoofed)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{linking.issuer}/consent?")
    assert "evil" not in str(answer.headers)
    shown = await linking.browser.client.get(linking.url("/login"), headers=spoofed)
    assert "evil" not in shown.text + str(shown.headers)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"username=a&username=b", "application/x-www-form-urlencoded", 400),
        (b"username=%00", "application/x-www-form-urlencoded", 400),
        (b"username=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
    ],
    ids=["repeated", "nul", "not utf-8", "large", "json", "multipart"],
)
async def test_a_body_that_cannot_be_read_is_a_page_and_no_trace(
    linking: Linking, body: bytes, kind: str, status: int
) -> None:
    page = await linking.start()
    answer = await linking.browser.client.post(page.url, content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.spec("CVE-2026-42849")
async def test_what_was_typed_stays_text(linking: Linking) -> None:
    evil = '"><script>alert(1)</script>@example.org'
    page = await linking.browser.press(await linking.start(), "sign_in", username=evil, password=OTHER)
    assert "<script>alert" not in page.answer.text
    assert page.forms[0].fields["username"] == evil
    page = await linking.start(login_hint=evil)
    assert "<script>alert" not in page.answer.text


async def test_too_many_wrong_passwords_say_when_to_try_again(people: People, linking: Linking) -> None:
    user: User = await people.add()
    page = await linking.start()
    for _ in range(5):
        await linking.browser.press(page, "sign_in", username=user.email, password=OTHER)
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.status == 429
    assert page.answer.headers["retry-after"] == "1"
    assert "Try again in 1 second." in page.text


async def test_more_sign_ins_than_can_be_hashed_are_503_with_a_time(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.start()
    passwords = people.services.passwords
    taken, passwords._taken = passwords._taken, 10_000
    try:
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    finally:
        passwords._taken = taken
    assert page.status == 503
    assert int(page.answer.headers["retry-after"]) > 0


async def test_without_sign_up_there_is_no_way_to_it(sqlite_url: str) -> None:
    async with Server(settings_for(sqlite_url, sign_up=False)) as server:
        people = People(server)
        linking = Linking(people, await server.add_client("alexa"))
        page = await linking.start()
        assert not [link for link in page.links if "signup" in link]
        page = await linking.browser.open(linking.url("/signup"))
        assert page.status == 403


async def test_every_page_lies_under_the_issuers_path(new_database: NewDatabase) -> None:
    settings = settings_for(new_database("sqlite"), issuer="https://auth.example.test/pool/eu")
    async with Server(settings) as server:
        people = People(server)
        linking = Linking(people, await server.add_client("alexa"))
        user = await people.add()
        page = await linking.signed_in(user.email)
        assert page.url.startswith("https://auth.example.test/pool/eu/consent?")
        for target in re.findall(r'(?:href|src|action)="(/[^"]+)"', page.answer.text):
            assert target.startswith("/pool/eu/")
        given = linking.returned(await linking.browser.press(page, "allow"))
        assert (await linking.client.exchange(given["code"])).status_code == 200
        (mail,) = await people.mails(user.email)
        assert "https://auth.example.test/pool/eu/unlink?link=" in mail.text
        assert (await linking.browser.client.get("https://auth.example.test/login")).status_code == 404
