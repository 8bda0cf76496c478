"""Simulated lamps at work: their connections, what is typed at them, and what is shown of them."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, TextIO

import aiomqtt
import orjson

from skill.simulator import terminal
from skill.simulator.plugged import Connection, Event, Lamp, Refused
from skill.simulator.printable import printable
from skill.simulator.switch import HELP, NotUnderstood, Typed, typed

Look = Literal["drawn", "lines", "json"]

FRAME = 0.04
"""Seconds between two drawings: the eye does not see more."""


class Console:
    """`look` is how lamps are shown on `out`."""

    def __init__(self, look: Look, out: TextIO, where: str) -> None:
        self._look, self._out, self._where = look, out, where
        self._lamps: list[Lamp] = []
        self._status, self._note = f"connecting to {where} …", "help says what may be typed"
        self._dirty = self._typed = False

    async def run(self, connections: Sequence[Connection]) -> int:
        """Until it is quit, interrupted, or refused by the broker; the exit status."""
        self._lamps = [lamp for connection in connections for lamp in connection.lamps]
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        threading.Thread(target=_read_lines, args=(loop, lines), daemon=True).start()
        work = [asyncio.create_task(connection.run()) for connection in connections]
        work.append(asyncio.create_task(self._listen(lines, connections, stop)))
        if self._look == "drawn":
            self._write("\x1b[?1049h\x1b[2J")
            work.append(asyncio.create_task(self._draw_always()))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*work, stopped], return_when=asyncio.FIRST_COMPLETED)
            failed = next((task.exception() for task in work if task.done() and task.exception()), None)
            if failed is None:
                await asyncio.gather(*(connection.leave() for connection in connections))
        finally:
            await _end([*work, stopped])
            if self._look == "drawn":
                self._write("\x1b[?1049l")
        if isinstance(failed, Refused):
            why = f"the broker at {self._where} refused: {failed}; is the user or the password wrong?"
            print(f"skill: {why}", file=sys.stderr)
            return 1
        if failed is not None:
            raise failed
        self._say("left", None, "unplugged, and offline for everybody")
        return 0

    def report(self, event: Event) -> None:
        """Called by the connections."""
        match event.kind:
            case "connected":
                self._status = f"connected to {self._where}"
            case "away":
                self._status = f"{self._where} is away: {event.text}"
            case "heard":
                self._note = event.text
            case "puzzled" if event.lamp is not None:
                self._note = f"{event.lamp.name} does not understand that ({event.text})"
        self._dirty = True
        if self._look != "drawn":
            self._say(event.kind, event.lamp, self._status if event.kind in ("connected", "away") else event.text)

    def _say(self, kind: str, lamp: Lamp | None, text: str) -> None:
        now = datetime.now(UTC)
        if self._look == "json":
            at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line: dict[str, object] = {"at": at, "event": kind}
            if lamp is not None:
                line |= {"number": lamp.number, "name": lamp.name}
            if kind in ("changed", "plugged", "unplugged") and lamp is not None:
                line |= terminal.facts(lamp)
            elif text:
                line["text"] = text
            self._write(orjson.dumps(line).decode() + "\n")
            return
        if kind in ("changed", "plugged", "unplugged") and lamp is not None:
            text = terminal.words(lamp)
        elif kind == "heard":
            text = f"heard {text}"
        elif kind == "puzzled":
            text = f"does not understand that ({text})"
        who = f"{lamp.name}: " if lamp is not None else ""
        self._write(f"{time.strftime('%H:%M:%S')}  {printable(who + text)}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    async def _draw_always(self) -> None:
        fresh = True
        while True:
            if self._dirty or fresh:
                self._dirty = False
                lines = terminal.screen(self._lamps, self._status, self._note)
                drawn = "\x1b[H" + "".join(f"{line}\x1b[K\r\n" for line in lines)
                self._write(drawn + "\x1b[J> " if fresh or self._typed else f"\x1b7{drawn}\x1b8")
                fresh = self._typed = False
            await asyncio.sleep(FRAME)

    async def _listen(
        self, lines: "asyncio.Queue[str | None]", connections: Sequence[Connection], stop: asyncio.Event
    ) -> None:
        while True:
            line = await lines.get()
            self._typed = self._dirty = True
            if line is None:  # Ctrl-D ends; a background job, which has no standard input, goes on
                if self._look == "drawn":
                    stop.set()
                await asyncio.Event().wait()
                return
            try:
                wish = typed(line)
            except NotUnderstood as error:
                self._tell(str(error))
                continue
            if wish.word == "quit":
                stop.set()
            elif wish.word == "help":
                self._tell(HELP)
            else:
                await self._do(wish, connections)

    def _tell(self, text: str) -> None:
        self._note = text
        if self._look != "drawn":
            self._say("typed", None, text)

    async def _do(self, wish: Typed, connections: Sequence[Connection]) -> None:
        meant = [(each, lamp) for each in connections for lamp in each.lamps if wish.lamp in (None, lamp.number)]
        if not meant:
            self._tell(f"there is no lamp {wish.lamp}")
        for connection, lamp in meant:
            try:
                if wish.change is not None:
                    await connection.press(lamp, wish.change)
                else:
                    await connection.plug(lamp, wish.word == "plug")
            except aiomqtt.MqttError as error:
                self._tell(f"not told: {error}")


def _read_lines(loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[str | None]") -> None:
    """In a thread of its own that nothing waits for. `os.read`, since the end of the process would wait for the lock of
    `sys.stdin`."""
    put: Callable[[str | None], object] = lambda line: loop.call_soon_threadsafe(lines.put_nowait, line)  # noqa: E731
    rest = b""
    try:
        while chunk := os.read(0, 4096):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                put(line.decode("utf-8", "replace"))
        put(None)
    except (OSError, RuntimeError):  # no standard input; the loop has ended
        return


async def _end(tasks: Sequence["asyncio.Task[object]"]) -> None:
    """A cancellation can be lost (`asyncio.wait_for` in the broker's client): whoever goes on is asked again."""
    left = {task for task in tasks if not task.done()}
    for _ in range(10):
        if not left:
            return
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.5)
