"""`/account/data`: what is stored of somebody, to take away or to delete."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.pages.render import page
from authserver.pages.texts import _
from authserver.pages.visit import Owner, owner

PAGE = "account/data"


async def data(request: Request) -> Response:
    found = await owner(request, PAGE)
    if not isinstance(found, Owner):
        return found
    kept = request.query_params.get("done") == "kept"
    return page(request, "account_data.html", owner=found, notice=_("Nothing was deleted.") if kept else "")
