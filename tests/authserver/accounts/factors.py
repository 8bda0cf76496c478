"""What a person holds beside the password: an authenticator app, and a mailbox that tests read."""

import base64
import re
from dataclasses import dataclass

import pyotp
from sqlmodel import select

from authserver.accounts.browser import Browser
from authserver.accounts.second_factor import changes, email_code, recovery_codes, totp
from authserver.models import Session, Totp, User
from tests.authserver.accounts.people import People

STEP = 30
HERE = Browser({}, "test", "192.0.2.1")


@dataclass
class App:
    """An authenticator app with one secret."""

    people: People
    secret: bytes

    def code(self, steps: int = 0) -> str:
        """What it shows, `steps` of half a minute away from now."""
        app = pyotp.TOTP(base64.b32encode(self.secret).decode())
        return app.at(self.people.clock() + steps * STEP)

    def next_code(self) -> str:
        """After waiting for it."""
        self.people.clock.advance(STEP)
        return self.code()

    def wrong(self) -> str:
        """None of the codes that could be right now."""
        right = {self.code(steps) for steps in range(-2, 3)}
        return next(code for code in (f"{number:06d}" for number in range(10)) if code not in right)


async def with_app(people: People, user: User) -> tuple[App, list[str]]:
    """Set up as the pages do it; with the recovery codes that are made with the first factor. The code that the app
    shows now is fresh."""
    services = people.services
    async with services.database.unit() as session:
        secret = await totp.begin(services, session, user, "here")
    assert secret is not None
    app = App(people, secret)
    right = await totp.check_begun(services, user, app.code(), "here")
    assert isinstance(right, totp.RightCode), right
    async with services.database.unit() as session:
        assert await right.consume(session, people.clock())
        codes = await changes.added(services, session, user, totp.NAME, HERE)
    people.clock.advance(STEP)
    return app, codes


async def with_mail_code(people: People, user: User) -> list[str]:
    services, now = people.services, people.clock()
    async with services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        stored.email_code_factor_since = now
        session.add(stored)
        await session.flush()
        codes = await changes.added(services, session, stored, email_code.NAME, HERE)
    people.clock.advance(1)
    return codes


async def mail_code(people: People, email: str) -> str:
    """The newest code that was sent as a second factor."""
    mails = [mail for mail in await people.mails(email) if "sign-in code" in mail.subject]
    if not mails:
        raise LookupError
    found = re.search(r"^\s+(\d{6})$", mails[-1].text, re.MULTILINE)
    assert found
    return found.group(1)


async def sessions_of(people: People, user: User) -> list[Session]:
    async with people.services.database.unit() as session:
        return list((await session.exec(select(Session).where(Session.sub == user.sub))).all())


async def totp_of(people: People, user: User) -> Totp | None:
    async with people.services.database.unit() as session:
        return await session.get(Totp, user.sub)


async def codes_left(people: People, user: User) -> int:
    async with people.services.database.unit() as session:
        return await recovery_codes.left(session, user)


async def account_of(people: People, user: User) -> User:
    async with people.services.database.unit() as session:
        return await session.get_one(User, user.sub)
