"""How many mails with codes one address gets: a stranger neither floods a mailbox nor keeps the owner's mail away."""

import asyncio

import pytest

from authserver.accounts import attempts, known_devices, recovery, unlocking
from authserver.accounts.sign_up import Wait
from authserver.models import Recovery
from tests.authserver.accounts.people import People, new_address
from tests.authserver.protocol.harness import DAY, HOUR


async def begin(people: People, email: str, cookies: dict[str, str] | None = None) -> Recovery | Wait:
    begun = await recovery.begin(
        people.services, email, people.network, interaction_id="an-interaction", cookies=cookies or {}
    )
    assert isinstance(begun, Recovery | Wait), begun
    return begun


async def known_browser(people: People, sub: str) -> dict[str, str]:
    """The cookies of a browser in which this person has signed in."""
    settings = people.services.settings
    async with people.services.database.unit() as session:
        value = await known_devices.remember(settings, session, sub, {}, people.clock())
    return {known_devices.cookie_name(settings): value}


async def flooded(people: People, email: str) -> int:
    """Strangers of as many networks as it takes ask until nothing goes out any more; how many mails went."""
    sent = 0
    for _ in range(40):
        if isinstance(await begin(People(people.server), email), Wait):
            break
        sent += 1
    return sent


@pytest.mark.spec("security 6.63")
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
async def test_what_a_stranger_asks_for_is_not_the_owners(people: People, known: bool) -> None:
    email = (await people.add()).email if known else new_address()
    stranger = People(people.server)
    for number in range(5):
        assert isinstance(await begin(stranger, email), Recovery)
        assert await begin(stranger, email) == Wait(30 if number < 4 else HOUR - 4 * 30)
        people.clock.advance(30)
    assert isinstance(await begin(stranger, email), Wait)
    assert isinstance(await begin(people, email), Recovery)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
async def test_a_mailbox_is_not_flooded_from_many_networks(people: People, known: bool) -> None:
    email = (await people.add()).email if known else new_address()
    assert await flooded(people, email) == attempts.MAILS_AN_HOUR_IN_ALL
    assert await begin(people, email) == Wait(HOUR)
    for hour in range(2, 6):
        people.clock.advance(HOUR)
        assert await flooded(people, email) == attempts.MAILS_AN_HOUR_IN_ALL, hour
    people.clock.advance(HOUR)
    assert await flooded(people, email) == 0
    assert await begin(people, email) == Wait(DAY - 5 * HOUR)


@pytest.mark.spec("security 6.63")
async def test_a_browser_that_the_account_knows_has_mails_of_its_own(people: People) -> None:
    user, somebody = await people.add(), await people.add()
    cookies = await known_browser(people, user.sub)
    await flooded(people, user.email)
    assert isinstance(await begin(people, user.email), Wait)
    for _ in range(5):
        assert isinstance(await begin(people, user.email, cookies), Recovery)
        people.clock.advance(30)
    assert isinstance(await begin(people, user.email, cookies), Wait), "which have an end too"
    await flooded(people, somebody.email)
    assert isinstance(await begin(people, somebody.email, cookies), Wait), "and are for its own account"


@pytest.mark.spec("security 6.63")
async def test_the_link_past_the_lock_is_sent_to_a_known_browser_whoever_asked_before(people: People) -> None:
    user = await people.add()
    cookies = await known_browser(people, user.sub)
    await flooded(people, user.email)
    asked = (people.services, "an-interaction", user.email, people.network)
    assert isinstance(await unlocking.send(*asked, {}), Wait)
    assert await unlocking.send(*asked, cookies) is None
    assert "confirmUser" in await people.link(user.email)


@pytest.mark.spec("security 6.62")
async def test_asking_at_the_same_moment_sends_no_more(people: People) -> None:
    user = await people.add()
    askers = [People(people.server) for _ in range(30)]
    begun = await asyncio.gather(*(begin(asker, user.email) for asker in askers))
    assert len([one for one in begun if isinstance(one, Recovery)]) == attempts.MAILS_AN_HOUR_IN_ALL
    assert len(await people.mails(user.email)) == attempts.MAILS_AN_HOUR_IN_ALL


async def test_what_one_network_is_refused_uses_nothing_up_of_what_all_share(people: People) -> None:
    email, stranger = new_address(), People(people.server)
    for _ in range(60):
        await begin(stranger, email)
    assert await flooded(people, email) == attempts.MAILS_AN_HOUR_IN_ALL - 1
