"""A bound access token, presented to us: only with a proof by its key (RFC 9449 §7)."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from authserver.models import User
from tests.authserver.protocol.harness import Asker, Clock, Server
from tests.authserver.protocol.prover import TOKEN, USERINFO, Prover, refused
from tests.running.proving import ProvingKey, hash_of

OTHER = ProvingKey()


@pytest.fixture(scope="module")
def key() -> ProvingKey:
    return ProvingKey()


@pytest.fixture
async def bound(public: Asker, person: User, key: ProvingKey) -> str:
    token: str = (await Prover(public, key).linked(person))["access_token"]
    return token


async def ask(server: Server, token: str, *proofs: str, scheme: str = "DPoP", method: str = "GET") -> Any:
    headers = [("authorization", f"{scheme} {token}"), *(("dpop", proof) for proof in proofs)]
    return await server.http.request(method, "/oauth2/userInfo", headers=headers)


@pytest.mark.spec("RFC 9449 §7.1", "security 3.scheme-case", "security 3.dpop-resource")
@pytest.mark.parametrize(("scheme", "method"), [("DPoP", "GET"), ("dpop", "GET"), ("DPOP", "POST")])
async def test_a_bound_token_opens_it_with_a_proof_by_its_key(
    server: Server, bound: str, person: User, key: ProvingKey, clock: Clock, scheme: str, method: str
) -> None:
    proof = key.proof(method, USERINFO, clock(), bound)
    answer = await ask(server, bound, proof, scheme=scheme, method=method)
    assert answer.json()["sub"] == person.sub
    again = await ask(server, bound, proof, scheme=scheme, method=method)
    refused(again, "invalid_dpop_proof", 401)


@pytest.mark.spec("security 6.70", "RFC 9449 §7.2", "security 3.dpop-demanded")
async def test_a_bound_token_is_refused_as_bearer_in_the_header_and_in_the_body(
    server: Server, bound: str, key: ProvingKey, clock: Clock
) -> None:
    proof = key.proof("GET", USERINFO, clock(), bound)
    for answer in (
        await ask(server, bound, scheme="Bearer"),
        await ask(server, bound, proof, scheme="Bearer"),
        await server.post("/oauth2/userInfo", {"access_token": bound}),
        await server.post("/oauth2/userInfo", {"access_token": bound}, {"dpop": proof}),
    ):
        refused(answer, "invalid_token", 401)
        assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
        assert 'DPoP algs="ES256 ' in answer.headers["www-authenticate"]


@pytest.mark.spec("RFC 9449 §7.2")
async def test_a_bearer_token_is_refused_by_the_scheme_dpop(
    server: Server, public: Asker, person: User, key: ProvingKey, clock: Clock
) -> None:
    token = (await public.linked(person))["access_token"]
    answer = await ask(server, token, key.proof("GET", USERINFO, clock(), token))
    refused(answer, "invalid_token", 401)
    assert answer.headers["www-authenticate"].startswith('DPoP error="invalid_token"')
    assert (await ask(server, token, "rubbish", scheme="Bearer")).status_code == 200


@pytest.mark.spec("RFC 9449 §7.1", "security 3.dpop-resource")
@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"ath": None}, "invalid_dpop_proof"),
        ({"ath": hash_of("another")}, "invalid_dpop_proof"),
        ({"ath": 5}, "invalid_dpop_proof"),
        ({"ath": "\u00e9"}, "invalid_dpop_proof"),
        ({"htm": "POST"}, "invalid_dpop_proof"),
        ({"htu": TOKEN}, "invalid_dpop_proof"),
        ({"iat": 0}, "invalid_dpop_proof"),
        ({"jti": None}, "invalid_dpop_proof"),
    ],
)
async def test_a_proof_that_is_not_for_this_token_and_request_is_refused(
    server: Server, bound: str, key: ProvingKey, clock: Clock, claims: dict[str, Any], error: str
) -> None:
    answer = await ask(server, bound, key.proof("GET", USERINFO, clock(), bound, **claims))
    refused(answer, error, 401)
    assert answer.headers["www-authenticate"].startswith(f'DPoP error="{error}"')
    assert 'algs="ES256 ' in answer.headers["www-authenticate"]


@pytest.mark.spec("RFC 9449 §7.1", "security 3.dpop-resource", "security 3.dpop-demanded")
async def test_no_proof_two_proofs_and_another_key_are_refused(
    server: Server, bound: str, key: ProvingKey, clock: Clock
) -> None:
    refused(await ask(server, bound), "invalid_dpop_proof", 401)
    two = [key.proof("GET", USERINFO, clock(), bound) for _ in range(2)]
    refused(await ask(server, bound, *two), "invalid_dpop_proof", 401)
    refused(await ask(server, bound, OTHER.proof("GET", USERINFO, clock(), bound)), "invalid_token", 401)


@pytest.mark.spec("RFC 9449 §11.1")
async def test_of_twenty_uses_of_one_proof_at_once_one_succeeds(
    server: Server, bound: str, key: ProvingKey, clock: Clock
) -> None:
    proof = key.proof("GET", USERINFO, clock(), bound)
    answers = await asyncio.gather(*(ask(server, bound, proof) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 19}
