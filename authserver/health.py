"""`/healthz` and `/readyz`, at the root whatever the issuer's path."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


async def healthz(request: Request) -> Response:
    """Alive: the process answers."""
    return JSONResponse({"status": "alive"})


async def readyz(request: Request) -> Response:
    """Ready: own database at the present schema and keys loaded once; 503 with the reason until then (design, 13)."""
    problem: str | None = request.app.state.ready_problem
    if problem is not None:
        return JSONResponse({"status": "not ready", "reason": problem}, 503, {"Retry-After": "2"})
    return JSONResponse({"status": "ready"})
