"""`/` where no companion is set up: in development mode a page that says what to set."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from skill.companion.languages import LANGUAGES, _, speaking
from skill.companion.languages.choosing import preferred
from skill.companion.pages import render
from skill.companion.strict import Strict, static_files
from skill.settings import Settings


def absent_routes(settings: Settings) -> list[BaseRoute]:
    strict = Strict(settings)

    async def absent(request: Request) -> Response:
        """What the operator must set before there are pages."""
        tag = preferred(request.headers.get("accept-language", "")) or "en"
        with speaking(LANGUAGES[tag]):
            return render("absent.html", missing=settings.missing_for_companion, title=_("Almost there"))

    return [strict.route("/", absent, "GET"), static_files(strict)]
