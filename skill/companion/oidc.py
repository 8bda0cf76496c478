"""The issuer as Authlib's Starlette client sees it (authorization code with PKCE S256, nonce, state), and what Authlib
leaves open: `iss` of the answer and of the metadata, the audience of the ID token, an own address to reach it."""

import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.starlette_client import OAuthError, StarletteIntegration, StarletteOAuth2App
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError
from starlette.requests import Request

from skill.settings import ASYMMETRIC_ALGORITHMS, Settings, is_loopback

NAME = "companion"
PATIENCE = 5.0  # seconds for one answer of the issuer
SCOPE = "openid email profile"


class IssuerAway(Exception):
    """It does not answer, or with what is no answer: nobody's fault here, and worth another try."""


class SignInRefused(Exception):
    """`error` is the OAuth code of the answer, or a word of ours."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Issuer(StarletteOAuth2App):  # type: ignore[misc]
    """Browsers go to the public issuer; this process reaches it under `settings.reachable_issuer`."""

    def __init__(self, settings: Settings) -> None:
        assert settings.companion_client_secret is not None
        self.issuer, self._base = settings.issuer, settings.reachable_issuer
        secure = self._base.startswith("https://")
        super().__init__(
            StarletteIntegration(NAME),
            NAME,
            client_id=settings.companion_client_id,
            client_secret=settings.companion_client_secret.get_secret_value(),
            client_kwargs={
                "scope": SCOPE,
                "code_challenge_method": "S256",
                "timeout": PATIENCE,
                "verify": ssl.create_default_context() if secure else False,
                "trust_env": not is_loopback(urlsplit(self._base).hostname),
            },
        )

    async def load_server_metadata(self) -> dict[str, Any]:
        if "issuer" not in self.server_metadata:
            await self.look()
        metadata: dict[str, Any] = self.server_metadata
        return metadata

    async def look(self) -> None:
        """Reads the metadata anew, which also says whether it is there. RFC 8414 §3.3: `issuer` must be the one that
        was asked for. Raises IssuerAway."""
        try:
            async with self._get_session() as client:
                answer = await client.request(
                    "GET", f"{self._base}/.well-known/openid-configuration", withhold_token=True
                )
            metadata = answer.json() if answer.status_code == 200 else {}
        except (httpx2.HTTPError, ValueError) as error:
            raise IssuerAway from error
        if not isinstance(metadata, dict) or metadata.get("issuer") != self.issuer:
            raise IssuerAway
        for ours in ("token_endpoint", "jwks_uri"):  # asked by this process, not by browsers
            metadata[ours] = self._reachable(str(metadata.get(ours, "")))
        supported = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [one for one in supported if one in ASYMMETRIC_ALGORITHMS]
        self.server_metadata.clear()
        self.server_metadata.update(metadata)

    def _reachable(self, url: str) -> str:
        """RFC 9207 has its like: an endpoint elsewhere would get our secret."""
        own = self.issuer.rstrip("/")
        if not url.startswith(own + "/"):
            raise IssuerAway
        return self._base + url.removeprefix(own)

    async def finish(self, request: Request) -> dict[str, Any]:
        """The claims of the ID token, and itself as `id_token`, from the answer at the redirect URI. Raises IssuerAway,
        SignInRefused."""
        asked = request.query_params
        if any(len(asked.getlist(name)) > 1 for name in ("code", "state", "iss", "error")):
            raise SignInRefused("repeated")
        if asked.get("iss") != self.issuer:  # RFC 9207 §2.4, for errors too
            raise SignInRefused("invalid_issuer")
        if not await self.framework.get_state_data(request.session, asked.get("state", "")):  # for errors too
            raise SignInRefused("mismatching_state")
        options = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "values": [self.client_id]},
            "sub": {"essential": True},
            "nonce": {"essential": True},
        }
        try:
            token = await self.authorize_access_token(request, claims_options=options, claims_cls=CodeIDToken)
        except OAuthError as error:
            raise SignInRefused(str(error.error or "unknown")) from error
        except (httpx2.HTTPError, IssuerAway) as error:
            raise IssuerAway from error
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignInRefused("invalid_id_token") from error
        person = token.get("userinfo")
        if not person or not isinstance(person.get("sub"), str) or not 0 < len(person["sub"]) <= 256:
            raise SignInRefused("invalid_id_token")
        return {**person, "id_token": token["id_token"]}
