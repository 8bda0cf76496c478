"""How to reach every hosted page: one entry for each template, and more where a page has another face.

Whoever adds a page adds how it is reached; a test of the house compares this table with the templates. Nothing here
reads texts: pages are reached in every language.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx2
from playwright.async_api import Page

from tests.running.home import add_person
from tests.running.linking import Alexa, Person
from tests.running.service import Service

NEW = "a lantern nobody has lit before"
LINK = r"href=\"(http[^\"]*/confirmUser\?[^\"]*)\""


@dataclass
class Visitor:
    """A browser, and whose it is."""

    page: Page
    authserver: Service
    alexa: Alexa
    person: Person = field(init=False)

    def __post_init__(self) -> None:
        self.person = add_person(self.authserver)

    @property
    def url(self) -> str:
        return self.authserver.url

    async def press(self, button: str) -> None:
        await self.page.click(f"button[value={button}]")
        await self.page.wait_for_load_state()

    async def sign_in(self, password: str = "") -> None:
        await self.page.fill("#username", self.person.email)
        await self.page.fill("#password", password or self.person.password)
        await self.press("sign_in")

    async def mail(self, pattern: str) -> str:
        """What the newest mail to this person says there."""
        async with httpx2.AsyncClient(trust_env=False) as client:
            for _ in range(50):
                box = (await client.get(f"{self.url}/dev/mailbox")).text
                for letter in re.findall(r"<article.*?</article>", box, re.DOTALL):
                    found = re.search(pattern, letter, re.MULTILINE)
                    if self.person.email in letter and found:
                        return found.group(1)
                await asyncio.sleep(0.1)
        raise AssertionError(f"no mail to {self.person.email} has {pattern}")


async def sign_in(visitor: Visitor) -> None:
    await visitor.page.goto(visitor.alexa.authorization_url())


async def sign_in_refused(visitor: Visitor) -> None:
    await sign_in(visitor)
    await visitor.sign_in(NEW)


async def sign_up(visitor: Visitor) -> None:
    await sign_in(visitor)
    await visitor.page.click("a[href*='/signup']")


async def sign_up_refused(visitor: Visitor) -> None:
    await sign_up(visitor)
    await visitor.page.fill("#email", "new@example.org")
    await visitor.page.fill("#password", "short")
    await visitor.press("sign_up")


async def confirm(visitor: Visitor) -> None:
    await sign_up(visitor)
    await visitor.page.fill("#email", f"new-{visitor.person.email}")
    await visitor.page.fill("#password", NEW)
    await visitor.press("sign_up")


async def confirm_refused(visitor: Visitor) -> None:
    await confirm(visitor)
    await visitor.page.fill("#code", "12")
    await visitor.press("confirm")


async def forgot(visitor: Visitor) -> None:
    await visitor.page.goto(f"{visitor.url}/forgotPassword")


async def new_password(visitor: Visitor) -> None:
    await forgot(visitor)
    await visitor.page.fill("#email", visitor.person.email)
    await visitor.press("send")


async def new_password_refused(visitor: Visitor) -> None:
    await new_password(visitor)
    await visitor.page.fill("#code", "123456")
    await visitor.page.fill("#password", "short")
    await visitor.press("save")


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


async def unlock_refused(visitor: Visitor) -> None:
    await unlock(visitor)
    await visitor.page.fill("#code", "12")
    await visitor.press("confirm")


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
    await visitor.page.goto(f"{visitor.url}/confirmUser?link=none")


async def still_linked(visitor: Visitor) -> None:
    await visitor.alexa.link(visitor.person)
    await new_password(visitor)
    await visitor.page.fill("#code", await visitor.mail(r"^\s+(\d{6})$"))
    await visitor.page.fill("#password", NEW)
    await visitor.press("save")


async def consent(visitor: Visitor) -> None:
    await sign_in(visitor)
    await visitor.sign_in()


async def account(visitor: Visitor) -> None:
    """With something linked, and another device."""
    await visitor.alexa.link(visitor.person)
    await visitor.page.goto(f"{visitor.url}/account")
    await visitor.sign_in()


async def account_empty(visitor: Visitor) -> None:
    await visitor.page.goto(f"{visitor.url}/account")
    await visitor.sign_in()


async def account_password(visitor: Visitor) -> None:
    await account_empty(visitor)
    await visitor.page.goto(f"{visitor.url}/account/password")


async def account_password_refused(visitor: Visitor) -> None:
    await account_password(visitor)
    await visitor.press("save")


async def account_delete(visitor: Visitor) -> None:
    await account(visitor)
    await visitor.page.goto(f"{visitor.url}/account/delete")


async def account_deleted(visitor: Visitor) -> None:
    await account_empty(visitor)
    await visitor.page.goto(f"{visitor.url}/account/delete")
    await visitor.page.fill("#password", visitor.person.password)
    await visitor.press("delete")


async def unlink(visitor: Visitor) -> None:
    await visitor.alexa.link(visitor.person)
    await visitor.page.goto(await visitor.mail(r"href=\"(http[^\"]*/unlink\?[^\"]*)\""))


async def unlinked(visitor: Visitor) -> None:
    await unlink(visitor)
    await visitor.press("unlink")


async def nowhere(visitor: Visitor) -> None:
    await visitor.page.goto(f"{visitor.url}/nowhere")


async def over(visitor: Visitor) -> None:
    await visitor.page.goto(f"{visitor.url}/consent?interaction=none")


async def mailbox(visitor: Visitor) -> None:
    await new_password(visitor)
    await visitor.page.goto(f"{visitor.url}/dev/mailbox")


#: (template, face): how it is reached
async def replace_password(visitor: Visitor) -> None:
    email = f"invited-{visitor.person.email}"
    visitor.authserver.cli_json("user", "invite", email)
    visitor.person = Person(email)
    password = await visitor.mail(r"([a-z2-9]{4}(?:-[a-z2-9]{4}){3})")
    await sign_in(visitor)
    await visitor.sign_in(password)


async def replace_password_refused(visitor: Visitor) -> None:
    await replace_password(visitor)
    await visitor.page.fill("#password", "welcome1")
    await visitor.press("save")


async def account_username(visitor: Visitor) -> None:
    """Where people sign in with user names."""
    await visitor.page.goto(f"{visitor.url}/account/username")
    await visitor.sign_in()


async def account_username_refused(visitor: Visitor) -> None:
    await account_username(visitor)
    await visitor.page.fill("#username", "no name")
    await visitor.press("save")


PAGES: dict[tuple[str, str], Callable[[Visitor], Awaitable[None]]] = {
    ("login.html", ""): sign_in,
    ("login.html", "refused"): sign_in_refused,
    ("login.html", "locked"): locked,
    ("login.html", "unlocked"): unlocked,
    ("unlock.html", ""): unlock,
    ("unlock.html", "refused"): unlock_refused,
    ("mailed_link.html", ""): mailed_link,
    ("link_elsewhere.html", ""): link_elsewhere,
    ("link_gone.html", ""): link_gone,
    ("signup.html", ""): sign_up,
    ("signup.html", "refused"): sign_up_refused,
    ("confirm.html", ""): confirm,
    ("confirm.html", "refused"): confirm_refused,
    ("forgot.html", ""): forgot,
    ("new_password.html", ""): new_password,
    ("new_password.html", "refused"): new_password_refused,
    ("new_password.html", "confirmed"): mailed_link_pressed,
    ("still_linked.html", ""): still_linked,
    ("consent.html", ""): consent,
    ("account.html", ""): account,
    ("account.html", "empty"): account_empty,
    ("account_password.html", ""): account_password,
    ("account_password.html", "refused"): account_password_refused,
    ("account_username.html", ""): account_username,
    ("account_username.html", "refused"): account_username_refused,
    ("replace_password.html", ""): replace_password,
    ("replace_password.html", "refused"): replace_password_refused,
    ("account_delete.html", ""): account_delete,
    ("account_deleted.html", ""): account_deleted,
    ("unlink.html", ""): unlink,
    ("unlink.html", "done"): unlinked,
    ("error.html", "nowhere"): nowhere,
    ("error.html", "over"): over,
    ("mailbox.html", ""): mailbox,
}
