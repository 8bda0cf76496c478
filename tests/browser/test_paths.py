"""Paths through the pages on a phone, each begun by Alexa and ended at Amazon with the same state.

A path is a list of steps; each is walked with and without JavaScript. Those that other tests of this folder walk in
both ways are not here: sign-up and a forgotten password with a code, a mailed link in a new tab, a wrong password, an
invitation, the way past the lock, a second factor that the operator demands, passkeys. Nothing here reads texts.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from tests.browser.every_page import CODE, LINK, NEW, Visitor, set_up_app
from tests.running.amazon import HOP, Amazon
from tests.running.chromium import Pages
from tests.running.home import add_people
from tests.running.linking import Alexa, Person
from tests.running.service import Service
from tests.vectors.alexa import STATE_737


@dataclass
class Walker(Visitor):
    """`app`, `recovery_codes`: what this person has at hand besides the password."""

    app: pyotp.TOTP | None = None
    recovery_codes: tuple[str, ...] = ()


Step = Callable[[Walker], Awaitable[None]]


def press(button: str) -> Step:
    return lambda walker: walker.press(button)


def follow(link: str) -> Step:
    """A link whose address has this in it."""
    return lambda walker: walker.page.click(f"a[href*='{link}']")


def type_in(**typed: str) -> Step:
    async def step(walker: Walker) -> None:
        for field, text in typed.items():
            await walker.page.fill(f"#{field}", text.format(person=walker.person))

    return step


def choose_language(tag: str, direction: str) -> Step:
    async def step(walker: Walker) -> None:
        await walker.page.click(".languages summary")
        await walker.press(tag)
        await speaks(tag, direction)(walker)

    return step


def speaks(tag: str, direction: str) -> Step:
    async def step(walker: Walker) -> None:
        html = walker.page.locator("html")
        assert (await html.get_attribute("lang"), await html.get_attribute("dir")) == (tag, direction)

    return step


async def sign_in(walker: Walker) -> None:
    await walker.sign_in()


async def wrong_password(walker: Walker) -> None:
    await walker.sign_in("not the password at all")
    assert await walker.page.locator("#password-error").count() == 1


async def wrong_code(walker: Walker) -> None:
    await walker.page.fill("#code", "0")
    await walker.page.press("#code", "Enter")
    await walker.page.wait_for_selector("#code-error")


async def code_of_mail(walker: Walker) -> None:
    await walker.page.fill("#code", await walker.mail(CODE))


async def link_of_mail(walker: Walker) -> None:
    await walker.page.goto(await walker.mail(LINK))


async def code_of_app(walker: Walker) -> None:
    """That of the next half minute: the present one was used to set the app up."""
    assert walker.app is not None
    await walker.page.fill("#code", walker.app.at(int(time.time()) + 30))
    await walker.press("verify")


async def recovery_code(walker: Walker) -> None:
    await walker.page.fill("#code", walker.recovery_codes[3].lower())
    await walker.press("verify")


async def with_app(walker: Walker) -> None:
    """Set up on another device."""
    walker.app = await set_up_app(walker)
    walker.recovery_codes = tuple(await walker.page.locator(".codes li").all_inner_texts())
    await walker.page.context.clear_cookies()


async def with_codes_by_mail(walker: Walker) -> None:
    await walker.open("account/second-factor")
    await walker.sign_in()
    await walker.press("send")
    await code_of_mail(walker)
    await walker.press("set_up")
    await walker.page.context.clear_cookies()


async def with_a_link(walker: Walker) -> None:
    await walker.alexa.link(walker.person)


async def new_here(walker: Walker) -> None:
    """Nobody has this address yet."""
    walker.person = Person(f"new-{walker.person.email}", NEW)


async def signed_up_and_gone(walker: Walker) -> None:
    """The window was closed before the code came."""
    await new_here(walker)
    await walker.open("signup")
    await walker.page.fill("#email", walker.person.email)
    await walker.page.fill("#password", walker.person.password)
    await walker.press("sign_up")
    await walker.page.context.clear_cookies()


SIGN_UP = (follow("/signup"), type_in(email="{person.email}", password="{person.password}"), press("sign_up"))
FORGOT = (type_in(username="{person.email}"), press("forgot"), press("send"))
SAVE = (type_in(password=NEW), press("save"))
ALLOW = press("allow")

#: what somebody has before, and the steps from the page that Alexa opens to Amazon's
PATHS: dict[str, tuple[tuple[Step, ...], tuple[Step, ...]]] = {
    "sign-up with the link of the mail": ((new_here,), (*SIGN_UP, link_of_mail, press("confirm"), ALLOW)),
    "sign-up that begins again with another address": (
        (new_here,),
        (follow("/signup"), type_in(email="typo@example.org", password=NEW), press("sign_up"), follow("/signup"),
         type_in(email="{person.email}", password="{person.password}"), press("sign_up"),
         code_of_mail, press("confirm"), ALLOW),
    ),
    "sign-up that was never confirmed": (
        (signed_up_and_gone,), (sign_in, code_of_mail, press("confirm"), ALLOW),
    ),
    "there and back": ((), (follow("/signup"), follow("/login"), wrong_password, sign_in, ALLOW)),
    "forgotten password by code, of somebody linked": (
        (with_a_link,), (*FORGOT, code_of_mail, *SAVE, press("continue"), ALLOW),
    ),
    "forgotten password by link, of somebody linked": (
        (with_a_link,), (*FORGOT, link_of_mail, press("confirm"), *SAVE, press("continue"), ALLOW),
    ),
    "forgotten password of somebody with an app": (
        (with_app,), (*FORGOT, code_of_mail, *SAVE, code_of_app, ALLOW),
    ),
    "code of an app": ((with_app,), (wrong_password, sign_in, wrong_code, code_of_app, ALLOW)),
    "recovery code": ((with_app,), (sign_in, follow("with=recovery"), wrong_code, recovery_code, ALLOW)),
    "code by mail": ((with_codes_by_mail,), (sign_in, wrong_code, code_of_mail, press("verify"), ALLOW)),
    "second step begun again": ((with_app,), (sign_in, press("restart"), sign_in, code_of_app, ALLOW)),
    "language changed in the middle": (
        (),
        (choose_language("ar", "rtl"), wrong_password, speaks("ar", "rtl"), choose_language("ja", "ltr"), sign_in,
         speaks("ja", "ltr"), choose_language("de", "ltr"), ALLOW),
    ),
}  # fmt: skip

REFUSALS: dict[str, tuple[tuple[Step, ...], tuple[Step, ...]]] = {
    "at the first page": ((), (press("cancel"),)),
    "after a wrong password": ((), (wrong_password, press("cancel"))),
    "at the second step": ((with_app,), (sign_in, press("cancel"))),
    "at the consent": ((), (sign_in, press("deny"))),
}

SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])


@pytest.fixture(scope="module")
def people(authserver: Service) -> list[Person]:
    return add_people(authserver, 2 * (len(PATHS) + len(REFUSALS)))


async def walk(walker: Walker, path: tuple[tuple[Step, ...], tuple[Step, ...]], amazon: Amazon) -> dict[str, list[str]]:
    """What the one call of the redirect URL brought."""
    before, steps = path
    for step in before:
        await step(walker)
    await walker.page.goto(walker.alexa.authorization_url())
    for step in steps:
        await step(walker)
    await walker.page.wait_for_url(HOP)
    (url,) = amazon.returns()
    assert url.startswith(f"{walker.alexa.redirect_uri}?")
    return parse_qs(urlsplit(url).query, strict_parsing=True)


@pytest.mark.spec("A06", "A10", "alexa 1.3", "security 6.42")
@SCRIPTS
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
async def test_a_path_begun_by_alexa_ends_at_amazon_with_the_same_state(
    new_page: Pages,
    authserver: Service,
    alexa: Alexa,
    amazon: Amazon,
    people: list[Person],
    path: tuple[tuple[Step, ...], tuple[Step, ...]],
    javascript: bool,
) -> None:
    page = await new_page("phone", javascript=javascript)
    given = await walk(Walker(page, authserver, alexa, people.pop()), path, amazon)
    assert (given["state"], given["iss"]) == ([STATE_737], [alexa.issuer])
    tokens = await alexa.exchange(given["code"][0])
    assert tokens.status_code == 200
    assert "refresh_token" in tokens.json()


@pytest.mark.spec("A08", "RFC 6749 §4.1.2.1")
@SCRIPTS
@pytest.mark.parametrize("path", REFUSALS.values(), ids=REFUSALS)
async def test_whoever_refuses_goes_back_with_the_same_state_and_nothing_else(
    new_page: Pages,
    authserver: Service,
    alexa: Alexa,
    amazon: Amazon,
    people: list[Person],
    path: tuple[tuple[Step, ...], tuple[Step, ...]],
    javascript: bool,
) -> None:
    page = await new_page("phone", javascript=javascript)
    given = await walk(Walker(page, authserver, alexa, people.pop()), path, amazon)
    assert (given["error"], given["state"], given["iss"]) == (["access_denied"], [STATE_737], [alexa.issuer])
    assert "code" not in given
