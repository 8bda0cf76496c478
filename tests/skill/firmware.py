"""The simulated firmwares for the driver's tests: each a new lamp with topics of its own, and stricter than a lamp is.

They are the product's (`skill.simulator.firmware`), which never sees a codec. What codec and firmware could both
misread is held by tables of wire messages on each side: `tests/skill/codecs` and
`tests/skill/simulator/test_firmware.py`.
"""

import json
import re
import uuid
from typing import Any, ClassVar

from skill.simulator import firmware
from skill.simulator.firmware import Firmware, Said
from skill.simulator.firmware.aws_shadow import ShadowLamp

__all__ = ["FIRMWARES", "Firmware", "Said", "name"]


def name() -> str:
    return uuid.uuid4().hex[:12]


class JsonLight(firmware.JsonLight):
    def __init__(self, **options: Any) -> None:
        super().__init__(self.usual(name()) | options)


class Esphome(firmware.Esphome):
    def __init__(self, **options: Any) -> None:
        super().__init__(self.usual(name()) | options)


class Zigbee2Mqtt(firmware.Zigbee2Mqtt):
    """Under a bridge of its own, with a name of two parts."""

    def __init__(self, **options: Any) -> None:
        super().__init__({"dialect": "zigbee2mqtt", "topic": f"z2m{name()}/hall/desk lamp"} | options)


class Tasmota(firmware.Tasmota):
    def __init__(self, **options: Any) -> None:
        super().__init__(self.usual(name()) | options)

    def obey(self, topic: str, payload: str) -> list[Said]:
        answers = super().obey(topic, payload)
        assert not any("Unknown" in said.payload for said in answers), payload
        for mired in re.findall(r"\bCT (\d+)", payload):
            assert 153 <= int(mired) <= 500, "it would not be obeyed"
        return answers


class Wled(firmware.Wled):
    def __init__(self, **options: Any) -> None:
        super().__init__({"dialect": "wled", "topic": f"wled/{name()[:6]}"} | options)


class Workshop(ShadowLamp):
    """The workshop's lamp answers every delta, so a key that it does not know would go round for ever."""

    own: ClassVar[dict[str, Any]] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(self.usual(f"lamp-{name()}") | self.own | options)

    def obey(self, topic: str, payload: str) -> list[Said]:
        state = json.loads(payload)["state"] if payload else {}
        asked = state.get("desired", {}) if self.service else state
        assert set(asked) <= {self.power_key, "brightness", "color", "colorTemperatureInKelvin"}
        return super().obey(topic, payload)


class OtherWorkshop(Workshop):
    own: ClassVar[dict[str, Any]] = {"power_key": "powerState"}


class WorkshopWithoutService(Workshop):
    """On a broker that keeps no shadows: it hears deltas and tells what it is on `/update`."""

    own: ClassVar[dict[str, Any]] = {"shadow_service": False}


FIRMWARES: dict[str, type[Any]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", each.__name__).lower(): each
    for each in (JsonLight, Zigbee2Mqtt, Tasmota, Wled, Esphome, Workshop, OtherWorkshop, WorkshopWithoutService)
}
