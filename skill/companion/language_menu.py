"""`POST /language`: the choice at the foot of every page, kept in this browser."""

from starlette.responses import Response

from skill.companion.languages.choosing import keep, match
from skill.companion.visit import Visit, way_back
from skill.forms import read_form, same_origin


async def choose(visit: Visit) -> Response:
    """Back to the page, in the language that was chosen. Nobody has to be signed in."""
    same_origin(visit.request, visit.own_origin)
    form = await read_form(visit.request)
    answer = visit.go(way_back(form.get("back")))
    keep(visit.request, answer, visit.cookies, match(form.get("language", "")), "")
    return answer
