"""`/account/activity`: what happened to an account, newest first, for its owner to see what they did not do."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import activity as rules
from authserver.accounts.places import Places
from authserver.accounts.user_agents import device_of
from authserver.languages import current
from authserver.models import Activity
from authserver.pages import texts
from authserver.pages.render import page, services_of
from authserver.pages.visit import Owner, owner

PAGE = "account/activity"
MOST = 50  # on one page


@dataclass(frozen=True)
class Event:
    """One thing that happened. `where`: device, place and address as far as they are known; '' for what the operator
    did."""

    what: str
    when: str
    where: list[str]


async def activity(request: Request) -> Response:
    """`?after=…`: goes on after the event of this id; one that is not this person's is the first page."""
    found = await owner(request, PAGE)
    if not isinstance(found, Owner):
        return found
    after = request.query_params.get("after", "")
    async with services_of(request).database.unit() as session:
        events = await rules.recent(session, found.user.sub, MOST + 1, after=after)
    shown = events[:MOST]
    return page(
        request,
        "account_activity.html",
        owner=found,
        days=_days(request, shown),
        earlier=shown[-1].activity_id if len(events) > MOST else "",
        later=bool(after),
    )


def _days(request: Request, events: Sequence[Activity]) -> list[tuple[str, list[Event]]]:
    """Grouped by their day, in UTC."""
    days = groupby(events, lambda one: texts.day(one.at))
    return [(day, [_event(services_of(request).places, one) for one in ones]) for day, ones in days]


def _event(places: Places, one: Activity) -> Event:
    device = texts.device(device_of(one.user_agent)) if one.user_agent or one.address else ""
    place = texts.place(places.of(one.address, current().tag))
    return Event(texts.event(one), texts.time_of_day(one.at), [part for part in (device, place, one.address) if part])
