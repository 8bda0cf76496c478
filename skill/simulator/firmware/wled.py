"""WLED with a strip of red, green, blue and white.

Sources: https://kno.wled.ge/interfaces/mqtt/ (`<t>`: `ON`, `OFF`, `T` or 0-255; `<t>/col`: `#RRGGBB`; `<t>/api`: the
JSON interface; `<t>/g` brightness, `<t>/c` colour, `<t>/status`), https://kno.wled.ge/interfaces/json-api/ (`on`,
`bri`, `seg`, `col`, `cct` 0-255 or in kelvin), `mqtt.cpp` of the firmware: brightness 0 is off, the colour is
`#%06X` of white, red, green, blue. It does not answer questions; here its settings retain brightness and colour.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from skill.simulator.firmware.firmware import Firmware, Said
from skill.simulator.firmware.home_assistant import modes_of
from skill.simulator.firmware.light import Light, of_rgb, rgb_of_white

FIRST = (255, 160, 0, 0)
"""The orange in which a new WLED shines."""
WARMEST, COLDEST = 1900, 10_091
"""Kelvin of `cct`, where it is not 0-255 between the two."""


def kelvin_of(cct: int) -> float:
    return WARMEST + cct * (COLDEST - WARMEST) / 255 if 0 <= cct <= 255 else cct


class Wled(Firmware):
    dialect = "wled"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.device = str(options["topic"])
        self.own_white = "color_temp" in modes_of(options)
        self.col: tuple[int, int, int, int] = FIRST
        super().__init__(options, Light(255), Said(f"{self.device}/status", "offline"))
        self._shine(2700)

    @staticmethod
    def usual(name: str) -> dict[str, Any]:
        return {"dialect": "wled", "topic": f"wled/{name}"}

    @property
    def listens_to(self) -> list[str]:
        return [self.device, f"{self.device}/col", f"{self.device}/api"]

    def birth(self) -> list[Said]:
        return [Said(f"{self.device}/status", "online"), *self.told()]

    def obey(self, topic: str, payload: str) -> list[Said]:
        light = self.light
        if topic == f"{self.device}/api":
            self._api(json.loads(payload))
        elif topic == f"{self.device}/col":
            self._paint(payload)
        elif payload.upper() in ("ON", "OFF", "T"):
            light.on = not light.on if payload.upper() == "T" else payload.upper() == "ON"
        else:
            self._brightness(int(payload))
        return self.told()

    def _api(self, command: Mapping[str, Any]) -> None:
        segments = command.get("seg", [])
        for segment in segments if isinstance(segments, list) else [segments]:
            if "col" in segment:
                first = segment["col"][0]
                self._paint(first) if isinstance(first, str) else self._paint_channels(first)
            if any(self.col[3:]) and "cct" in segment:
                self._shine(kelvin_of(int(segment["cct"])))
        if "bri" in command:
            self._brightness(int(command["bri"]))
        if "on" in command:
            self.light.on = not self.light.on if command["on"] == "t" else bool(command["on"])

    def _brightness(self, level: int) -> None:
        if not 0 <= level <= 255:
            raise ValueError("beyond 255")
        self.light.on = level > 0
        self.light.level = level or self.light.level

    def _paint(self, text: str) -> None:
        digits = text.lstrip("#")
        self._paint_channels([int(digits[at : at + 2], 16) for at in range(0, len(digits), 2)])

    def _paint_channels(self, channels: list[int]) -> None:
        red, green, blue, white = (*channels, 0)[:4]
        if not all(0 <= channel <= 255 for channel in (red, green, blue, white)):
            raise ValueError("beyond 255")
        self.col = (int(red), int(green), int(blue), int(white))
        self._shine(4000)

    def _shine(self, kelvin: float) -> None:
        """What the channels look like."""
        red, green, blue, white = self.col
        if white and not (red or green or blue):
            on = self.light.on
            self.light.white(kelvin)
            self.light.on = on
        else:
            self.light.coloured = True
            self.light.hue, self.light.saturation = of_rgb(red, green, blue)

    def press(self, change: Callable[[Light], None]) -> list[Said]:
        change(self.light)
        if self.light.coloured:
            self.col = (*self.light.rgb, 0)
        else:
            self.col = (0, 0, 0, 255) if self.own_white else (*rgb_of_white(self.light.kelvin), 0)
        return self.told()

    def told(self) -> list[Said]:
        red, green, blue, white = self.col
        colour = f"#{white << 24 | red << 16 | green << 8 | blue:06X}"
        level = self.light.level if self.light.on else 0
        return [Said(f"{self.device}/g", str(level)), Said(f"{self.device}/c", colour)]
