"""Refresh tokens that end with the browser's session, and those that do not (contracts/security.md 6.33)."""

from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authserver.accounts import sessions
from authserver.models import User
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.protocol.harness import Asker


@pytest_asyncio.fixture(loop_scope="session")
async def user(people: People) -> User:
    return await people.add()


@pytest_asyncio.fixture(loop_scope="session")
async def online(people: People) -> Asker:
    return await people.server.add_client(first_party=True, refresh_with_session=True)


async def code(linking: Linking, user: User) -> str:
    page = await linking.start()
    if page.asks_for("password"):
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    if page.left_to is None:
        page = await linking.browser.press(page, "allow")
    return linking.returned(page)["code"]


async def linked(linking: Linking, user: User) -> dict[str, Any]:
    answer = await linking.client.exchange(await code(linking, user))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def sign_out(linking: Linking) -> None:
    await linking.browser.press(await linking.browser.open(linking.url("/account")), "sign_out")


def ended(answer: httpx2.Response) -> bool:
    return (answer.status_code, answer.json().get("error")) == (400, "invalid_grant")


@pytest.mark.spec("security 6.33", "alexa 0", "security 6.54")
async def test_signing_out_ends_online_grants_and_no_others(
    people: People, online: Asker, alexa: Asker, user: User
) -> None:
    here, elsewhere = Linking(people, online), Linking(people, online)
    held = await linked(here, user)
    kept = await linked(elsewhere, user)
    offline = Linking(people, await people.server.add_client(first_party=True))
    lamps = Linking(people, alexa)
    offline.browser = lamps.browser = here.browser
    others = [(one.client, await linked(one, user)) for one in (offline, lamps)]
    assert (await online.refresh(held["refresh_token"])).status_code == 200
    await sign_out(here)
    assert ended(await online.refresh(held["refresh_token"]))
    assert (await people.server.userinfo(held["access_token"])).status_code == 401
    assert (await online.refresh(kept["refresh_token"])).status_code == 200
    for client, tokens in others:
        assert (await client.refresh(tokens["refresh_token"])).status_code == 200
        assert (await people.server.userinfo(tokens["access_token"])).status_code == 200


@pytest.mark.spec("security 6.33")
async def test_a_session_that_grows_old_takes_its_online_grants_along(
    people: People, online: Asker, user: User
) -> None:
    settings = people.services.settings
    held = await linked(Linking(people, online), user)
    people.clock.advance(settings.session_idle_lifetime)
    assert ended(await online.refresh(held["refresh_token"]))


@pytest.mark.spec("security 6.33", "security 6.34")
async def test_who_uses_the_application_is_there_until_the_sessions_absolute_end(
    people: People, online: Asker, user: User
) -> None:
    settings = people.services.settings
    linking = Linking(people, online)
    held = await linked(linking, user)
    step = settings.session_idle_lifetime - 60
    for _ in range(settings.session_absolute_lifetime // step):
        people.clock.advance(step)
        assert (await online.refresh(held["refresh_token"])).status_code == 200
    assert "code" in linking.returned(await linking.start(prompt="none"))
    people.clock.advance(step)
    assert ended(await online.refresh(held["refresh_token"]))
    assert linking.returned(await linking.start(prompt="none"))["error"] == "login_required"


@pytest.mark.spec("security 6.33", "security 6.47")
async def test_signing_in_once_more_ends_no_grant_and_another_person_does(
    people: People, online: Asker, user: User
) -> None:
    linking = Linking(people, online)
    held = await linked(linking, user)
    for who, lives in ((user, True), (await people.add(), False)):
        page = await linking.start(prompt="login")
        await linking.browser.press(page, "sign_in", username=who.email, password=PASSWORD)
        answer = await online.refresh(held["refresh_token"])
        assert (answer.status_code == 200) is lives


@pytest.mark.spec("security 6.33", "security 6.74")
@pytest.mark.parametrize("with_session", [True, False])
async def test_a_code_of_a_session_that_has_ended_gives_an_offline_client_alone_its_tokens(
    people: People, user: User, with_session: bool
) -> None:
    client = await people.server.add_client(first_party=True, refresh_with_session=with_session)
    linking = Linking(people, client)
    value = await code(linking, user)
    await sign_out(linking)
    answer = await client.exchange(value)
    assert ended(answer) if with_session else answer.status_code == 200


@pytest.mark.spec("security 6.33")
async def test_a_client_that_becomes_an_online_one_keeps_what_belongs_to_a_session_that_lives(
    people: People, user: User
) -> None:
    client = await people.server.add_client(first_party=True)
    there, gone = Linking(people, client), Linking(people, client)
    tokens, lost = await linked(there, user), await linked(gone, user)
    await sign_out(gone)
    row = await people.services.clients.get(client.client_id)
    assert row is not None
    await people.server.change(row.row, refresh_with_session=True)
    people.services.clients.forget()
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200
    assert ended(await client.refresh(lost["refresh_token"]))


@pytest.mark.spec("security 6.33", "performance 4")
async def test_a_session_is_asked_for_by_online_clients_alone(
    people: People, alexa: Asker, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh of all others, Alexa's first of all, costs what it did."""
    tokens = await alexa.linked(user)
    asked: list[object] = []
    read = people.services.hot.read

    async def counted(statement: Any, **parameters: Any) -> Any:
        asked.append(statement)
        return await read(statement, **parameters)

    monkeypatch.setattr(people.services.hot, "read", counted)
    assert (await alexa.refresh(tokens["refresh_token"])).status_code == 200
    assert asked == []
    async with people.services.database.unit() as session:
        assert (await sessions.find(people.services.settings, session, people.clock(), {}))[0] is None
