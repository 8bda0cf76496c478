"""`/account/not-me`: what to do when somebody else was in the account, each step with its page."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.pages.render import page
from authserver.pages.texts import _
from authserver.pages.visit import Owner, owner

PAGE = "account/not-me"


async def not_me(request: Request) -> Response:
    """The order matters: whoever knows the password signs in again after having been signed out."""
    found = await owner(request, PAGE)
    if not isinstance(found, Owner):
        return found
    steps = [
        ("account/password", _("Choose a new password"), _("It also signs out all other devices.")),
        ("account/security", _("Check the ways to sign in"), _("Remove what is not yours.")),
        ("account/applications", _("Unlink what you do not know"), _("A new password does not unlink Alexa.")),
        ("account/activity", _("See what happened"), _("Each entry says when, on which device and where.")),
    ]
    return page(request, "account_not_me.html", owner=found, steps=steps)
