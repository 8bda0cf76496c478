"""`/account/language`: in which language pages and mails speak to somebody. `pages.language_menu` keeps the choice."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.pages.render import page
from authserver.pages.visit import Owner, owner

PAGE = "account/language"


async def language(request: Request) -> Response:
    found = await owner(request, PAGE)
    return page(request, "account_language.html", owner=found) if isinstance(found, Owner) else found
