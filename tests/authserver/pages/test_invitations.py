"""The temporary password of an invitation, and the one that replaces it: nothing but the honest way gets through."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from sqlmodel import select

from authserver.accounts import administration, attempts, entry, invitations, sessions
from authserver.accounts.entry import LIFETIME, Browser, Missing, Proof
from authserver.accounts.invitations import Temporary
from authserver.accounts.names import read_email
from authserver.accounts.sign_in import Reason, Refusal, SignedIn
from authserver.models import Activity, Interaction, Session, User
from authserver.secret_values import temporary_password
from tests.authserver.accounts.factors import with_app
from tests.authserver.accounts.people import OTHER, People, new_address
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_steps import codes_of, interaction_of, send
from tests.running.reading import Page

NEW = "a lantern nobody has lit before"
DAY = 86_400


@dataclass
class Invited:
    """Somebody with a temporary password."""

    user: User
    password: str


async def made_for(people: People, lifetime: int = 7 * DAY) -> Temporary:
    password = temporary_password()
    return Temporary(password, await people.services.passwords.hash(password), people.clock() + lifetime)


async def invite(people: People, email: str = "") -> Invited:
    """As `authserver user invite` does; the password is the one in the mail."""
    made = await made_for(people)
    async with people.services.database.unit() as session:
        user = await invitations.invite(
            session, people.services.settings, read_email(email or new_address()), None, made, people.clock()
        )
    (mail,) = await people.mails(user.email)
    assert made.password in mail.text
    assert made.password in mail.html
    return Invited(user, made.password)


async def stored(people: People, user: User) -> User:
    async with people.services.database.unit() as session:
        return await session.get_one(User, user.sub)


async def sessions_of(people: People, user: User) -> int:
    async with people.services.database.unit() as session:
        return len((await session.exec(select(Session).where(Session.sub == user.sub))).all())


async def at_new_password(linking: Linking, invited: Invited) -> Page:
    page = await linking.signed_in(invited.user.email, invited.password)
    assert "/new-password" in page.url, page
    return page


@pytest.mark.spec("alexa 1.3", "cognito 3.2", "A06")
async def test_an_invited_person_chooses_a_password_in_the_middle_of_a_linking_and_comes_back(
    people: People, linking: Linking
) -> None:
    invited = await invite(people)
    page = await at_new_password(linking, invited)
    assert sessions.cookie_name(people.server.settings) not in linking.browser.client.cookies
    page = await linking.browser.press(page, "save", password=NEW)
    assert page.has_button("allow"), page
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200
    user = await stored(people, invited.user)
    assert user.email_verified, "what only that mailbox got was typed"
    assert (user.password_expires_at, user.password_mailed_at) == (None, None)
    assert administration.status(user, people.clock()) == "confirmed"
    assert isinstance(await people.sign_in(user.email, NEW), SignedIn)
    assert await people.sign_in(user.email, invited.password) == Refusal(Reason.WRONG)
    async with people.services.database.unit() as session:
        asked = select(Activity).where(Activity.sub == user.sub, Activity.kind == "password_changed")
        (noted,) = (await session.exec(asked)).all()
    assert noted.address == people.network


@pytest.mark.spec("CVE-2026-49448", "CVE-2026-18963", "security 6.48")
async def test_before_the_new_password_nothing_else_is_reached(people: People, linking: Linking) -> None:
    invited = await invite(people)
    page = await at_new_password(linking, invited)
    query = f"?interaction={interaction_of(page)}"
    for path in ("/consent", "/confirm", "/still-linked", "/second-factor", "/login"):
        for fields in ({}, {"action": "allow"}, {"action": "continue"}, {"action": "confirm", "code": "000000"}):
            await send(linking, path + query, page, **fields)
    assert (await linking.browser.open(linking.url("/consent" + query))).url.endswith("/new-password" + query)
    assert (await linking.browser.open(linking.url("/account"))).asks_for("username", "password")
    for fields in ({}, {"action": "save"}, {"password": ""}, {"password": "short"}, {"password": "password1"},
                   {"password": invited.password}, {"password": invited.user.email}):  # fmt: skip
        assert (await send(linking, f"/new-password{query}", page, **fields)).status == 422
    assert await sessions_of(people, invited.user) == 0
    assert await codes_of(people, linking.client) == 0
    assert isinstance(await people.sign_in(invited.user.email, invited.password), SignedIn), "nothing has changed"


@pytest.mark.spec("security 6.48")
async def test_the_page_is_nobodys_before_the_temporary_password(people: People, linking: Linking) -> None:
    invited = await invite(people)
    page = await linking.start()
    query = f"?interaction={interaction_of(page)}"
    for _ in range(2):
        sent = await send(linking, f"/new-password{query}", page, password=NEW)
        assert sent.left_to == linking.url(f"/login{query}")
        page = await linking.browser.press(page, "sign_in", username=invited.user.email, password=OTHER)
    assert (await linking.browser.open(linking.url("/new-password"))).status == 400


@pytest.mark.spec("security 6.48")
async def test_another_browser_cannot_choose_the_password(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    invited = await invite(people)
    page = await at_new_password(linking, invited)
    query = f"?interaction={interaction_of(page)}"
    other = new_linking()
    theirs = await other.start()
    assert (await other.browser.open(linking.url(f"/new-password{query}"))).status == 400
    assert (await send(other, f"/new-password{query}", page, password=NEW)).status == 400
    own = f"?interaction={interaction_of(theirs)}"
    assert (await send(other, f"/new-password{own}", theirs, password=NEW)).left_to == other.url(f"/login{own}")
    assert (await send(other, f"/new-password{own}", page, password=NEW)).status == 403
    assert (await stored(people, invited.user)).password_hash == invited.user.password_hash


async def test_of_parallel_choices_one_holds(people: People, linking: Linking) -> None:
    invited = await invite(people)
    page = await at_new_password(linking, invited)
    path = f"/new-password?interaction={interaction_of(page)}"
    chosen = [f"{NEW}, number {number}" for number in range(4)]
    answers = await asyncio.gather(*(send(linking, path, page, password=one) for one in chosen))
    assert [answer.status for answer in answers] == [303] * 4
    held = [isinstance(await people.sign_in(invited.user.email, one), SignedIn) for one in chosen]
    assert held.count(True) == 1
    assert await sessions_of(people, invited.user) == 1


async def test_a_second_post_changes_nothing(people: People, linking: Linking) -> None:
    invited = await invite(people)
    page = await at_new_password(linking, invited)
    await linking.browser.press(page, "save", password=NEW)
    again = await linking.browser.press(page, "save", password=OTHER)
    assert again.has_button("allow")
    assert isinstance(await people.sign_in(invited.user.email, NEW), SignedIn)


@pytest.mark.parametrize("change", ["disabled", "password", "invited again", "late", "recovered elsewhere"])
async def test_what_was_proved_is_worth_nothing_once_the_account_has_changed(
    people: People, linking: Linking, change: str
) -> None:
    invited = await invite(people)
    page = await at_new_password(linking, invited)
    services = people.services
    async with services.database.unit() as session:
        user = await session.get_one(User, invited.user.sub)
        if change == "disabled":
            await administration.disable(session, user, people.clock())
            await administration.enable(session, user, people.clock())
        elif change in ("password", "recovered elsewhere"):
            await administration.set_password(session, user, "x" if change == "password" else "y", people.clock())
    if change == "invited again":
        made = await made_for(people)
        async with services.database.unit() as session:
            user = await session.get_one(User, invited.user.sub)
            await invitations.invite_again(session, services.settings, user, made, people.clock())
    if change == "late":
        people.clock.advance(LIFETIME)
    before = (await stored(people, invited.user)).password_hash
    page = await linking.browser.press(page, "save", password=NEW)
    assert page.asks_for("username", "password"), page
    assert (await stored(people, invited.user)).password_hash == before
    assert await sessions_of(people, invited.user) == 0
    async with services.database.unit() as session:
        interaction = await session.get_one(Interaction, interaction_of(page))
    assert interaction.first_factor is None or change == "late"


async def test_a_choice_that_was_compared_with_an_earlier_invitation_does_not_hold(people: People) -> None:
    invited = await invite(people)
    proof = await people.sign_in(invited.user.email, invited.password)
    assert isinstance(proof, SignedIn)
    waiting = Interaction(interaction_id="", secret_digest=b"", created_at=0, expires_at=0)
    async with people.services.database.unit() as session:
        first = entry.wait_for(session, waiting, Proof(proof.user, ["pwd"], people.clock()), Missing.NEW_PASSWORD)
        session.expunge(waiting)
    checked = await invitations.check(people.services, first, proof.user, NEW, people.network)
    assert isinstance(checked, invitations.Replacement)
    again = await made_for(people)
    async with people.services.database.unit() as session:
        user = await session.get_one(User, invited.user.sub)
        await invitations.invite_again(session, people.services.settings, user, again, people.clock())
    async with people.services.database.unit() as session:
        assert await invitations.replace(people.services, session, checked, Browser({}, "", "")) is None
    assert isinstance(await people.sign_in(invited.user.email, again.password), SignedIn)


@pytest.mark.spec("security 6.58", "cognito 3.2")
async def test_an_expired_temporary_password_looks_like_a_wrong_one(people: People, linking: Linking) -> None:
    invited = await invite(people)
    people.clock.advance(7 * DAY)
    assert await people.sign_in(invited.user.email, invited.password) == Refusal(Reason.WRONG)
    page = await linking.signed_in(invited.user.email, invited.password)
    assert page.status == 422
    wrong = await linking.signed_in(invited.user.email, OTHER)
    assert page.text == wrong.text
    assert administration.status(await stored(people, invited.user), people.clock()) == "invitation_expired"


@pytest.mark.spec("cognito 3.2")
async def test_an_invitation_is_sent_again_and_the_one_before_no_longer_counts(people: People) -> None:
    invited = await invite(people)
    people.clock.advance(8 * DAY)
    again = await made_for(people)
    async with people.services.database.unit() as session:
        user = await session.get_one(User, invited.user.sub)
        await invitations.invite_again(session, people.services.settings, user, again, people.clock())
    assert len(await people.mails(invited.user.email)) == 2
    assert await people.sign_in(invited.user.email, invited.password) == Refusal(Reason.WRONG)
    assert isinstance(await people.sign_in(invited.user.email, again.password), SignedIn)


async def test_nobody_is_invited_who_has_a_password_of_their_own(people: People) -> None:
    user = await people.add()
    made = await made_for(people)
    async with people.services.database.unit() as session:
        stored_user = await session.get_one(User, user.sub)
        with pytest.raises(administration.AccountError, match="has chosen a password"):
            await invitations.invite_again(session, people.services.settings, stored_user, made, people.clock())
    assert isinstance(await people.sign_in(user.email), SignedIn)


@pytest.mark.parametrize("expired", [False, True])
async def test_the_owner_of_the_mailbox_may_recover_instead(people: People, linking: Linking, expired: bool) -> None:
    invited = await invite(people)
    people.clock.advance(8 * DAY if expired else 1)
    page = await linking.browser.press(await linking.start(), "forgot", username=invited.user.email, password="")
    page = await linking.browser.press(page, "send", email=invited.user.email)
    page = await linking.browser.press(page, "save", code=await people.code(invited.user.email), password=NEW)
    assert page.has_button("allow"), page
    user = await stored(people, invited.user)
    assert (user.password_expires_at, user.password_mailed_at, user.email_verified) == (None, None, True)


async def test_a_password_that_the_operator_typed_confirms_no_address(people: People, linking: Linking) -> None:
    """The operator knows it too: a code to the address comes first, and ends what was made before, the password too."""
    user = await people.add(email_verified=False, password_expires_at=people.clock() + DAY)
    page = await linking.signed_in(user.email)
    assert page.asks_for("code"), page
    page = await linking.browser.press(page, "confirm", code=await people.code(user.email))
    page = await linking.browser.press(page, "save", password=NEW)
    linking.returned(await linking.browser.press(page, "allow"))
    assert (await stored(people, user)).password_expires_at is None


async def test_a_password_that_the_operator_typed_is_replaced_where_the_address_is_confirmed(
    people: People, linking: Linking
) -> None:
    user = await people.add(password_expires_at=people.clock() + DAY)
    page = await linking.signed_in(user.email)
    assert "/new-password" in page.url
    page = await linking.browser.press(page, "save", password=NEW)
    linking.returned(await linking.browser.press(page, "allow"))
    assert (await stored(people, user)).password_by_mail_at is None, "no mail was in it"


@pytest.mark.spec("security 6.59")
async def test_the_second_factor_comes_before_the_new_password(people: People, linking: Linking) -> None:
    user = await people.add(password_expires_at=people.clock() + DAY)
    app, _ = await with_app(people, user)
    page = await linking.signed_in(user.email)
    query = f"?interaction={interaction_of(page)}"
    assert "/second-factor" in page.url
    sent = await send(linking, f"/new-password{query}", page, password=NEW)
    assert sent.left_to == linking.url(f"/second-factor{query}")
    page = await linking.browser.press(page, "verify", code=app.code())
    assert "/new-password" in page.url, page
    assert await sessions_of(people, user) == 0
    page = await linking.browser.press(page, "save", password=NEW)
    assert page.has_button("allow"), page
    async with people.services.database.unit() as session:
        (opened,) = (await session.exec(select(Session).where(Session.sub == user.sub))).all()
    assert set(opened.amr) >= {"pwd", "otp"}


async def test_a_network_over_its_limit_chooses_later(people: People, linking: Linking) -> None:
    invited = await invite(people)
    page = await at_new_password(linking, invited)
    services = people.services
    for _ in range(services.settings.address_attempts - 1):
        await attempts.count_address(
            services.hot, services.settings, services.secret_keys, people.network, people.clock()
        )
    page = await linking.browser.press(page, "save", password=NEW)
    assert (page.status, page.answer.headers["retry-after"]) == (429, "600")
    assert (await stored(people, invited.user)).password_hash == invited.user.password_hash


async def test_a_sign_up_with_an_invited_address_tells_its_owner_alone(people: People) -> None:
    invited = await invite(people)
    people.clock.advance(1)
    await people.begin(invited.user.email)
    assert "already" in (await people.mails(invited.user.email))[-1].subject
    assert isinstance(await people.sign_in(invited.user.email, invited.password), SignedIn)


def test_a_temporary_password_is_hard_to_guess_and_easy_to_type() -> None:
    made = {temporary_password() for _ in range(200)}
    assert len(made) == 200
    letters: set[Any] = set("".join(made)) - {"-"}
    assert letters.isdisjoint("0o1liIO")
    assert len(letters) == 31
    assert {len(one) for one in made} == {19}
