"""Builds the service from settings; decides nothing."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Receive, Scope, Send

from skill.endpoint import DirectiveEndpoint
from skill.own_lamps import PATH, own_lamps
from skill.service import Service
from skill.settings import Settings

DIRECTIVE = "/alexa/directive"


class Application(Router):
    """Directives take the short way past what pages need: middleware, matching, wrapping (a tenth of a directive)."""

    def __init__(self, service: Service, pages: Sequence[BaseRoute]) -> None:
        self.service = service
        self._directive = DirectiveEndpoint(service)
        directive = Route(DIRECTIVE, self._directive, methods=["POST"])
        served = Starlette(routes=[directive, *pages])
        served.router.redirect_slashes = False  # it would lead to whatever `Host` says, a directive included
        super().__init__([Mount("/", served)], redirect_slashes=False, lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == DIRECTIVE and scope["method"] == "POST":
            await self._directive(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _: object) -> AsyncIterator[None]:
        self.service.start()
        try:
            yield
        finally:
            await self.service.close()


def build(settings: Settings) -> Application:
    """The ASGI application; `.service` is the running service."""
    service = Service(settings)
    pages = [*_health(service), Route(PATH, own_lamps(service), methods=["GET"])]
    if settings.development:
        from skill.simulator.routes import simulator_routes

        pages += simulator_routes(settings, service.simulated, service.owner_lamps, service.news)
    if not settings.missing_for_companion:
        from skill.companion import companion_routes  # loaded only where it is used, as the simulator is

        pages += companion_routes(settings, service)
    elif settings.development:
        from skill.companion.absent import absent_routes

        pages += absent_routes(settings)
    return Application(service, pages)


def _health(service: Service) -> list[BaseRoute]:
    async def alive(_: Request) -> Response:
        """Alive: the process answers."""
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        """Ready: own database at the present schema and keys of the issuer known; 503 with the reason until then."""
        missing = service.not_ready()
        if missing is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": missing}, 503, headers={"Retry-After": "2"})

    return [Route("/healthz", alive), Route("/readyz", ready)]
