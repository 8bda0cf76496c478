"""Tasmota with a lamp of five channels (red, green, blue, warm, cold).

Sources: https://tasmota.github.io/docs/MQTT/ (`cmnd/<topic>/…`, `stat/<topic>/RESULT`, `tele/<topic>/LWT` with
`Online` and `Offline`, retained), https://tasmota.github.io/docs/Commands/#light (`Dimmer`, `CT` 153-500, `HSBColor`,
`Color`) and `xdrv_04_light.ino`: a colour takes the white away, and white the colour; `White` is 0 while a colour
shines. A backlog is obeyed step by step, and each step is answered. States are not retained.
"""

import json
from collections.abc import Mapping
from typing import Any

from skill.simulator.firmware.firmware import Firmware, Said
from skill.simulator.firmware.light import Light, of_rgb

COLDEST, WARMEST = 153, 500
"""Mired; a `CT` beyond them is not obeyed."""
_SWITCH = {"ON": "ON", "1": "ON", "OFF": "OFF", "0": "OFF", "TOGGLE": "TOGGLE", "2": "TOGGLE"}


class Tasmota(Firmware):
    dialect = "tasmota"

    def __init__(self, options: Mapping[str, Any]) -> None:
        pattern = str(options.get("full_topic") or "%prefix%/%topic%/")
        pattern = (pattern if pattern.endswith("/") else pattern + "/").replace("%topic%", str(options["topic"]))
        self.cmnd, self.stat, self.tele = (pattern.replace("%prefix%", each) for each in ("cmnd", "stat", "tele"))
        super().__init__(options, Light(100, kelvin=1e6 / 370), Said(f"{self.tele}LWT", "Offline"))

    @staticmethod
    def usual(name: str) -> dict[str, Any]:
        return {"dialect": "tasmota", "topic": name}

    @property
    def listens_to(self) -> list[str]:
        return [f"{self.cmnd}+"]

    def birth(self) -> list[Said]:
        state = Said(f"{self.tele}STATE", json.dumps(self._state()), retain=False)
        return [Said(f"{self.tele}LWT", "Online"), state]

    def obey(self, topic: str, payload: str) -> list[Said]:
        command = topic.removeprefix(self.cmnd)
        steps = payload.split(";") if command.upper() == "BACKLOG" else [f"{command} {payload}"]
        return [said for step in steps for said in self._step(*step.strip().partition(" ")[::2])]

    def _step(self, command: str, argument: str) -> list[Said]:
        light, argument = self.light, argument.strip()
        match command.upper():
            case "NODELAY" | "":
                return []
            case "POWER" | "POWER1":
                word = _SWITCH.get(argument.upper())
                light.on = light.on if word is None else not light.on if word == "TOGGLE" else word == "ON"
                return self._power()
            case "DIMMER" if argument.isdecimal():
                light.dim(min(100, int(argument)))
            case "CT" if argument.isdecimal():
                if COLDEST <= int(argument) <= WARMEST:
                    light.white(1e6 / int(argument))
            case "HSBCOLOR" if argument.count(",") == 2:
                hue, saturation, brightness = (int(part) for part in argument.split(","))
                light.colour(hue, saturation / 100)
                light.dim(brightness)
            case "COLOR" if len(argument.removeprefix("#")) == 6:
                value = int(argument.removeprefix("#"), 16)
                light.colour(*of_rgb(value >> 16 & 255, value >> 8 & 255, value & 255))
            case "STATE" | "DIMMER" | "CT" | "HSBCOLOR" | "COLOR":
                pass
            case _:
                return [Said(f"{self.stat}RESULT", '{"Command":"Unknown"}', retain=False)]
        return self.told()

    def _power(self) -> list[Said]:
        word = "ON" if self.light.on else "OFF"
        result = Said(f"{self.stat}RESULT", json.dumps({"POWER": word}), retain=False)
        return [result, Said(f"{self.stat}POWER", word, retain=False)]

    def told(self) -> list[Said]:
        return [Said(f"{self.stat}RESULT", json.dumps(self._state()), retain=False)]

    def _state(self) -> dict[str, Any]:
        light = self.light
        return {
            "POWER": "ON" if light.on else "OFF",
            "Dimmer": light.level,
            "HSBColor": f"{round(light.hue)},{round(light.saturation * 100)},{light.level if light.coloured else 0}",
            "White": 0 if light.coloured else light.level,
            "CT": light.mired,
        }
