"""`/account/profile`: what applications may learn of somebody who lets them see the profile."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import profile as rules
from authserver.accounts.profile import Unfit
from authserver.pages.forms import read_post
from authserver.pages.render import go, page, services_of
from authserver.pages.texts import _
from authserver.pages.visit import Owner, owner

PAGE = "account/profile"


async def profile(request: Request) -> Response:
    form = await read_post(request) if request.method == "POST" else None
    found = await owner(request, PAGE, form)
    if not isinstance(found, Owner):
        return found
    present = {name: str(found.user.attributes.get(name, "")) for name in rules.FIELDS}
    if form is None:
        return _page(request, found, present, {})
    if form.get("action") != "save":
        return go(f"{services_of(request).settings.issuer}/{PAGE}")
    values = rules.read(form)
    errors = {name: _error(reason) for name, reason in values.items() if isinstance(reason, Unfit)}
    if errors:
        typed = {name: form.get(name, "") for name in rules.FIELDS}
        return _page(request, found, present | typed, errors)
    services = services_of(request)
    async with services.database.unit() as session:
        await rules.save(session, found.user, values, services.clock())
    return go(f"{services.settings.issuer}/{PAGE}?done=saved")


def _error(reason: Unfit) -> str:
    return {
        Unfit.TOO_LONG: _("Use at most {longest} characters.").format(longest=rules.LONGEST),
        Unfit.NO_TEXT: _("Use visible characters only."),
        Unfit.NO_ZONE: _("Choose one from the list."),
    }[reason]


def _page(request: Request, found: Owner, values: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    """Given and family name are asked for where the account has them: from another system that keeps them apart."""
    parted = bool(found.user.attributes.get("given_name") or found.user.attributes.get("family_name"))
    saved = request.query_params.get("done") == "saved" and not errors
    return page(
        request,
        "account_profile.html",
        status=422 if errors else 200,
        owner=found,
        values=values,
        errors={name: errors.get(name, "") for name in rules.FIELDS},
        parted=parted,
        zones=rules.zones(),
        notice=_("It is saved.") if saved and _just_now(request, found) else "",
    )


def _just_now(request: Request, found: Owner) -> bool:
    """Whoever makes somebody open a link can make this page say nothing that is not so."""
    return services_of(request).clock() - found.user.updated_at < 10
