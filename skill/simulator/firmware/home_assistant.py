"""A lamp of one's own making that speaks Home Assistant's MQTT JSON light schema.

Source: https://www.home-assistant.io/integrations/light.mqtt/ ("JSON schema": `state`, `brightness`, `color_mode`,
`color`, `color_temp`, `white`) and https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery (retained
`<prefix>/light/<object>/config`). It tells its colour the way that `supported_color_modes` names first.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from skill.simulator.firmware.firmware import Firmware, Said, json_object, switched
from skill.simulator.firmware.light import Light, of_rgb, of_xy

COLOUR_MODES = ("hs", "rgb", "rgbw", "rgbww", "xy")


class JsonLight(Firmware):
    dialect = "home_assistant"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.command = str(options["command_topic"])
        self.state_topic, self.status = options.get("state_topic"), options.get("availability_topic")
        self.modes = modes_of(options)
        self.in_kelvin = bool(options.get("color_temp_kelvin", False))
        light = Light(int(options.get("brightness_scale", 255)))
        super().__init__(options, light, Said(str(self.status), "offline") if self.status else None)

    @staticmethod
    def usual(name: str) -> dict[str, Any]:
        return {
            "command_topic": f"lamps/{name}/set",
            "state_topic": f"lamps/{name}/state",
            "availability_topic": f"lamps/{name}/status",
        }

    @property
    def listens_to(self) -> list[str]:
        return [self.command]

    def birth(self) -> list[Said]:
        return [*self.told(), *([Said(str(self.status), "online")] if self.status else [])]

    def obey(self, topic: str, payload: str) -> list[Said]:
        take_json_light(self.light, json_object(payload), self.in_kelvin)
        return self.told()

    def told(self) -> list[Said]:
        state = json_light(self.light, self.modes, self.in_kelvin)
        return [Said(str(self.state_topic), json.dumps(state))] if self.state_topic else []

    def discovery(self, name: str, abilities: Iterable[str], kelvin: tuple[int, int]) -> Said:
        """How it presents itself to whoever reads Home Assistant's discovery messages."""
        can = set(abilities)
        modes = [m for m in COLOUR_MODES if m in self.modes] or (["rgb"] if "color" in can else [])
        modes += ["color_temp"] if "temperature" in can else []
        unique = self.command.strip("/").replace("/", "-").removesuffix("-set")
        config: dict[str, Any] = {
            "schema": "json",
            "name": None,
            "unique_id": unique,
            **{key: topic for key, topic in self.options.items() if key.endswith("_topic")},
            "brightness": "brightness" in can or bool(modes),
            "brightness_scale": self.light.scale,
            "supported_color_modes": modes or (["brightness"] if "brightness" in can else ["onoff"]),
            "device": {
                "identifiers": [unique],
                "name": name,
                "manufacturer": "Lampgate",
                "model": "Simulated lamp",
                "sw_version": "1",
            },
        }  # fmt: skip
        if "temperature" in can and self.in_kelvin:
            config |= {"color_temp_kelvin": True, "min_kelvin": kelvin[0], "max_kelvin": kelvin[1]}
        elif "temperature" in can:
            config |= {"min_mireds": round(1e6 / kelvin[1]), "max_mireds": round(1e6 / kelvin[0])}
        return Said(f"homeassistant/light/{unique}/config", json.dumps(config))


def modes_of(options: Mapping[str, Any]) -> tuple[str, ...]:
    said = options.get("supported_color_modes") or ()
    return tuple(part.strip() for part in said.split(",")) if isinstance(said, str) else tuple(map(str, said))


def take_json_light(light: Light, command: Mapping[str, Any], in_kelvin: bool = False) -> None:
    """Everything is read before anything is done. Raises ValueError, KeyError, TypeError."""
    on = switched(command["state"], light.on) if "state" in command else True
    level = int(command["brightness"]) if "brightness" in command else None
    if "white" in command:
        level = int(command["white"])
    if level is not None and not 0 <= level <= light.scale:
        raise ValueError("beyond the scale")
    colour = _read_colour(command["color"]) if "color" in command else None
    kelvin = None
    if "color_temp" in command:
        said = float(command["color_temp"])
        kelvin = said if in_kelvin else 1e6 / said
    if colour is not None:
        light.colour(*colour)
    elif kelvin is not None:
        light.white(kelvin)
    elif "white" in command or "color" in command:
        light.coloured = False
    if level:
        light.level = level
    light.on = on and level != 0


def _read_colour(value: Mapping[str, Any]) -> tuple[float, float] | None:
    """None is a white of the lamp's own."""
    if "h" in value:
        return float(value["h"]), float(value["s"]) / 100
    if "hue" in value:
        return float(value["hue"]), float(value["saturation"]) / 100
    if "x" in value:
        return of_xy(float(value["x"]), float(value["y"]))
    if "r" in value:
        return of_rgb(float(value["r"]), float(value["g"]), float(value["b"]))
    if "w" in value or "c" in value:
        return None
    raise ValueError("no colour")


def json_light(light: Light, modes: tuple[str, ...], in_kelvin: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"state": "ON" if light.on else "OFF", "brightness": light.level}
    if light.coloured:
        mode = next((mode for mode in COLOUR_MODES if mode in modes), "rgb")
        return state | {"color_mode": mode, "color": _colour(light, mode)}
    if "white" in modes and "color_temp" not in modes:
        return state | {"color_mode": "white"}
    return state | {"color_mode": "color_temp", "color_temp": round(light.kelvin) if in_kelvin else light.mired}


def _colour(light: Light, mode: str) -> dict[str, float]:
    if mode == "hs":
        return {"h": round(light.hue, 3), "s": round(light.saturation * 100, 3)}
    if mode == "xy":
        x, y = light.xy
        return {"x": round(x, 4), "y": round(y, 4)}
    red, green, blue = light.rgb
    whites = {"rgbw": {"w": 0}, "rgbww": {"c": 0, "w": 0}}
    return {"r": red, "g": green, "b": blue, **whites.get(mode, {})}
