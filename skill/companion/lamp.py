"""One lamp: its light, its name and room, and how it is given away."""

import re
from collections import defaultdict
from typing import Any

from starlette.responses import Response

from skill.claiming import claim_url, qr_svg
from skill.companion.history import History
from skill.companion.home import Home
from skill.companion.languages import N_, _
from skill.companion.pages import path_of
from skill.companion.past import entries
from skill.companion.visit import NotThere, Visit
from skill.discovery import NotDescribable, friendly_name
from skill.service import Service
from skill.storage.cold import Cold
from skill.storage.registry import Registry

_SIZE = re.compile(r'<svg[^>]*? width="(\d+)"(?: height="\d+")?')
LATELY = 4  # entries of its history
LONGEST_ROOM = 64  # characters
BAD_NAME = N_("A name needs letters or digits, 128 characters at most: Alexa has to be able to say it.")
BAD_ROOM = N_("A room’s name has 64 characters at most.")
SUGGESTED = (
    N_("Living room"), N_("Kitchen"), N_("Bedroom"), N_("Dining room"), N_("Bathroom"), N_("Office"), N_("Hall"),
    N_("Garden"),
)  # fmt: skip


def clean(text: str, longest: int) -> str:
    """As typed, without what cannot be seen. Raises ValueError where it is too long or holds controls."""
    words = " ".join(text.split())
    if len(words) > longest or not words.isprintable():
        raise ValueError
    return words


def named(text: str) -> str:
    """A name that Alexa can say. Raises ValueError."""
    name = clean(text, 128)
    try:
        friendly_name(name)
    except NotDescribable as error:
        raise ValueError from error
    return name


def _spoken(name: str) -> str:
    """As Alexa calls it; empty where she cannot."""
    try:
        return friendly_name(name)
    except NotDescribable:
        return ""


class LampPages:
    def __init__(self, service: Service, cold: Cold, home: Home, history: History, public_url: str) -> None:
        self._service, self._cold, self._home, self._history = service, cold, home, history
        self._public_url = public_url

    async def show(self, visit: Visit) -> Response:
        """One lamp with all its controls."""
        noted = visit.noted()
        answer = await self._page(visit, noted)
        return answer if noted["offer"] else visit.read(answer)

    async def _page(self, visit: Visit, noted: dict[str, Any], status: int = 200, **tried: str) -> Response:
        owner, endpoint_id = visit.person.owner, visit.lamp
        card = await self._home.card(endpoint_id, owner)
        async with self._cold.unit(write=False) as session:
            rooms = sorted({row.room for row in await Registry(session).lamps(owner) if row.room})
        lately = entries(await self._history.of(owner, endpoint_id, None, LATELY), self._service.clock())
        offer = noted["offer"] if noted["lamp"] == endpoint_id else None
        return visit.page(
            "lamp.html",
            status,
            title=card.name,
            here="lamps",
            card=card,
            rooms=[*rooms, *(room for room in map(_, SUGGESTED) if room not in rooms)],
            lately=lately,
            noted=noted,
            notice=noted["notice"],
            tried=defaultdict(lambda: None, tried),
            spoken=_spoken(card.name),
            offered_until=card.row.claim_expires_at if card.row.claim_digest else None,
            offer=offer,
            offer_qr=self._qr(offer),
        )

    def _qr(self, code: str | None) -> str | None:
        """As a part of a page."""
        if code is None:
            return None
        drawn = qr_svg(claim_url(self._public_url, code))
        return _SIZE.sub(r'<svg viewBox="0 0 \1 \1" aria-hidden="true"', drawn[drawn.index("<svg") :], count=1)

    async def rename(self, visit: Visit) -> Response:
        """A new name, which Alexa has to be able to say, and the room."""
        form = await visit.form()
        endpoint_id, owner = visit.lamp, visit.person.owner
        tried = {"name": form.get("name", "")[:200], "room": form.get("room", "")[:100]}
        try:
            name = named(form.get("name", ""))
        except ValueError:
            return await self._page(visit, defaultdict(lambda: None), 422, **tried, name_error=_(BAD_NAME))
        try:
            room = clean(form.get("room", ""), LONGEST_ROOM)
        except ValueError:
            return await self._page(visit, defaultdict(lambda: None), 422, **tried, room_error=_(BAD_ROOM))
        async with self._cold.unit() as session:
            registry = Registry(session)
            lamp = await registry.lamp(endpoint_id)
            if lamp is None or lamp.owner != owner:
                raise NotThere
            if name != lamp.name:
                await registry.rename(endpoint_id, name, owner)
            if (room or None) != lamp.room:
                await registry.move(endpoint_id, room or None, owner)
        return visit.note(visit.go(path_of(endpoint_id)), notice=_("Saved."))

    async def ask_unclaim(self, visit: Visit) -> Response:
        """What giving the lamp back means, before it is done."""
        card = await self._home.card(visit.lamp, visit.person.owner)
        return visit.page("unclaim.html", title=_("Remove {lamp}").format(lamp=card.name), here="lamps", card=card)

    async def unclaim(self, visit: Visit) -> Response:
        """The lamp is nobody's from now on; the code for the next owner is shown once."""
        await visit.form()
        endpoint_id, owner = visit.lamp, visit.person.owner
        card = await self._home.card(endpoint_id, owner)
        async with self._cold.unit() as session:
            code = await Registry(session).unclaim(endpoint_id, owner, int(self._service.clock()))
        if code is None:
            raise NotThere
        return visit.note(visit.go("/unclaimed"), code=code, name=card.name)

    async def unclaimed(self, visit: Visit) -> Response:
        """The code of a lamp that was just given back. Not for long, and for this session alone."""
        noted = visit.noted() if visit.session else {}
        if "code" not in noted:
            return visit.go("/")
        return visit.page(
            "unclaimed.html",
            title=_("Lamp removed"),
            here="lamps",
            code=noted["code"],
            name=noted["name"],
            qr=self._qr(noted["code"]),
        )

    async def offer(self, visit: Visit) -> Response:
        """A code with which somebody else takes the lamp over; it stays here until then."""
        await visit.form()
        endpoint_id = visit.lamp
        async with self._cold.unit() as session:
            code = await Registry(session).offer(endpoint_id, visit.person.owner, int(self._service.clock()))
        if code is None:
            raise NotThere
        return visit.note(visit.go(f"{path_of(endpoint_id)}#pass-on"), lamp=endpoint_id, offer=code)

    async def withdraw(self, visit: Visit) -> Response:
        """The code that is out claims nothing any more."""
        await visit.form()
        endpoint_id = visit.lamp
        await self._home.card(endpoint_id, visit.person.owner)
        async with self._cold.unit() as session:
            await Registry(session).withdraw(endpoint_id, visit.person.owner)
        return visit.note(visit.go(f"{path_of(endpoint_id)}#pass-on"), notice=_("The code no longer works."))
