"""`GET /api/lamps`: an access token over HTTP, as Bearer or bound to a key (RFC 6750, RFC 9449 §7)."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey, OctKey

from skill.possession import ALGORITHMS, WINDOW
from tests.running.proving import ProvingKey, hash_of
from tests.running.service import Service
from tests.skill.issuer import STRANGER, Issuer
from tests.skill.talking import Alexa

KEY, OTHER = ProvingKey(), ProvingKey()
PATH = "/api/lamps"


async def ask(skill: Service, token: str, *proofs: str, scheme: str = "DPoP") -> httpx2.Response:
    headers = [("authorization", f"{scheme} {token}".strip()), *(("dpop", proof) for proof in proofs)]
    async with httpx2.AsyncClient(trust_env=False, verify=False, base_url=skill.url) as client:
        return await client.get(PATH, headers=headers)


def bound(issuer: Issuer, key: ProvingKey = KEY, **claims: Any) -> str:
    return issuer.token(cnf={"jkt": key.jkt}, **claims)


def proof(skill: Service, token: str, key: ProvingKey = KEY, **others: Any) -> str:
    return key.proof("GET", f"{skill.url}{PATH}", time.time(), token, **others)


def refused(answer: httpx2.Response, error: str, status: int = 401) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert f'error="{error}"' in answer.headers["www-authenticate"]
    assert f'algs="{" ".join(ALGORITHMS)}"' in answer.headers["www-authenticate"]


@pytest.mark.spec("RFC 6750 §2.1", "S11")
async def test_a_token_shows_the_lamps_of_its_person_and_of_nobody_else(
    skill: Service, issuer: Issuer, lamp: str
) -> None:
    shown = await ask(skill, issuer.token(), scheme="bearer")
    assert shown.headers["cache-control"] == "no-store"
    assert lamp in {each["endpoint_id"] for each in shown.json()["lamps"]}
    assert (await ask(skill, issuer.token(sub=STRANGER), scheme="Bearer")).json() == {"lamps": []}


@pytest.mark.spec("RFC 6750 §3", "RFC 9449 §7.1")
@pytest.mark.parametrize("scheme", ["", "Bearer", "DPoP", "Basic dTpw", "Bear er"])
async def test_without_a_token_the_schemes_are_told(skill: Service, scheme: str) -> None:
    answer = await ask(skill, "", scheme=scheme)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == f'Bearer, DPoP algs="{" ".join(ALGORITHMS)}"'


@pytest.mark.spec("RFC 6750 §3.1", "security 6.51", "security 6.52")
async def test_dead_and_insufficient_tokens_are_told_apart(skill: Service, issuer: Issuer) -> None:
    now = int(time.time())
    for dead in ("x", "a.b.c", issuer.token(exp=now - 200), issuer.token(token_use="id"), issuer.token() + "="):
        refused(await ask(skill, dead, scheme="Bearer"), "invalid_token")
    refused(await ask(skill, issuer.token(scope="email"), scheme="Bearer"), "insufficient_scope", 403)
    ours = await ask(skill, issuer.token(aud="https://elsewhere.example"), scheme="Bearer")
    assert (ours.status_code, ours.headers["retry-after"]) == (503, "2")


@pytest.mark.spec("RFC 9449 §7.1", "RFC 9449 §6.1")
@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_bound_token_is_taken_with_a_proof_by_its_key(
    skill: Service, issuer: Issuer, lamp: str, alg: str
) -> None:
    key = ProvingKey(alg)
    token = bound(issuer, key)
    for scheme in ("DPoP", "dpop"):
        answer = await ask(skill, token, proof(skill, token, key), scheme=scheme)
        assert lamp in {each["endpoint_id"] for each in answer.json()["lamps"]}


@pytest.mark.spec("security 6.70", "RFC 9449 §7.2")
async def test_a_bound_token_is_refused_as_bearer_and_in_a_directive(
    skill: Service, issuer: Issuer, lamp: str, alexa: Alexa
) -> None:
    token = bound(issuer)
    refused(await ask(skill, token, scheme="Bearer"), "invalid_token")
    refused(await ask(skill, token, proof(skill, token), scheme="Bearer"), "invalid_token")
    refusal = await alexa.refused("Alexa.PowerController", "TurnOn", lamp, token=token)
    assert refusal == "INVALID_AUTHORIZATION_CREDENTIAL"
    assert (await ask(skill, token, proof(skill, token))).status_code == 200  # it was the way, not the token


@pytest.mark.spec("RFC 9449 §7.2")
async def test_a_bearer_token_is_refused_by_the_scheme_dpop(skill: Service, issuer: Issuer) -> None:
    token = issuer.token()
    refused(await ask(skill, token, proof(skill, token)), "invalid_token")
    assert (await ask(skill, token, "rubbish", scheme="Bearer")).status_code == 200


@pytest.mark.spec("RFC 9449 §7.1", "RFC 7800 §3.1")
@pytest.mark.parametrize(
    "cnf",
    [{"jkt": OTHER.jkt}, {"jkt": ""}, {"jkt": [KEY.jkt]}, {"x5t#S256": KEY.jkt}, {}, [], "jkt", KEY.jkt],
    ids=["another", "empty", "list", "certificate", "nothing", "no object", "text", "the key itself"],
)
async def test_a_token_that_is_bound_otherwise_is_refused(skill: Service, issuer: Issuer, cnf: Any) -> None:
    token = issuer.token(cnf=cnf)
    refused(await ask(skill, token, proof(skill, token)), "invalid_token")
    refused(await ask(skill, token, scheme="Bearer"), "invalid_token")


WRONG: dict[str, dict[str, Any]] = {
    "another typ": {"header": {"typ": "JWT"}},
    "alg none": {"header": {"alg": "none"}},
    "alg of a secret": {"header": {"alg": "HS256", "jwk": OctKey.generate_key(256).as_dict(private=True)}},
    "alg of another key": {"header": {"alg": "RS256"}},
    "alg that is a list": {"header": {"alg": ["ES256"]}},
    "no jwk": {"header": {"jwk": None}},
    "jwk with its private part": {"header": {"jwk": KEY.private}},
    "jwk of somebody else": {"header": {"jwk": OTHER.public}},
    "jwk without x": {"header": {"jwk": {"kty": "EC", "crv": "P-256"}}},
    "jwk of another curve": {"header": {"jwk": ECKey.generate_key("P-384", auto_kid=False).as_dict(private=False)}},
    "crit": {"header": {"crit": ["exp"]}},
    "no jti": {"jti": None},
    "a long jti": {"jti": "x" * 257},
    "another method": {"htm": "POST"},
    "another path": {"htu": "PATH/"},
    "another host": {"htu": f"https://evil.example{PATH}"},
    "an escaped slash": {"htu": "ORIGIN/api%2Flamps"},
    "a user": {"htu": "USER"},
    "no URI": {"htu": "http://["},
    "no htu": {"htu": None},
    "no iat": {"iat": None},
    "iat that is text": {"iat": "now"},
    "too old": {"iat": -WINDOW - 5},
    "from the future": {"iat": WINDOW + 5},
    "expired": {"exp": -WINDOW - 5},
    "not yet valid": {"nbf": WINDOW + 5},
    "no ath": {"ath": None},
    "another token": {"ath": hash_of("another")},
}


@pytest.mark.spec("RFC 9449 §4.3", "security 3.dpop-resource")
@pytest.mark.parametrize("case", WRONG)
async def test_a_proof_with_a_fault_is_refused(skill: Service, issuer: Issuer, case: str) -> None:
    token = bound(issuer)
    given = dict(WRONG[case])
    for name in {"iat", "exp", "nbf"} & given.keys():
        if isinstance(given[name], float):
            given[name] += time.time()
    places = {"PATH": f"{skill.url}{PATH}", "ORIGIN": skill.url, "USER": f"http://u@{skill.url[7:]}{PATH}"}
    for name, place in places.items():
        if isinstance(given.get("htu"), str):
            given["htu"] = given["htu"].replace(name, place)
    refused(await ask(skill, token, proof(skill, token, **given)), "invalid_dpop_proof")


@pytest.mark.spec("RFC 9449 §4.3", "RFC 3986 §6.2.2")
@pytest.mark.parametrize("htu", ["{}?a=b", "{}#c", "{}/../lamps", "{}/.", "CASE"])
async def test_the_address_is_compared_after_normalisation(skill: Service, issuer: Issuer, htu: str) -> None:
    token = bound(issuer)
    uri = f"{skill.url}{PATH}"
    given = uri.replace("http", "HTTP").replace("/api", "/%61pi") if htu == "CASE" else htu.format(uri)
    assert (await ask(skill, token, proof(skill, token, htu=given))).status_code == 200


@pytest.mark.spec("RFC 9449 §4.3")
@pytest.mark.parametrize("value", ["", "x", "a.b.c", "e30.e30.e30", "W10.W10.AA", "a." * 5000])
async def test_what_is_no_proof_is_refused(skill: Service, issuer: Issuer, value: str) -> None:
    token = bound(issuer)
    refused(await ask(skill, token, value), "invalid_dpop_proof")
    refused(await ask(skill, token), "invalid_dpop_proof")
    refused(await ask(skill, token, proof(skill, token), proof(skill, token)), "invalid_dpop_proof")
    head, _, signature = proof(skill, token).rpartition(".")
    refused(await ask(skill, token, f"{head}.{'A' * len(signature)}"), "invalid_dpop_proof")


@pytest.mark.spec("RFC 9449 §11.1")
async def test_of_twenty_uses_of_one_proof_at_once_one_succeeds(skill: Service, issuer: Issuer) -> None:
    token = bound(issuer)
    one = proof(skill, token)
    answers = await asyncio.gather(*(ask(skill, token, one) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 19}
    assert {answer.json().get("error") for answer in answers} == {None, "invalid_dpop_proof"}
    assert (await ask(skill, token, proof(skill, token))).status_code == 200
