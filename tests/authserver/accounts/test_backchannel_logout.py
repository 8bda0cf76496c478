"""Clients are told that a session has ended (OpenID Connect Back-Channel Logout 1.0), by a real server that listens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlmodel import select

from authserver.accounts import administration, devices, sessions
from authserver.models import LogoutNotice, Session, User
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.protocol.harness import Asker, Server, claims_of, header_of
from tests.authserver.protocol.receiving import Receiver

EVENT = "http://schemas.openid.net/event/backchannel-logout"
SOON = 2.5  # seconds in which nothing more comes


@pytest.fixture
def given_settings() -> dict[str, Any]:
    """Loopback is reached on a development server alone."""
    return {"issuer": "http://localhost:8000", "development": True}


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="session")
async def user(people: People) -> User:
    return await people.add()


async def told(people: People, receiver: Receiver, **fields: Any) -> Asker:
    """A client that wants to know."""
    given = {"first_party": True, "backchannel_logout_uri": receiver.url} | fields
    return await people.server.add_client(**given)


async def linked(linking: Linking, user: User) -> dict[str, Any]:
    """The tokens that the client gets in this browser's session."""
    page = await linking.start()
    if page.left_to is None:
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    tokens: dict[str, Any] = (await linking.client.exchange(linking.returned(page)["code"])).json()
    return tokens


async def sign_out(linking: Linking) -> None:
    await linking.browser.press(await linking.browser.open(linking.url("/account")), "sign_out")


async def notices(server: Server, client: Asker) -> list[LogoutNotice]:
    async with server.services.database.unit() as session:
        return list((await session.exec(select(LogoutNotice).where(LogoutNotice.client_id == client.client_id))).all())


async def settled(server: Server, client: Asker) -> LogoutNotice:
    """The only notice of this client, once it is done with."""
    async with asyncio.timeout(30):
        while True:
            [notice] = await notices(server, client)
            if notice.due_at is None:
                return notice
            await asyncio.sleep(0.05)


@pytest.mark.spec(
    "oidcc backchannel-logout", "OpenID Connect Back-Channel Logout §2.4", "OpenID Connect Back-Channel Logout §2.5"
)
async def test_a_client_of_the_session_is_told_with_a_token_as_the_specification_wants_it(
    people: People, receiver: Receiver, user: User
) -> None:
    linking = Linking(people, await told(people, receiver))
    identity = claims_of((await linked(linking, user))["id_token"])
    await sign_out(linking)
    [token] = await receiver.tokens(1)
    keys = KeySet.import_key_set((await people.server.http.get("/.well-known/jwks.json")).json())
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert (header_of(token)["typ"], header_of(token)["alg"]) == ("logout+jwt", "RS256")
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}  # and no nonce
    assert (claims["iss"], claims["aud"]) == (people.server.settings.issuer, linking.client.client_id)
    assert (claims["sub"], claims["sid"]) == (user.sub, identity["sid"])
    assert claims["events"] == {EVENT: {}}
    assert claims["iat"] == people.clock()
    assert 0 < claims["exp"] - claims["iat"] <= 120
    assert receiver.heads[0].startswith("POST /told HTTP/1.1")
    assert f"host: 127.0.0.1:{receiver.port}" in receiver.heads[0].lower()
    assert (await settled(people.server, linking.client)).done_at == people.clock()
    assert len(receiver.forms) == 1


@pytest.mark.spec("oidcc backchannel-logout-rp-initiated", "OpenID Connect Back-Channel Logout §2.4")
async def test_the_client_that_asks_for_the_logout_is_told_and_gets_the_browser_back(
    people: People, receiver: Receiver, user: User
) -> None:
    afterwards = "https://client.example.org/signed-out"
    linking = Linking(people, await told(people, receiver, post_logout_redirect_uris=[afterwards]))
    hint = (await linked(linking, user))["id_token"]
    query = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": afterwards, "state": "s"})
    page = await linking.browser.open(linking.url(f"/oauth2/logout?{query}"))
    assert page.left_to == f"{afterwards}?state=s"
    [token] = await receiver.tokens(1)
    assert claims_of(token)["sid"] == claims_of(hint)["sid"]
    assert linking.returned(await linking.start(prompt="none"))["error"] == "login_required"


@pytest.mark.spec("security 6.69", "OpenID Connect Back-Channel Logout §2.4")
async def test_a_logout_token_is_good_for_nothing_here(people: People, receiver: Receiver, user: User) -> None:
    linking = Linking(people, await told(people, receiver, post_logout_redirect_uris=["https://a.example/"]))
    await linked(linking, user)
    await sign_out(linking)
    [token] = await receiver.tokens(1)
    assert (await people.server.userinfo(token)).status_code == 401
    await linked(linking, user)
    page = await linking.browser.open(
        linking.url(f"/oauth2/logout?id_token_hint={token}&post_logout_redirect_uri=https://a.example/")
    )
    assert "Sign out?" in page.text
    page = await linking.start(prompt="none", id_token_hint=token)
    assert linking.returned(page)["error"] == "invalid_request"


End = Callable[[People, Linking, User], Awaitable[None]]


async def by_button(people: People, linking: Linking, user: User) -> None:
    await sign_out(linking)


async def by_logout(people: People, linking: Linking, user: User) -> None:
    page = await linking.browser.open(linking.url("/oauth2/logout"))
    await linking.browser.press(page, "sign_out")


async def of_this_browser(people: People, linking: Linking) -> Session:
    async with people.services.database.unit() as session:
        cookies = linking.browser.client.cookies
        browser, _ = await sessions.find(people.services.settings, session, people.clock(), cookies)
    assert browser is not None
    return browser


async def at_another_device(people: People, linking: Linking, user: User) -> None:
    services, now = people.services, people.clock()
    async with services.database.unit() as session:
        found = await devices.signed_in(
            services.settings, services.secret_keys, session, now, user, await of_this_browser(people, linking)
        )
    async with services.database.unit() as session:
        assert await devices.end(services.settings, services.secret_keys, session, now, user, found[0].name)


async def all_others(people: People, linking: Linking, user: User) -> None:
    other = Linking(people, linking.client)
    await other.browser.press(await other.browser.open(other.url("/account")), username=user.email, password=PASSWORD)
    page = await other.browser.open(other.url("/account/devices"))
    await other.browser.press(page, "end_others")


async def by_another_person(people: People, linking: Linking, user: User) -> None:
    other = await people.add()
    page = await linking.start(prompt="login")
    await linking.browser.press(page, "sign_in", username=other.email, password=PASSWORD)


@pytest.mark.spec("OpenID Connect Back-Channel Logout §2.3", "OpenID Connect Back-Channel Logout §2.7")
@pytest.mark.parametrize(
    "end", [by_button, by_logout, at_another_device, all_others, by_another_person], ids=lambda end: end.__name__
)
async def test_however_a_session_ends_its_clients_are_told_and_no_others(
    people: People, receiver: Receiver, user: User, end: End
) -> None:
    first, second, third = [await told(people, receiver) for _ in range(3)]
    linking, elsewhere = Linking(people, first), Linking(people, third)
    mine = claims_of((await linked(linking, user))["id_token"])["sid"]
    again = Linking(people, second)
    again.browser = linking.browser
    assert claims_of((await linked(again, user))["id_token"])["sid"] == mine
    if end is not all_others:
        await linked(elsewhere, user)
    await end(people, linking, user)
    tokens = await receiver.tokens(2)
    assert {(claims_of(token)["aud"], claims_of(token)["sid"]) for token in tokens} == {
        (first.client_id, mine),
        (second.client_id, mine),
    }
    for client in (first, second):
        await settled(people.server, client)
    assert await notices(people.server, third) == [], "nothing more comes"
    assert len(receiver.forms) == 2


@pytest.mark.spec("OpenID Connect Back-Channel Logout §2.4", "security 6.32")
@pytest.mark.parametrize("how", ["disabled", "deleted", "password", "unconfirmed"])
async def test_where_all_ends_a_client_is_told_of_the_person_also_when_the_session_was_long_over(
    people: People, receiver: Receiver, user: User, how: str
) -> None:
    plain, by_session = (
        await told(people, receiver),
        await told(people, receiver, backchannel_logout_session_required=True),
    )
    await linked(Linking(people, plain), user)
    people.clock.advance(50_000)  # that session is over
    linking = Linking(people, by_session)
    sid = claims_of((await linked(linking, user))["id_token"])["sid"]
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        if how == "disabled":
            await administration.disable(session, stored, people.clock())
        elif how == "deleted":
            await administration.remove(session, stored, people.clock())
        else:
            if how == "unconfirmed":
                await administration.wipe(session, stored, people.clock())
            await administration.set_password(session, stored, "$argon2id$new", people.clock())
    found = {claims_of(token)["aud"]: claims_of(token) for token in await receiver.tokens(2)}
    assert "sid" not in found[plain.client_id]
    assert found[plain.client_id]["sub"] == user.sub
    assert found[by_session.client_id]["sid"] == sid
    for client in (plain, by_session):
        await settled(people.server, client)
    assert len(receiver.forms) == 2, "and nothing more comes"


@pytest.mark.spec("alexa 0", "security 6.29")
async def test_nothing_that_ends_a_session_reaches_alexa(people: People, receiver: Receiver, user: User) -> None:
    alexa = await people.server.add_client(
        "alexa", backchannel_logout_uri=receiver.url, refresh_with_session=False, consent="always"
    )
    linking = Linking(people, alexa)
    page = await linking.signed_in(user.email)
    tokens = (await alexa.exchange(linking.returned(await linking.browser.press(page, "allow"))["code"])).json()
    await sign_out(linking)
    await asyncio.sleep(SOON)
    assert (receiver.forms, await notices(people.server, alexa)) == ([], [])
    assert (await alexa.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("OpenID Connect Back-Channel Logout §2.8")
async def test_what_did_not_arrive_is_sent_again_with_growing_pauses(
    people: People, receiver: Receiver, user: User
) -> None:
    linking = Linking(people, await told(people, receiver))
    await linked(linking, user)
    receiver.statuses = [503, 500, 429]
    await sign_out(linking)
    for number, pause in ((1, 5), (2, 10), (3, 20)):
        await receiver.tokens(number)
        async with asyncio.timeout(30):
            while (await notices(people.server, linking.client))[0].due_at != people.clock() + pause:
                await asyncio.sleep(0.02)
        people.clock.advance(pause)
    tokens = await receiver.tokens(4)
    assert len({claims_of(token)["jti"] for token in tokens}) == 4
    assert claims_of(tokens[-1])["iat"] == people.clock()
    assert (await settled(people.server, linking.client)).attempts == 4


@pytest.mark.spec("OpenID Connect Back-Channel Logout §2.8", "security 6.77")
@pytest.mark.parametrize("status", [400, 302, 404])
async def test_who_does_not_want_it_is_asked_no_more_and_no_redirect_is_followed(
    people: People, receiver: Receiver, user: User, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    linking = Linking(people, await told(people, receiver))
    await linked(linking, user)
    receiver.statuses = [status]
    await sign_out(linking)
    notice = await settled(people.server, linking.client)
    assert (notice.done_at, notice.error) == (None, f"HTTP {status}")
    assert linking.client.client_id in caplog.text
    assert receiver.forms[0]["logout_token"][0] not in caplog.text


async def test_a_rolled_back_sign_out_tells_nobody(people: People, receiver: Receiver, user: User) -> None:
    linking = Linking(people, await told(people, receiver))
    await linked(linking, user)

    async def end_and_fail() -> None:
        async with people.services.database.unit() as session:
            await sessions.end(people.services.settings, session, people.clock(), linking.browser.client.cookies)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await end_and_fail()
    assert await notices(people.server, linking.client) == []
