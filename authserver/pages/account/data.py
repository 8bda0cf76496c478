"""`/account/data`: what is stored of somebody, to take away or to delete."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.export import export
from authserver.pages.forms import read_post
from authserver.pages.render import go, headers, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, fresh_owner, owner

PAGE = "account/data"


async def data(request: Request) -> Response:
    """The button answers with a file, after a fresh sign-in: it holds more than the pages show."""
    form = await read_post(request) if request.method == "POST" else None
    found = await (owner if form is None else fresh_owner)(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    if form is None:
        kept = request.query_params.get("done") == "kept"
        return page(request, "account_data.html", owner=found, notice=_("Nothing was deleted.") if kept else "")
    services = services_of(request)
    if form.get("action") != "download":
        return go(f"{services.settings.issuer}/{PAGE}")
    async with services.database.unit() as session:
        everything = await export(session, found.user, services.clock())
    shown = headers(services.settings) | {"Content-Disposition": 'attachment; filename="account.json"'}
    body = orjson.dumps(everything, option=orjson.OPT_INDENT_2)
    return Response(body, media_type="application/json", headers=shown)
