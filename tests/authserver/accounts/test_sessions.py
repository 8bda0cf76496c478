"""Browser sessions: how long they live and what ends them."""

import pytest
from sqlmodel import select

from authserver.accounts import administration, known_devices, sessions
from authserver.models import AuthorizationCode, Session, User
from authserver.oauth import authorization, interactions
from authserver.pages import language
from authserver.secret_values import random_token
from tests.authserver.accounts.people import People
from tests.authserver.protocol.harness import settings_for


async def begin(people: People, user: User) -> dict[str, str]:
    async with people.services.database.unit() as session:
        _, value = await sessions.create(
            people.services.settings, session, people.clock(), user, amr=["pwd"], cookies={}, user_agent="x" * 1000
        )
    return {sessions.cookie_name(people.services.settings): value}


async def who(people: People, cookies: dict[str, str]) -> str | None:
    async with people.services.database.unit() as session:
        _, user = await sessions.find(people.services.settings, session, people.clock(), cookies)
    return user.sub if user else None


async def test_a_session_ends_when_it_is_not_used(people: People) -> None:
    user = await people.add()
    cookies = await begin(people, user)
    people.clock.advance(people.services.settings.session_idle_lifetime - 1)
    assert await who(people, cookies) == user.sub
    people.clock.advance(people.services.settings.session_idle_lifetime - 1)
    assert await who(people, cookies) == user.sub
    people.clock.advance(people.services.settings.session_idle_lifetime)
    assert await who(people, cookies) is None


async def test_a_session_ends_however_much_it_is_used(people: People) -> None:
    cookies = await begin(people, await people.add())
    settings = people.services.settings
    steps = settings.session_absolute_lifetime // 1800
    for _ in range(steps - 1):
        people.clock.advance(1800)
        assert await who(people, cookies) is not None
    people.clock.advance(1800)
    assert await who(people, cookies) is None


async def test_its_last_use_is_written_once_a_minute(people: People) -> None:
    cookies = await begin(people, await people.add())
    began = people.clock()

    async def last_seen() -> int:
        async with people.services.database.unit() as session:
            browser, _ = await sessions.find(people.services.settings, session, people.clock(), cookies)
            assert browser is not None
            return (await session.get_one(Session, browser.digest)).last_seen_at

    people.clock.advance(59)
    await who(people, cookies)
    assert await last_seen() == began
    people.clock.advance(1)
    await who(people, cookies)
    assert await last_seen() == began + 60


@pytest.mark.spec("security 6.32")
@pytest.mark.parametrize("change", [{"active": False}, {"epoch": 1}], ids=["disabled", "called back"])
async def test_what_ends_an_account_ends_its_sessions(people: People, change: dict[str, object]) -> None:
    user = await people.add()
    cookies = await begin(people, user)
    await people.server.change(user, **change)
    assert await who(people, cookies) is None


@pytest.mark.spec("security 6.47", "security 6.73")
async def test_an_id_that_is_not_ours_is_never_adopted(people: People) -> None:
    planted = {sessions.cookie_name(people.services.settings): random_token()}
    assert await who(people, planted) is None
    user = await people.add()
    async with people.services.database.unit() as session:
        _, value = await sessions.create(
            people.services.settings, session, people.clock(), user, amr=["pwd"], cookies=planted
        )
    assert value not in planted.values()
    assert await who(people, planted) is None


@pytest.mark.spec("security 6.47")
async def test_signing_out_ends_the_row_and_not_only_the_cookie(people: People) -> None:
    cookies = await begin(people, await people.add())
    async with people.services.database.unit() as session:
        await sessions.end(people.services.settings, session, people.clock(), cookies)
    assert await who(people, cookies) is None


@pytest.mark.spec("cognito 9.50", "oidcc session-cookie-lax")
def test_the_cookie_is_bound_to_host_and_https_and_comes_back_from_the_app(people: People) -> None:
    settings = people.services.settings
    assert sessions.cookie_name(settings) == "__Host-authserver_session"
    options = sessions.cookie_options(settings)
    assert options == {"path": "/", "secure": True, "httponly": True, "samesite": "lax"}


@pytest.mark.spec("security 6.32", "security 6.74")
async def test_no_code_is_issued_for_a_session_that_a_new_password_has_just_ended(people: People) -> None:
    """The last page had looked the session up before."""
    user, client = await people.add(), await people.server.add_client("confidential", first_party=True)
    cookies = await begin(people, user)
    asked = {"response_type": "code", "client_id": client.client_id, "redirect_uri": client.redirect_uri}
    async with people.services.database.unit() as session:
        browser, found = await sessions.find(people.services.settings, session, people.clock(), cookies)
        assert browser is not None
        async with people.services.database.unit() as other:
            stored = await other.get_one(User, user.sub)
            await administration.set_password(other, stored, "$argon2id$new", people.clock())
        interaction, _cookie = await interactions.create(
            people.services.settings,
            session,
            people.clock(),
            client_id=client.client_id,
            request=asked | {"scope": "openid"},
        )
        location = await authorization.advance(people.services.oauth, session, interaction, browser, found)
        assert location == f"{people.services.settings.issuer}/login?interaction={interaction.interaction_id}"
        assert interaction.completed_at is None
    async with people.services.database.unit() as session:
        codes = await session.exec(select(AuthorizationCode).where(AuthorizationCode.sub == user.sub))
        assert codes.all() == []


@pytest.mark.spec("security 6.73", "decision 10")
@pytest.mark.parametrize("issuer", ["http://localhost:8000", "https://auth.example.test"])
def test_every_cookie_has_a_name_that_no_neighbour_has(issuer: str) -> None:
    """Ports of one host share cookies, and https alone binds them to the host."""
    settings = settings_for("sqlite:///x.db", issuer=issuer, development=issuer.startswith("http:"))
    names = {
        sessions.cookie_name(settings),
        interactions.cookie_name(settings, "x"),
        known_devices.cookie_name(settings),
        language.cookie_name(settings),
    }
    start = "authserver_" if issuer.startswith("http:") else "__Host-authserver_"
    assert len(names) == 4
    assert all(name.startswith(start) for name in names)
