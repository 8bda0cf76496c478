"""ESPHome's light over MQTT.

Sources: https://esphome.io/components/mqtt (`<node>/light/<id>/command` and `/state`, retained; `<node>/status` as
birth and last will) and `light_json_schema.cpp` of the firmware: `color` is `r`, `g`, `b`, `color_temp` whole mired, a
white channel alone is `color` with `w`.
"""

import json
from collections.abc import Mapping
from typing import Any

from skill.simulator.firmware.firmware import Firmware, Said, json_object
from skill.simulator.firmware.home_assistant import json_light, modes_of, take_json_light
from skill.simulator.firmware.light import Light


class Esphome(Firmware):
    dialect = "esphome"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.topic = str(options["topic"])
        self.status = f"{self.topic.rpartition('/light/')[0]}/status"
        self.modes = modes_of(options)
        super().__init__(options, Light(255), Said(self.status, "offline"))

    @staticmethod
    def usual(name: str) -> dict[str, Any]:
        return {"dialect": "esphome", "topic": f"{name}/light/lamp"}

    @property
    def listens_to(self) -> list[str]:
        return [f"{self.topic}/command"]

    def birth(self) -> list[Said]:
        return [*self.told(), Said(self.status, "online")]

    def obey(self, topic: str, payload: str) -> list[Said]:
        take_json_light(self.light, json_object(payload))
        return self.told()

    def told(self) -> list[Said]:
        modes = tuple(mode for mode in self.modes if mode not in ("hs", "xy"))
        state = json_light(self.light, modes, in_kelvin=False)
        if state["color_mode"] == "white":
            state["color"] = {"w": 255}
        return [Said(f"{self.topic}/state", json.dumps(state))]
