"""The link in the mail after a linking."""

import re

import pytest

from tests.authserver.accounts.people import People
from tests.authserver.pages.browsing import Linking, browser_of
from tests.running.reading import Page


async def linked(people: People, linking: Linking, email: str) -> tuple[str, str]:
    """A linking through the pages: its refresh token, and the link of the mail that it caused."""
    people.clock.advance(1)
    page = await linking.signed_in(email) if not linking.interaction_cookies() else await linking.start()
    given = linking.returned(await linking.browser.press(page, "allow"))
    tokens = (await linking.client.exchange(given["code"])).json()
    mail = (await people.mails(email))[-1]
    link = re.search(r"https://\S+/unlink\?link=\S+", mail.text)
    assert link is not None
    assert link.group() in mail.html.replace("&amp;", "&")
    return str(tokens["refresh_token"]), link.group()


@pytest.mark.spec("security 6.61", "security 6.68", "A26")
async def test_only_the_button_unlinks_and_only_this_linking(people: People, linking: Linking) -> None:
    user = await people.add()
    refresh, link = await linked(people, linking, user.email)
    other = Linking(people, linking.client)
    other_refresh, _ = await linked(people, other, user.email)
    scanner = browser_of(people)  # no cookies: the mail is read anywhere
    for _ in range(3):
        page = await scanner.open(link)
        assert page.status == 200
        assert user.email in page.text.replace(" ", "")
    assert (await linking.client.refresh(refresh)).status_code == 200
    page = await scanner.press(page, "unlink")
    assert "is unlinked" in page.text
    refused = await linking.client.refresh(refresh)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await linking.client.refresh(other_refresh)).status_code == 200
    assert "is unlinked" in (await scanner.open(link)).text


@pytest.mark.spec("security 6.68")
async def test_the_link_signs_nobody_in(people: People, linking: Linking) -> None:
    user = await people.add()
    _, link = await linked(people, linking, user.email)
    anybody = browser_of(people)
    await anybody.press(await anybody.open(link), "unlink")
    assert not dict(anybody.client.cookies)


@pytest.mark.parametrize("change", ["", "x", "cut", "mac", "nul"])
async def test_another_link_is_a_page_that_says_so(people: People, linking: Linking, change: str) -> None:
    user = await people.add()
    _, link = await linked(people, linking, user.email)
    address, _, token = link.partition("?link=")
    token = {"": "", "x": "x", "cut": token[:-4], "mac": token[:-6] + "AAAAAA", "nul": token + "%00"}[change]
    page: Page = await browser_of(people).open(f"{address}?link={token}")
    assert page.status == 404
    assert not page.has_button("unlink")


async def test_a_form_of_another_site_unlinks_nothing(people: People, linking: Linking) -> None:
    user = await people.add()
    refresh, link = await linked(people, linking, user.email)
    answer = await browser_of(people).client.post(
        linking.url("/unlink"), data={"link": link.partition("?link=")[2]}, headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert (await linking.client.refresh(refresh)).status_code == 200
