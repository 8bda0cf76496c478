"""My lamps, room by room, and the commands that pages send."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from skill.abilities import Abilities
from skill.canonical import Brightness, Change, Color, Power, Temperature
from skill.companion.choosing import Wish, choose, order
from skill.companion.languages import N_, _, _n, moments
from skill.companion.showing import Shown, shown
from skill.companion.stream import Live
from skill.companion.visit import NotThere, Unwanted, Visit, way_back
from skill.drawing import Kind, kind_of
from skill.errors import AlexaError, BridgeUnreachable, EndpointUnreachable, NoSuchEndpoint
from skill.forms import Form
from skill.lamps import MOST_LAMPS, LampView, view_of
from skill.models import LampRow
from skill.news import Cause
from skill.patience import Patience
from skill.service import Service
from skill.storage.cold import Cold
from skill.storage.registry import Registry

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for a lamp to obey
MOST_NAMED = 5  # lamps in a sentence
SWITCHED = Abilities(brightness=False, color=False, kelvin=None)
NO_ANSWER = N_("This lamp does not answer. Is it switched on at the wall?")
NO_WAY = N_("Your lamps cannot be reached right now. Try again in a moment.")
WENT_WRONG = N_("That did not work. Try again in a moment.")


@dataclass(frozen=True, slots=True)
class Card:
    """A lamp as its card shows it. One that is not `usable` is set up as no lamp can be, and takes no commands."""

    endpoint_id: str
    name: str
    room: str | None
    kind: Kind
    abilities: Abilities
    shown: Shown
    row: LampRow
    usable: bool = True


def command(form: Form, abilities: Abilities) -> Change:
    """Raises Unwanted."""
    match form.get("do"):
        case "on" | "off" as way:
            return Power(way == "on")
        case "brightness" if abilities.brightness:
            return Brightness(_number(form, "brightness", 1, 100))
        case "color" if abilities.color:
            return Color(float(_number(form, "hue", 0, 360)), _number(form, "saturation", 0, 100) / 100, 1.0)
        case "white" if abilities.kelvin:
            return Temperature(abilities.kelvin.nearest(_number(form, "kelvin", 1000, 10_000)))
    raise Unwanted


def _number(form: Form, name: str, least: int, most: int) -> int:
    """A whole number as a slider gives it, kept within what it may be."""
    given = form.get(name, "")
    if not given.isascii() or not given.isdecimal() or len(given) > 5:
        raise Unwanted
    return max(least, min(most, int(given)))


class Home:
    def __init__(self, service: Service, cold: Cold, live: Live) -> None:
        self._service, self._cold, self._live = service, cold, live

    async def cards(self, owner: str, rows: Iterable[LampRow]) -> list[Card]:
        """Of these lamps, as far as they have not gone meanwhile."""
        wanted = {row.endpoint_id: row for row in rows}
        views = {view.endpoint_id: view for view in await self._service.lamps.views(owner, wanted)} if wanted else {}
        return [_card(row, views[endpoint_id]) for endpoint_id, row in wanted.items() if endpoint_id in views]

    async def _rows(self, owner: str) -> Sequence[LampRow]:
        async with self._cold.unit(write=False) as session:
            return await Registry(session).lamps(owner)

    async def card(self, endpoint_id: str, owner: str) -> Card:
        """Raises NotThere for another's lamp as for none."""
        async with self._cold.unit(write=False) as session:
            row = await Registry(session).lamp(endpoint_id)
        if row is None or row.owner != owner:
            raise NotThere
        for card in await self.cards(owner, [row]):
            return card
        raise NotThere

    async def show(self, visit: Visit) -> Response:
        """My lamps, or what this is where nobody is signed in."""
        if visit.session is None:
            return visit.page("welcome.html", title=_("Your lamps"))
        owner = visit.person.owner
        part = choose(await self._rows(owner), Wish.of(visit.request.query_params))
        noted = visit.noted()
        answer = visit.page(
            "home.html",
            title=_("Lamps"),
            here="lamps",
            rooms=in_rooms(await self.cards(owner, part.rows)),
            part=part,
            most_of_alexa=MOST_LAMPS,
            noted=noted,
            notice=noted.get("notice"),
        )
        return visit.read(answer)

    async def set(self, visit: Visit) -> Response:
        """One command to one lamp: JSON for a script, else back to the page with what went wrong."""
        form = await visit.form()
        endpoint_id = visit.lamp
        status, content = await self._obey(endpoint_id, visit.person.owner, form)
        if visit.wants_json:
            return Response(orjson.dumps(content), status, media_type="application/json")
        answer = visit.go(way_back(form.get("back")))
        if "error" in content:
            visit.note(answer, lamp=endpoint_id, error=content["error"])
        return answer

    async def _obey(self, endpoint_id: str, owner: str, form: Form) -> tuple[int, dict[str, Any]]:
        """Raises NotThere, Unwanted."""
        try:
            owned = await self._service.lamps.owned(endpoint_id, owner)
        except NoSuchEndpoint as error:
            raise NotThere from error
        change = command(form, owned.abilities)
        try:
            with Patience(PATIENCE):
                sample = await owned.apply(change, Cause.companion)
            return 200, {"lamp": shown(view_of(owned.lamp, sample))}
        except (AlexaError, TimeoutError, OSError) as error:
            log.info("a lamp did not obey: %s", type(error).__name__)
            said = said_of(error)
        return 409, {"error": _(said), "lamp": shown(await self._service.lamps.view(owned))}

    async def room_off(self, visit: Visit) -> Response:
        """All lamps of a room that are on, at once."""
        form = await visit.form()
        owner, room = visit.person.owner, form.get("room", "")
        rows = [row for row in await self._rows(owner) if (row.room or "") == room]
        cards = [card for card in await self.cards(owner, rows) if card.shown["on"]]
        done = await asyncio.gather(*(self._obey(card.endpoint_id, owner, {"do": "off"}) for card in cards))
        failed = [card.name for card, (status, _) in zip(cards, done, strict=True) if status != 200]
        answer = visit.go(way_back(form.get("back")))
        if failed:
            visit.note(answer, notice=not_off(failed))
        return answer

    async def live(self, visit: Visit) -> Response:
        """The stream of a page, for what it shows: one lamp, a part of them or all; 204 where there are too many, and
        for a script that only asks whether somebody is signed in."""
        person, asked = visit.person, visit.request.query_params
        if visit.wants_json or not self._live.room_for(person):
            return Response(status_code=204)
        only: frozenset[str] | None = None
        same: Callable[[], Awaitable[bool]] | None = None
        if "lamp" in asked:
            only = frozenset({asked["lamp"]})
        elif "page" in asked:
            wish = Wish.of(asked)
            part = choose(await self._rows(person.owner), wish)
            only = frozenset(row.endpoint_id for row in part.rows)

            async def as_it_was() -> bool:
                return choose(await self._rows(person.owner), wish).made_of == part.made_of

            same = as_it_was
        events, headers = self._live.events(person, only, same), {"x-accel-buffering": "no"}  # nginx would keep them
        return StreamingResponse(events, headers=headers, media_type="text/event-stream")


def not_off(names: list[str]) -> str:
    """Short enough for a cookie, however many they are and whatever they are called."""
    named = [name if len(name) <= 40 else f"{name[:39]}…" for name in names[:MOST_NAMED]]
    if more := len(names) - len(named):
        named.append(_n("{count} other lamp", "{count} other lamps", more).format(count=more))
    return _("Not switched off, since there is no answer: {lamps}.").format(lamps=moments.listed(named))


def said_of(error: Exception) -> str:
    """A text that is looked up where it is shown."""
    match error:
        case EndpointUnreachable():
            return NO_ANSWER
        case BridgeUnreachable() | TimeoutError():
            return NO_WAY
    return WENT_WRONG


def _card(row: LampRow, view: LampView) -> Card:
    usable = True
    try:
        abilities = Abilities.of(row.driver, row.options)
    except ValueError:
        abilities, usable = SWITCHED, False
    return Card(row.endpoint_id, row.name, row.room, kind_of(row.name), abilities, shown(view), row, usable)


def in_rooms(cards: Iterable[Card]) -> list[tuple[str | None, list[Card]]]:
    """Rooms by name, lamps without one last."""
    rooms: dict[str | None, list[Card]] = {}
    for card in cards:
        rooms.setdefault(card.room or None, []).append(card)
    return sorted(rooms.items(), key=lambda room: order(room[0]))
