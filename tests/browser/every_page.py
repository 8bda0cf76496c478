"""How to reach every hosted page: one entry for each template, and more where a page has another face.

Whoever adds a page adds how it is reached; a test of the house compares this table with the templates. Nothing here
reads texts: pages are reached in every language.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import httpx2
import pyotp
from playwright.async_api import Page

from tests.running.authenticator import Authenticator, give_authenticator
from tests.running.home import add_alexa, add_person
from tests.running.linking import Alexa, Person
from tests.running.service import Service

Reach = Callable[["Visitor"], Awaitable[None]]

NEW = "a lantern nobody has lit before"
CODE = r"^\s+(\d{6})$"
LINK = r"href=\"(http[^\"]*/confirmUser\?[^\"]*)\""


@dataclass
class Visitor:
    """A browser, and whose it is. `demanding`: a server that wants a second factor of everybody; `read`: what was taken
    from mails so far."""

    page: Page
    authserver: Service
    alexa: Alexa
    person: Person
    demanding: Service | None = None
    read: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The issuer: `http://localhost:...`, since passkeys know no addresses."""
        return self.alexa.issuer

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.url}/{path}")

    async def press(self, button: str) -> None:
        async with self.page.expect_navigation():
            await self.page.click(f"button[value={button}]")

    async def sign_in(self, password: str = "") -> None:
        await self.page.fill("#username", self.person.email)
        await self.page.fill("#password", password or self.person.password)
        await self.press("sign_in")

    async def mail(self, pattern: str) -> str:
        """What a mail to this person says there that was not read yet: those of one second stand in any order."""
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            for _ in range(300):
                box = (await client.get(f"{self.url}/dev/mailbox")).text
                for letter in re.findall(r"<article.*?</article>", box, re.DOTALL):
                    found = re.search(pattern, letter, re.MULTILINE)
                    if self.person.email in letter and found and found.group(1) not in self.read:
                        self.read.add(found.group(1))
                        return found.group(1)
                await asyncio.sleep(0.1)
        raise AssertionError(f"no new mail to {self.person.email} has {pattern}")


async def sign_in(visitor: Visitor) -> None:
    await visitor.page.goto(visitor.alexa.authorization_url())


async def sign_up(visitor: Visitor) -> None:
    await sign_in(visitor)
    await visitor.page.click("a[href*='/signup']")


async def confirm(visitor: Visitor) -> None:
    await sign_up(visitor)
    await visitor.page.fill("#email", f"new-{visitor.person.email}")
    await visitor.page.fill("#password", NEW)
    await visitor.press("sign_up")


async def forgot(visitor: Visitor) -> None:
    await visitor.open("forgotPassword")


async def new_password(visitor: Visitor) -> None:
    await forgot(visitor)
    await visitor.page.fill("#email", visitor.person.email)
    await visitor.press("send")


async def locked(visitor: Visitor) -> None:
    """Wrong too often; the refusal offers a mail."""
    await sign_in(visitor)
    for _ in range(7):
        await visitor.sign_in(NEW)
        if await visitor.page.locator("button[value=unlock]").count():
            return
    raise AssertionError("never locked")


async def unlock(visitor: Visitor) -> None:
    await locked(visitor)
    await visitor.press("unlock")


async def unlocked(visitor: Visitor) -> None:
    await unlock(visitor)
    await visitor.page.goto(await visitor.mail(LINK))
    await visitor.press("confirm")


async def mailed_link(visitor: Visitor) -> None:
    await new_password(visitor)
    await visitor.page.goto(await visitor.mail(LINK))


async def mailed_link_pressed(visitor: Visitor) -> None:
    await mailed_link(visitor)
    await visitor.press("confirm")


async def link_elsewhere(visitor: Visitor) -> None:
    await new_password(visitor)
    link = await visitor.mail(LINK)
    await visitor.page.context.clear_cookies()
    await visitor.page.goto(link)


async def link_gone(visitor: Visitor) -> None:
    await visitor.open("confirmUser?link=none")


async def still_linked(visitor: Visitor) -> None:
    await visitor.alexa.link(visitor.person)
    await new_password(visitor)
    await visitor.page.fill("#code", await visitor.mail(CODE))
    await visitor.page.fill("#password", NEW)
    await visitor.press("save")


async def consent(visitor: Visitor) -> None:
    await sign_in(visitor)
    await visitor.sign_in()


def account(path: str = "") -> Reach:
    """A page of the account, of somebody who has just signed in."""

    async def reach(visitor: Visitor) -> None:
        await visitor.open(f"account{path}")
        await visitor.sign_in()

    return reach


def with_link(path: str = "") -> Reach:
    """The same with something linked, and another device."""

    async def reach(visitor: Visitor) -> None:
        await visitor.alexa.link(visitor.person)
        await account(path)(visitor)

    return reach


def refused(reached: Reach, button: str, **typed: str) -> Reach:
    """The same page after it was sent off like this."""

    async def reach(visitor: Visitor) -> None:
        await reached(visitor)
        for name, text in typed.items():
            await visitor.page.fill(f"#{name}", text)
        await visitor.press(button)
        assert await visitor.page.locator("[role=alert]:visible").count() == 1

    return reach


async def account_unlink(visitor: Visitor) -> None:
    await with_link("/applications")(visitor)
    await visitor.page.click("a[href*='/applications/unlink']")


async def account_unlinked(visitor: Visitor) -> None:
    await account_unlink(visitor)
    await visitor.press("unlink")


async def email_changing(visitor: Visitor) -> None:
    await account("/email")(visitor)
    await visitor.page.fill("#email", f"new.{visitor.person.email}")
    await visitor.press("ask")


async def account_deleted(visitor: Visitor) -> None:
    await account("/delete")(visitor)
    await visitor.page.fill("#password", visitor.person.password)
    await visitor.press("delete")


async def app(visitor: Visitor) -> None:
    """An authenticator app that is being set up."""
    await account("/second-factor")(visitor)
    await visitor.page.click("a.way")


async def set_up_app(visitor: Visitor) -> pyotp.TOTP:
    """The app; the page shows the recovery codes."""
    await app(visitor)
    made = pyotp.TOTP("".join((await visitor.page.locator(".key").inner_text()).split()))
    await visitor.page.fill("#code", made.now())
    await visitor.press("set_up")
    return made


async def recovery_codes(visitor: Visitor) -> None:
    await set_up_app(visitor)


async def two_steps(visitor: Visitor) -> None:
    """Asked for the second step too; the present code was used to set the app up."""
    made = await set_up_app(visitor)
    await visitor.open("account/second-factor")
    await visitor.page.fill("#code", made.at(int(time.time()) + 30))
    await visitor.press("verify")


async def second_step(visitor: Visitor) -> None:
    await recovery_codes(visitor)
    await visitor.page.context.clear_cookies()
    await consent(visitor)


async def second_step_recovery(visitor: Visitor) -> None:
    await second_step(visitor)
    await visitor.page.click("a[href*='with=recovery']")


async def factor_demanded(visitor: Visitor) -> None:
    assert visitor.demanding is not None
    visitor.person = add_person(visitor.demanding)
    await visitor.page.goto(add_alexa(visitor.demanding).authorization_url())
    await visitor.sign_in()


async def mail_factor(visitor: Visitor) -> None:
    await account("/second-factor")(visitor)
    await visitor.press("send")


async def with_passkey(visitor: Visitor) -> Authenticator:
    authenticator = await give_authenticator(visitor.page)
    await account("/passkeys/add")(visitor)
    await visitor.page.click("[data-passkey-start]")
    await visitor.page.wait_for_selector("a[href*='/passkeys/change']")
    return authenticator


async def passkeys(visitor: Visitor) -> None:
    await with_passkey(visitor)


async def passkey_change(visitor: Visitor) -> None:
    await with_passkey(visitor)
    await visitor.page.click("a[href*='/passkeys/change']")


async def passkey_remove(visitor: Visitor) -> None:
    await passkey_change(visitor)
    await visitor.page.click("a[href*='/passkeys/remove']")


async def asked_for_passkey(visitor: Visitor) -> Authenticator:
    """As the second step; the authenticator waits."""
    authenticator = await with_passkey(visitor)
    await authenticator.answers(False)
    await visitor.page.context.clear_cookies()
    await second_step(visitor)
    await visitor.page.click("a[href*='with=passkey']")
    return authenticator


async def second_step_passkey(visitor: Visitor) -> None:
    await asked_for_passkey(visitor)


async def second_step_passkey_refused(visitor: Visitor) -> None:
    """By the device, which was not sure of its owner."""
    authenticator = await asked_for_passkey(visitor)
    await authenticator.set("setUserVerified", isUserVerified=False)
    await authenticator.answers(True)
    await visitor.page.click("[data-passkey-start]")
    await visitor.page.wait_for_selector("[role=alert]")


async def replace_password(visitor: Visitor) -> None:
    """Somebody whom the operator invited."""
    visitor.person = Person(f"invited-{visitor.person.email}")
    visitor.authserver.cli_json("user", "invite", visitor.person.email)
    await sign_in(visitor)
    await visitor.sign_in(await visitor.mail(r"^\s*([a-z2-9]{4}(?:-[a-z2-9]{4}){3})$"))


async def form_post(visitor: Visitor) -> None:
    """Held, where it would have gone on by itself."""
    await visitor.page.route(
        "**/form_post.js", lambda route: route.fulfill(body="", headers={"content-type": "text/javascript"})
    )
    redirect = ("--redirect-uri", visitor.alexa.redirect_uri)
    made = visitor.authserver.cli_json("client", "add", "Desk", *redirect, "--first-party")
    desk = replace(visitor.alexa, client_id=made["client_id"])
    await visitor.page.goto(desk.authorization_url(response_mode="form_post"))
    await visitor.sign_in()


async def choose_account(visitor: Visitor) -> None:
    """Of an application that asks nothing itself."""
    redirect = ("--redirect-uri", visitor.alexa.redirect_uri)
    made = visitor.authserver.cli_json("client", "add", "Desk", *redirect, "--first-party")
    desk = replace(visitor.alexa, client_id=made["client_id"])
    await account()(visitor)
    await visitor.page.goto(desk.authorization_url(prompt="select_account"))


async def unlink(visitor: Visitor) -> None:
    await visitor.alexa.link(visitor.person)
    await visitor.page.goto(await visitor.mail(r"href=\"(http[^\"]*/unlink\?[^\"]*)\""))


async def unlinked(visitor: Visitor) -> None:
    await unlink(visitor)
    await visitor.press("unlink")


async def device_code(visitor: Visitor) -> str:
    """What a television shows that has just asked."""
    given = ("--public", "--grant-type", "device_code", "--grant-type", "authorization_code", "--redirect-uri")
    made = visitor.authserver.cli_json("client", "add", "Television", *given, visitor.alexa.redirect_uri)
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        asked = {"client_id": made["client_id"]}
        told = (await client.post(f"{visitor.url}/oauth2/device_authorization", data=asked)).json()
    return str(told["user_code"])


async def device(visitor: Visitor) -> None:
    await visitor.open("device")


async def device_wrong(visitor: Visitor) -> None:
    await device(visitor)
    await visitor.page.fill("#user_code", "BCDF-GHJK")
    await visitor.press("continue")


async def device_compared(visitor: Visitor) -> None:
    await visitor.open(f"device?user_code={await device_code(visitor)}")


async def device_consent(visitor: Visitor) -> None:
    await device_compared(visitor)
    await visitor.press("continue")
    await visitor.sign_in()


async def device_approved(visitor: Visitor) -> None:
    await device_consent(visitor)
    await visitor.press("allow")


async def device_denied(visitor: Visitor) -> None:
    await device_consent(visitor)
    await visitor.press("deny")


async def sign_out(visitor: Visitor) -> None:
    """Asked for by an application that does not say of which session."""
    await account()(visitor)
    await visitor.open(f"oauth2/logout?client_id={visitor.alexa.client_id}")


async def signed_out(visitor: Visitor) -> None:
    await sign_out(visitor)
    await visitor.press("sign_out")


async def nowhere(visitor: Visitor) -> None:
    await visitor.open("nowhere")


async def over(visitor: Visitor) -> None:
    await visitor.open("consent?interaction=none")


async def mailbox(visitor: Visitor) -> None:
    await new_password(visitor)
    await visitor.open("dev/mailbox")


#: (template, face): how it is reached
PAGES: dict[tuple[str, str], Reach] = {
    ("login.html", ""): sign_in,
    ("login.html", "refused"): refused(sign_in, "sign_in", username="anna@example.org", password=NEW),
    ("login.html", "locked"): locked,
    ("login.html", "unlocked"): unlocked,
    ("unlock.html", ""): unlock,
    ("unlock.html", "refused"): refused(unlock, "confirm", code="12"),
    ("mailed_link.html", ""): mailed_link,
    ("link_elsewhere.html", ""): link_elsewhere,
    ("link_gone.html", ""): link_gone,
    ("signup.html", ""): sign_up,
    ("signup.html", "refused"): refused(sign_up, "sign_up", email="new@example.org", password="short"),
    ("confirm.html", ""): confirm,
    ("confirm.html", "refused"): refused(confirm, "confirm", code="12"),
    ("forgot.html", ""): forgot,
    ("new_password.html", ""): new_password,
    ("new_password.html", "refused"): refused(new_password, "save", code="123456", password="short"),
    ("new_password.html", "confirmed"): mailed_link_pressed,
    ("still_linked.html", ""): still_linked,
    ("consent.html", ""): consent,
    ("choose_account.html", ""): choose_account,
    ("form_post.html", ""): form_post,
    ("replace_password.html", ""): replace_password,
    ("replace_password.html", "refused"): refused(replace_password, "save", password="short"),
    ("second_factor_choice.html", ""): factor_demanded,
    ("second_factor_totp.html", ""): app,
    ("second_factor_totp.html", "refused"): refused(app, "set_up", code="0"),
    ("second_factor_email.html", ""): mail_factor,
    ("second_factor_email.html", "refused"): refused(mail_factor, "set_up", code="0"),
    ("recovery_codes.html", ""): recovery_codes,
    ("second_factor.html", ""): second_step,
    ("second_factor.html", "refused"): refused(second_step, "verify", code="0"),
    ("second_factor.html", "recovery"): second_step_recovery,
    ("second_factor.html", "recovery refused"): refused(second_step_recovery, "verify", code="0"),
    ("second_factor.html", "passkey"): second_step_passkey,
    ("second_factor.html", "passkey refused"): second_step_passkey_refused,
    ("account.html", ""): account(),
    ("account_profile.html", ""): account("/profile"),
    ("account_security.html", ""): account("/security"),
    ("account_email.html", ""): account("/email"),
    ("account_email.html", "refused"): refused(account("/email"), "ask"),
    ("account_email.html", "changing"): email_changing,
    ("account_email.html", "changing refused"): refused(email_changing, "confirm", code="0"),
    ("account_username.html", ""): account("/username"),
    ("account_username.html", "refused"): refused(account("/username"), "save", username="not a name"),
    ("account_password.html", ""): account("/password"),
    ("account_password.html", "refused"): refused(account("/password"), "save"),
    ("account_second_factor.html", ""): account("/second-factor"),
    ("account_second_factor.html", "set up"): two_steps,
    ("passkeys.html", "none"): account("/passkeys"),
    ("passkeys.html", ""): passkeys,
    ("passkey_add.html", ""): account("/passkeys/add"),
    ("passkey_change.html", ""): passkey_change,
    ("passkey_change.html", "refused"): refused(passkey_change, "save", name=""),
    ("passkey_remove.html", ""): passkey_remove,
    ("account_applications.html", "none"): account("/applications"),
    ("account_applications.html", ""): with_link("/applications"),
    ("account_applications.html", "unlinked"): account_unlinked,
    ("account_unlink.html", ""): account_unlink,
    ("account_devices.html", ""): with_link("/devices"),
    ("account_activity.html", ""): with_link("/activity"),
    ("account_language.html", ""): account("/language"),
    ("account_not_me.html", ""): account("/not-me"),
    ("account_data.html", ""): account("/data"),
    ("account_delete.html", ""): with_link("/delete"),
    ("account_delete.html", "refused"): refused(account("/delete"), "delete"),
    ("account_deleted.html", ""): account_deleted,
    ("unlink.html", ""): unlink,
    ("unlink.html", "done"): unlinked,
    ("device.html", ""): device,
    ("device.html", "refused"): device_wrong,
    ("device.html", "compared"): device_compared,
    ("consent.html", "device"): device_consent,
    ("device_done.html", "approved"): device_approved,
    ("device_done.html", "denied"): device_denied,
    ("sign_out.html", ""): sign_out,
    ("signed_out.html", ""): signed_out,
    ("error.html", "nowhere"): nowhere,
    ("error.html", "over"): over,
    ("mailbox.html", ""): mailbox,
}
