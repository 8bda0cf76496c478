"""Claiming a lamp with the code that came with it, typed or by the link in its QR code."""

from urllib.parse import parse_qs

from starlette.responses import Response

from skill.companion.languages import N_, _
from skill.companion.pages import path_of
from skill.companion.visit import Visit
from skill.service import Service
from skill.storage.cold import Cold
from skill.storage.registry import ClaimRefused, Registry

LONGEST = 300  # characters of what is typed: a code, or the whole link that holds it
REFUSED = N_(
    "This code claims no lamp. Look at it once more; if it is right, it was used already, or it is too old:"
    " whoever gave it to you can make a new one."
)


def _typed(text: str) -> str:
    """The code; that of the link where the whole link was pasted."""
    text = text.strip()
    _, is_link, query = text.partition("?")
    return parse_qs(query).get("code", [text])[0] if is_link else text


class ClaimPages:
    def __init__(self, service: Service, cold: Cold) -> None:
        self._service, self._cold = service, cold

    async def show(self, visit: Visit) -> Response:
        """The form, with the code of the link in it. Nothing is claimed by opening a link."""
        visit.demand_person()
        code = visit.request.query_params.get("code", "")[:LONGEST]
        return visit.page("claim.html", title=_("Add a lamp"), here="claim", code=code, error=None)

    async def claim(self, visit: Visit) -> Response:
        """One answer to every code that claims nothing. Whoever sends the form twice is led to their lamp twice."""
        form = await visit.form(keep="code")
        code = _typed(form.get("code", ""))
        if len(code) > LONGEST:
            return self._refused(visit, "")
        owner, now = visit.person.owner, int(self._service.clock())
        async with self._cold.unit(write=False) as session:  # a guess takes no lock
            if not await Registry(session).claims(code, owner, now):
                return self._refused(visit, code)
        try:
            async with self._cold.unit() as session:
                lamp = await Registry(session).claim(code, owner, now)
        except ClaimRefused:
            return self._refused(visit, code)
        notice = _("The lamp is yours. What is it called, and where is it?")
        return visit.note(visit.go(f"{path_of(lamp.endpoint_id)}?new=1"), notice=notice, new=lamp.endpoint_id)

    def _refused(self, visit: Visit, code: str) -> Response:
        return visit.page("claim.html", 422, title=_("Add a lamp"), here="claim", code=code, error=_(REFUSED))
