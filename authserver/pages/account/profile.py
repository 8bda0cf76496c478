"""`/account/profile`: what applications may learn of somebody who lets them see the profile."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.pages.render import page
from authserver.pages.visit import Owner, owner

PAGE = "account/profile"


async def profile(request: Request) -> Response:
    found = await owner(request, PAGE)
    if not isinstance(found, Owner):
        return found
    return page(request, "account_profile.html", owner=found)
