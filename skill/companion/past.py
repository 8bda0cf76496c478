"""The history as pages show it: by day, newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from skill.canonical import LampState
from skill.companion.history import History
from skill.companion.visit import NotThere, Visit
from skill.drawing import draw
from skill.lamps import LampView
from skill.models import HistoryRow
from skill.service import Service
from skill.storage.cold import Cold
from skill.storage.registry import Registry

PAGE = 100  # entries
WHO = {"alexa": "Alexa", "companion": "This page", "lamp": "At the lamp"}
DID = {"on": "Switched on", "off": "Switched off", "color": "New colour"}


@dataclass(frozen=True, slots=True)
class Entry:
    """`at` is local time of the server, `iso` the same for machines; `light` the colour of what did light then, or
    None."""

    endpoint_id: str
    name: str
    who: str
    cause: str
    did: str
    day: str
    clock: str
    iso: str
    light: str | None


def entries(rows: Iterable[HistoryRow], now: float) -> list[Entry]:
    return [_entry(row, now) for row in rows]


def _entry(row: HistoryRow, now: float) -> Entry:
    at = datetime.fromtimestamp(row.at / 1000).astimezone()
    state = LampState(**{name: value for name, value in row.state.items() if name in LampState._fields})
    return Entry(
        endpoint_id=row.endpoint_id,
        name=str(row.state.get("name", "")),
        who=WHO.get(row.cause, row.cause),
        cause=row.cause,
        did=_did(row, state),
        day=_day(at, now),
        clock=at.strftime("%H:%M"),
        iso=at.isoformat(timespec="seconds"),
        light=_light(state) if state.power else None,
    )


def _did(row: HistoryRow, state: LampState) -> str:
    match row.state.get("did"):
        case "brightness":
            return f"Set to {state.brightness} %"
        case "white":
            return f"White, {state.kelvin} K"
        case what:
            return DID.get(str(what), "Changed")


def _light(state: LampState) -> str:
    view = LampView(
        "", "", "", True, True, state.brightness or 100, state.mode, state.hue, state.saturation, state.value,
        state.kelvin, 1.0,
    )  # fmt: skip
    return draw(view).colour


def _day(at: datetime, now: float) -> str:
    today = datetime.fromtimestamp(now).astimezone().date()
    if at.date() == today:
        return "Today"
    if at.date() == today - timedelta(days=1):
        return "Yesterday"
    return at.strftime("%A, %-d %B") + ("" if at.year == today.year else f" {at.year}")


class PastPages:
    def __init__(self, service: Service, cold: Cold, history: History) -> None:
        self._service, self._cold, self._history = service, cold, history

    async def show(self, visit: Visit) -> Response:
        """Of all my lamps, or of the one that `lamp` names; `before` leads to older entries."""
        owner, asked = visit.person.owner, visit.request.query_params
        before = asked.get("before", "")
        lamp = asked.get("lamp") or None
        if lamp is not None and not lamp.isprintable():
            raise NotThere
        async with self._cold.unit(write=False) as session:
            mine = {row.endpoint_id: row.name for row in await Registry(session).lamps(owner)}
        rows = await self._history.of(
            owner, lamp, int(before) if before.isdecimal() and len(before) < 16 else None, PAGE + 1
        )
        days: dict[str, list[Entry]] = {}
        for entry in entries(rows[:PAGE], self._service.clock()):
            days.setdefault(entry.day, []).append(entry)
        return visit.read(
            visit.page(
                "history.html",
                title="History",
                here="history",
                days=list(days.items()),
                mine=mine,
                lamp=lamp if lamp in mine else None,
                older=rows[PAGE - 1].at if len(rows) > PAGE else None,
                notice=visit.noted().get("notice"),
            )
        )

    async def delete(self, visit: Visit) -> Response:
        """All of this person's history."""
        form = await visit.form()
        if form.get("sure") == "yes":
            await self._history.delete(visit.person.owner)
            return visit.note(visit.go("/history"), notice="Your history is deleted.")
        return visit.go("/history")
