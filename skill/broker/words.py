"""The short words of discovery messages and their long ones, as far as a lamp is described by them.

Source: `homeassistant/components/mqtt/abbreviations.py` of home-assistant/core.
"""

from collections.abc import Mapping
from typing import Any

LIGHT = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "bri_scl": "brightness_scale",
    "clr_temp_k": "color_temp_kelvin",
    "cmd_t": "command_topic",
    "cmps": "components",
    "dev": "device",
    "max_k": "max_kelvin",
    "max_mirs": "max_mireds",
    "min_k": "min_kelvin",
    "min_mirs": "min_mireds",
    "o": "origin",
    "opt": "optimistic",
    "p": "platform",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "stat_t": "state_topic",
    "sup_clrm": "supported_color_modes",
    "t": "topic",
    "uniq_id": "unique_id",
    "val_tpl": "value_template",
    "whit_scl": "white_scale",
}
DEVICE = {"mf": "manufacturer", "mdl": "model", "sn": "serial_number", "sw": "sw_version"}
BASE = "~"


def expanded(message: Mapping[str, Any]) -> dict[str, Any]:
    """In long words, with whole topics. The base topic stays, as `base`, for components that have none of their own."""
    whole = _long(message, LIGHT)
    whole.pop("base", None)
    base = whole.pop(BASE, None)
    if isinstance(device := whole.get("device"), dict):
        whole["device"] = _long(device, DEVICE)
    listed = whole.get("availability")
    if isinstance(listed, dict):
        listed = [listed]
    if isinstance(listed, list):
        whole["availability"] = [_long(entry, LIGHT) if isinstance(entry, dict) else entry for entry in listed]
    if isinstance(base, str):
        entries = whole.get("availability")
        for each in (whole, *(entries if isinstance(entries, list) else ())):
            if isinstance(each, dict):
                _put(base, each)
        whole["base"] = base
    return whole


def _long(message: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """The long word holds where both stand."""
    return {words[key]: value for key, value in message.items() if key in words} | {
        key: value for key, value in message.items() if key not in words
    }


def _put(base: str, message: dict[str, Any]) -> None:
    """At the beginning or at the end of a topic."""
    for key, value in message.items():
        if key.endswith("topic") and isinstance(value, str) and value:
            if value.startswith(BASE):
                message[key] = base + value[1:]
            elif value.endswith(BASE):
                message[key] = value[:-1] + base
