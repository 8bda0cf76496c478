"""The simulated Alexa at a command line: a link, the devices that it knows, and what it says."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from skill.simulator import keeping
from skill.simulator.alexa import Alexa
from skill.simulator.browsers import Browser, Device, Link, Notice
from skill.simulator.calling import Exchange, Skill
from skill.simulator.keeping import Kept
from skill.simulator.linking import AuthorizationServer, LinkingFailed
from skill.simulator.replies import properties_of
from skill.simulator.speech import Intent

_WORDS = {
    "Alexa.PowerController": "power",
    "Alexa.BrightnessController": "brightness",
    "Alexa.ColorController": "color",
    "Alexa.ColorTemperatureController": "temperature",
}
TAKEN_AWAY = Notice("This link was taken away", "Another command has unlinked it, or linked elsewhere.")


class NoToken(Exception):
    """There is nothing to send directives with; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Said:
    """What Alexa said, why, and what went over the wire. `milliseconds` is the slowest directive of it."""

    reply: str
    detail: str
    well: bool
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def milliseconds(self) -> float:
        return max((each.milliseconds for each in self.exchanges), default=0.0)

    @property
    def properties(self) -> dict[str, object]:
        """What the last answer reports."""
        return properties_of(self.exchanges[-1].received) if self.exchanges else {}

    def facts(self) -> dict[str, Any]:
        return {
            "reply": self.reply,
            "detail": self.detail,
            "well": self.well,
            "milliseconds": round(self.milliseconds, 2),
            "exchanges": [
                {"sent": each.sent, "received": each.received, "milliseconds": round(each.milliseconds, 2)}
                for each in self.exchanges
            ],
        }


class Voice:
    """`token` None means the link that was kept. Not for two orders at once."""

    def __init__(self, url: str, secret: SecretStr | None, token: SecretStr | None) -> None:
        self._skill, self._token = Skill(url, secret), token
        self._browser = Browser("", "")
        self._used: set[str] = set()
        self._alexa = Alexa(None, self._skill.answer, time.time)

    async def __aenter__(self) -> "Voice":
        """Raises NoToken, NotKept."""
        if self._token is not None:
            self._browser.link = Link(self._token.get_secret_value(), None, float("inf"), "", "")
        elif (kept := keeping.load()) is not None:
            self._browser.link = kept.link
            self._used.add(kept.link.access_token)
            self._alexa = Alexa(_keeping(kept, self._used), self._skill.answer, time.time)
        else:
            raise NoToken("no token: `skill simulate alexa link`, or --token-file, or SKILL_SIMULATE_TOKEN")
        await self._skill.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._skill.__aexit__()

    @property
    def devices(self) -> tuple[Device, ...]:
        return self._browser.devices or ()

    @property
    def unlinked(self) -> bool:
        """An answer has ended the link; only linking again helps."""
        return self._browser.link is None

    @staticmethod
    def abilities(device: Device) -> str:
        return ", ".join(word for interface, word in _WORDS.items() if interface in device.interfaces)

    async def discover(self) -> Said:
        await self._alexa.discover(self._browser)
        return self._said()

    async def hear(self, sentence: str) -> Said:
        """A sentence, after a discovery: names are understood only where they are known."""
        if self._browser.devices is None and not (found := await self.discover()).well:
            return found
        await self._alexa.hear(self._browser, sentence)
        return self._said()

    async def order(self, lamp: str, make: Callable[[str], Intent]) -> Said:
        """One directive to one lamp. A name costs a discovery before; an endpoint id does not."""
        device = self._known(lamp)
        if device is None and lamp.startswith("lamp-"):
            device = Device(lamp, lamp, "", frozenset(), {})
        if device is None:
            if not (found := await self.discover()).well:
                return found
            if (device := self._known(lamp)) is None:
                names = ", ".join(each.name for each in self.devices)
                return Said(f"I couldn't find a device called {lamp}.", f"there is {names}", False)
        intent = make(device.name)
        await self._alexa.obey(self._browser, "", intent, [device])
        return self._said()

    def _known(self, lamp: str) -> Device | None:
        wanted = " ".join(lamp.casefold().split()).removeprefix("the ")
        exact = [each for each in self.devices if each.endpoint_id == lamp or each.name.casefold() == wanted]
        alike = exact or [each for each in self.devices if wanted in each.name.casefold()]
        return alike[0] if len(alike) == 1 else None

    def _said(self) -> Said:
        """What was said last. On an answer that unlinks, what was kept goes as well, as Alexa does; unless somebody has
        linked anew meanwhile."""
        turn = self._browser.turns[0]
        exchanges, self._skill.exchanges = self._skill.exchanges, []
        notice = self._browser.notice
        if self._browser.link is None and self._used:
            found = keeping.load()
            if found is not None and found.link.access_token in self._used:
                keeping.forget()
        return Said(turn.reply, turn.detail or (notice.code if notice else ""), turn.well, exchanges)


@dataclass(frozen=True, slots=True)
class _KeepingServer(AuthorizationServer):
    """Writes down what a refresh brought, and takes what another command has got meanwhile; `used` are the access
    tokens that were had here. Never brings back what another command has unlinked, or linked elsewhere."""

    kept: Kept
    used: set[str]

    async def refresh(self, browser: Browser, link: Link, now: float) -> Link:
        with keeping.alone():
            found = keeping.load()
            if found is None or dataclasses.replace(found, link=link) != dataclasses.replace(self.kept, link=link):
                raise LinkingFailed(TAKEN_AWAY)
            self.used.add(found.link.access_token)
            if found.link.access_token != link.access_token and found.link.expires_at > now:
                return found.link
            fresh = await AuthorizationServer.refresh(self, browser, found.link, now)
            self.used.add(fresh.access_token)
            keeping.keep(dataclasses.replace(found, link=fresh))
            return fresh


def _keeping(kept: Kept, used: set[str]) -> _KeepingServer:
    server = kept.server
    return _KeepingServer(server.issuer, server.reachable, "", server.client_id, server.client_secret, kept, used)
