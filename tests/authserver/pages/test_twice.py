"""A form sent twice: a double click, or a browser that tries again. One action, one code, one mail."""

import asyncio

import pytest

from authserver.accounts import administration
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.test_recovery import NEW, asked
from tests.authserver.pages.test_steps import send
from tests.running.reading import Page


async def at_sign_up(linking: Linking) -> Page:
    page = await linking.start()
    return await linking.browser.open(next(link for link in page.links if "/signup" in link))


def query_of(page: Page) -> str:
    return "?" + page.url.partition("?")[2]


async def test_a_sign_up_sent_twice_is_one_mail_and_the_password_typed_last(people: People, linking: Linking) -> None:
    page, email = await at_sign_up(linking), new_address()
    for password in (OTHER, PASSWORD):
        sent = await send(linking, "/signup" + query_of(page), page, action="sign_up", email=email, password=password)
        assert sent.left_to == linking.url("/confirm" + query_of(page))
    assert len(await people.mails(email)) == 1
    await send(linking, "/confirm" + query_of(page), page, action="confirm", code=await people.code(email))
    async with people.services.database.unit() as session:
        user = await administration.find(session, email)
    assert user is not None
    assert (await people.services.passwords.verify(PASSWORD, user.password_hash)).ok


async def test_a_sign_up_sent_many_times_at_once_is_one_mail(people: People, linking: Linking) -> None:
    page, email = await at_sign_up(linking), new_address()
    form = {"action": "sign_up", "email": email, "password": PASSWORD}
    await asyncio.gather(*(send(linking, "/signup" + query_of(page), page, **form) for _ in range(8)))
    assert len(await people.mails(email)) == 1


async def test_the_owner_of_a_known_address_gets_one_mail_too(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_sign_up(linking)
    form = {"action": "sign_up", "email": user.email, "password": PASSWORD}
    await asyncio.gather(*(send(linking, "/signup" + query_of(page), page, **form) for _ in range(4)))
    assert [mail.kind for mail in await people.mails(user.email)] == ["account_exists"]


async def test_another_address_and_a_later_moment_are_another_sign_up(people: People, linking: Linking) -> None:
    page, email, mistyped = await at_sign_up(linking), new_address(), new_address()
    for address in (mistyped, email):
        await send(linking, "/signup" + query_of(page), page, action="sign_up", email=address, password=PASSWORD)
    assert [len(await people.mails(address)) for address in (mistyped, email)] == [1, 1]
    people.clock.advance(30)
    await send(linking, "/signup" + query_of(page), page, action="sign_up", email=email, password=PASSWORD)
    assert len(await people.mails(email)) == 2


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
async def test_a_forgotten_password_asked_for_twice_goes_on_to_the_same_page_with_one_mail(
    people: People, linking: Linking, known: bool
) -> None:
    email = (await people.add()).email if known else new_address()
    page = await asked(linking, email)
    again = await send(linking, "/forgotPassword" + query_of(page), page, action="send", email=email)
    assert again.left_to == page.url
    assert len(await people.mails(email)) == known
    if known:
        page = await linking.browser.press(page, "save", code=await people.code(email), password=NEW)
        assert page.has_button("allow")


async def test_a_sign_in_sent_twice_leaves_one_session(people: People, linking: Linking) -> None:
    """On the list of devices one double click is one device."""
    user = await people.add()
    page = await linking.start()
    form = {"action": "sign_in", "username": user.email, "password": PASSWORD}
    await asyncio.gather(*(send(linking, "/login" + query_of(page), page, **form) for _ in range(3)))
    async with people.services.database.unit() as session:
        assert (await administration.holdings(session, user, people.clock())).sessions == 1
