"""Builds the service from settings; decides nothing."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from skill.endpoint import DirectiveEndpoint
from skill.service import Service
from skill.settings import Settings


class Application(Router):
    """Directives take the short way: a route without the layers that pages need (30 microseconds each time)."""

    def __init__(self, service: Service, pages: Sequence[BaseRoute]) -> None:
        self.service = service
        directive = Route("/alexa/directive", DirectiveEndpoint(service), methods=["POST"])
        super().__init__([directive, Mount("/", Starlette(routes=[directive, *pages]))], lifespan=self._lifespan)

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
    pages = _health(service)
    if settings.development:
        from skill.simulator import simulator_routes

        pages += simulator_routes(settings, service.simulated, service.owner_lamps)
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
