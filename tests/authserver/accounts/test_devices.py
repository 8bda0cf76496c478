"""Where a person is signed in: what it is called, and who may end it."""

import asyncio

import pytest

from authserver.accounts import devices, sessions
from authserver.accounts.devices import SignedInDevice
from authserver.accounts.user_agents import Device, device_of
from authserver.models import Session, User
from authserver.secret_values import SecretKey, SecretKeys
from tests.authserver.accounts.people import People

UNIX = "Mozilla/5.0 (X11; Linux x86_64"
KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = {
    f"{UNIX}; rv:140.0) Gecko/20100101 Firefox/140.0": Device("Firefox", "Linux"),
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Chrome/140.0.0.0 Safari/537.36": Device("Chrome", "Windows"),
    f"Mozilla/5.0 (Windows NT 10.0) {KIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0": Device("Edge", "Windows"),
    f"Mozilla/5.0 (X11; CrOS x86_64 16181.61.0) {KIT} Chrome/134.0 Safari/537.36": Device("Chrome", "ChromeOS"),
    f"{UNIX}) {KIT} Chrome/140.0 Safari/537.36 OPR/120.0": Device("Opera", "Linux"),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Safari/605.1.15": Device("Safari", "Mac"),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1": Device("Safari", "iPhone"),
    "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 "
    "Safari/604.1": Device("Chrome", "iPad"),
    f"Mozilla/5.0 (Linux; Android 14; SM-S921B) {KIT} SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36": Device(
        "Samsung Internet", "Android"
    ),
    f"Mozilla/5.0 (Linux; Android 10; K; wv) {KIT} Version/4.0 Chrome/140.0 Mobile Safari/537.36 "
    "PitanguiBridge/2.2.595606.0-[HARDWARE=moto_g][SOFTWARE=10]": Device("Alexa app", "Android"),
    f"Mozilla/5.0 (Linux; Android 10; K; wv) {KIT} Version/4.0 Chrome/140.0 Mobile Safari/537.36": Device(
        "", "Android"
    ),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 13_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
    "PitanguiBridge/2.2.345247.0-[HARDWARE=iPhone10_4][SOFTWARE=13.5.1]": Device("Alexa app", "iPhone"),
    "curl/8.14.1": Device("", ""),
    "": Device("", ""),
    "\x00<script>": Device("", ""),
}


@pytest.mark.parametrize("agent", AGENTS)
def test_a_user_agent_is_read_into_plain_names_or_none(agent: str) -> None:
    assert device_of(agent) == AGENTS[agent]


async def begin(people: People, user: User, address: str = "192.0.2.7") -> tuple[Session, dict[str, str]]:
    async with people.services.database.unit() as session:
        browser, value = await sessions.create(
            people.services.settings, session, people.clock(), user, amr=["pwd"], cookies={}, address=address
        )
    return browser, {sessions.cookie_name(people.services.settings): value}


async def lives(people: People, cookies: dict[str, str]) -> bool:
    async with people.services.database.unit() as session:
        return (await sessions.find(people.services.settings, session, people.clock(), cookies))[0] is not None


async def seen(people: People, user: User, here: Session) -> list[SignedInDevice]:
    services = people.services
    async with services.database.unit() as session:
        return await devices.signed_in(services.settings, services.secret_keys, session, people.clock(), user, here)


async def end(people: People, user: User, name: str, keys: SecretKeys | None = None) -> bool:
    services = people.services
    async with services.database.unit() as session:
        return await devices.end(services.settings, keys or services.secret_keys, session, people.clock(), user, name)


async def test_this_device_stands_first_and_what_has_ended_is_not_there(people: People) -> None:
    user = await people.add()
    await begin(people, user, "192.0.2.1")
    people.clock.advance(people.services.settings.session_idle_lifetime)
    here, _ = await begin(people, user, "192.0.2.2")
    people.clock.advance(60)
    await begin(people, user, "192.0.2.3")
    found = await seen(people, user, here)
    assert [(one.address, one.here) for one in found] == [("192.0.2.2", True), ("192.0.2.3", False)]


@pytest.mark.spec("security 6.47", "security 6.73")
async def test_a_name_tells_nothing_of_the_session_and_ends_it_for_its_owner_alone(people: People) -> None:
    user, somebody = await people.add(), await people.add()
    here, mine = await begin(people, user)
    other, cookies = await begin(people, user)
    name = next(one.name for one in await seen(people, user, here) if not one.here)
    assert cookies[sessions.cookie_name(people.services.settings)] not in name
    assert other.digest.hex() not in name
    assert not await end(people, somebody, name)
    for invented in ("", "x", name[:-1], other.digest.hex(), "\u00e4", name + "\x00"):
        assert not await end(people, user, invented)
    assert await lives(people, cookies)
    assert await end(people, user, name)
    assert not await end(people, user, name), "twice is once"
    assert (await lives(people, mine), await lives(people, cookies)) == (True, False)


async def test_a_name_from_before_the_secret_key_was_changed_still_ends(people: People) -> None:
    user = await people.add()
    here, _ = await begin(people, user)
    _, cookies = await begin(people, user)
    name = next(one.name for one in await seen(people, user, here) if not one.here)
    new = SecretKeys(SecretKey.of("k" * 43), people.services.secret_keys.current)
    assert await end(people, user, name, new)
    assert not await lives(people, cookies)


async def test_all_others_end_at_once_and_nobody_elses(people: People) -> None:
    user, somebody = await people.add(), await people.add()
    here, mine = await begin(people, user)
    others = [(await begin(people, user))[1] for _ in range(3)]
    _, theirs = await begin(people, somebody)
    async with people.services.database.unit() as session:
        assert await devices.end_others(session, people.clock(), user, here) == 3
    assert [await lives(people, one) for one in (mine, theirs, *others)] == [True, True, False, False, False]


async def test_browsers_that_end_each_other_at_once_do_not_lock_each_other(people: People) -> None:
    user = await people.add()
    begun = [(await begin(people, user))[0] for _ in range(6)]

    async def end_others(here: Session) -> None:
        async with people.services.database.unit() as session:
            await devices.end_others(session, people.clock(), user, here)

    await asyncio.gather(*(end_others(here) for here in begun))
    assert len(await seen(people, user, begun[0])) <= 1
