"""A Zigbee lamp behind Zigbee2MQTT, which is played as well: it is the bridge that speaks on the broker.

Sources: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html (`/set`, `/get`, `/availability`,
`bridge/state`, whose last will takes every lamp away) and https://www.zigbee2mqtt.io/devices/TS0505B_4.html
(brightness 0-254, `color_temp` in mired, `color` as hue and saturation, xy, rgb or hex). States are not retained
unless the device's `retain` says so; hue and saturation come back as whole numbers, with what they are in xy beside
them.
"""

import json
from collections.abc import Mapping
from typing import Any

from skill.simulator.firmware.firmware import Firmware, Said, json_object
from skill.simulator.firmware.home_assistant import modes_of, take_json_light
from skill.simulator.firmware.light import Light

COLDEST, WARMEST = 150, 500
"""Mired of the lamp; beyond them it takes the nearest."""


class Zigbee2Mqtt(Firmware):
    dialect = "zigbee2mqtt"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.lamp = str(options["topic"])
        self.bridge = f"{options.get('base_topic') or self.lamp.partition('/')[0]}/bridge/state"
        modes = modes_of(options)
        self.by_xy = "xy" in modes and "hs" not in modes
        self.there = True
        super().__init__(options, Light(254), Said(self.bridge, '{"state":"offline"}'))

    @staticmethod
    def usual(name: str) -> dict[str, Any]:
        return {"dialect": "zigbee2mqtt", "topic": f"zigbee2mqtt/{name}"}

    @property
    def listens_to(self) -> list[str]:
        return [f"{self.lamp}/set", f"{self.lamp}/get"]

    def birth(self) -> list[Said]:
        online = '{"state":"online"}'
        return [Said(self.bridge, online), Said(f"{self.lamp}/availability", online), *self.told()]

    def obey(self, topic: str, payload: str) -> list[Said]:
        command = json_object(payload or "{}")
        if topic.endswith("/get"):
            return self.told()
        if "color_temp" in command:
            command["color_temp"] = max(COLDEST, min(WARMEST, float(command["color_temp"])))
        if isinstance(command.get("color"), dict) and "hex" in command["color"]:
            value = int(str(command["color"]["hex"]).removeprefix("#"), 16)
            command["color"] = {"r": value >> 16 & 255, "g": value >> 8 & 255, "b": value & 255}
        take_json_light(self.light, command)
        return self.told()

    def told(self) -> list[Said]:
        light = self.light
        state: dict[str, Any] = {"state": "ON" if light.on else "OFF", "brightness": light.level, "linkquality": 80}
        state |= {"color_temp": light.mired, "color_mode": "color_temp"}
        if light.coloured:
            x, y = light.xy
            xy = {"x": round(x, 4), "y": round(y, 4)}
            whole = {"hue": round(light.hue), "saturation": round(light.saturation * 100)}
            state |= {"color_mode": "xy", "color": xy} if self.by_xy else {"color_mode": "hs", "color": whole | xy}
        return [Said(self.lamp, json.dumps(state), retain=False)]

    def unplugged(self) -> list[Said]:
        """The bridge goes on, and says of the lamp that it does not answer."""
        return [Said(f"{self.lamp}/availability", '{"state":"offline"}')]
