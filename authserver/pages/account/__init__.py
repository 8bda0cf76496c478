"""A person's own pages, `/account` and below: one file for each. Everything here asks `visit.owner` who is there.

The overview leads to the parts. What changes something important asks for the password itself, or `visit.fresh_owner`
for a fresh sign-in. Whatever is done leads back to the page that it was done on, which says so.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from authserver.pages.account import (
    activity,
    applications,
    data,
    delete,
    devices,
    email,
    language,
    not_me,
    overview,
    passkeys,
    password,
    profile,
    second_factor,
    security,
    username,
)

PAGES: dict[str, tuple[list[str], Callable[[Request], Awaitable[Response]]]] = {
    "/account": (["GET", "POST"], overview.overview),
    "/account/profile": (["GET", "POST"], profile.profile),
    "/account/security": (["GET"], security.security),
    "/account/email": (["GET", "POST"], email.email),
    "/account/password": (["GET", "POST"], password.password),
    "/account/username": (["GET", "POST"], username.username),
    "/account/second-factor": (["GET", "POST"], second_factor.second_factors),
    **passkeys.PAGES,
    "/account/applications": (["GET", "POST"], applications.applications),
    "/account/applications/unlink": (["GET", "POST"], applications.unlink),
    "/account/devices": (["GET", "POST"], devices.devices),
    "/account/activity": (["GET"], activity.activity),
    "/account/language": (["GET"], language.language),
    "/account/not-me": (["GET"], not_me.not_me),
    "/account/data": (["GET", "POST"], data.data),
    "/account/delete": (["GET", "POST"], delete.delete),
    "/account/deleted": (["GET"], delete.deleted),
}
