"""`python -m bench.bare.lamps PORT COUNT READY`: COUNT lamps of the Home Assistant dialect at the broker on PORT.

Each keeps its state at the broker and echoes what it is told, at once. One client for all: what is measured is the
service that commands them. Writes the file READY once all of them are there.
"""

import signal
import sys
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as mqtt

BASE = "bench"


def options(number: int) -> dict[str, Any]:
    """Of the lamp in the registry."""
    return {
        "command_topic": f"{BASE}/{number}/set",
        "state_topic": f"{BASE}/{number}",
        "availability_topic": f"{BASE}/{number}/there",
        "brightness_scale": 255,
        "supported_color_modes": ["hs", "color_temp"],
        "capabilities": ["power", "brightness", "color", "temperature"],
        "confirm": "echo",
    }


def main() -> None:
    port, count, ready = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    states: list[dict[str, Any]] = [{"state": "OFF", "brightness": 255} for _ in range(count)]
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.max_queued_messages_set(0)

    def obey(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        number = int(message.topic.split("/")[1])
        said = orjson.loads(message.payload)
        state = states[number]
        state.update(said)
        if "color" in said:
            state["color_mode"] = "hs"
        elif "color_temp" in said:
            state["color_mode"] = "color_temp"
        client.publish(f"{BASE}/{number}", orjson.dumps(state), qos=0, retain=True)

    client.on_message = obey
    client.connect("127.0.0.1", port)
    client.loop_start()
    for number in range(count):
        client.publish(f"{BASE}/{number}/there", b"online", qos=0, retain=True)
        client.publish(f"{BASE}/{number}", orjson.dumps(states[number]), qos=0, retain=True)
    client.subscribe(f"{BASE}/+/set", qos=0)
    last = client.publish(f"{BASE}/all", b"there", qos=1)
    last.wait_for_publish(60)
    ready.touch()
    signal.pause()


if __name__ == "__main__":
    main()
