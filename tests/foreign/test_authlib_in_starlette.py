"""Authlib's Starlette client: a web application as its tutorial shows it, that knows the issuer and its credentials.

Authlib's bare client drives the same in tests/authserver/protocol/test_running_server.py."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.foreign.conftest import CALLBACK, SCOPE, Known, Provider


class OneVisitor:
    """Starlette's session for one browser: without its cookie, which wants one more package."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.session: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope | {"session": self.session}, receive, send)


def application(known: Known, method: str) -> ASGIApp:
    oauth = OAuth()
    ours: Any = oauth.register(
        "ours",
        client_id=known.client_id,
        client_secret=known.client_secret or None,
        server_metadata_url=f"{known.issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": SCOPE,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": method,
            "trust_env": False,
        },
    )

    async def login(request: Request) -> Response:
        answer: Response = await ours.authorize_redirect(request, CALLBACK)
        return answer

    async def callback(request: Request) -> Response:
        """Checks `state`, and the ID token with its nonce, signature and `iss`."""
        try:
            return JSONResponse(await ours.authorize_access_token(request))
        except OAuthError as error:
            return JSONResponse({"error": error.error}, 400)

    async def userinfo(request: Request) -> Response:
        return JSONResponse(await ours.userinfo(token=await request.json()))

    return OneVisitor(
        Starlette(
            routes=[
                Route("/login", login),
                Route("/callback", callback),
                Route("/userinfo", userinfo, methods=["POST"]),
            ]
        )
    )


@asynccontextmanager
async def visitor(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://client.example.org") as http:
        yield http


@pytest.mark.spec("A29", "OpenID Connect Core §3.1", "OpenID Connect Discovery §4", "RFC 7636 §1.1")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_web_application_signs_a_person_in(
    provider: Provider, confidential: Known, public: Known, method: str
) -> None:
    async with visitor(application(public if method == "none" else confidential, method)) as http:
        url = (await http.get("/login")).headers["location"]
        assert "code_challenge_method=S256" in url
        callback = urlsplit(await provider.sign_in(url))
        given = (await http.get(f"{callback.path}?{callback.query}")).json()
        provider.keep_secret(given)
        assert given["userinfo"]["sub"] == provider.human.sub
        info = (await http.post("/userinfo", json=given)).json()
        assert info["email"] == provider.human.email
        again = await http.get(f"{callback.path}?{callback.query}")  # Reload
        assert again.status_code == 400


@pytest.mark.spec("RFC 6749 §4.1.2.1")
async def test_a_web_application_is_told_that_nobody_is_signed_in(provider: Provider, confidential: Known) -> None:
    async with visitor(application(confidential, "client_secret_basic")) as http:
        url = (await http.get("/login")).headers["location"]
        callback = urlsplit(await provider.sign_in(f"{url}&prompt=none"))
        answer = await http.get(f"{callback.path}?{callback.query}")
        assert answer.json() == {"error": "login_required"}
