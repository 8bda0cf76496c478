"""Passkeys on the pages: in the middle of a linking, and a person's own; and that nothing but the honest way opens."""

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from authserver.accounts import attempts
from authserver.accounts.passkeys import own, registrations
from authserver.models import Passkey, User
from authserver.settings import Settings, SettingsError, read_settings
from tests.authserver.accounts.authenticator import PRESENT, Authenticator
from tests.authserver.accounts.factors import with_app
from tests.authserver.accounts.holder import Holder, holder_of
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_account import at_home
from tests.authserver.pages.test_second_factor import asks, finished, other_way
from tests.authserver.pages.test_steps import codes_of, interaction_of, send
from tests.authserver.protocol.harness import Server, settings_for
from tests.conftest import NewDatabase
from tests.running.reading import Page

LIST, ADD = "/account/passkeys", "/account/passkeys/add"


def query_of(page: Page) -> str:
    return f"?{urlsplit(page.url).query}"


async def options(linking: Linking, page: Page, query: str | None = None) -> httpx2.Response:
    """What the script asks for on this page."""
    path = f"/passkeys/options{query_of(page) if query is None else query}"
    token = {"csrf_token": next(form.hidden["csrf_token"] for form in page.forms)}
    origin = {"origin": linking.people.server.settings.origin}
    return await linking.browser.client.post(linking.url(path), data=token, headers=origin)


async def follow(linking: Linking, answer: Page) -> Page:
    """Where a form led."""
    assert answer.status == 303, answer
    return await linking.browser._follow(answer.url, answer.answer)


async def use(linking: Linking, page: Page, authenticator: Authenticator, **wrong: Any) -> Page:
    """As the script does it, at the sign-in page."""
    asked = await options(linking, page)
    assert asked.status_code == 200, asked.text
    posted = authenticator.get(asked.json(), **wrong)
    answer = await send(linking, f"/login{query_of(page)}", page, action="passkey", credential=posted)
    return answer if answer.status != 303 else await follow(linking, answer)


async def holder(people: People, **fields: Any) -> Holder:
    found = await holder_of(people, await people.add())
    await found.register()
    people.clock.advance(1)  # what is mailed from now on comes later
    if fields:
        await people.server.change(found.user, **fields)
    return found


@pytest.mark.spec("alexa 1.3", "cognito 2.2", "A02", "A06")
async def test_a_passkey_signs_in_in_the_middle_of_a_linking_and_the_tokens_say_so(
    people: People, linking: Linking
) -> None:
    kim = await holder(people)
    page = await use(linking, await linking.start(), kim.authenticator)
    assert page.has_button("allow")
    assert kim.user.email in page.text.replace(" ", "")
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200


async def test_a_page_left_open_asks_for_a_new_challenge_and_goes_on(people: People, linking: Linking) -> None:
    kim = await holder(people)
    page = await linking.start()
    old = (await options(linking, page)).json()
    people.clock.advance(301)
    late = await send(linking, f"/login{query_of(page)}", page, action="passkey", credential=kim.authenticator.get(old))
    assert late.status == 422
    assert "took too long" in late.text
    assert (await use(linking, page, kim.authenticator)).has_button("allow")


async def test_what_was_typed_stays_where_the_passkey_was_refused(people: People, linking: Linking) -> None:
    kim, page = await holder(people), await linking.start()
    credential = kim.authenticator.get((await options(linking, page)).json(), signature=bytes(70))
    refused = await send(
        linking, f"/login{query_of(page)}", page, action="passkey", credential=credential, username="kim@example.org"
    )
    assert refused.status == 422
    assert refused.forms[0].fields["username"] == "kim@example.org"
    assert 'role="alert"' in refused.answer.text
    assert "<title>Error" in refused.answer.text
    page = await linking.browser.press(refused, "sign_in", username=kim.user.email, password=PASSWORD)
    linking.returned(await linking.browser.press(page, "allow"))


@pytest.mark.spec("security 6.67")
async def test_an_address_that_is_not_confirmed_is_still_asked_for(people: People, linking: Linking) -> None:
    kim = await holder(people, email_verified=False)
    page = await use(linking, await linking.start(), kim.authenticator)
    assert page.asks_for("code")
    page = await linking.browser.press(page, "confirm", code=await people.code(kim.user.email))
    page = await linking.browser.press(page, "save", password="a lantern nobody has lit before")
    assert page.has_button("allow")
    assert await passkeys_of(people, kim.user) == [], "nothing made before the first confirmation lives on"


@pytest.mark.spec("security 6.58")
async def test_no_passkey_an_unknown_one_and_that_of_a_disabled_person_get_the_same_page(
    people: People, linking: Linking
) -> None:
    disabled, stranger = await holder(people, active=False), await holder_of(people, await people.add())
    stranger.authenticator.create(await stranger.creation())
    page, answers = await linking.start(), []
    for one in (disabled, stranger):
        answer = await use(linking, page, one.authenticator)
        answers.append((answer.status, answer.answer.text))
    assert answers[0] == answers[1]
    assert answers[0][0] == 422


@pytest.mark.spec("security 6.48", "CVE-2026-49448", "CVE-2022-46145")
async def test_the_step_posted_empty_twice_or_out_of_order_opens_nothing(people: People, linking: Linking) -> None:
    kim, page = await holder(people), await linking.start()
    login = f"/login{query_of(page)}"
    for fields in ({}, {"credential": ""}, {"credential": "{}"}, {"credential": "null", "username": kim.user.email}):
        assert (await send(linking, login, page, action="passkey", **fields)).status == 422
    unasked = kim.authenticator.get({"challenge": "AAAA"})
    assert (await send(linking, login, page, action="passkey", credential=unasked)).status == 422
    credential = kim.authenticator.get((await options(linking, page)).json())
    first = await send(linking, login, page, action="passkey", credential=credential)
    assert first.status == 303
    again = await send(linking, login, page, action="passkey", credential=credential)
    assert again.status == 422
    assert await codes_of(people, linking.client) == 0


@pytest.mark.spec("security 6.48")
async def test_a_passkey_signed_in_one_browser_opens_nothing_in_another(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    """An attacker's challenge that the owner signs, posted by the attacker, and the owner's posted elsewhere."""
    kim, other = await holder(people), new_linking()
    page, elsewhere = await linking.start(), await other.start()
    credential = kim.authenticator.get((await options(linking, page)).json())
    stolen = await send(other, f"/login{query_of(elsewhere)}", elsewhere, action="passkey", credential=credential)
    assert stolen.status == 422
    flow = await send(other, f"/login{query_of(page)}", page, action="passkey", credential=credential)
    assert flow.status == 400
    second = await linking.start()
    crossed = await send(linking, f"/login{query_of(second)}", second, action="passkey", credential=credential)
    assert crossed.status == 422


async def test_at_once_one_answer_opens_one_session(people: People, linking: Linking) -> None:
    kim, page = await holder(people), await linking.start()
    credential = kim.authenticator.get((await options(linking, page)).json())
    answers = await asyncio.gather(
        *(send(linking, f"/login{query_of(page)}", page, action="passkey", credential=credential) for _ in range(6))
    )
    assert sorted(answer.status for answer in answers) == [303, 422, 422, 422, 422, 422]


@pytest.mark.spec("security 6.63", "cognito 9.48")
async def test_the_owner_gets_in_while_somebody_keeps_failing(people: People, linking: Linking) -> None:
    kim, page = await holder(people), await linking.start()
    for _ in range(8):
        page = await linking.browser.press(page, "sign_in", username=kim.user.email, password="wrong as can be")
    assert page.status == 429
    assert (await use(linking, page, kim.authenticator)).has_button("allow")


async def test_a_network_with_too_many_passkeys_is_told_when_to_come_again(people: People, linking: Linking) -> None:
    kim, page, services = await holder(people), await linking.start(), people.services
    for _ in range(services.settings.address_attempts):
        await attempts.count_address(
            services.hot, services.settings, services.secret_keys, people.network, people.clock(), what="passkey"
        )
    refused = await use(linking, page, kim.authenticator)
    assert refused.status == 429
    assert refused.answer.headers["retry-after"] == "600"
    assert "10 minutes" in refused.text


@pytest.mark.spec("security 6.45")
async def test_what_is_to_be_signed_is_given_to_our_own_pages_alone(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    page = await linking.start()
    query, url = query_of(page), linking.url("/passkeys/options")
    token, origin = page.forms[0].hidden["csrf_token"], people.server.settings.origin
    post = linking.browser.client.post
    assert (await options(linking, page)).status_code == 200
    assert (
        await post(url + query, data={"csrf_token": token}, headers={"origin": "https://evil.example"})
    ).status_code == 403
    assert (await post(url + query, data={"csrf_token": "x"}, headers={"origin": origin})).status_code == 403
    assert (await post(url + query, data={"for": "me"}, headers={"origin": origin})).status_code == 403
    assert (await new_linking().browser.client.post(url + query, data={"csrf_token": token})).status_code == 400
    nobody = await post(url, data={"csrf_token": token}, headers={"origin": origin})
    assert nobody.status_code == 403
    assert "challenge" not in nobody.text
    assert (await linking.browser.client.get(url + query)).status_code == 405


async def test_who_has_signed_in_already_is_asked_to_sign_nothing(people: People, linking: Linking) -> None:
    page = await linking.start()
    await linking.browser.press(page, "sign_in", username=(await people.add()).email, password=PASSWORD)
    assert (await options(linking, page)).status_code == 403


@pytest.mark.spec("cognito 2.2", "RFC 8176", "A06")
async def test_a_passkey_is_a_second_step_for_who_has_one(people: People, linking: Linking) -> None:
    kim = await holder(people)
    await with_app(people, kim.user)
    page = await linking.signed_in(kim.user.email)
    page = await other_way(linking, page, "passkey")
    assert page.status == 200
    refused = await second_step(linking, page, kim.authenticator, signature=bytes(70))
    assert refused.status == 422
    assert "opens no account" in refused.text
    page = await second_step(linking, page, kim.authenticator, flags=PRESENT)  # it need only be held
    claims = await finished(linking, page)
    assert (claims["acr"], claims["amr"]) == ("loa:3", ["pwd", "hwk", "mfa"])


async def second_step(linking: Linking, page: Page, authenticator: Authenticator, **wrong: Any) -> Page:
    asked = await options(linking, page, f"?interaction={interaction_of(page)}")
    assert asked.status_code == 200, asked.text
    credential = authenticator.get(asked.json(), **wrong)
    path = f"/second-factor?interaction={interaction_of(page)}"
    answer = await send(linking, path, page, action="verify", method="passkey", credential=credential)
    return answer if answer.status != 303 else await follow(linking, answer)


@pytest.mark.spec("security 6.59", "GHSA-hp74-gm6m-2qm5")
async def test_anothers_passkey_and_one_signed_for_the_sign_in_are_no_second_step(
    people: People, linking: Linking
) -> None:
    kim, other = await holder(people), await holder(people)
    await with_app(people, kim.user)
    page = await linking.start()
    early = kim.authenticator.get((await options(linking, page)).json())
    page = await linking.browser.press(page, "sign_in", username=kim.user.email, password=PASSWORD)
    page = await other_way(linking, page, "passkey")
    path = f"/second-factor?interaction={interaction_of(page)}"
    assert (await second_step(linking, page, other.authenticator)).status == 422
    for credential in (early, "", "{}"):
        answer = await send(linking, path, page, action="verify", method="passkey", credential=credential)
        assert answer.status == 422
    asked = (await options(linking, page, f"?interaction={interaction_of(page)}")).json()
    first = kim.authenticator.get(asked)
    login = await send(linking, f"/login?interaction={interaction_of(page)}", page, action="passkey", credential=first)
    assert login.status == 422, "a second factor is no first one"
    assert await codes_of(people, linking.client) == 0


async def test_a_passkey_for_comfort_demands_no_second_step(people: People, linking: Linking) -> None:
    """Who has one and types the password is let in: the web view of an app may know no passkeys."""
    kim = await holder(people)
    assert (await linking.signed_in(kim.user.email)).has_button("allow")


async def test_a_passkey_needs_no_second_step(people: People, linking: Linking) -> None:
    kim = await holder(people)
    await with_app(people, kim.user)
    page = await use(linking, await linking.start(), kim.authenticator)
    claims = await finished(linking, page)
    assert (claims["acr"], claims["amr"]) == ("loa:3", ["hwk", "mfa"])


async def test_who_has_a_second_factor_proves_it_before_a_passkey_is_added(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user, ADD)
    app, _ = await with_app(people, user)
    assert (await options(linking, page, "")).status_code == 403
    page = await linking.browser.open(linking.url(ADD))
    assert asks(page, "totp")
    page = await linking.browser.press(page, "verify", code=app.code())
    assert page.url == linking.url(ADD)
    assert (await options(linking, page, "")).status_code == 200


async def test_without_scripts_nothing_is_offered_and_the_first_button_signs_in(linking: Linking) -> None:
    page = await linking.start()
    assert re.search(r'<form class="passkey" id="passkey" [^>]*hidden>', page.answer.text)
    assert page.forms[0].buttons[0] == ("action", "sign_in")
    assert 'autocomplete="username webauthn"' in page.answer.text
    assert "connect-src 'self'" in page.answer.headers["content-security-policy"]


async def register(linking: Linking, page: Page, authenticator: Authenticator) -> Page:
    asked = await options(linking, page, "")
    assert asked.status_code == 200, asked.text
    answer = await send(linking, ADD, page, credential=authenticator.create(asked.json()))
    return answer if answer.status != 303 else await follow(linking, answer)


async def passkeys_of(people: People, user: User) -> list[Passkey]:
    async with people.services.database.unit() as session:
        return list(await own.every(session, user.sub))


@pytest.mark.spec("cognito 1.5")
async def test_a_person_adds_names_and_removes_a_passkey(people: People, linking: Linking) -> None:
    user, authenticator = await people.add(), Authenticator(people.server.settings.origin)
    page = await at_home(linking, user, LIST)
    assert "You have no passkey yet." in page.text
    page = await linking.browser.open(linking.url("/passkeys/add"))
    assert page.url == linking.url(ADD)
    page = await register(linking, page, authenticator)
    assert page.url == linking.url(f"{LIST}?done=added")
    assert "From now on it signs you in." in page.text
    assert "On one device only" in page.text
    change = next(link for link in page.links if "/change?" in link)
    page = await linking.browser.press(await linking.browser.open(change), "save", name="")
    assert page.status == 422
    page = await linking.browser.press(page, "save", name="x" * 65)
    assert page.status == 422
    assert page.forms[0].fields["name"] == "x" * 65
    page = await linking.browser.press(page, "save", name="<b>My</b> phone")
    assert "<b>My</b> phone" in page.text
    assert "<b>My</b>" not in page.answer.text
    remove = change.replace("change?", "remove?")
    page = await linking.browser.press(await linking.browser.open(remove), "keep")
    assert page.url == linking.url(LIST)
    assert len(await passkeys_of(people, user)) == 1
    page = await linking.browser.press(await linking.browser.open(remove), "remove")
    assert "is removed" in page.text
    assert await passkeys_of(people, user) == []
    assert (await linking.browser.open(remove)).url == linking.url(LIST)


@pytest.mark.spec("security 6.47")
@pytest.mark.parametrize("what", ["add", "remove"])
async def test_a_session_that_is_not_fresh_signs_in_again_and_comes_back(
    people: People, linking: Linking, what: str
) -> None:
    kim = await holder(people)
    page = await at_home(linking, kim.user, ADD)
    (passkey,) = await passkeys_of(people, kim.user)
    path = ADD if what == "add" else f"{LIST}/remove?passkey={own.key_of(passkey)}"
    fields = {"credential": "x"} if what == "add" else {"action": "remove", "passkey": own.key_of(passkey)}
    people.clock.advance(people.server.settings.fresh_sign_in + 1)
    assert (await options(linking, page, "")).status_code == 403
    if what == "remove":
        late = await send(linking, f"{LIST}/remove", page, **fields)
        assert late.status == 303
    assert len(await passkeys_of(people, kim.user)) == 1
    page = await linking.browser.open(linking.url(path))
    assert page.asks_for("username", "password")
    assert page.forms[0].fields["username"] == kim.user.email
    page = await use(linking, page, kim.authenticator)  # a passkey is as good
    assert page.url == linking.url(path)


async def test_a_passkey_whose_making_took_minutes_is_kept_all_the_same(people: People, linking: Linking) -> None:
    """The sign-in was fresh when the browser was asked."""
    user, authenticator = await people.add(), Authenticator(people.server.settings.origin)
    page = await at_home(linking, user, ADD)
    people.clock.advance(people.server.settings.fresh_sign_in - 10)
    asked = (await options(linking, page, "")).json()
    people.clock.advance(200)
    answer = await send(linking, ADD, page, credential=authenticator.create(asked))
    assert answer.status == 303
    assert len(await passkeys_of(people, user)) == 1


async def test_a_passkey_made_for_one_session_is_not_kept_in_another(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, authenticator, other = await people.add(), Authenticator(people.server.settings.origin), new_linking()
    page, elsewhere = await at_home(linking, user, ADD), await at_home(other, await people.add(), ADD)
    credential = authenticator.create((await options(linking, page, "")).json())
    assert (await send(other, ADD, elsewhere, credential=credential)).status == 422
    assert (await send(other, ADD, page, credential=credential)).status == 403
    assert (await send(linking, ADD, page, credential="")).status == 422
    assert (await send(linking, ADD, page, credential=credential)).status == 303
    assert (await send(linking, ADD, page, credential=credential)).status == 422


@pytest.mark.spec("security 6.73")
async def test_nobody_reaches_anothers_passkey(people: People, linking: Linking) -> None:
    kim = await holder(people)
    (passkey,) = await passkeys_of(people, kim.user)
    page = await at_home(linking, await people.add(), ADD)
    for path in ("change", "remove"):
        for key in (own.key_of(passkey), "", "x", "\u00e4" * 24, "/" * 24, "a" * 24):
            answer = await send(linking, f"{LIST}/{path}", page, passkey=key, action="remove", name="mine")
            assert answer.left_to == linking.url(LIST)
            assert (await linking.browser.open(linking.url(f"{LIST}/{path}?passkey={key}"))).url == linking.url(LIST)
    (still,) = await passkeys_of(people, kim.user)
    assert still.name == passkey.name


async def test_the_list_says_nothing_that_is_not_so(people: People, linking: Linking) -> None:
    kim = await holder(people)
    await at_home(linking, kim.user, LIST)
    people.clock.advance(301)
    for done in ("added", "removed", "nonsense"):
        page = await linking.browser.open(linking.url(f"{LIST}?done={done}"))
        assert 'role="status"' not in page.answer.text


async def test_who_has_twenty_is_told_to_remove_one(people: People, linking: Linking) -> None:
    user, authenticator = await people.add(), Authenticator(people.server.settings.origin)
    page = await at_home(linking, user, ADD)
    for _ in range(registrations.MOST):
        await register(linking, page, authenticator)
    refused = await register(linking, page, authenticator)
    assert refused.status == 422
    assert "Remove one first." in refused.text


async def test_a_server_without_a_name_offers_none(new_database: NewDatabase, database_kind: str) -> None:
    settings = settings_for(new_database(database_kind), issuer="http://127.0.0.1:8000", development=True)
    async with Server(settings) as server:
        people = People(server)
        linking = Linking(people, await server.add_client("alexa"))
        page = await linking.start()
        assert "passkey" not in page.answer.text
        assert 'autocomplete="username"' in page.answer.text
        assert (await options(linking, page)).status_code == 403
        assert (await send(linking, f"/login{query_of(page)}", page, action="passkey", credential="{}")).status == 422
        page = await at_home(linking, await people.add(), ADD)
        assert "reached by a name" in page.text
        assert not page.has_button("")


SETTINGS = {"AUTHSERVER_SECRET_KEY": "x" * 40, "AUTHSERVER_ISSUER": "https://auth.example.org/pool"}


@pytest.mark.spec("WebAuthn §5.1.4")
@pytest.mark.parametrize(
    ("given", "used"),
    [("", "auth.example.org"), ("auth.example.org", "auth.example.org"), ("example.org", "example.org")],
)
def test_passkeys_are_for_the_issuers_host_or_a_parent_domain(given: str, used: str) -> None:
    settings = read_settings(Settings, SETTINGS | {"AUTHSERVER_PASSKEY_RP_ID": given})
    assert settings.relying_party_id == used


@pytest.mark.spec("WebAuthn §5.1.4")
@pytest.mark.parametrize(
    "given",
    [
        "org",
        "evil.org",
        "th.example.org",
        ".example.org",
        "login.auth.example.org",
        "https://auth.example.org",
        "EXAMPLE.org",
    ],
)
def test_passkeys_for_another_host_stop_the_start(given: str) -> None:
    with pytest.raises(SettingsError, match="AUTHSERVER_PASSKEY_RP_ID"):
        read_settings(Settings, SETTINGS | {"AUTHSERVER_PASSKEY_RP_ID": given})


def test_an_address_has_no_passkeys() -> None:
    for issuer in ("http://127.0.0.1:8000", "http://[::1]:8000"):
        given = SETTINGS | {"AUTHSERVER_ISSUER": issuer, "AUTHSERVER_DEVELOPMENT": "1"}
        assert read_settings(Settings, given).relying_party_id == ""
        with pytest.raises(SettingsError, match="AUTHSERVER_PASSKEY_RP_ID"):
            read_settings(Settings, given | {"AUTHSERVER_PASSKEY_RP_ID": "127.0.0.1"})
