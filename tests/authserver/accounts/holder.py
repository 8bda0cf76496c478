"""A person who is signed in and holds an authenticator."""

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import select

from authserver.accounts.entry import Browser, Proof
from authserver.accounts.passkeys import PasskeyRefusal, assertions, registrations
from authserver.accounts.passkeys.assertions import RightPasskey, SignIn
from authserver.accounts.passkeys.registrations import NewPasskey
from authserver.models import Activity, Passkey, Session, User
from authserver.secret_values import random_token
from tests.authserver.accounts.authenticator import ES256, Authenticator
from tests.authserver.accounts.people import People


@dataclass
class Holder:
    """A person who is signed in and has an authenticator; `interaction` is where they sign in the next time."""

    people: People
    user: User
    signed_in: Session
    authenticator: Authenticator
    interaction: str = field(default_factory=lambda: random_token(16))

    @property
    def browser(self) -> Browser:
        return Browser({}, "test", self.people.network)

    async def creation(self) -> dict[str, Any]:
        async with self.people.services.database.unit() as session:
            return await registrations.options(self.people.services, session, self.user, self.signed_in)

    async def post_new(self, posted: str, name: str = "My phone") -> Passkey | PasskeyRefusal:
        services = self.people.services
        new = await registrations.check(services, self.user, self.signed_in, posted, name)
        return new if isinstance(new, PasskeyRefusal) else await self.add(new)

    async def add(self, new: NewPasskey) -> Passkey | PasskeyRefusal:
        async with self.people.services.database.unit() as session:
            return await registrations.add(self.people.services, session, new, self.signed_in, self.browser)

    async def register(self, algorithm: int = ES256) -> Passkey:
        added = await self.post_new(self.authenticator.create(await self.creation(), algorithm))
        assert isinstance(added, Passkey), added
        return added

    async def request(self, interaction: str = "") -> dict[str, Any]:
        async with self.people.services.database.unit() as session:
            return await assertions.sign_in_options(self.people.services, session, interaction or self.interaction)

    async def second(self) -> dict[str, Any]:
        async with self.people.services.database.unit() as session:
            asked = await assertions.second_factor_options(self.people.services, session, self.interaction, self.user)
        assert asked is not None
        return asked

    async def check(self, posted: str, interaction: str = "") -> SignIn | PasskeyRefusal:
        return await assertions.check(self.people.services, interaction or self.interaction, posted, self.browser)

    async def check_second(self, posted: str) -> RightPasskey | PasskeyRefusal:
        return await assertions.check_second(self.people.services, self.interaction, posted, self.browser, self.user)

    async def accept(self, signed: SignIn) -> Proof | PasskeyRefusal:
        async with self.people.services.database.unit() as session:
            return await assertions.accept(session, signed)

    async def sign_in(self, **wrong: Any) -> Proof | PasskeyRefusal:
        signed = await self.check(self.authenticator.get(await self.request(), **wrong))
        return signed if isinstance(signed, PasskeyRefusal) else await self.accept(signed)

    async def kinds(self) -> list[str]:
        async with self.people.services.database.unit() as session:
            found = await session.exec(select(Activity).where(Activity.sub == self.user.sub))
            return [one.kind for one in found.all()]


async def holder_of(people: People, user: User | None = None, **authenticator: Any) -> Holder:
    user = user or await people.add()
    opened = await people.enter(Proof(user, ["pwd"], people.clock()))
    assert opened is not None
    return Holder(people, user, opened[0], Authenticator(people.server.settings.origin, **authenticator))
