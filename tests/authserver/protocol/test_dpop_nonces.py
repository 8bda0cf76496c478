"""Nonces of the server (RFC 9449 §8): demanded where the operator wants it, and never stored."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authserver.models import User
from authserver.oauth.dpop.nonces import SLOT
from tests.authserver.protocol.harness import Asker, Server, settings_for
from tests.authserver.protocol.prover import USERINFO, Prover, refused
from tests.conftest import NewDatabase
from tests.running.proving import ProvingKey


@pytest.fixture(scope="module")
def key() -> ProvingKey:
    return ProvingKey()


@pytest_asyncio.fixture(loop_scope="session")
async def strict(database_kind: str, new_database: NewDatabase) -> AsyncIterator[Server]:
    """It demands nonces."""
    async with Server(settings_for(new_database(database_kind), dpop_nonce_required=True)) as server:
        yield server


@pytest.mark.spec("security 3.dpop-nonce", "RFC 9449 §8", "RFC 9449 §8.2")
async def test_a_proof_without_the_nonce_is_told_which_and_consumes_nothing(strict: Server, key: ProvingKey) -> None:
    person, client = await strict.add_person(), await strict.add_client("public")
    prover = Prover(client, key)
    form = await prover.code(person)
    nonces = set()
    for given in (None, "", "wrong", 5):
        answer = await prover.ask(form, prover.proof(nonce=given))
        refused(answer, "use_dpop_nonce")
        assert answer.headers["access-control-expose-headers"] == "DPoP-Nonce, WWW-Authenticate"
        assert answer.headers["cache-control"] == "no-store"
        nonces.add(answer.headers["dpop-nonce"])
    [nonce] = nonces
    answer = await prover.ask(form, prover.proof(nonce=nonce))
    assert answer.status_code == 200
    assert "dpop-nonce" not in answer.headers  # it has the newest


@pytest.mark.spec("RFC 9449 §8.2")
async def test_a_nonce_lasts_some_minutes_and_the_next_comes_with_the_answer(strict: Server, key: ProvingKey) -> None:
    person, client = await strict.add_person(), await strict.add_client("public")
    prover = Prover(client, key)
    first = (await prover.ask(await prover.code(person), prover.proof())).headers["dpop-nonce"]
    strict.clock.advance(SLOT)
    answer = await prover.ask(await prover.code(person), prover.proof(nonce=first))
    assert answer.status_code == 200
    second = answer.headers["dpop-nonce"]
    assert second != first
    strict.clock.advance(SLOT)
    late = await prover.ask(await prover.code(person), prover.proof(nonce=first))
    refused(late, "use_dpop_nonce")
    assert (await prover.ask(await prover.code(person), prover.proof(nonce=second))).status_code == 200


@pytest.mark.spec("security 3.dpop-nonce", "RFC 9449 §9")
async def test_at_userinfo_it_is_401_with_a_challenge(strict: Server, key: ProvingKey) -> None:
    person, client = await strict.add_person(), await strict.add_client("public")
    prover = Prover(client, key)
    form = await prover.code(person)
    nonce = (await prover.ask(form, prover.proof())).headers["dpop-nonce"]
    token = (await prover.ask(form, prover.proof(nonce=nonce))).json()["access_token"]

    async def ask_userinfo(**claims: Any) -> httpx2.Response:
        proof = key.proof("GET", USERINFO, strict.clock(), token, **claims)
        return await strict.http.get("/oauth2/userInfo", headers={"authorization": f"DPoP {token}", "dpop": proof})

    answer = await ask_userinfo()
    refused(answer, "use_dpop_nonce", 401)
    assert answer.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
    assert answer.headers["dpop-nonce"] == nonce
    assert (await ask_userinfo(nonce=nonce)).json()["sub"] == person.sub
    strict.clock.advance(SLOT)
    assert (await ask_userinfo(nonce=nonce)).headers["dpop-nonce"] != nonce


@pytest.mark.spec("alexa 0", "RFC 9449 §8")
async def test_clients_without_dpop_notice_nothing(strict: Server) -> None:
    person = await strict.add_person()
    for preset in ("alexa", "public", "confidential"):
        client = await strict.add_client(preset)
        tokens = await client.linked(person)
        answer = await client.refresh(tokens["refresh_token"])
        assert answer.status_code == 200
        assert "dpop-nonce" not in answer.headers


@pytest.mark.spec("RFC 9449 §8")
async def test_where_none_is_demanded_one_that_is_sent_must_be_ours(
    server: Server, public: Asker, person: User, key: ProvingKey
) -> None:
    prover = Prover(public, key)
    form = await prover.code(person)
    answer = await prover.ask(form, prover.proof(nonce="of another server"))
    refused(answer, "use_dpop_nonce")
    nonce = answer.headers["dpop-nonce"]
    assert (await prover.ask(form, prover.proof(nonce=nonce))).status_code == 200
