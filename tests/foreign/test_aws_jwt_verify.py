"""AWS's own verifier, with Cognito's checks, takes our tokens and refuses what is none of ours (cognito.md 7)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from authserver.oauth.keys import ALGORITHMS
from authserver.oauth.presets import CONFIDENTIAL
from tests.foreign.conftest import CALLBACK, SCOPE, Known, Provider
from tests.running import node
from tests.running.linking import Alexa
from tests.running.node import Foreign, RefusedError


@pytest_asyncio.fixture(loop_scope="session")
async def verifier() -> AsyncIterator[Foreign]:
    async with node.running("aws_jwt_verify") as program:
        yield program


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tokens(provider: Provider, confidential: Known) -> dict[str, Any]:
    client = Alexa(provider.issuer, confidential.client_id, confidential.client_secret, CALLBACK, SCOPE, pkce=True)
    linked = await client.link(provider.human)
    provider.keep_secret(linked.tokens)
    return linked.tokens


async def trust(verifier: Foreign, provider: Provider, client_id: str, token_use: str, **others: Any) -> None:
    wanted = {"issuer": provider.issuer, "jwks_uri": provider.metadata["jwks_uri"], "client_id": client_id} | others
    await verifier.ask("trust", token_use=token_use, **wanted)


@pytest.mark.spec("cognito 9.38", "cognito 2", "RFC 7517 §5")
@pytest.mark.parametrize("token_use", ["access", "id"])
async def test_it_accepts_our_tokens_as_cognitos(
    provider: Provider, confidential: Known, tokens: dict[str, Any], verifier: Foreign, token_use: str
) -> None:
    await trust(verifier, provider, confidential.client_id, token_use)
    claims = await verifier.ask("verify", token=tokens[f"{token_use}_token"])
    assert claims["sub"] == provider.human.sub
    assert claims["token_use"] == token_use
    assert await verifier.ask("fetched") == [f"200 {provider.metadata['jwks_uri']}"]


@pytest.mark.spec("cognito 9.38")
async def test_it_tells_our_kinds_of_tokens_and_our_clients_apart(
    provider: Provider, confidential: Known, tokens: dict[str, Any], verifier: Foreign
) -> None:
    for changed, given, complaint in (
        ({"token_use": "id"}, "access_token", "Token use"),
        ({"token_use": "access"}, "id_token", "Token use"),
        ({"client_id": "another"}, "access_token", "Client ID"),
        ({"client_id": "another", "token_use": "id"}, "id_token", "Client ID"),
        ({"issuer": "https://elsewhere.example"}, "access_token", "issuer"),
        ({"groups": ["admins"]}, "access_token", "group"),
    ):
        wanted = {"client_id": confidential.client_id, "token_use": "access"} | changed
        await trust(verifier, provider, **wanted)
        with pytest.raises(RefusedError, match=rf"(?i){complaint}"):
            await verifier.ask("verify", token=tokens[given])


@pytest.mark.spec("cognito 9.38", "decision 9")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_it_accepts_tokens_of_every_algorithm_that_a_client_may_have(
    provider: Provider, verifier: Foreign, algorithm: str
) -> None:
    known = await provider.add_client(CONFIDENTIAL, signing_alg=algorithm)
    client = Alexa(provider.issuer, known.client_id, known.client_secret, CALLBACK, SCOPE)
    linked = await client.link(provider.human)
    for token_use in ("access", "id"):
        await trust(verifier, provider, known.client_id, token_use)
        assert (await verifier.ask("verify", token=linked.tokens[f"{token_use}_token"]))["sub"] == provider.human.sub
