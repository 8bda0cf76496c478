"""A virtual authenticator of Chromium: it keeps passkeys and answers for its user."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import CDPSession, Page

from tests.running.chromium import until


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


COUNTED = """
window.offersBegun = 0;
const get = CredentialsContainer.prototype.get;
CredentialsContainer.prototype.get = function (options) {
  const answer = get.call(this, options);
  if (options?.mediation === "conditional") window.offersBegun += 1;
  return answer;
};
"""


async def offered(page: Page, times: int = 1) -> None:
    """Returns once this document has offered its passkeys at a field so often: what is begun earlier than the
    authenticator answers stays unanswered."""
    await until(page, "times => window.offersBegun >= times", times)
    await page.wait_for_load_state("networkidle")


async def give_authenticator(page: Page, **others: Any) -> Authenticator:
    await page.add_init_script(f"{{{COUNTED}}}")
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
