"""`response_mode=form_post`: the answer is a form to the client's registered address, and to no other."""

import pytest
import pytest_asyncio

from authserver.models import User
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.protocol.conftest import person, server, servers
from tests.authserver.protocol.harness import CALLBACK, Asker, Server
from tests.authserver.protocol.signing import Holder
from tests.authserver.protocol.test_authorization_request import answered, assert_error, assert_let_in
from tests.running.reading import Form, Page
from tests.vectors.alexa import STATE_737

__all__ = ["person", "server", "servers"]

NASTY = "\"'><script>alert(1)</script>&amp;<!--\u00e4\u20ac\u2028{{7*7}}"


def posted(page: Page, redirect_uri: str = CALLBACK) -> dict[str, str]:
    """What the form would send to the client."""
    answer = page.answer
    assert answer.status_code == 200, answer.text[:300]
    assert "location" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    (form,) = page.forms
    assert (form.action, form.method) == (redirect_uri, "post")
    assert form.fields == {}
    assert len(form.buttons) == 1
    assert "<script>" not in answer.text
    return form.hidden


def page_of(server: Server, answer: object) -> Page:
    return Page(server.settings.issuer, answer)  # type: ignore[arg-type]


@pytest.mark.spec("oidcc formpost", "OAuth 2.0 Form Post Response Mode §2", "security 6.41", "security 6.42")
async def test_the_code_is_posted_with_state_and_issuer(server: Server, person: User) -> None:
    client = await server.add_client(first_party=True)
    asked = client.authorization(response_mode="form_post", state=NASTY)
    given = posted(page_of(server, await server.authorize(asked, **await server.signed_in(person))))
    assert set(given) == {"code", "state", "iss"}
    assert (given["state"], given["iss"]) == (NASTY, server.settings.issuer)
    assert (await client.exchange(given["code"])).status_code == 200
    asked = client.authorization(response_mode="form_post", state=None)
    given = posted(page_of(server, await server.authorize(asked, **await server.signed_in(person))))
    assert set(given) == {"code", "iss"}


@pytest.mark.spec(
    "oidcc formpost-errors", "OAuth 2.0 Form Post Response Mode §2", "CVE-2026-42849", "RFC 6749 §4.1.2.1"
)
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": NASTY}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"code_challenge": "x"}, "invalid_request"),
    ],
    ids=lambda given: given if isinstance(given, str) else next(iter(given)),
)
async def test_errors_are_posted_too_and_nothing_of_them_is_markup(
    server: Server, wrong: dict[str, str], error: str
) -> None:
    client = await server.add_client()
    answer = await server.authorize(client.authorization(response_mode="form_post", state=NASTY, **wrong))
    given = posted(page_of(server, answer))
    assert set(given) <= {"error", "error_description", "state", "iss"}
    assert (given["error"], given["state"], given["iss"]) == (error, NASTY, server.settings.issuer)


@pytest.mark.spec("security 6.60", "security 6.8", "CVE-2026-42849")
@pytest.mark.parametrize(
    "wrong", [{"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}, {"redirect_uri": 'javascript:"'}]
)
async def test_no_form_leads_where_nothing_is_registered(server: Server, wrong: dict[str, str]) -> None:
    client = await server.add_client()
    answer = await server.authorize(client.authorization(**({"response_mode": "form_post"} | wrong)))
    assert answer.status_code == 400
    assert all(form.action.endswith("/language") for form in page_of(server, answer).forms)
    assert "evil" not in answer.text


@pytest.mark.spec("ASVS 10.4.12")
async def test_how_a_client_may_be_answered_is_its_policy(server: Server, person: User) -> None:
    cookie = await server.signed_in(person)
    query = await server.add_client(response_modes=["query"], first_party=True)
    assert_error(await server.authorize(query.authorization(response_mode="form_post")), query, "invalid_request")
    assert "code" in answered(await server.authorize(query.authorization(), **cookie), CALLBACK)
    assert "code" in answered(await server.authorize(query.authorization(response_mode="query"), **cookie), CALLBACK)
    post = await server.add_client(response_modes=["form_post"], first_party=True)
    assert_error(await server.authorize(post.authorization(), **cookie), post, "invalid_request")
    answer = await server.authorize(post.authorization(response_mode="form_post"), **cookie)
    assert "code" in posted(page_of(server, answer))


@pytest.mark.spec("RFC 8252 §7.1")
async def test_a_scheme_of_an_applications_own_takes_no_forms(server: Server) -> None:
    client = await server.add_client(redirect_uris=["org.example.app:/callback"])
    answer = await server.authorize(client.authorization(response_mode="form_post"))
    assert_error(answer, client, "invalid_request")


@pytest.mark.spec("RFC 9126 §4", "RFC 9101 §6.3")
async def test_a_request_that_was_signed_or_pushed_is_answered_as_it_asked(server: Server, person: User) -> None:
    client = await Holder.add(server, first_party=True)
    cookie = await server.signed_in(person)
    value = client.request_object(response_mode="form_post")
    query = {"client_id": client.client_id, "request": value, "response_mode": "query"}
    assert "code" in posted(page_of(server, await server.authorize(query, **cookie)))
    answer = await server.post("/oauth2/par", {"request": value} | client.proof())
    query = {"client_id": client.client_id, "request_uri": answer.json()["request_uri"]}
    assert "code" in posted(page_of(server, await server.authorize(query, **cookie)))


@pytest_asyncio.fixture(loop_scope="session")
async def form_linking(people: People) -> Linking:
    return Linking(people, await people.server.add_client())


@pytest.mark.spec("A02", "A08", "alexa 1.1")
async def test_alexa_is_answered_in_the_query_whatever_a_link_says(people: People, alexa: Asker) -> None:
    """It takes no forms: whoever tampers with its link must not make a linking that cannot end."""
    linking, user = Linking(people, alexa), await people.add()
    login = await linking.start(response_mode="form_post")
    consent = await linking.browser.press(login, "sign_in", username=user.email, password=PASSWORD)
    assert "code" in linking.returned(await linking.browser.press(consent, "allow"))
    asked = alexa.authorization(response_mode="form_post", response_type="token")
    assert_error(await people.server.authorize(asked), alexa, "unsupported_response_type")
    assert_error(await people.server.authorize(alexa.authorization(response_mode="form_post", prompt="none")), alexa,
                 "login_required")  # fmt: skip


@pytest.mark.spec("oidcc formpost-steps", "OAuth 2.0 Form Post Response Mode §2", "A08", "security 6.46")
@pytest.mark.parametrize("decision", ["allow", "deny"])
async def test_at_the_end_of_the_pages_the_answer_is_posted(
    people: People, form_linking: Linking, decision: str
) -> None:
    user = await people.add()
    login = await form_linking.start(response_mode="form_post")
    consent = await form_linking.browser.press(login, "sign_in", username=user.email, password=PASSWORD)
    assert form_linking.interaction_cookies()
    done = await form_linking.browser.press(consent, decision)
    given = posted(done, form_linking.client.redirect_uri)
    assert given["state"] == STATE_737
    if decision == "allow":
        assert (await form_linking.client.exchange(given["code"])).status_code == 200
    else:
        assert given["error"] == "access_denied"
    assert form_linking.interaction_cookies() == []


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode §2")
async def test_a_page_that_is_sent_twice_posts_once(people: People, form_linking: Linking) -> None:
    user = await people.add()
    login = await form_linking.start(response_mode="form_post")
    consent = await form_linking.browser.press(login, "sign_in", username=user.email, password=PASSWORD)
    cookies = dict(form_linking.browser.client.cookies)
    assert "code" in posted(await form_linking.browser.press(consent, "allow"), form_linking.client.redirect_uri)
    for name, value in cookies.items():
        form_linking.browser.client.cookies.set(name, value)
    again = await form_linking.browser.press(consent, "allow")
    assert again.status == 400
    assert not [form for form in again.forms if isinstance(form, Form) and "code" in form.hidden]


async def test_a_request_that_is_let_in_still_leads_to_a_page_first(server: Server) -> None:
    client = await server.add_client()
    assert_let_in(await server.authorize(client.authorization(response_mode="form_post")), server)
