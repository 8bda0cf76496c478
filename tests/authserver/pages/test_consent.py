"""Consent: what the page says, what is remembered of it, and what nobody else can make of that."""

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio
from sqlmodel import select

from authserver.accounts import administration, sessions
from authserver.accounts.export import export
from authserver.models import Activity, AuthorizationCode, Consent, ResourceScope, Session, User
from authserver.oauth import authorization, consents, granted, interactions
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.protocol.harness import PRESETS, Asker, claims_of
from tests.running.reading import Page

SCOPES = ["openid", "email", "lamps", "profile"]


@pytest_asyncio.fixture(loop_scope="session")
async def other_app(people: People) -> Asker:
    """An application of somebody else's, which is asked about once."""
    return await people.server.add_client(scopes=SCOPES)


@pytest_asyncio.fixture(loop_scope="session")
async def user(people: People) -> User:
    return await people.add()


@pytest.fixture
def visit(people: People, other_app: Asker) -> Linking:
    return Linking(people, other_app)


async def allow(linking: Linking, user: User | None = None, **asked: str | None) -> dict[str, str]:
    """Through the consent page, which must be there."""
    page = await linking.start(**asked)
    if page.asks_for("password") and user is not None:
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.has_button("allow"), page
    return linking.returned(await linking.browser.press(page, "allow"))


async def silent(linking: Linking, **asked: str | None) -> bool:
    """Whether no page is shown; the same is told to `prompt=none`."""
    page = await linking.start(**asked)
    told = linking.returned(await linking.start(**(asked | {"prompt": "none"})))
    if page.left_to is not None:
        assert "code" in linking.returned(page)
        assert "code" in told
        return True
    assert page.has_button("allow"), page
    assert told["error"] == "consent_required"
    return False


async def unlink(linking: Linking, access_token: str) -> Page:
    """As its owner does it on the account pages."""
    origin_jti = claims_of(access_token)["origin_jti"]
    page = await linking.browser.open(linking.url(f"/account/applications/unlink?link={origin_jti}"))
    return await linking.browser.press(page, "unlink")


async def stored(people: People, user: User) -> list[Consent]:
    async with people.services.database.unit() as session:
        return list((await session.exec(select(Consent).where(Consent.sub == user.sub))).all())


async def set_client(people: People, asker: Asker, **fields: Any) -> None:
    registered = await people.services.clients.get(asker.client_id)
    assert registered is not None
    await people.server.change(registered.row, **fields)
    people.services.clients.forget()


@pytest.mark.spec("security 6.57", "security 6.61")
async def test_what_was_agreed_to_is_not_asked_again(visit: Linking, user: User) -> None:
    await allow(visit, user, scope="openid email")
    for scope in ("openid email", "email openid", "openid", "email"):
        assert await silent(visit, scope=scope)


async def test_a_new_permission_is_asked_for_and_told_from_the_old_ones(
    people: People, visit: Linking, user: User
) -> None:
    await allow(visit, user, scope="openid email")
    page = await visit.start(scope="openid lamps")
    headings = [part for part in ("also wants to", "You have already allowed it to") if part in page.text]
    assert len(headings) == 2
    new, old = page.text.split("You have already allowed it to")
    assert "lamps" in new
    assert "Recognise your account" not in new
    assert "Recognise your account" in old
    visit.returned(await visit.browser.press(page, "allow"))
    assert await silent(visit, scope="openid email lamps")
    assert not await silent(visit, scope="openid profile")
    (row,) = await stored(people, user)
    assert set(row.scope.split()) == {"openid", "email", "lamps"}


@pytest.mark.spec("security 6.57", "security 6.80", "OpenID Connect Core §5.5")
async def test_a_claim_asked_for_alone_is_agreed_to_like_its_scope(
    people: People, visit: Linking, user: User, other_app: Asker
) -> None:
    claims = json.dumps({"userinfo": {"name": None}, "id_token": {"phone_number": None}})
    page = await visit.start(scope="openid")
    page = await visit.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert "See your name and profile" not in page.text
    visit.returned(await visit.browser.press(page, "allow"))
    assert await silent(visit, scope="openid")
    assert not await silent(visit, scope="openid", claims=claims)
    page = await visit.start(scope="openid", claims=claims)
    assert "See your name and profile" in page.text
    assert "phone" not in page.text  # the client has no such scope, and is given no such claim
    visit.returned(await visit.browser.press(page, "allow"))
    assert await silent(visit, scope="openid", claims=claims)
    assert await silent(visit, scope="openid profile")  # in the same words
    assert not await silent(visit, scope="openid email")
    (row,) = await stored(people, user)
    assert set(row.scope.split()) == {"openid", "profile"}


@pytest.mark.spec("security 6.57", "OpenID Connect Core §5.5")
async def test_a_link_tells_its_owner_of_claims_asked_for_alone(
    people: People, visit: Linking, user: User, other_app: Asker
) -> None:
    claims = json.dumps({"userinfo": {"name": None}})
    code = (await allow(visit, user, scope="openid", claims=claims))["code"]
    assert (await other_app.exchange(code)).status_code == 200
    assert "See your name and profile" in (await visit.browser.open(visit.url("/account/applications"))).text
    async with people.services.database.unit() as session:
        (link,) = await granted.granted(session, people.server.clock(), sub=user.sub)
        file = await export(session, user, people.server.clock())
    assert (link.scope, link.claims) == ("openid", ["name"])
    assert file["linked_applications"][0]["permissions"] == ["openid", "profile"]


async def test_a_refusal_is_not_an_agreement(people: People, visit: Linking, user: User) -> None:
    page = await visit.signed_in(user.email)
    assert visit.returned(await visit.browser.press(page, "deny"))["error"] == "access_denied"
    assert not await silent(visit)
    assert await stored(people, user) == []


async def test_a_refusal_of_something_new_leaves_the_old_agreement(visit: Linking, user: User) -> None:
    await allow(visit, user, scope="openid")
    page = await visit.browser.press(await visit.start(scope="openid lamps"), "deny")
    assert visit.returned(page)["error"] == "access_denied"
    assert await silent(visit, scope="openid")
    assert not await silent(visit, scope="openid lamps")


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
async def test_prompt_consent_asks_again_and_shows_everything(visit: Linking, user: User) -> None:
    await allow(visit, user, scope="openid email")
    page = await visit.start(scope="openid email", prompt="consent")
    assert page.has_button("allow")
    assert "also wants to" not in page.text
    assert "See your e-mail address" in page.text
    assert "code" in visit.returned(await visit.browser.press(page, "allow"))


@pytest.mark.spec("security 6.61", "alexa 0")
async def test_alexas_consent_is_never_remembered(people: People, linking: Linking, user: User) -> None:
    """Also when its row says otherwise, as one from elsewhere might."""
    await allow(linking, user)
    assert await stored(people, user) == []
    assert not await silent(linking)
    await set_client(people, linking.client, consent=None)
    assert not await silent(linking)
    await allow(linking)
    assert await stored(people, user) == []
    async with people.services.database.unit() as session:
        session.add(Consent(sub=user.sub, client_id=linking.client.client_id, scope="openid", epoch=0, at=1))
    assert not await silent(linking)


@pytest.mark.spec("security 6.57")
async def test_a_client_that_asks_always_forgets_what_was_remembered(people: People, user: User) -> None:
    visit = Linking(people, await people.server.add_client(consent="always"))
    await allow(visit, user)
    assert not await silent(visit)
    assert await stored(people, user) == []


async def test_a_remembered_consent_is_of_one_person_and_one_client(
    people: People, visit: Linking, new_linking: Linkings, user: User
) -> None:
    await allow(visit, user, scope="openid")
    elsewhere = Linking(people, await people.server.add_client(scopes=SCOPES))
    elsewhere.browser = visit.browser
    assert not await silent(elsewhere, scope="openid")
    somebody = await people.add()
    theirs = Linking(people, visit.client)
    page = await theirs.start(scope="openid")
    page = await theirs.browser.press(page, "sign_in", username=somebody.email, password=PASSWORD)
    assert page.has_button("allow")
    assert not await silent(theirs, scope="openid")
    # in this very browser, too
    page = await visit.start(prompt="login", scope="openid")
    page = await visit.browser.press(page, "sign_in", username=somebody.email, password=PASSWORD)
    assert page.has_button("allow")
    assert somebody.email in page.text.replace(" ", "")


async def test_it_counts_in_every_browser_of_the_person_who_signed_in_there(
    people: People, visit: Linking, user: User
) -> None:
    await allow(visit, user, scope="openid")
    elsewhere = Linking(people, visit.client)
    page = await elsewhere.start(scope="openid")
    page = await elsewhere.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert "code" in elsewhere.returned(page)


@pytest.mark.spec("security 6.32")
async def test_what_ends_all_that_was_issued_ends_the_agreement(people: People, visit: Linking, user: User) -> None:
    await allow(visit, user, scope="openid")
    async with people.services.database.unit() as session:
        person = await session.get_one(User, user.sub)
        await administration.disable(session, person, people.clock())
        await administration.enable(session, person, people.clock())
    page = await visit.start(scope="openid")
    page = await visit.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.has_button("allow")
    assert "also wants to" not in page.text
    visit.returned(await visit.browser.press(page, "allow"))
    assert await silent(visit, scope="openid")
    assert not await silent(visit, scope="openid email")


@pytest.mark.spec("security 6.32")
async def test_a_new_password_ends_the_agreement_with_the_links(people: People, visit: Linking, user: User) -> None:
    await allow(visit, user, scope="openid")
    async with people.services.database.unit() as session:
        person = await session.get_one(User, user.sub)
        assert person.password_hash is not None
        await administration.set_password(session, person, person.password_hash, people.clock())
    assert await stored(people, user) == []


@pytest.mark.parametrize("way", ["account page", "operator", "mailed link"])
async def test_who_unlinks_is_asked_again(people: People, visit: Linking, user: User, way: str) -> None:
    code = (await allow(visit, user, scope="openid"))["code"]
    tokens = (await visit.client.exchange(code)).json()
    origin_jti = claims_of(tokens["access_token"])["origin_jti"]
    assert await silent(visit, scope="openid")
    if way == "account page":
        assert "is unlinked" in (await unlink(visit, tokens["access_token"])).text
    elif way == "operator":
        async with people.services.database.unit() as session:
            await granted.revoke(session, people.clock(), sub=user.sub, client_id=visit.client.client_id)
    else:
        (mail,) = await people.mails(user.email)
        link = next(word for word in mail.text.split() if "/unlink?link=" in word)
        await visit.browser.press(await visit.browser.open(link), "unlink")
    assert (await visit.client.refresh(tokens["refresh_token"])).status_code == 400
    assert not await silent(visit, scope="openid")
    await allow(visit, scope="openid")
    if way == "mailed link":  # the old link takes nothing back that was agreed to since
        await visit.browser.open(link)
        (grant,) = [row for row in await people.server.grants_of(user) if row.origin_jti == origin_jti]
        async with people.services.database.unit() as session:
            assert await granted.revoke(session, people.clock(), origin_jti=grant.origin_jti, sub=user.sub) == 0
    assert await silent(visit, scope="openid")


async def test_a_client_that_gives_its_token_back_takes_back_nothing_in_the_persons_name(
    visit: Linking, user: User
) -> None:
    tokens = (await visit.client.exchange((await allow(visit, user, scope="openid"))["code"])).json()
    assert (await visit.client.revoke(tokens["refresh_token"])).status_code == 200
    assert await silent(visit, scope="openid")


async def test_unlinking_ends_the_codes_that_rest_on_the_agreement(people: People, visit: Linking, user: User) -> None:
    tokens = (await visit.client.exchange((await allow(visit, user, scope="openid"))["code"])).json()
    waiting = visit.returned(await visit.start(scope="openid", prompt="none"))["code"]
    await unlink(visit, tokens["access_token"])
    assert (await visit.client.exchange(waiting)).status_code == 400


@pytest.mark.spec("alexa 0")
async def test_unlinking_one_link_of_alexa_does_not_disturb_another_that_is_being_made(
    people: People, linking: Linking, user: User
) -> None:
    tokens = (await linking.client.exchange((await allow(linking, user))["code"])).json()
    waiting = (await allow(linking))["code"]
    await unlink(linking, tokens["access_token"])
    assert (await linking.client.exchange(waiting)).status_code == 200


@pytest.mark.spec("security 6.57")
async def test_the_account_page_shows_what_would_not_be_asked_and_takes_it_back(
    people: People, visit: Linking, user: User
) -> None:
    tokens = (await visit.client.exchange((await allow(visit, user, scope="openid"))["code"])).json()
    page = await visit.browser.open(visit.url("/account/applications"))
    assert not page.has_button(visit.client.client_id)  # the link stands for it
    await visit.client.revoke(tokens["refresh_token"])
    page = await visit.browser.open(visit.url("/account/applications"))
    assert page.has_button(visit.client.client_id)
    somebody = Linking(people, visit.client)
    await allow(somebody, await people.add(), scope="openid")
    theirs = await somebody.browser.press(
        await somebody.browser.open(somebody.url("/account/applications")), visit.client.client_id
    )
    assert theirs.status == 200
    assert await silent(visit, scope="openid")  # another person's button took back another person's
    await visit.browser.press(page, visit.client.client_id)
    assert not await silent(visit, scope="openid")


async def test_consent_that_is_taken_back_while_the_code_is_made_gives_no_code(
    people: People, visit: Linking, user: User
) -> None:
    """The page had looked before; the last statement before the code looks again."""
    await allow(visit, user, scope="openid")
    services, now = people.services, people.clock()
    async with services.database.unit() as session:
        before = len((await session.exec(select(AuthorizationCode.digest))).all())
    client = await services.clients.get(visit.client.client_id)
    assert client is not None
    async with services.database.unit() as session:
        browser = (await session.exec(select(Session).where(Session.sub == user.sub))).first()
        found = await session.get_one(User, user.sub)
        assert browser is not None
        remembered = await consents.find(session, found, client.row)
        assert remembered is not None
        interaction, _cookie = await interactions.create(
            services.settings,
            session,
            now,
            client_id=visit.client.client_id,
            request=visit.client.authorization(scope="openid"),
        )
        step = interactions.next_step(interaction, browser, found, client.row, now, remembered)
        assert step is interactions.Step.FINISH
    async with services.database.unit() as other:
        assert await consents.forget(other, now, sub=user.sub) == 1
    async with services.database.unit() as session:
        told = await authorization.conclude(
            services.oauth, session, interaction, client.row, browser, found, remembered
        )
    assert told is interactions.Step.CONSENT
    async with services.database.unit() as session:
        assert len((await session.exec(select(AuthorizationCode.digest))).all()) == before


@pytest.mark.spec("security 6.74")
async def test_no_code_outlives_a_consent_that_is_taken_back_in_a_race(
    people: People, visit: Linking, user: User
) -> None:
    await allow(visit, user, scope="openid")
    for _ in range(5):

        async def take_back() -> None:
            async with people.services.database.unit() as session:
                await consents.forget(session, people.clock(), sub=user.sub)

        pages = await asyncio.gather(
            *(visit.start(scope="openid", prompt="none") for _ in range(6)),
            take_back(),
            *(visit.start(scope="openid", prompt="none") for _ in range(6)),
        )
        told = [visit.returned(page) for page in pages if isinstance(page, Page)]
        assert all(given.get("error", "consent_required") == "consent_required" for given in told)
        for given in told:
            if "code" in given:
                assert (await visit.client.exchange(given["code"])).status_code == 400
        assert await people.server.grants_of(user) == []
        await allow(visit, scope="openid")


async def test_what_was_taken_back_does_not_return_with_the_next_agreement(
    people: People, visit: Linking, user: User
) -> None:
    """The page was opened before."""
    await allow(visit, user, scope="openid email")
    page = await visit.start(scope="openid lamps")
    async with people.services.database.unit() as session:
        await consents.forget(session, people.clock(), sub=user.sub)
    visit.returned(await visit.browser.press(page, "allow"))
    (row,) = await stored(people, user)
    assert set(row.scope.split()) == {"openid", "lamps"}


async def test_scopes_that_do_not_fit_into_the_row_are_remembered_without_the_older_ones(
    people: People, user: User
) -> None:
    long = [f"{letter * 250}" for letter in "abcdefghij"]
    visit = Linking(people, await people.server.add_client(scopes=long))
    await allow(visit, user, scope=" ".join(long[:7]))
    await allow(visit, scope=" ".join(long[7:]))
    assert await silent(visit, scope=" ".join(long[7:]))
    assert not await silent(visit, scope=long[0])


@pytest.mark.spec("security 6.57")
async def test_only_flagged_clients_skip_the_page(people: People, user: User) -> None:
    for preset in PRESETS:
        visit = Linking(people, await people.server.add_client(preset))
        page = await visit.signed_in(user.email)
        assert page.has_button("allow"), preset
    visit = Linking(people, await people.server.add_client(first_party=True))
    assert "code" in visit.returned(await visit.signed_in(user.email))
    assert await stored(people, user) == []


@pytest.mark.spec("security 6.57")
@pytest.mark.parametrize(
    ("redirect_uri", "shown"),
    [
        ("https://client.example.org/callback", "Afterwards you return to client.example.org"),
        ("https://client.example.org:8443/callback", "Afterwards you return to client.example.org:8443"),
        ("https://xn--mazon-3ve.example/cb", "Afterwards you return to xn--mazon-3ve.example"),
        ("http://127.0.0.1:4000/cb", "Afterwards you return to a program on this device: 127.0.0.1:4000"),
        ("http://localhost/cb", "Afterwards you return to a program on this device: localhost"),
        ("org.example.app:/cb", "Afterwards you return to a program on this device: org.example.app"),
    ],
    ids=["host", "port", "punycode", "loopback", "localhost", "own scheme"],
)
async def test_the_page_says_where_the_browser_goes_afterwards(
    people: People, user: User, redirect_uri: str, shown: str
) -> None:
    """Redirect URIs are ASCII: a name in other letters shows as what it is."""
    visit = Linking(people, await people.server.add_client(redirect_uris=[redirect_uri]))
    page = await visit.signed_in(user.email)
    assert shown in page.text


@pytest.mark.spec("security 6.57")
async def test_scopes_are_named_in_the_operators_words(people: People, visit: Linking, user: User) -> None:
    services = people.services
    words = {"lamps": "Switch your <lamps>"}
    services.settings, usual = services.settings.model_copy(update={"scope_words": words}), services.settings
    try:
        page = await visit.start(scope="openid email lamps")
        page = await visit.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
        assert "Switch your <lamps>" in page.text
        assert "<lamps>" not in page.answer.text
        assert "permission “lamps”" not in page.text
        assert "See your e-mail address" in page.text
    finally:
        services.settings = usual


@pytest.mark.spec("security 6.57")
async def test_scopes_of_resource_servers_are_named_in_their_operators_words(people: People, user: User) -> None:
    api = await people.server.add_resource("plain")
    services = people.services
    client = await people.server.add_client(scopes=["openid", f"{api}/stir", f"{api}/plain"])
    async with services.database.unit() as session:
        session.add(ResourceScope(identifier=api, name="stir", description="Stir the <pot>"))
    services.oauth.resources.forget()
    visit = Linking(people, client)
    page = await visit.start(scope=f"openid {api}/stir {api}/plain")
    page = await visit.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert "Stir the <pot>" in page.text
    assert "<pot>" not in page.answer.text
    assert "Do plain" in page.text
    assert api not in page.text
    visit.returned(await visit.browser.press(page, "allow"))


async def test_a_linking_is_noted_where_it_was_agreed_to(people: People, visit: Linking, user: User) -> None:
    code = (await allow(visit, user, scope="openid"))["code"]
    tokens = (await visit.client.exchange(code)).json()
    assert await silent(visit, scope="openid")
    await unlink(visit, tokens["access_token"])
    async with people.services.database.unit() as session:
        found = (await session.exec(select(Activity).where(Activity.sub == user.sub))).all()
    noted = [(row.kind, row.details["application"]) for row in found if row.kind in ("linked", "unlinked")]
    assert sorted(noted) == [("linked", "A confidential app"), ("unlinked", "A confidential app")]
    assert {row.address for row in found if row.kind in ("linked", "unlinked")} == {people.network}


async def test_a_consent_without_a_session_of_this_browser_is_none(people: People, visit: Linking, user: User) -> None:
    """The cookie of the session is gone, that of the interaction is there."""
    await allow(visit, user, scope="openid")
    visit.browser.client.cookies.delete(sessions.cookie_name(people.server.settings))
    assert (await visit.start(scope="openid")).asks_for("password")
    assert visit.returned(await visit.start(scope="openid", prompt="none"))["error"] == "login_required"
