"""Builds the service from settings; decides nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from skill.endpoint import DirectiveEndpoint
from skill.service import Service
from skill.settings import Settings


def build(settings: Settings) -> Starlette:
    """The ASGI application. `app.state.service` is the running service."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.close()

    routes: list[BaseRoute] = [
        Route("/alexa/directive", DirectiveEndpoint(service), methods=["POST"]),
        *_health(service),
    ]
    if settings.development:
        from skill.simulator import simulator_routes

        routes += simulator_routes(settings, service.simulated, service.owner_lamps)
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.service = service
    return app


def _health(service: Service) -> list[BaseRoute]:
    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        missing = service.not_ready()
        if missing is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": missing}, 503, headers={"Retry-After": "2"})

    return [Route("/healthz", alive), Route("/readyz", ready)]
