"""The link of a mail: nothing happens before its button, and the button is only where the mail was asked for."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import col, func, select, update

from authserver.accounts import known_devices, sessions
from authserver.models import Interaction, Session, User, VerificationCode
from authserver.secret_values import digest
from tests.authserver.accounts.people import OTHER, PASSWORD, People, hashes_wait, link_in, wrong
from tests.authserver.pages.browsing import Linking, sign_up
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_recovery import NEW, asked, password_holds
from tests.authserver.pages.test_steps import codes_of, interaction_of, send
from tests.authserver.protocol.harness import DAY
from tests.running.reading import Form, Page

GONE, ELSEWHERE = "can no longer be used", "Go back to where you began"


async def signing_up(people: People, linking: Linking) -> tuple[str, Page]:
    return await sign_up(linking, await linking.start())


async def recovering(people: People, linking: Linking) -> tuple[str, Page]:
    user = await people.add()
    return user.email, await asked(linking, user.email)


async def confirming(people: People, linking: Linking) -> tuple[str, Page]:
    user = await people.add(email_verified=False)
    return user.email, await linking.signed_in(user.email)


async def unlocking(people: People, linking: Linking) -> tuple[str, Page]:
    user = await people.add()
    page = await linking.start()
    for _ in range(6):
        page = await linking.browser.press(page, "sign_in", username=user.email, password=OTHER)
    return user.email, await linking.browser.press(page, "unlock", username=user.email)


FLOWS: dict[str, Callable[[People, Linking], Awaitable[tuple[str, Page]]]] = {
    "a sign-up": signing_up,
    "a forgotten password": recovering,
    "a first confirmation": confirming,
    "a locked sign-in": unlocking,
}
every_flow = pytest.mark.parametrize("flow", FLOWS)


def forms_of(page: Page) -> list[Form]:
    """But for the choice of a language, which every page has."""
    return [form for form in page.forms if not form.action.endswith("/language")]


def secret_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["link"][0]


async def row_of(people: People, link: str) -> VerificationCode:
    async with people.services.database.unit() as session:
        found = await session.exec(
            select(VerificationCode).where(VerificationCode.link_digest == digest(secret_of(link)))
        )
        return found.one()


async def state(people: People, email: str, link: str) -> list[object]:
    """All that pressing could change."""
    row = await row_of(people, link)
    async with people.services.database.unit() as session:
        user = (await session.exec(select(User).where(User.email_canonical == email))).first()
        interaction = await session.get_one(Interaction, row.interaction_id)
        count = await session.exec(select(func.count()).select_from(Session))
        return [
            row.used_at,
            row.confirmed_at,
            row.tries,
            user and (user.email_verified, user.password_hash, user.epoch),
            (interaction.unlocked, interaction.recovery_id, interaction.sub),
            count.one(),
        ]


async def finish(people: People, linking: Linking, flow: str, email: str, page: Page) -> None:
    """From what the pressed button leads to, to the application."""
    if flow in ("a forgotten password", "a first confirmation"):
        assert not page.asks_for("code"), page
        page = await linking.browser.press(page, "save", password=NEW)
    elif flow == "a locked sign-in":
        page = await linking.browser.press(page, "sign_in", username=email, password=PASSWORD)
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200


@every_flow
@pytest.mark.spec("security 6.68", "cognito 9.45", "A06")
async def test_the_button_stands_for_the_code_in_the_browser_that_began(
    people: People, linking: Linking, flow: str
) -> None:
    email, _ = await FLOWS[flow](people, linking)
    page = await linking.browser.open(await people.link(email))
    assert page.status == 200
    assert [button for form in forms_of(page) for button in form.buttons] == [("action", "confirm")]
    await finish(people, linking, flow, email, await linking.browser.press(page, "confirm"))


@every_flow
@pytest.mark.spec("security 6.68")
async def test_a_program_that_looks_through_mail_changes_nothing(
    people: People, linking: Linking, new_linking: Linkings, flow: str
) -> None:
    """Also where it has the cookies of the very browser, as one that runs on the same machine may."""
    email, _ = await FLOWS[flow](people, linking)
    link = await people.link(email)
    before = await state(people, email, link)
    for browser in (new_linking().browser, linking.browser):
        for _ in range(3):
            assert (await browser.client.get(link)).status_code == 200
            assert (await browser.client.head(link)).status_code == 200
            assert (await browser.client.post(link, data={"action": "confirm"})).status_code == 400
    assert await state(people, email, link) == before
    page = await linking.browser.press(await linking.browser.open(link), "confirm")
    await finish(people, linking, flow, email, page)


@every_flow
@pytest.mark.spec("security 6.68", "security 6.48")
async def test_another_browser_is_told_to_go_back_and_can_do_nothing(
    people: People, linking: Linking, new_linking: Linkings, flow: str
) -> None:
    email, begun = await FLOWS[flow](people, linking)
    link = await people.link(email)
    before = await state(people, email, link)
    other = new_linking()
    own = await other.start()
    page = await other.browser.open(link)
    assert (page.status, forms_of(page)) == (200, [])
    assert ELSEWHERE in page.text
    assert email not in page.answer.text.replace("<wbr>", ""), "whose mail it is is not said"
    theirs = interaction_of(begun)
    token = next(form.hidden["csrf_token"] for form in begun.forms if form.hidden)
    for path, fields in (
        (f"/confirmUser?interaction={theirs}", {}),
        (f"/confirmUser?interaction={theirs}", {"csrf_token": token}),
        (f"/confirmUser?interaction={interaction_of(own)}", {}),
        ("/confirmUser", {}),
        (f"/confirmUser?link={secret_of(link)}", {}),
    ):
        sent = await send(other, path, own, link=secret_of(link), action="confirm", **fields)
        assert sent.status in (400, 403), (path, sent)
        assert "set-cookie" not in sent.answer.headers
    assert await state(people, email, link) == before
    page = await linking.browser.press(await linking.browser.open(link), "confirm")
    await finish(people, linking, flow, email, page)


@every_flow
@pytest.mark.spec("security 6.68", "security 6.45")
@pytest.mark.parametrize("token", ["", "x", "another browser's"])
async def test_the_button_needs_the_token_of_its_page(
    people: People, linking: Linking, new_linking: Linkings, flow: str, token: str
) -> None:
    email, begun = await FLOWS[flow](people, linking)
    link = await people.link(email)
    before = await state(people, email, link)
    if token == "another browser's":
        token = (await new_linking().start()).forms[0].hidden["csrf_token"]
    path = f"/confirmUser?interaction={interaction_of(begun)}"
    sent = await send(linking, path, begun, link=secret_of(link), csrf_token=token)
    assert sent.status == 403
    assert await state(people, email, link) == before


@every_flow
@pytest.mark.spec("security 6.68")
async def test_a_link_is_used_once(people: People, linking: Linking, flow: str) -> None:
    email, _ = await FLOWS[flow](people, linking)
    link = await people.link(email)
    shown = await linking.browser.open(link)
    page = await linking.browser.press(shown, "confirm")
    if flow in ("a forgotten password", "a first confirmation"):
        page = await linking.browser.press(page, "save", password=NEW)
    await linking.browser.press(shown, "confirm")
    again = await linking.browser.open(link)
    assert (again.status, forms_of(again)) == (404, [])
    assert GONE in again.text
    async with people.services.database.unit() as session:
        live = select(VerificationCode).where(
            VerificationCode.link_digest == digest(secret_of(link)), col(VerificationCode.used_at).is_(None)
        )
        assert (await session.exec(live)).first() is None


@every_flow
@pytest.mark.spec("security 6.68")
async def test_a_new_mail_ends_the_link_of_the_one_before(people: People, linking: Linking, flow: str) -> None:
    email, page = await FLOWS[flow](people, linking)
    old = await people.link(email)
    shown = await linking.browser.open(old)
    people.clock.advance(31)
    page = await linking.browser.press(page, "resend")
    assert "A new code is on its way" in page.text
    before = await state(people, email, old)
    pressed = await linking.browser.press(shown, "confirm")
    assert GONE in pressed.text or pressed.asks_for("code")
    assert await state(people, email, old) == before
    page = await linking.browser.press(await linking.browser.open(await people.link(email)), "confirm")
    await finish(people, linking, flow, email, page)


@every_flow
@pytest.mark.spec("security 6.68")
async def test_a_link_lives_as_long_as_its_code(people: People, linking: Linking, flow: str) -> None:
    email, _ = await FLOWS[flow](people, linking)
    link = await people.link(email)
    shown = await linking.browser.open(link)
    row = await row_of(people, link)
    settings = people.services.settings
    assert row.expires_at - row.created_at in (settings.email_code_lifetime, settings.recovery_code_lifetime)
    async with people.services.database.unit() as session:  # the interaction lives on
        await session.exec(
            update(Interaction)
            .where(col(Interaction.interaction_id) == row.interaction_id)
            .values(expires_at=people.clock() + 9 * DAY)
        )
        await session.exec(
            update(VerificationCode)
            .where(col(VerificationCode.code_id) == row.code_id)
            .values(expires_at=people.clock())
        )
    before = await state(people, email, link)
    assert GONE in (await linking.browser.open(link)).text
    pressed = await linking.browser.press(shown, "confirm")
    assert GONE in pressed.text or pressed.asks_for("code")
    assert await state(people, email, link) == before


@every_flow
@pytest.mark.spec("security 6.62", "security 6.68")
async def test_link_and_code_at_the_same_moment_are_one_confirmation(
    people: People, linking: Linking, flow: str
) -> None:
    email, page = await FLOWS[flow](people, linking)
    code, link = await people.code(email), await people.link(email)
    shown = await linking.browser.open(link)
    presses = [linking.browser.press(shown, "confirm") for _ in range(3)]
    button = {"a forgotten password": "save"}.get(flow, "confirm")
    typed = {"code": code} | ({"password": NEW} if button == "save" else {})
    await asyncio.gather(*presses, *(linking.browser.press(page, button, **typed) for _ in range(3)))
    async with people.services.database.unit() as session:
        users = (await session.exec(select(User).where(User.email_canonical == email))).all()
        if flow == "a locked sign-in":
            interaction = await session.get_one(Interaction, interaction_of(page))
            assert interaction.unlocked == email
    assert len(users) == 1
    assert await codes_of(people, linking.client) == 0
    # and this browser can go on, wherever it was left
    page = await linking.start()
    if flow == "a first confirmation":
        row = await row_of(people, link)
        assert row.used_at is not None


@pytest.mark.spec("security 6.62", "security 6.63")
async def test_burnt_tries_and_used_up_guesses_do_not_hold_the_link(people: People, linking: Linking) -> None:
    """Known harmful once: a stranger's ten wrong codes, and their mails, kept the owner from a new password."""
    user = await people.add()
    strangers = [Linking(People(people.server), linking.client) for _ in range(4)]
    page = await asked(linking, user.email)
    link, code = await people.link(user.email), await people.code(user.email)
    for by in range(1, 6):
        page = await linking.browser.press(page, "save", code=wrong(code, by), password=NEW)
    for stranger in strangers:
        theirs = await asked(stranger, user.email)
        for number in range(5):
            theirs = await stranger.browser.press(theirs, "save", code=f"{number:06d}", password=OTHER)
    page = await linking.browser.press(page, "save", code=code, password=NEW)
    assert page.status == 422
    assert "too many attempts" in page.text
    page = await linking.browser.press(await linking.browser.open(link), "confirm")
    assert not page.asks_for("code")
    page = await linking.browser.press(page, "save", password=NEW)
    assert page.has_button("allow"), page
    assert await password_holds(people, user, NEW)


@pytest.mark.spec("security 6.48", "CVE-2026-18963")
async def test_without_the_press_the_password_page_asks_for_the_code(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    """A press in one browser, and for one recovery, is worth nothing to another."""
    user = await people.add()
    page = await asked(linking, user.email)
    link = await people.link(user.email)
    people.clock.advance(31)
    other = new_linking()
    foreign = await asked(other, user.email)
    await linking.browser.press(await linking.browser.open(link), "confirm")
    for fields in ({}, {"code": ""}, {"confirmed": "1"}, {"link": secret_of(link)}):
        sent = await send(
            other,
            "/confirmforgotPassword?" + foreign.url.partition("?")[2],
            foreign,
            action="save",
            password=OTHER,
            **fields,
        )
        assert sent.status == 422
        assert sent.asks_for("code")
    assert await password_holds(people, user, PASSWORD)
    page = await linking.browser.open(page.url)
    assert not page.asks_for("code")
    assert not page.has_button("resend")
    assert (await linking.browser.press(page, "save", password="short")).status == 422
    page = await linking.browser.press(page, "save", password=NEW)
    assert page.has_button("allow")
    assert await password_holds(people, user, NEW)


@pytest.mark.spec("security 6.48")
async def test_the_link_of_an_earlier_recovery_of_the_same_browser_opens_no_later_one(
    people: People, linking: Linking
) -> None:
    """Somebody reads one mailbox, and asks in the same interaction for a code to another."""
    mine, theirs = await people.add(), await people.add()
    page = await asked(linking, mine.email)
    link = await people.link(mine.email)
    shown = await linking.browser.open(link)
    back = await linking.browser.open(next(url for url in page.links if "forgotPassword" in url))
    page = await linking.browser.press(back, "send", email=theirs.email)
    assert GONE in (await linking.browser.press(shown, "confirm")).text
    page = await linking.browser.open(page.url)
    assert page.asks_for("code")
    sent = await send(
        linking, "/confirmforgotPassword?" + page.url.partition("?")[2], page, action="save", password=OTHER
    )
    assert sent.status == 422
    assert await password_holds(people, theirs, PASSWORD)


@pytest.mark.spec("security 6.48")
async def test_a_press_that_a_newer_recovery_overtakes_while_the_password_is_hashed_sets_nothing(
    people: People, linking: Linking
) -> None:
    mine, theirs = await people.add(), await people.add()
    page = await asked(linking, mine.email)
    page = await linking.browser.press(await linking.browser.open(await people.link(mine.email)), "confirm")
    with hashes_wait(people.services) as somebody_waits:
        saving = asyncio.create_task(linking.browser.press(page, "save", password=NEW))
        while not somebody_waits():
            await asyncio.sleep(0.005)
        async with people.services.database.unit() as session:
            await session.exec(
                update(Interaction)
                .where(col(Interaction.interaction_id) == interaction_of(page))
                .values(recovery_id="another")
            )
    answer = await saving
    assert not answer.has_button("allow")
    assert await password_holds(people, mine, PASSWORD)
    assert await password_holds(people, theirs, PASSWORD)


@pytest.mark.spec("security 6.67", "security 6.68")
async def test_pressing_the_link_of_somebody_elses_sign_up_makes_no_account(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    """The owner of the address gets a mail for a sign-up that a stranger began, and presses what is in it."""
    email, _ = await signing_up(people, linking)
    link = await people.link(email)
    owner = new_linking()
    page = await owner.browser.open(link)
    assert forms_of(page) == []
    async with people.services.database.unit() as session:
        assert (await session.exec(select(User).where(User.email_canonical == email))).first() is None


@pytest.mark.spec("security 6.58")
async def test_mails_for_known_addresses_of_a_sign_up_carry_no_link(people: People, linking: Linking) -> None:
    user = await people.add()
    start = await linking.start()
    page = await linking.browser.open(next(url for url in start.links if "/signup" in url))
    page = await linking.browser.press(page, "sign_up", email=user.email, password=OTHER)
    (mail,) = await people.mails(user.email)
    assert "confirmUser" not in mail.text + mail.html
    async with people.services.database.unit() as session:
        rows = await session.exec(
            select(VerificationCode).where(VerificationCode.interaction_id == interaction_of(page))
        )
        (row,) = rows.all()
    assert row.link_digest is not None, "the row looks like that of any sign-up"


async def test_signing_in_before_the_confirmation_takes_the_link_along(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    """Half an hour later the first page is gone; the mail is still good where the password was typed last."""
    email, _ = await signing_up(people, linking)
    link = await people.link(email)
    again = new_linking()
    assert (await again.signed_in(email)).asks_for("code")
    assert ELSEWHERE in (await linking.browser.open(link)).text
    page = await again.browser.press(await again.browser.open(link), "confirm")
    again.returned(await again.browser.press(page, "allow"))


async def test_a_first_confirmation_whose_session_ended_asks_to_sign_in_first(people: People, linking: Linking) -> None:
    email, begun = await confirming(people, linking)
    link = await people.link(email)
    shown = await linking.browser.open(link)
    del linking.browser.client.cookies[sessions.cookie_name(people.services.settings)]
    assert GONE in (await linking.browser.press(shown, "confirm")).text
    page = await linking.browser.open(linking.url(f"/login?interaction={interaction_of(begun)}"))
    people.clock.advance(3)
    page = await linking.browser.press(page, "sign_in", username=email, password=PASSWORD)
    assert page.asks_for("code")
    page = await linking.browser.press(await linking.browser.open(link), "confirm")
    await finish(people, linking, "a first confirmation", email, page)


@pytest.mark.parametrize("link", ["", "x", "x" * 5000, "%00", "%ff", "a&link=b"])
async def test_what_is_no_link_is_a_page_that_says_so(linking: Linking, link: str) -> None:
    page = await linking.browser.open(linking.url(f"/confirmUser?link={link}"))
    assert page.status in (400, 404)
    assert forms_of(page) == []


@pytest.mark.spec("security 6.56")
async def test_links_are_long_random_and_lead_to_the_issuer(people: People, linking: Linking) -> None:
    user = await people.add()
    await linking.browser.client.get("/login", headers={"host": "evil.example", "x-forwarded-host": "evil.example"})
    await asked(linking, user.email)
    (mail,) = await people.mails(user.email)
    link = link_in(mail.text)
    assert link.startswith(f"{people.server.settings.issuer}/confirmUser?link=")
    assert len(secret_of(link)) >= 43, "256 bits"
    assert re.findall(r'href="([^"]+)"', mail.html) == [link]
    row = await row_of(people, link)
    assert secret_of(link).encode() not in (row.link_digest, row.digest)


async def test_the_browser_that_confirmed_is_known_from_then_on(people: People, linking: Linking) -> None:
    name = known_devices.cookie_name(people.services.settings)
    email, _ = await signing_up(people, linking)
    assert name not in linking.browser.client.cookies
    await linking.browser.press(await linking.browser.open(await people.link(email)), "confirm")
    assert name in linking.browser.client.cookies
