"""What holds for every page and every form, those that are yet to come included: the routes are read from the app."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2
import pytest
from starlette.routing import Route

from authserver.accounts import sessions
from authserver.models import User
from authserver.oauth import interactions
from authserver.oauth.endpoints.routes import machine_paths
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking, browser_of, sign_up
from tests.authserver.pages.conftest import Linkings
from tests.authserver.protocol.harness import FORM, Server
from tests.running.reading import Page

ELSEWHERE = "https://evil.example"
#: posted by other sites on purpose (OpenID Connect Core §3.1.2.1, RP-Initiated Logout 1.0 §2): the one only begins an
#: interaction, the other asks the person first unless it brings an ID token of this very session
FROM_ANYWHERE = {"/oauth2/authorize", "/oauth2/logout"}
#: forms that need no token, but must not come from another site's page all the same: the mailed link is what allows it;
#: a language, which stands at the foot of pages that belong to nobody yet
WITHOUT_TOKEN = {"/unlink", "/language"}
SAYS_NO_ANYWAY = {"/passkeys/options"}  # there is nothing to sign where the victim stands
#: parameters that somewhere led out of somebody's server
TARGETS = (
    "next", "return_to", "returnTo", "return", "continue", "redirect", "redirect_to", "redirect_url", "redirect_uri",
    "post_logout_redirect_uri", "url", "uri", "target", "dest", "destination", "goto", "page", "callback", "back",
    "service", "ref", "state", "RelayState", "logout_uri",
)  # fmt: skip


def routes(server: Server, method: str) -> list[str]:
    """Paths for people, with something in place of what a path asks for."""
    machines = machine_paths(server.path)
    return [
        re.sub(r"\{[^}]+\}", "x", route.path)
        for route in server.app.router.routes
        if isinstance(route, Route) and method in (route.methods or ()) and route.path not in machines
    ]


def posted(server: Server) -> list[str]:
    return [path for path in routes(server, "POST") if path not in FROM_ANYWHERE]


@dataclass
class Victim:
    """Somebody who is signed in and in the middle of a linking, and what a forger knows of it."""

    linking: Linking
    user: User
    query: str
    tokens: list[str]

    @property
    def origin(self) -> str:
        return self.linking.people.server.settings.origin

    async def state(self) -> object:
        """What a forged form might have changed."""
        linking = self.linking
        cookie = linking.browser.client.cookies.get(sessions.cookie_name(linking.people.server.settings))
        page = await linking.browser.open(linking.url(f"/consent{self.query}"))
        account = await linking.browser.open(linking.url("/account"))
        return cookie, page.has_button("allow"), account.text

    async def post(self, path: str, form: dict[str, str], headers: dict[str, str]) -> httpx2.Response:
        return await self.linking.browser.client.post(
            self.linking.url(path + self.query), content=urlencode(form), headers={"content-type": FORM} | headers
        )


@pytest.fixture(autouse=True)
def every_page_is_there(people: People) -> Iterator[None]:
    """Also those of what an operator may switch on."""
    services = people.services
    services.settings, usual = (
        services.settings.model_copy(update={"sign_in_with": "email,username"}),
        services.settings,
    )
    yield
    services.settings = usual


def tokens_of(page: Page) -> set[str]:
    return {form.hidden["csrf_token"] for form in page.forms if "csrf_token" in form.hidden}


FORGED = {
    "action": "allow", "username": "x@example.org", "email": "x@example.org", "password": PASSWORD,
    "present_password": PASSWORD, "code": "123456", "unlink": "x", "device": "x", "forget": "x", "account": "x",
}  # fmt: skip


async def victim(people: People, new_linking: Linkings) -> Victim:
    user = await people.add()
    linking = new_linking()
    first = await linking.signed_in(user.email)
    given = linking.returned(await linking.browser.press(first, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200
    page = await linking.start()
    assert page.has_button("allow")
    account = await linking.browser.open(linking.url("/account"))
    forger = new_linking()
    theirs = await forger.start()
    (foreign,) = tokens_of(theirs)
    own = tokens_of(page) | tokens_of(account)
    assert len(own) == 2
    return Victim(linking, user, f"?{urlsplit(page.url).query}", [foreign, *own])


@pytest.mark.spec("security 6.45", "security 6.73", "security 6.48")
async def test_no_form_works_without_the_token_of_this_browser(people: People, new_linking: Linkings) -> None:
    """Missing, empty, invented, and one that was made for another browser; from our own origin and without one."""
    here = await victim(people, new_linking)
    before = await here.state()
    paths = [path for path in posted(people.server) if path not in WITHOUT_TOKEN]
    assert {"/login", "/signup", "/consent", "/account", "/choose-account"} <= set(paths)
    for path in paths:
        for headers in ({}, {"origin": here.origin}, {"origin": here.origin, "sec-fetch-site": "same-origin"}):
            for token in (None, "", "x" * 43, "\u00e4", here.tokens[0]):
                form = FORGED | ({} if token is None else {"csrf_token": token})
                answer = await here.post(path, form, headers)
                assert answer.status_code == 403, (path, headers, token, answer.status_code)
                assert "set-cookie" not in answer.headers, path
    assert await here.state() == before


@pytest.mark.spec("security 6.45")
async def test_the_token_of_one_kind_of_form_is_none_for_the_other(people: People, new_linking: Linkings) -> None:
    """A session's token does not serve a linking, nor a linking's the account: each path takes one of them at most."""
    here = await victim(people, new_linking)
    for path in posted(people.server):
        if path in WITHOUT_TOKEN:
            continue
        statuses = []
        for token in here.tokens[1:]:
            form = {"csrf_token": token, "action": "nothing that there is"}
            statuses.append((await here.post(path, form, {"origin": here.origin})).status_code)
        assert statuses.count(403) == (2 if path in SAYS_NO_ANYWAY else 1), (path, statuses)


@pytest.mark.spec("security 6.45", "security 6.73")
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ELSEWHERE},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://auth.example.test"},
        {"origin": "https://auth.example.test:8443"},
        {"origin": "https://auth.example.test.evil.example"},
        {"origin": "https://www.auth.example.test"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://auth.example.test", "sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
async def test_no_form_of_another_site_works_even_with_the_right_token(
    people: People, new_linking: Linkings, headers: dict[str, str]
) -> None:
    here = await victim(people, new_linking)
    before = await here.state()
    for path in posted(people.server):
        for token in here.tokens[1:]:
            answer = await here.post(path, FORGED | {"csrf_token": token}, headers)
            assert answer.status_code == 403, (path, headers, answer.status_code)
            assert "set-cookie" not in answer.headers, path
    assert await here.state() == before


@pytest.mark.spec("security 6.43", "security 6.44", "security 6.49", "security 6.46", "security 4.page-headers")
async def test_every_answer_for_people_has_the_headers(people: People, new_linking: Linkings) -> None:
    """Pages, errors, redirects; to those who are signed in and to strangers, for every path and whatever is posted."""
    here = await victim(people, new_linking)
    stranger = browser_of(people).client
    clients = (here.linking.browser.client, stranger)
    answers: list[httpx2.Response] = []
    for path in {*routes(people.server, "GET"), "/nowhere", "/account/nowhere"} - {"/healthz", "/readyz"}:
        for query in ("", here.query, "?interaction=x"):
            answers += [await client.get(people.server.settings.origin + path + query) for client in clients]
    for path in posted(people.server):
        for client in clients:
            for headers in ({}, {"origin": ELSEWHERE}):
                answers.append(await client.post(people.server.settings.origin + path + here.query, headers=headers))
                answers.append(
                    await client.post(people.server.settings.origin + path, data={"a": "b"}, headers=headers)
                )
    kinds = set()
    for answer in answers:
        seen = answer.headers
        assert answer.status_code < 500, answer.url
        kinds.add(answer.status_code)
        assert seen["x-content-type-options"] == "nosniff", answer.url
        assert seen["strict-transport-security"] == "max-age=31536000", answer.url
        if answer.status_code == 404 and answer.url.path.startswith(("/static/", "/client-logo/")):
            continue
        assert seen["cache-control"] == "no-store", answer.url
        assert seen["referrer-policy"] in ("same-origin", "no-referrer"), answer.url
        if "location" in seen:
            assert answer.status_code == 303, answer.url
            assert seen["referrer-policy"] == "no-referrer", answer.url
        else:
            assert "frame-ancestors 'none'" in seen["content-security-policy"], answer.url
            assert seen["x-frame-options"] == "DENY", answer.url
    assert {200, 303, 400, 403, 404, 415} <= kinds


@pytest.mark.spec("security 6.60")
async def test_no_parameter_of_a_page_leads_elsewhere(people: People, new_linking: Linkings) -> None:
    """Opened with every parameter that ever led out of a server, by strangers and by those who are signed in."""
    here = await victim(people, new_linking)
    asked = urlencode(dict.fromkeys(TARGETS, f"{ELSEWHERE}/x"))
    relative = urlencode(dict.fromkeys(TARGETS, "//evil.example/x"))
    stranger = browser_of(people).client
    for path in routes(people.server, "GET"):
        for client in (here.linking.browser.client, stranger):
            for parameters in (asked, relative):
                for query in (f"{here.query}&{parameters}", f"?{parameters}"):
                    answer = await client.get(people.server.settings.origin + path + query)
                    leads_nowhere_else(people, answer)


@pytest.mark.spec("security 6.60")
async def test_no_field_of_a_form_leads_elsewhere(people: People, new_linking: Linkings) -> None:
    """A whole linking, each of whose forms carries them, ends where the client is registered, and an account page
    stays at home."""
    linking, user = new_linking(), await people.add()
    evil = dict.fromkeys(TARGETS, f"{ELSEWHERE}/x")
    page = await linking.start(**{name: value for name, value in evil.items() if name not in ("redirect_uri", "state")})
    for form in ({"action": "sign_in", "username": user.email, "password": PASSWORD}, {"action": "allow"}):
        answer = await linking.browser.client.post(
            f"{page.url}&{urlencode(evil)}",
            data=page.forms[0].hidden | form | evil,
            headers={"origin": people.server.settings.origin},
        )
        assert answer.status_code == 303
        location = answer.headers["location"]
        if location.startswith(linking.client.redirect_uri + "?"):
            break
        leads_nowhere_else(people, answer)
        page = await linking.browser.open(location)
    assert parse_qs(urlsplit(location).query)["iss"] == [linking.issuer]
    assert "evil" not in location
    page = await linking.browser.open(linking.url("/account"))
    for action in ("nothing", "sign_out"):
        answer = await linking.browser.client.post(
            page.url,
            data={"csrf_token": tokens_of(page).pop(), "action": action} | evil,
            headers={"origin": people.server.settings.origin},
        )
        assert answer.status_code == 303
        leads_nowhere_else(people, answer)


@pytest.mark.spec("security 6.60")
async def test_no_form_that_is_in_order_leads_elsewhere(people: People, new_linking: Linkings) -> None:
    """Each path with the token that it takes, and every field that might name a place; also written as browsers would
    take for another host."""
    here = await victim(people, new_linking)
    for path in posted(people.server):
        for place in (
            f"{ELSEWHERE}/x",
            "//evil.example/x",
            "/\\evil.example/x",
            "\\\\evil.example",
            "/%09/evil.example",
        ):
            for token in here.tokens[1:]:
                form = {"csrf_token": token, "language": "en", **dict.fromkeys(TARGETS, place)}
                leads_nowhere_else(people, await here.post(path, form, {"origin": here.origin}))


@pytest.mark.spec("security 6.60")
@pytest.mark.parametrize("path", ["/login", "/account", "/account/password", "/signed-in"])
async def test_a_visit_of_ones_own_ends_at_home_whatever_its_address_says(
    people: People, new_linking: Linkings, path: str
) -> None:
    linking, user = new_linking(), await people.add()
    evil = dict.fromkeys(TARGETS, f"{ELSEWHERE}/x")
    page = await linking.browser.open(linking.url(f"{path}?{urlencode(evil)}"))
    assert page.asks_for("username", "password")
    answer = await linking.browser.client.post(
        f"{page.url}&{urlencode(evil)}",
        data=page.forms[0].hidden | {"action": "sign_in", "username": user.email, "password": PASSWORD} | evil,
        headers={"origin": people.server.settings.origin},
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{linking.issuer}/account")
    leads_nowhere_else(people, answer)


def leads_nowhere_else(people: People, answer: httpx2.Response) -> None:
    """Neither does the answer redirect, nor anything on the page lead, to another host."""
    home = people.server.settings.origin
    assert answer.status_code < 500, answer.url
    places = [answer.headers.get("location", ""), answer.headers.get("refresh", "")]
    if "html" in answer.headers.get("content-type", ""):
        places += re.findall(r'(?:href|src|action|formaction|content)="([^"]*(?:/|:)[^"]*)"', answer.text)
    for place in places:
        as_browsers_read_it = place.replace("\\", "/").translate({9: None, 10: None, 13: None})
        if re.match(r"/|[a-z]+:/", as_browsers_read_it):
            assert urljoin(str(answer.url), as_browsers_read_it).startswith(f"{home}/"), (answer.url, place)
        assert not place.startswith(("javascript:", "vbscript:")), (answer.url, place)


@pytest.mark.spec("security 6.47", "security 6.73")
@pytest.mark.parametrize("order", ["planted first", "planted last"])
async def test_a_planted_second_cookie_of_our_name_gives_nobody_a_session(
    people: People, new_linking: Linkings, order: str
) -> None:
    """A neighbour on another port, or a page below a path, can put one there where there is no `__Host-`: unknown ones
    are never adopted, and the attacker's own session completes nothing that was begun under another."""
    here = await victim(people, new_linking)
    attacker = new_linking()
    other = await people.add()
    await attacker.signed_in(other.email)
    name = sessions.cookie_name(people.server.settings)
    page = await here.linking.browser.open(here.linking.url(f"/consent{here.query}"))
    jar = dict(here.linking.browser.client.cookies)
    real, theirs = jar.pop(name), attacker.browser.client.cookies[name]
    rest = "; ".join(f"{key}={value}" for key, value in jar.items())
    client = browser_of(people).client
    for planted in ("x" * 43, theirs):
        pair = (planted, real) if order == "planted first" else (real, planted)
        cookie = "; ".join([rest, *(f"{name}={value}" for value in pair)])
        shown = await client.get(people.server.settings.origin + "/account", headers={"cookie": cookie})
        if planted != theirs:
            assert other.email not in shown.text
            assert planted not in str(shown.headers.get_list("set-cookie"))
        sent = await client.post(
            page.url,
            data=page.forms[0].hidden | {"action": "allow"},
            headers={"cookie": cookie, "origin": people.server.settings.origin},
        )
        location = sent.headers.get("location", "")
        if location.startswith(here.linking.client.redirect_uri):  # the real one was read
            assert order == "planted first"
            code = here.linking.returned(Page(page.url, sent, left_to=location))["code"]
            await here.linking.client.exchange(code)
            page = await here.linking.start()
        else:
            assert sent.status_code in (303, 400, 403)
    assert await people.server.grants_of(other) == []


@pytest.mark.spec("security 6.48", "security 6.73")
async def test_an_interactions_cookie_that_an_attacker_plants_names_the_attackers_account_and_not_the_victims(
    people: People, new_linking: Linkings
) -> None:
    """The attacker begins, signs in and hands both over; the victim is signed in as somebody else. Neither
    the victim's account is linked to what the attacker began, nor does a page name one and link the other."""
    user, attackers = await people.add(), await people.add()
    attacker = new_linking()
    page = await attacker.signed_in(attackers.email)
    victims = new_linking()
    await victims.signed_in(user.email)
    (name,) = attacker.interaction_cookies()
    victims.browser.client.cookies.set(
        name, attacker.browser.client.cookies[name], domain="auth.example.test", path="/"
    )
    shown = await victims.browser.open(page.url)
    assert shown.asks_for("username", "password")
    sent = await victims.browser.client.post(
        page.url,
        data=page.forms[0].hidden | {"action": "allow"},
        headers={"origin": people.server.settings.origin},
    )
    assert sent.headers["location"].startswith(f"{people.server.settings.issuer}/login?")
    for account in (user, attackers):
        assert await people.server.grants_of(account) == []


@pytest.mark.spec("security 6.56")
async def test_no_mail_and_no_redirect_follows_a_spoofed_host(people: People, linking: Linking) -> None:
    """Sign-up and recovery, whose mails a stranger can cause, and the mail after a linking."""
    browser = linking.browser
    browser.client.headers.update(
        {
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "http",
            "x-forwarded-for": "203.0.113.5",
            "x-original-url": "/evil",
            "x-host": "evil.example",
            "forwarded": "host=evil.example;proto=http",
            "host": "evil.example",
        }
    )
    email, page = await sign_up(linking, await linking.start())
    page = await browser.press(page, "confirm", code=await people.code(email))
    given = linking.returned(await browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200
    people.clock.advance(60)
    page = await browser.open(linking.url("/account"))
    page = await browser.press(page, "sign_out")
    page = await browser.press(await browser.open(linking.url("/forgotPassword")), "send", email=email)
    assert page.asks_for("code")
    mails = await people.mails(email)
    assert len(mails) >= 3
    for mail in mails:
        assert "evil" not in mail.text + mail.html + mail.subject
        links = re.findall(r"https?://[^\s\"<>]+", mail.text + mail.html)
        assert all(link.startswith((linking.issuer, "http://www.w3.org/")) for link in links), links
    assert interactions.cookie_name(people.server.settings, "").startswith("__Host-")
