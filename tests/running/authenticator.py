"""A virtual authenticator of Chromium: it keeps passkeys and answers for its user."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import CDPSession, Page


@dataclass
class Authenticator:
    """That of one page. Unless `answers`, it waits for its user, for ever."""

    session: CDPSession
    name: str

    async def set(self, command: str, **values: Any) -> None:
        await self.session.send(f"WebAuthn.{command}", {"authenticatorId": self.name} | values)

    async def answers(self, enabled: bool) -> None:
        await self.set("setAutomaticPresenceSimulation", enabled=enabled)

    async def held(self) -> list[dict[str, Any]]:
        found = await self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.name})
        credentials: list[dict[str, Any]] = found["credentials"]
        return credentials

    async def take(self, credentials: list[dict[str, Any]]) -> None:
        """As a device does that shares them by the cloud."""
        for credential in credentials:
            await self.set("addCredential", credential=credential)


async def give_authenticator(page: Page, **others: Any) -> Authenticator:
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    } | others
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Authenticator(session, made["authenticatorId"])
