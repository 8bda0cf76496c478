"""Lamps as their firmware is documented, for a test to run over a real broker: written from the pages that the codecs
name, and without the codecs."""

import json
import re
import uuid
from typing import Any, NamedTuple, Protocol


class Said(NamedTuple):
    topic: str
    payload: str
    retain: bool = True


class Firmware(Protocol):
    """`obey` answers a message as the lamp would; `birth` is what it says when it connects, `away` its last will."""

    options: dict[str, Any]
    away: Said | None

    @property
    def listens_to(self) -> list[str]: ...

    def birth(self) -> list[Said]: ...

    def obey(self, topic: str, payload: str) -> list[Said]: ...


def name() -> str:
    return uuid.uuid4().hex[:12]


class JsonLight:
    """Home Assistant's schema; `ESPHome` has the same with topics of its own."""

    def __init__(self) -> None:
        base = f"home/{name()}"
        self.command, self.state_topic, self.status = f"{base}/set", f"{base}/state", f"{base}/status"
        self.options: dict[str, Any] = {
            "command_topic": self.command,
            "state_topic": self.state_topic,
            "availability_topic": self.status,
        }
        self.state: dict[str, Any] = {"state": "OFF", "brightness": 255, "color_mode": "brightness"}
        self.away: Said | None = Said(self.status, "offline")

    @property
    def listens_to(self) -> list[str]:
        return [self.command]

    def birth(self) -> list[Said]:
        return [self._told(), Said(self.status, "online")]

    def obey(self, topic: str, payload: str) -> list[Said]:
        command = json.loads(payload)
        self.state |= command
        if "color" in command:
            self.state["color_mode"] = "rgb"
        if "color_temp" in command:
            self.state["color_mode"] = "color_temp"
        return [self._told()]

    def _told(self) -> Said:
        return Said(self.state_topic, json.dumps(self.state))


class Esphome(JsonLight):
    def __init__(self) -> None:
        super().__init__()
        node = name()
        light = f"{node}/light/lamp"
        self.command, self.state_topic, self.status = f"{light}/command", f"{light}/state", f"{node}/status"
        self.options = {"dialect": "esphome", "topic": light}
        self.away = Said(self.status, "offline")


class Zigbee2Mqtt:
    """States are not retained; hue and saturation come back as whole numbers, with what they are in xy beside them."""

    def __init__(self) -> None:
        self.base = f"z2m{name()}"
        self.lamp = f"{self.base}/hall/desk lamp"
        self.options: dict[str, Any] = {"dialect": "zigbee2mqtt", "topic": self.lamp}
        self.state: dict[str, Any] = {"state": "OFF", "brightness": 254, "color_temp": 370, "color_mode": "color_temp"}
        self.away: Said | None = Said(f"{self.base}/bridge/state", '{"state":"offline"}')

    @property
    def listens_to(self) -> list[str]:
        return [f"{self.lamp}/set", f"{self.lamp}/get"]

    def birth(self) -> list[Said]:
        online = '{"state":"online"}'
        return [Said(f"{self.base}/bridge/state", online), Said(f"{self.lamp}/availability", online)]

    def obey(self, topic: str, payload: str) -> list[Said]:
        if topic.endswith("/set"):
            command = json.loads(payload)
            if "color" in command:
                hue, saturation = round(command["color"]["hue"]), round(command["color"]["saturation"])
                command |= {"color": {"hue": hue, "saturation": saturation, "x": 0.5, "y": 0.4}, "color_mode": "hs"}
            if "color_temp" in command:
                command["color_mode"] = "color_temp"
            self.state |= command
        return [Said(self.lamp, json.dumps(self.state | {"linkquality": 80}), retain=False)]


class Tasmota:
    """Obeys a backlog step by step and answers each; a colour takes the white away and white the colour."""

    def __init__(self) -> None:
        self.topic = name()
        self.options: dict[str, Any] = {"dialect": "tasmota", "topic": self.topic}
        self.power, self.dimmer, self.hue, self.saturation, self.mired, self.white = "OFF", 100, 0, 0, 370, True
        self.away: Said | None = Said(f"tele/{self.topic}/LWT", "Offline")

    @property
    def listens_to(self) -> list[str]:
        return [f"cmnd/{self.topic}/{command}" for command in ("POWER", "Backlog", "State")]

    def birth(self) -> list[Said]:
        return [Said(f"tele/{self.topic}/LWT", "Online")]

    def obey(self, topic: str, payload: str) -> list[Said]:
        command = topic.rpartition("/")[2]
        steps = payload.split(";") if command == "Backlog" else [f"{command} {payload}"]
        return [said for step in steps if (said := self._step(*step.split(" ", 1))) is not None]

    def _step(self, command: str, argument: str = "") -> Said | None:
        match command:
            case "NoDelay":
                return None
            case "POWER":
                self.power = argument
            case "Dimmer":
                self.dimmer, self.power = int(argument), "ON"
            case "CT":
                assert 153 <= int(argument) <= 500
                self.mired, self.white, self.power = int(argument), True, "ON"
            case "HSBColor":
                self.hue, self.saturation, self.dimmer = (int(part) for part in argument.split(","))
                self.white, self.power = False, "ON"
            case "State":
                pass
            case _:
                return Said(f"stat/{self.topic}/RESULT", '{"Command":"Unknown"}', retain=False)
        state = {
            "POWER": self.power,
            "Dimmer": self.dimmer,
            "HSBColor": f"{self.hue},{self.saturation},{0 if self.white else self.dimmer}",
            "White": self.dimmer if self.white else 0,
            "CT": self.mired,
        }
        return Said(f"stat/{self.topic}/RESULT", json.dumps(state), retain=False)


class Wled:
    """Brightness 0 is off; colour as hex of white, red, green, blue without leading zeros."""

    def __init__(self) -> None:
        self.device = f"wled/{name()[:6]}"
        self.options: dict[str, Any] = {"dialect": "wled", "topic": self.device}
        self.on, self.bri, self.col = False, 255, [255, 160, 0, 0]
        self.away: Said | None = Said(f"{self.device}/status", "offline")

    @property
    def listens_to(self) -> list[str]:
        return [f"{self.device}/api"]

    def birth(self) -> list[Said]:
        return [Said(f"{self.device}/status", "online"), *self._told()]

    def obey(self, topic: str, payload: str) -> list[Said]:
        command = json.loads(payload)
        self.on, self.bri = command["on"], command.get("bri", self.bri)
        if "seg" in command:
            (self.col,) = command["seg"]["col"]
        return self._told()

    def _told(self) -> list[Said]:
        red, green, blue, white = self.col
        colour = f"#{white << 24 | red << 16 | green << 8 | blue:06X}"
        return [Said(f"{self.device}/g", str(self.bri if self.on else 0)), Said(f"{self.device}/c", colour)]


class Workshop:
    """The workshop's lamp with a shadow service: the delta is obeyed, and the lamp's own key reported. It answers every
    delta, so a key that it does not know would go round for ever."""

    power_key = "power"

    def __init__(self) -> None:
        self.thing = f"lamp-{name()}"
        self.prefix = f"$aws/things/{self.thing}/shadow"
        self.options: dict[str, Any] = {"dialect": "aws_shadow", "thing": self.thing}
        if self.power_key != "power":
            self.options["power_key"] = self.power_key
        self.reported: dict[str, Any] = {self.power_key: "OFF", "brightness": 100}
        self.away: Said | None = None

    @property
    def listens_to(self) -> list[str]:
        return [f"{self.prefix}/update", f"{self.prefix}/get"]

    def birth(self) -> list[Said]:
        return []

    def obey(self, topic: str, payload: str) -> list[Said]:
        if topic.endswith("/get"):
            document = {"state": {"desired": {}, "reported": self.reported}, "version": 7}
            return [Said(f"{self.prefix}/get/accepted", json.dumps(document), retain=False)]
        desired = json.loads(payload)["state"]["desired"]
        assert set(desired) <= {self.power_key, "brightness", "color", "colorTemperatureInKelvin"}
        self._obey(desired)
        accepted = [{"state": {"desired": desired}}, {"state": {"reported": self.reported}}]
        return [Said(f"{self.prefix}/update/accepted", json.dumps(each), retain=False) for each in accepted]

    def _obey(self, desired: dict[str, Any]) -> None:
        self.reported |= desired
        if "color" in desired:
            self.reported.pop("colorTemperatureInKelvin", None)
        if "colorTemperatureInKelvin" in desired:
            self.reported.pop("color", None)


class OtherWorkshop(Workshop):
    power_key = "powerState"


class WorkshopWithoutService(Workshop):
    """On a broker that keeps no shadows: it hears deltas and tells what it is on `/update`."""

    def __init__(self) -> None:
        super().__init__()
        self.options["shadow_service"] = False

    @property
    def listens_to(self) -> list[str]:
        return [f"{self.prefix}/update/delta"]

    def birth(self) -> list[Said]:
        return [self._told()]

    def obey(self, topic: str, payload: str) -> list[Said]:
        self._obey(json.loads(payload)["state"])
        return [self._told()]

    def _told(self) -> Said:
        return Said(f"{self.prefix}/update", json.dumps({"state": {"reported": self.reported}}), retain=True)


FIRMWARES: dict[str, type[Firmware]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", each.__name__).lower(): each
    for each in (JsonLight, Zigbee2Mqtt, Tasmota, Wled, Esphome, Workshop, OtherWorkshop, WorkshopWithoutService)
}
