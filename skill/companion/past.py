"""The history as pages show it: by day, newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from starlette.responses import Response

from skill.canonical import LampState
from skill.companion.history import History
from skill.companion.languages import N_, _, moments
from skill.companion.visit import NotThere, Visit
from skill.drawing import draw
from skill.lamps import LampView
from skill.models import HistoryRow
from skill.service import Service
from skill.storage.cold import Cold
from skill.storage.registry import Registry

PAGE = 100  # entries
WHO = {"alexa": "Alexa", "companion": N_("This page"), "lamp": N_("At the lamp")}
DID = {"on": N_("Switched on"), "off": N_("Switched off"), "color": N_("New colour")}


@dataclass(frozen=True, slots=True)
class Entry:
    """`day` and `clock` are local time of the server, `when` both in short, `iso` the same for machines; `light` the
    colour of what did light then, or None."""

    endpoint_id: str
    name: str
    who: str
    cause: str
    did: str
    day: str
    clock: str
    when: str
    iso: str
    light: str | None


def entries(rows: Iterable[HistoryRow], now: float) -> list[Entry]:
    return [_entry(row, now) for row in rows]


def _entry(row: HistoryRow, now: float) -> Entry:
    at, today = datetime.fromtimestamp(row.at / 1000).astimezone(), datetime.fromtimestamp(now).date()
    state = LampState(**{name: value for name, value in row.state.items() if name in LampState._fields})
    return Entry(
        endpoint_id=row.endpoint_id,
        name=str(row.state.get("name", "")),
        who=_(WHO.get(row.cause, row.cause)),
        cause=row.cause,
        did=_did(row, state),
        day=_near(at.date(), today) or moments.day_of_week(at.date()),
        clock=moments.clock(at),
        when=_when(at, today),
        iso=at.isoformat(timespec="seconds"),
        light=_light(state) if state.power else None,
    )


def _did(row: HistoryRow, state: LampState) -> str:
    match row.state.get("did"):
        case "brightness":
            return _("Set to {percent}").format(percent=moments.percent(state.brightness or 0))
        case "white":
            return _("White, {kelvin} K").format(kelvin=state.kelvin)
        case what:
            return _(DID.get(str(what), N_("Changed")))


def _light(state: LampState) -> str:
    view = LampView(
        "", "", "", True, True, state.brightness or 100, state.mode, state.hue, state.saturation, state.value,
        state.kelvin, 1.0,
    )  # fmt: skip
    return draw(view).colour


def _near(on: date, today: date) -> str | None:
    if on == today:
        return _("Today")
    return _("Yesterday") if on == today - timedelta(days=1) else None


def _when(at: datetime, today: date) -> str:
    """Today it is the time of day alone."""
    if at.date() == today:
        return moments.clock(at)
    return f"{_near(at.date(), today) or moments.short_day(at.date())} {moments.clock(at)}"


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
                title=_("History"),
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
            return visit.note(visit.go("/history"), notice=_("Your history is deleted."))
        return visit.go("/history")
