"""The driver over every dialect, each spoken by a lamp written from its firmware's pages: what must hold for all."""

import asyncio
import contextlib
import json
import time

import pytest

from skill.abilities import KelvinRange
from skill.canonical import (
    Brightness,
    BrightnessStep,
    Change,
    Color,
    LampState,
    Power,
    Temperature,
    TemperatureStep,
)
from skill.drivers.mqtt import MqttDriver
from skill.drivers.simulated import SimulatedDriver
from skill.errors import EndpointUnreachable, NotSupportedInColorMode
from skill.storage.store import Store
from tests.running.broker import Broker
from tests.skill.firmware import FIRMWARES, Firmware, JsonLight
from tests.skill.plugged import Plugged, every_firmware
from tests.skill.test_changes import add

WHITES = KelvinRange(2200, 6500)
SCALES = [100, 254, 255, 1000]


@pytest.mark.spec("alexa 6.1", "alexa 6.2", "S06")
@every_firmware
@pytest.mark.parametrize("slow", [0.0, 0.05], ids=["quick", "slow"])
async def test_S06_a_lamp_of_every_dialect_does_and_says_what_was_asked(
    driver: MqttDriver, mosquitto: Broker, firmware: type[Firmware], slow: float
) -> None:
    async with Plugged(mosquitto, firmware(), slow) as plugged:
        lamp = plugged.lamp
        found = (await driver.sample(lamp, None)).state
        assert (found.power, found.last_brightness in (100, None)) == (False, True)
        plugged.commands.clear()
        expected = LampState(power=False, last_brightness=100)
        changes: list[Change] = [
            Power(on=True),
            Brightness(50),
            BrightnessStep(-10),
            Color(120.0, 1.0, 1.0),
            Color(33.0, 0.5, 0.878),
            Brightness(0),
            Power(on=True),
            Temperature(2700),
            TemperatureStep(1, WHITES),
            TemperatureStep(-1, WHITES),
            Temperature(4000),
            BrightnessStep(30),
            Color(240.0, 0.9, 0.25),
            Temperature(6400),
            TemperatureStep(1, WHITES),
            TemperatureStep(1, WHITES),
            Power(on=False),
        ]
        for count, change in enumerate(changes, 1):
            state = (await driver.apply(lamp, change)).state
            expected = change.applied_to(expected)
            assert state.power == expected.power
            if count > 3:  # until then it shines as it came
                assert state.mode == expected.mode
            if count > 1:
                assert state.last_brightness == expected.last_brightness
            if expected.mode == "color":
                shown = (state.hue, state.saturation, state.value)
                assert shown == (expected.hue, expected.saturation, expected.value)
            elif count > 3:
                assert state.kelvin == expected.kelvin
        async with asyncio.timeout(20):
            while len(plugged.commands) < len(changes):
                await asyncio.sleep(0.02)
        assert len(plugged.commands) == len(changes), "one message for each"


@pytest.mark.spec("alexa 2.3", "S06")
@every_firmware
async def test_S06_a_lamp_of_every_dialect_that_shows_a_colour_gets_no_warmer_and_black_is_off(
    driver: MqttDriver, mosquitto: Broker, firmware: type[Firmware]
) -> None:
    async with Plugged(mosquitto, firmware()) as plugged:
        lamp = plugged.lamp
        await driver.apply(lamp, Color(120.0, 1.0, 1.0))
        with pytest.raises(NotSupportedInColorMode):
            await driver.apply(lamp, TemperatureStep(1, WHITES))
        black = (await driver.apply(lamp, Color(240.0, 1.0, 0.0))).state
        assert (black.power, black.brightness) == (False, 0)
        assert (black.mode, black.hue, black.saturation, black.value) == ("color", 240.0, 1.0, 0.0)
        assert len(plugged.commands) >= 2
        assert (await driver.apply(lamp, Power(on=True))).state.power


@pytest.mark.spec("alexa 6.1", "alexa 2.6", "S14")
@pytest.mark.parametrize("dialect", [name for name, each in FIRMWARES.items() if each().away is not None])
async def test_S14_a_lamp_of_every_dialect_that_lost_its_current_is_unreachable_at_once(
    driver: MqttDriver, mosquitto: Broker, dialect: str
) -> None:
    async with Plugged(mosquitto, FIRMWARES[dialect]()) as plugged:
        lamp = plugged.lamp
        assert (await driver.apply(lamp, Brightness(42))).state.online is True
        away = plugged.firmware.away
        assert away is not None
        await plugged.say(away.topic, away.payload)
        async with asyncio.timeout(20):
            while (await driver.sample(lamp, None)).state.online:
                await asyncio.sleep(0.02)
        started = time.monotonic()
        with pytest.raises(EndpointUnreachable):
            await driver.apply(lamp, Power(on=True))
        assert time.monotonic() - started < 1, "the lamp's two seconds are not waited for"


@pytest.mark.spec("alexa 2.6", "S16")
async def test_S16_a_silent_lamp_of_any_dialect_is_given_up_within_the_budget(
    driver: MqttDriver, mosquitto: Broker
) -> None:
    """Also where several wait for their turn at it."""

    def silent(firmware: Firmware) -> Firmware:
        firmware.obey = lambda topic, payload: []  # type: ignore[method-assign]
        return firmware

    async with contextlib.AsyncExitStack() as stack:
        lamps = [
            (await stack.enter_async_context(Plugged(mosquitto, silent(firmware())))).lamp
            for firmware in FIRMWARES.values()
        ]
        started = time.monotonic()
        asked = (driver.apply(lamp, Brightness(percent)) for lamp in lamps for percent in (10, 20, 30))
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {EndpointUnreachable}
        assert 1.5 < time.monotonic() - started < 4.9


@pytest.mark.spec("alexa 6.2", "S24")
@every_firmware
async def test_S24_a_lamp_of_every_dialect_takes_turns_and_others_do_not_wait(
    driver: MqttDriver, mosquitto: Broker, firmware: type[Firmware]
) -> None:
    slow = 0.15  # seconds for each thing that the lamp says
    async with Plugged(mosquitto, firmware(), slow) as one, Plugged(mosquitto, firmware(), slow) as other:
        lamps = one.lamp, other.lamp
        await asyncio.gather(*(driver.apply(lamp, Brightness(10)) for lamp in lamps))
        started = time.monotonic()
        await driver.apply(lamps[0], Brightness(20))
        alone = time.monotonic() - started
        await driver.apply(lamps[0], Brightness(10))
        started = time.monotonic()
        samples = await asyncio.gather(*(driver.apply(lamp, BrightnessStep(10)) for _ in range(3) for lamp in lamps))
        took = time.monotonic() - started
        assert [sample.state.brightness for sample in samples] == [20, 20, 30, 30, 40, 40]
        assert took < 5 * alone, "six turns, three at a time side by side"


@pytest.mark.spec("alexa 6.2", "S26")
@every_firmware
async def test_S26_all_percentages_come_back_from_a_lamp_of_every_dialect(
    driver: MqttDriver, mosquitto: Broker, firmware: type[Firmware]
) -> None:
    async with Plugged(mosquitto, firmware()) as plugged:
        lamp = plugged.lamp
        for percent in range(101):
            assert (await driver.apply(lamp, Brightness(percent))).state.brightness == percent
            assert (await driver.sample(lamp, None)).state.brightness == percent


@pytest.mark.spec("alexa 6.2", "S26")
@pytest.mark.parametrize("scale", SCALES)
async def test_S26_all_percentages_come_back_on_every_scale(driver: MqttDriver, mosquitto: Broker, scale: int) -> None:
    """And once more from a replica that never asked for them, which knows the lamp's own steps alone."""
    async with Plugged(mosquitto, JsonLight(brightness_scale=scale)) as plugged:
        lamp = plugged.lamp
        for percent in range(101):
            assert (await driver.apply(lamp, Brightness(percent))).state.brightness == percent
        told = {json.loads(payload).get("brightness") for _, payload in plugged.commands} - {None}
        assert len(told) == 100
        assert max(told) == scale


@pytest.mark.spec("S26")
async def test_S26_all_percentages_come_back_from_a_simulated_lamp(database_url: str, store: Store) -> None:
    driver = SimulatedDriver(store, time.time)
    found = await store.lamp(await add(database_url))
    assert found is not None
    for percent in range(101):
        assert (await driver.apply(found[0], Brightness(percent))).state.brightness == percent
