"""Every parameter of every endpoint and page."""

import base64
import re
from urllib.parse import quote, urljoin, urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth.server import GRANT_TYPES
from tests.fuzz import answers, names, right
from tests.fuzz.budget import bounded
from tests.fuzz.conftest import Target
from tests.fuzz.drawing import MARK, VALUES, Fields, fields
from tests.fuzz.right import AUTHORIZE, basic, honest
from tests.running.reading import Page

PRESETS = ("alexa", "confidential", "public")


#: beside what was issued: values with which a form is right
WELL = {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type_hint": "access_token"}


def printable(value: str) -> str:
    """What HTTP lets through in a header: the bytes of the value, without those that end one."""
    found = bytes(byte for byte in value.encode("utf-8", "surrogatepass") if byte >= 0x20 and byte != 0x7F)
    return found.decode("latin-1").strip()


def among(asked: dict[str, str], drawn: Fields, *, replacing: bool) -> Fields:
    """The drawn fields with an honest request: one in the place of its own, or all beside them, twice."""
    drawn = drawn[:1] if replacing else drawn
    own = {name for name, _ in drawn} if replacing else set()
    return [pair for pair in asked.items() if pair[0] not in own] + drawn


@pytest.mark.spec("security 6.8", "security 6.9", "security 6.13", "security 6.44", "security 6.60", "security 6.71")
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_parameter_of_an_authorization_request_breaks_out(target: Target, method: str) -> None:
    """Answers are followed to the page that they lead to: the sign-in page shows a hint, and speaks a language."""
    known = names.in_query(AUTHORIZE) if method == "get" else names.in_form(AUTHORIZE)
    every = sorted({*known, "request", "request_uri", "claims", "registration", "display", "id_token", MARK})

    @bounded(100)
    @given(
        drawn=fields(every),
        preset=st.sampled_from([*PRESETS, None]),
        replacing=st.booleans(),
        signed_in=st.booleans(),
    )
    def ask(drawn: Fields, preset: str | None, replacing: bool, signed_in: bool) -> None:
        sent = among(honest(target.presets[preset]) if preset else {}, drawn, replacing=replacing)
        browser = target.browser if signed_in else target.stranger
        ask_with = target.get if method == "get" else target.post
        answer = ask_with(AUTHORIZE, sent, browser)
        location = answer.headers.get("location", "")
        if location.startswith(f"{target.issuer}/"):
            path, _, query = location.removeprefix(target.issuer).partition("?")
            target.get(path, [*httpx2.QueryParams(query).multi_items(), *drawn], browser)
        if len(browser.cookies) > 40:
            forget_interactions(browser)

    ask()


def forget_interactions(browser: httpx2.Client) -> None:
    for cookie in list(browser.cookies.jar):
        if "_interaction_" in cookie.name:
            browser.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)


@pytest.mark.spec("A23", "security 6.13", "security 6.71")
@pytest.mark.parametrize("path", names.posted())
def test_no_form_of_a_program_breaks_an_endpoint(target: Target, path: str) -> None:
    """With and without a client that proves who it is; what the server itself has issued is among what is drawn."""
    every = sorted(
        {*names.in_form(path), "client_id", "client_secret", "client_assertion", "grant_type", "scope", MARK}
    )
    known = set(names.in_form(path)) - {"client_id", "grant_type"}
    tokens = right.link(target)  # of a link of its own: one of the endpoints ends it
    issued = {name: tokens[name] for name in ("refresh_token", "access_token", "id_token")}
    issued |= {"token": tokens["access_token"], "subject_token": tokens["access_token"]}

    @bounded(120)
    @given(
        drawn=fields(every),
        preset=st.sampled_from([*PRESETS, None]),
        mixed=st.sampled_from(["", "refresh_token", "access_token", "id_token"]),
        at=st.sampled_from(["token", "refresh_token", "access_token", "code", "id_token_hint"]),
        cut=st.integers(1, 60),
        grant=st.sampled_from([*GRANT_TYPES, ""]),
        header=st.sampled_from(["none", "basic", "drawn", "proof"]),
        value=VALUES,
        begins_well=st.booleans(),
    )
    def ask(
        drawn: Fields,
        preset: str | None,
        mixed: str,
        at: str,
        cut: int,
        grant: str,
        header: str,
        value: str,
        begins_well: bool,
    ) -> None:
        sent = [pair for pair in drawn if pair[0] != "client_id" or preset is None]
        begins_well = begins_well and preset is not None  # and then one value is wrong, no more
        if preset is not None and begins_well:
            well = honest(target.presets[preset]) | issued | WELL
            sent = among({name: well[name] for name in sorted(known) if name in well}, sent, replacing=True)
        sent += [("grant_type", grant)] if grant else []
        sent += [(at, issued[mixed][:-cut] + issued[mixed][-1])] if mixed and not begins_well else []
        headers: dict[str, str] = {}
        if preset is not None:
            client = target.presets[preset]
            if client.credentials == "none":
                sent.append(("client_id", client.client_id))
            elif header == "basic" or begins_well:
                headers = basic(client)
        if header == "drawn" and not begins_well:
            pair = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()
            headers = {"authorization": f"Basic {pair}".strip()}
        elif header == "proof":
            headers["dpop"] = printable(value)
        answer = target.post(path, sent, **headers)
        count(answers.is_past_the_first(answer))
        assert answer.headers["cache-control"] == "no-store"
        if answer.is_error:
            assert answer.headers["content-type"] == "application/json"
            assert set(answer.json()) <= {"error", "error_description"}

    with right.counted(least=0.05) as count:
        ask()


def broken(asked: right.Asked, how: str, name: str, value: str) -> Fields:
    """The request with one thing wrong; `name` is of a field of its own wherever that must be there."""
    own = list(asked.fields)
    at = own[len(name) % len(own)] if how in ("without", "cut") or name not in asked.fields else name
    if how == "without":
        return [pair for pair in asked.fields.items() if pair[0] != at]
    if how == "cut":
        return [(one, is_[:-1] + "A" if one == at else is_) for one, is_ in asked.fields.items()]
    return among(asked.fields, [(at if how == "instead" else name, value)], replacing=how != "twice")


@pytest.mark.spec("A23", "security 6.13", "security 6.41", "security 6.72")
@pytest.mark.parametrize("about", right.REQUESTS)
def test_one_wrong_value_in_a_request_that_is_right_breaks_nothing(target: Target, about: str) -> None:
    """The way in is open, so that what is wrong comes to the check that is for it."""
    make, status = right.REQUESTS[about]
    asked = make(target)
    described = document_of(asked)
    assert asked.ask(target, list(asked.fields.items())).status_code == status

    least = 0.1 if about == "pushed" else 0.4  # that one has two fields, and is refused at once for either
    with right.counted(least) as count:

        @bounded(20, about)
        @given(
            how=st.sampled_from(["instead", "instead", "besides", "without", "cut", "twice"]),
            name=st.sampled_from(sorted({*asked.fields, *described, MARK})),
            value=VALUES,
            header=st.sampled_from([*[""] * 6, "dpop", "accept"]),
        )
        def ask(how: str, name: str, value: str, header: str) -> None:
            fresh = make(target)
            fresh.headers |= {header: printable(value)} if header else {}
            sent = list(fresh.fields.items()) if header else broken(fresh, how, name, value)
            count(answers.is_past_the_first(fresh.ask(target, sent)))

        ask()


def document_of(asked: right.Asked) -> list[str]:
    """The parameters that are described for it, or all that pages read."""
    if asked.path not in names.document()["paths"]:
        return names.of_pages()
    return names.in_query(asked.path) if asked.with_get else names.in_form(asked.path)


def test_every_form_of_a_program_is_asked_with_nothing_wrong(target: Target) -> None:
    """A new endpoint needs its right request."""
    paths = {make(target).path for make, _ in right.REQUESTS.values()}
    assert paths >= {*names.posted(), AUTHORIZE, "/oauth2/logout", "/device"}


@pytest.mark.spec("security 6.13", "security 6.41")
def test_no_header_breaks_an_endpoint(target: Target) -> None:
    """What a client may put in: as much as HTTP lets through."""
    named = (
        "authorization", "cookie", "origin", "referer", "accept", "accept-language", "if-none-match", "user-agent",
        "content-type", "x-forwarded-for", "x-forwarded-host", "forwarded", "sec-fetch-site", "dpop", "host",
    )  # fmt: skip
    where = [*names.document()["paths"], "/login", "/account", "/signed-in", "/unlink", "/device", "/logout"]

    @bounded(100)
    @given(
        name=st.sampled_from(named),
        value=VALUES,
        path=st.sampled_from(where),
        before=st.sampled_from(["", "Bearer ", "Basic ", "DPoP ", "a=", "authserver_session="]),
    )
    def ask(name: str, value: str, path: str, before: str) -> None:
        put = (before + printable(value)).encode("latin-1").strip()
        sent: Fields = [("client_id", target.presets["alexa"].client_id)]
        answer = target.stranger.get(f"{target.issuer}{path}", params=dict(sent), headers=[(name.encode(), put)])
        answers.check(answer, [(name, value)], target.issuer, target.registered)

    ask()


@pytest.mark.spec("security 6.13", "security 6.60", "security 6.71")
@pytest.mark.parametrize("signed_in", [False, True], ids=["stranger", "signed-in"])
def test_no_query_of_a_page_breaks_it(target: Target, signed_in: bool) -> None:
    every = sorted({*names.of_pages(), *names.in_query(AUTHORIZE), MARK})
    where = names.paths("GET")
    browser = target.browser if signed_in else target.stranger

    def draw(path: str) -> None:
        @bounded(6, path)
        @given(drawn=fields(every), inside=VALUES, interaction=st.booleans())
        def ask(drawn: Fields, inside: str, interaction: bool) -> None:
            filled = re.sub(r"\{[^}]+\}", quote(inside.encode("utf-8", "surrogatepass"), safe="") or "x", path)
            sent = drawn + ([("interaction", open_interaction(target, browser))] if interaction else [])
            target.get(filled, sent, browser)

        ask()

    for path in where:
        draw(path)


def open_interaction(target: Target, browser: httpx2.Client) -> str:
    """One in the middle of which this browser is."""
    for cookie in browser.cookies.jar:
        if "_interaction_" in cookie.name:
            return str(cookie.name.partition("_interaction_")[2])
    answer = target.get(AUTHORIZE, list(honest(target.presets["alexa"]).items()), browser)
    return str(httpx2.QueryParams(urlsplit(answer.headers["location"]).query)["interaction"])


def token_of(target: Target, browser: httpx2.Client, path: str, query: str) -> dict[str, str]:
    """The hidden fields of the form that this page shows, or of the sign-in page that it leads to."""
    url = f"{target.issuer}{path}{query}"
    answer = browser.get(url, follow_redirects=False)
    if answer.status_code == 303 and answer.headers["location"].startswith(f"{target.issuer}/"):
        url = urljoin(url, answer.headers["location"])
        answer = browser.get(url)
    hidden: dict[str, str] = {}
    for form in Page(url, answer).forms:
        hidden |= form.hidden
    return hidden


@pytest.mark.spec("security 6.13", "security 6.45", "security 6.60", "security 6.71")
@pytest.mark.parametrize("signed_in", [False, True], ids=["stranger", "signed-in"])
def test_no_field_of_a_page_breaks_it(target: Target, signed_in: bool) -> None:
    """Forms with the right hidden fields: what is drawn comes past the check of the token, into the rules."""
    every = sorted({*names.of_pages(), MARK})
    where = names.paths("POST")
    browser = target.browser if signed_in else target.stranger

    def draw(path: str) -> None:
        hidden: dict[str, dict[str, str]] = {}

        @bounded(8, path)
        @given(
            drawn=fields(every),
            action=st.sampled_from(ACTIONS),
            interaction=st.booleans(),
            typed=st.fixed_dictionaries(dict.fromkeys(TYPED, VALUES)),
        )
        def ask(drawn: Fields, action: str, interaction: bool, typed: dict[str, str]) -> None:
            query = f"?interaction={open_interaction(target, browser)}" if interaction else ""
            if query not in hidden:
                hidden[query] = token_of(target, browser, path, query)
            own = hidden[query]
            target.service.must_not_log(own.get("csrf_token", ""))
            sent = [*typed.items(), *([("action", action)] if action else []), *drawn, *own.items()]
            once = list({name: (name, value) for name, value in sent}.values())
            target.post(path, once, browser, query, origin=target.issuer)

        ask()

    for path in where:
        draw(path)


TYPED = ("username", "email", "code", "name", "password", "present_password")


def actions() -> list[str]:
    """The names of all buttons."""
    folder = names.Path(names.pages.__file__).parent / "templates"
    found = {
        value
        for path in folder.rglob("*.html")
        for value in re.findall(r'name="action"\s+value="(\w+)"', path.read_text())
    }
    return [*sorted(found - {"sign_out"}), "", MARK]  # who signs out draws no more


ACTIONS = actions()
