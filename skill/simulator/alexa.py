"""Alexa at work: takes a wish, sends its directives with a token that has not expired, and speaks the answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from skill.simulator import messages, replies
from skill.simulator.browsers import Browser, Device, Notice
from skill.simulator.colours import COLOURS
from skill.simulator.journal import pretty
from skill.simulator.linking import AuthorizationServer, LinkingFailed
from skill.simulator.replies import Reply
from skill.simulator.speech import (
    Adjust,
    Brightness,
    Colour,
    Discover,
    Intent,
    NotUnderstood,
    Power,
    White,
    Whiter,
    understand,
)

Answer = Callable[[bytes], Awaitable[dict[str, Any]]]

PATIENCE = 8.0
"""Seconds that Alexa waits for a skill."""

UNLINKED = Notice(
    "Alexa unlinked this account",
    "The skill answered that the token is no longer good. As in the Alexa app, only linking again helps.",
)
_TEMPERATURE = "Alexa.ColorTemperatureController"
LINK_FIRST = "Your account isn't linked yet. Link it first."


class Alexa:
    """`server` is None where no client is configured; then nothing can be linked."""

    def __init__(self, server: AuthorizationServer | None, answer: Answer, clock: Callable[[], float]) -> None:
        self._server = server
        self._answer = answer
        self._clock = clock

    async def hear(self, browser: Browser, said: str) -> None:
        """One sentence from the person, answered in the browser's talk."""
        said = " ".join(said.split())[:200]
        devices = browser.devices or ()
        intent = understand(said, [device.name for device in devices])
        if isinstance(intent, NotUnderstood):
            browser.say(said, intent.answer, suggestions=intent.suggestions, well=False)
        elif isinstance(intent, Discover):
            await self.discover(browser, said)
        else:
            await self.obey(browser, said, intent, [device for device in devices if device.name in intent.lamps])

    async def discover(self, browser: Browser, said: str = "discover my devices") -> None:
        """`Alexa.Discovery` / `Discover`; what it brings replaces what was known."""
        try:
            token = await self._token(browser)
        except LinkingFailed as failed:
            return self._cannot(browser, said, failed)
        message = await self._send(browser, messages.discover(token), "your devices")
        reply = replies.to_control("your devices", message, None)
        found = _devices(message)
        if not reply.well or found is None:
            return self._spoken(browser, said, reply if not reply.well else Reply("I couldn't discover.", well=False))
        browser.devices = found
        names = [device.name for device in found]
        if not names:
            return browser.say(said, "I couldn't find any devices.", "endpoints is empty", well=False)
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        return browser.say(said, f"I found {len(names)} {'lamp' if len(names) == 1 else 'lamps'}: {listed}.")

    async def obey(self, browser: Browser, said: str, intent: Intent, devices: list[Device]) -> None:
        """One directive for each lamp, all at once as Alexa sends them; the first trouble is what is spoken."""
        try:
            token = await self._token(browser)
        except LinkingFailed as failed:
            return self._cannot(browser, said, failed)
        answers = await asyncio.gather(*(self._direct(browser, token, intent, device) for device in devices))
        troubles = [reply for reply in answers if not reply.well]
        if troubles:
            return self._spoken(browser, said, next((reply for reply in troubles if reply.unlinks), troubles[0]))
        different = list(dict.fromkeys(reply.text for reply in answers))
        return self._spoken(browser, said, Reply(" ".join(different)))

    async def renew(self, browser: Browser) -> None:
        """Refresh now, although the access token may still hold."""
        if browser.link is not None:
            try:
                await self._refresh(browser)
            except LinkingFailed as failed:
                self._cannot(browser, "", failed)

    async def _direct(self, browser: Browser, token: str, intent: Intent, device: Device) -> Reply:
        namespace, name, payload, asked = _directive(intent)
        directive = messages.to_endpoint(token, device, namespace, name, payload)
        message = await self._send(browser, directive, device.name)
        if namespace == "Alexa":
            reply = replies.to_question(device.name, message, getattr(intent, "about", "state"))
        else:
            reply = replies.to_control(device.name, message, asked)
        if reply.well and (foreign := replies.only_to(directive, message, device.name)) is not None:
            return foreign
        return reply

    async def _send(self, browser: Browser, directive: messages.Message, whom: str) -> dict[str, Any]:
        header = directive["directive"]["header"]
        now, began = self._clock(), time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                message = await self._answer(orjson.dumps(directive))
        except TimeoutError:
            message = _unanswered(f"no answer within {PATIENCE:g} s")
        browser.journal.note(
            "directives",
            f"{header['namespace']} {header['name']} · {whom}",
            replies.event_of(message),
            well="ErrorResponse" not in replies.event_of(message),
            at=now,
            milliseconds=(time.perf_counter() - began) * 1000,
            sent=pretty(directive),
            received=pretty(message),
        )
        return message

    async def _token(self, browser: Browser) -> str:
        """The access token; one that has expired is renewed first, by Alexa itself, before a directive leaves."""
        if browser.link is None:
            raise LinkingFailed(Notice("Not linked", LINK_FIRST))
        if browser.link.expires_at <= self._clock():
            await self._refresh(browser)
        return browser.link.access_token

    async def _refresh(self, browser: Browser) -> None:
        held = browser.link
        async with browser.renewing:
            if browser.link is None or self._server is None:
                raise LinkingFailed(Notice("Not linked", LINK_FIRST))
            if browser.link is held:  # nobody renewed it while this one waited
                browser.link = await self._server.refresh(browser, browser.link, self._clock())

    def _cannot(self, browser: Browser, said: str, failed: LinkingFailed) -> None:
        """No token to be had. Refused for good unlinks; trouble of the server's leaves the link as it is."""
        if browser.link is None:
            return browser.say(said, LINK_FIRST, well=False)
        if failed.ends:
            browser.forget_link()
        browser.notice = failed.notice
        return browser.say(said, f"Sorry, I can't do that now. {failed.notice.title}.", failed.notice.code, well=False)

    def _spoken(self, browser: Browser, said: str, reply: Reply) -> None:
        if reply.unlinks:
            browser.forget_link()
            browser.notice = Notice(UNLINKED.title, UNLINKED.text, reply.detail.partition(":")[0])
        browser.say(said, reply.text, reply.detail, well=reply.well)


def _directive(intent: Intent) -> tuple[str, str, dict[str, Any], tuple[str, object] | None]:
    """Namespace, name, payload, and the property that the answer must report with the value asked for (None: any)."""
    match intent:
        case Power(on=on):
            return "Alexa.PowerController", "TurnOn" if on else "TurnOff", {}, ("powerState", "ON" if on else "OFF")
        case Brightness(percent=percent):
            return "Alexa.BrightnessController", "SetBrightness", {"brightness": percent}, ("brightness", percent)
        case Adjust(delta=delta):
            return "Alexa.BrightnessController", "AdjustBrightness", {"brightnessDelta": delta}, ("brightness", None)
        case Colour(name=name, exactly=exactly):
            hue, saturation, brightness = exactly or COLOURS[name]
            color = {"hue": hue, "saturation": saturation, "brightness": brightness}
            return "Alexa.ColorController", "SetColor", {"color": color}, ("color", color)
        case White(kelvin=kelvin):  # a lamp that cannot do it takes the nearest, which is well
            payload = {"colorTemperatureInKelvin": kelvin}
            return _TEMPERATURE, "SetColorTemperature", payload, ("colorTemperatureInKelvin", None)
        case Whiter(cooler=cooler):
            name = "IncreaseColorTemperature" if cooler else "DecreaseColorTemperature"
            return _TEMPERATURE, name, {}, ("colorTemperatureInKelvin", None)
        case _:
            return "Alexa", "ReportState", {}, None


def _devices(message: dict[str, Any]) -> tuple[Device, ...] | None:
    """The endpoints of a `Discover.Response`; one that is not shaped like an endpoint is skipped."""
    endpoints = _endpoints(message)
    return None if endpoints is None else tuple(filter(None, map(_device, endpoints)))


def _endpoints(message: dict[str, Any]) -> list[Any] | None:
    event = message.get("event")
    payload = event.get("payload") if isinstance(event, dict) else None
    endpoints = payload.get("endpoints") if isinstance(payload, dict) else None
    return endpoints if isinstance(endpoints, list) else None


def _device(endpoint: Any) -> Device | None:
    match endpoint:
        case {"endpointId": str(endpoint_id), "friendlyName": str(name), "capabilities": list(able)} if name:
            cookie = endpoint.get("cookie")
            return Device(
                endpoint_id,
                name,
                str(endpoint.get("description", "")),
                frozenset(str(each.get("interface")) for each in able if isinstance(each, dict)),
                {str(key): str(value) for key, value in cookie.items()} if isinstance(cookie, dict) else {},
            )
    return None


def _unanswered(why: str) -> dict[str, Any]:
    """What Alexa makes of a skill that does not answer."""
    return {
        "event": {
            "header": {"namespace": "Alexa", "name": "ErrorResponse"},
            "payload": {"type": "ENDPOINT_UNREACHABLE", "message": why},
        }
    }
