"""Home Assistant's MQTT JSON light schema (contract 6.1), the native language of `mqtt` lamps.

Percent here, `1..scale` on the wire (`brightness_scale`, 255 unless the lamp says otherwise). Power and brightness;
`color` and `color_temp` are left as they are.
"""

import orjson

from skill.canonical import Change, LampState, Power


def to_device(percent: int, scale: int) -> int:
    """Never 0: that would be off."""
    return max(1, round(percent * scale / 100))


def to_percent(brightness: int, scale: int) -> int:
    """1 to 100."""
    return max(1, min(100, round(brightness * 100 / scale)))


def command(change: Change, target: LampState, scale: int) -> bytes:
    """One message that brings the lamp to `target`: never ON first and the value after it. A plain TurnOn leaves the
    brightness to the lamp, which knows its last one better."""
    message: dict[str, object] = {"state": "ON" if target.power else "OFF"}
    if target.power and target.last_brightness is not None and not isinstance(change, Power):
        message["brightness"] = to_device(target.last_brightness, scale)
    return orjson.dumps(message)


def state(payload: bytes, before: LampState, scale: int, requested: int | None) -> LampState | None:
    """The state after a message of the lamp; None where it is none. A missing key leaves its value, `state: null` is
    unknown, brightness 0 is ignored. A brightness within one device step of `requested` (percent) is reported as
    requested, so that 50 percent does not come back as 49."""
    try:
        message = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict):
        return None
    after = before
    if "state" in message:
        power = {"ON": True, "OFF": False}.get(str(message["state"]).upper())
        if power is None and message["state"] is not None:
            return None
        after = after._replace(power=power)
    brightness = message.get("brightness")
    if isinstance(brightness, (int, float)) and not isinstance(brightness, bool) and brightness > 0:
        near = requested is not None and abs(brightness - to_device(requested, scale)) <= 1
        percent = requested if requested is not None and near else to_percent(round(brightness), scale)
        after = after._replace(last_brightness=percent)
    return after


def availability(payload: bytes) -> bool | None:
    """`online`, `offline`, plain or as `{"state": …}`; None where it is neither."""
    try:
        message = orjson.loads(payload)
    except orjson.JSONDecodeError:
        message = payload.decode("utf-8", "replace")
    if isinstance(message, dict):
        message = message.get("state")
    return {"online": True, "offline": False}.get(str(message).strip().lower())
