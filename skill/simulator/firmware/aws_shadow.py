"""A lamp of the AWS workshop, or of any thing with a shadow.

Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html. Where the broker keeps no
shadows but the lamp is to have one (`shadow_service`, as AWS IoT does), the service is played, too: an update is
accepted, what is desired and not reported is the delta, which the lamp obeys and reports. Without a service the lamp
hears the delta and tells what it is on `/update`. Keys are the workshop's: `power` or `powerState`, and Alexa's words
for the rest.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from skill.simulator.firmware.firmware import Firmware, Said, json_object, switched
from skill.simulator.firmware.light import Light


class ShadowLamp(Firmware):
    dialect = "aws_shadow"

    def __init__(self, options: Mapping[str, Any]) -> None:
        shadow = options.get("shadow")
        self.prefix = f"$aws/things/{options['thing']}/shadow" + (f"/name/{shadow}" if shadow else "")
        self.power_key = str(options.get("power_key", "power"))
        self.service = bool(options.get("shadow_service", True))
        self.desired: dict[str, Any] = {}
        self.version = 1
        super().__init__(options, Light(100), None)

    @staticmethod
    def usual(name: str) -> dict[str, Any]:
        return {"dialect": "aws_shadow", "thing": name}

    @property
    def listens_to(self) -> list[str]:
        return [f"{self.prefix}/update", f"{self.prefix}/get"] if self.service else [f"{self.prefix}/update/delta"]

    def birth(self) -> list[Said]:
        return self.told()

    def obey(self, topic: str, payload: str) -> list[Said]:
        if topic.endswith("/get"):
            return [self._said("get/accepted", {"desired": self.desired, "reported": self.reported()})]
        state = json_object(payload)["state"]
        if not self.service:
            self._take(state)
            return self.told()
        desired = state.get("desired")
        if not isinstance(desired, dict):
            return []  # the lamp's own report; here the lamp is the service
        self._take(desired)
        self.desired |= desired
        delta = self._said("update/delta", desired)
        return [self._said("update/accepted", {"desired": desired}), delta, *self.told()]

    def press(self, change: Callable[[Light], None]) -> list[Said]:
        """A switch sets what is desired as well: otherwise the next delta would take it back."""
        change(self.light)
        self.desired = self.reported()
        if not self.service:
            return self.told()
        return [self._said("update/accepted", {"desired": self.desired, "reported": self.reported()})]

    def told(self) -> list[Said]:
        return [self._said("update/accepted" if self.service else "update", {"reported": self.reported()})]

    def _said(self, topic: str, state: dict[str, Any]) -> Said:
        """Only a lamp without a service has its report kept by the broker: a shadow is asked for."""
        self.version += 1
        document = json.dumps({"state": state, "version": self.version})
        return Said(f"{self.prefix}/{topic}", document, retain=topic == "update")

    def _take(self, state: Mapping[str, Any]) -> None:
        light = self.light
        on = switched(state[self.power_key], light.on) if self.power_key in state else light.on
        if "brightness" in state:
            light.dim(int(state["brightness"]))
        if isinstance(state.get("color"), dict):
            light.colour(float(state["color"]["hue"]), float(state["color"]["saturation"]))
        if "colorTemperatureInKelvin" in state:
            light.white(float(state["colorTemperatureInKelvin"]))
        light.on = on

    def reported(self) -> dict[str, Any]:
        light = self.light
        state: dict[str, Any] = {self.power_key: "ON" if light.on else "OFF", "brightness": light.level}
        if light.coloured:
            return state | {"color": {"hue": light.hue, "saturation": light.saturation, "brightness": 1.0}}
        return state | {"colorTemperatureInKelvin": round(light.kelvin)}
