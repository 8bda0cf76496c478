"""DPoP (RFC 9449) at the token endpoint: who proves a key gets tokens of use with that key alone."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlmodel import select

from authserver import housekeeping
from authserver.models import AuthorizationCode, SpentToken, User
from authserver.oauth import authorization
from authserver.oauth.dpop.proof import ALGORITHMS, WINDOW, Proofs
from authserver.oauth.errors import InvalidDpopProofError, UseDpopNonceError
from authserver.oauth.redirects import Addressee
from authserver.secret_values import SecretKey, SecretKeys, digest
from tests.authserver.protocol.harness import ISSUER, Asker, Clock, Server, claims_of
from tests.authserver.protocol.prover import TOKEN, Prover, refused
from tests.authserver.protocol.test_authorization_request import answered
from tests.running.proving import ProvingKey


@pytest.fixture(scope="module")
def key() -> ProvingKey:
    return ProvingKey()


@pytest.mark.spec("RFC 9449 §5", "RFC 9449 §6.1")
@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_who_proves_a_key_gets_a_token_that_is_bound_to_it(
    server: Server, public: Asker, person: User, alg: str
) -> None:
    prover = Prover(public, ProvingKey(alg))
    tokens = await prover.linked(person)
    assert tokens["token_type"] == "DPoP"
    assert claims_of(tokens["access_token"])["cnf"] == {"jkt": prover.key.jkt}
    [grant] = await server.grants_of(person)
    assert grant.dpop_jkt == prover.key.jkt
    again = (await prover.refresh(tokens["refresh_token"], prover.proof())).json()
    assert again["token_type"] == "DPoP"
    assert claims_of(again["access_token"])["cnf"] == {"jkt": prover.key.jkt}


@pytest.mark.spec("RFC 9449 §5.1")
async def test_the_metadata_tell_the_algorithms(server: Server) -> None:
    metadata = (await server.http.get("/.well-known/openid-configuration")).json()
    assert metadata["dpop_signing_alg_values_supported"] == list(ALGORITHMS)
    assert not {"none", "HS256", "HS384", "HS512"} & set(ALGORITHMS)


@pytest.mark.spec("RFC 9449 §5")
async def test_without_a_proof_nothing_is_bound(server: Server, public: Asker, person: User) -> None:
    tokens = await public.linked(person)
    assert tokens["token_type"] == "Bearer"
    assert "cnf" not in claims_of(tokens["access_token"])
    assert (await server.grants_of(person))[0].dpop_jkt is None


OTHER = ProvingKey()
KEYS_OF = {alg: ProvingKey(alg) for alg in ALGORITHMS}
SECRET = OctKey.generate_key(256)

#: what is wrong with a proof: members of its header, and its claims; `now` and `jwk` stand for themselves
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no typ": ({"typ": None}, {}),
    "another typ": ({"typ": "JWT"}, {}),
    "typ in capitals": ({"typ": "DPOP+JWT"}, {}),
    "no alg": ({"alg": None}, {}),
    "alg none": ({"alg": "none"}, {}),
    "alg of a secret": ({"alg": "HS256", "jwk": SECRET.as_dict(private=True)}, {}),
    "alg of another key": ({"alg": "RS256"}, {}),
    "alg that is no text": ({"alg": ["ES256"]}, {}),
    "no jwk": ({"jwk": None}, {}),
    "jwk that is a text": ({"jwk": "key"}, {}),
    "jwk with its private part": ({"jwk": "private"}, {}),
    "jwk of somebody else": ({"jwk": OTHER.public}, {}),
    "jwk without y": ({"jwk": {"kty": "EC", "crv": "P-256", "x": OTHER.public["x"]}}, {}),
    "jwk off the curve": ({"jwk": OTHER.public | {"y": OTHER.public["x"]}}, {}),
    "jwk of another curve": ({"jwk": ECKey.generate_key("P-384", auto_kid=False).as_dict(private=False)}, {}),
    "jwk with numbers": ({"jwk": OTHER.public | {"x": 1, "y": 2}}, {}),
    "crit": ({"crit": ["exp"]}, {}),
    "no jti": ({}, {"jti": None}),
    "empty jti": ({}, {"jti": ""}),
    "long jti": ({}, {"jti": "x" * 257}),
    "jti that is a number": ({}, {"jti": 1}),
    "no htm": ({}, {"htm": None}),
    "another method": ({}, {"htm": "GET"}),
    "method in small letters": ({}, {"htm": "post"}),
    "no htu": ({}, {"htu": None}),
    "another path": ({}, {"htu": f"{ISSUER}/oauth2/userInfo"}),
    "another host": ({}, {"htu": "https://evil.example/oauth2/token"}),
    "http": ({}, {"htu": TOKEN.replace("https", "http")}),
    "another port": ({}, {"htu": f"{ISSUER}:8443/oauth2/token"}),
    "a path beside it": ({}, {"htu": f"{TOKEN}/"}),
    "path in capitals": ({}, {"htu": f"{ISSUER}/OAUTH2/token"}),
    "an escaped slash": ({}, {"htu": f"{ISSUER}/oauth2%2Ftoken"}),
    "user in front": ({}, {"htu": "https://auth.example.test@evil.example/oauth2/token"}),
    "user in front of ours": ({}, {"htu": "https://u@auth.example.test/oauth2/token"}),
    "htu with a line break": ({}, {"htu": f"{TOKEN}\n"}),
    "htu that is no URI": ({}, {"htu": "https://[auth.example.test/oauth2/token"}),
    "htu with a port beyond": ({}, {"htu": f"{ISSUER}:99999/oauth2/token"}),
    "no iat": ({}, {"iat": None}),
    "iat that is a text": ({}, {"iat": "now"}),
    "iat that is true": ({}, {"iat": True}),
    "iat beyond all time": ({}, {"iat": 1e300}),
    "too old": ({}, {"iat": -WINDOW - 1}),
    "from the future": ({}, {"iat": WINDOW + 1}),
    "expired": ({}, {"exp": -WINDOW - 1}),
    "exp that is a text": ({}, {"exp": "soon"}),
    "not yet valid": ({}, {"nbf": WINDOW + 1}),
}


def wrong(key: ProvingKey, now: int, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Times are given from now."""
    moved = {
        name: now + value if name in ("iat", "exp", "nbf") and type(value) is int else value
        for name, value in claims.items()
    }
    given = {name: key.private if value == "private" else value for name, value in header.items()}
    return key.proof("POST", TOKEN, now, header=given, **moved)


@pytest.mark.spec("RFC 9449 §4.3", "RFC 9449 §11.6", "security 6.52", "security 3.dpop-times", "security 4.dpop")
@pytest.mark.parametrize("case", WRONG)
async def test_a_proof_with_a_fault_is_refused_and_the_code_stays_good(
    public: Asker, person: User, key: ProvingKey, clock: Clock, case: str
) -> None:
    prover = Prover(public, key)
    form = await prover.code(person)
    answer = await prover.ask(form, wrong(key, clock(), *WRONG[case]))
    refused(answer, "invalid_dpop_proof")
    assert "dpop-nonce" not in answer.headers
    assert (await prover.ask(form, prover.proof())).status_code == 200


@pytest.mark.spec("RFC 9449 §4.3")
@pytest.mark.parametrize(
    "value", ["", "x", "a.b.c", "....", "e30.e30.e30", "W10.W10.AA", "e30=.e30.AA", "ey\u00e9.a.b", "a." * 5000, "a.b"]
)
async def test_what_is_no_proof_at_all_is_refused(public: Asker, person: User, key: ProvingKey, value: str) -> None:
    prover = Prover(public, key)
    answer = await prover.client.server.http.post(
        "/oauth2/token",
        data=(await prover.code(person)) | {"client_id": public.client_id},
        headers=[(b"dpop", value.encode())],
    )
    refused(answer, "invalid_dpop_proof")


@pytest.mark.spec("RFC 9449 §4.3", "security 6.52")
async def test_weak_and_monstrous_rsa_keys_and_broken_signatures_are_refused(
    public: Asker, person: User, key: ProvingKey
) -> None:
    prover = Prover(public, key)
    form = await prover.code(person)
    with pytest.warns(SecurityWarning):
        weak = Prover(public, ProvingKey("RS256", RSAKey.generate_key(1024, auto_kid=False)))
    refused(await weak.ask(form, weak.proof()), "invalid_dpop_proof")
    huge = {"kty": "RSA", "n": "_" * 1366, "e": "AQAB"}  # 8196 bits
    refused(await prover.ask(form, prover.proof(header={"alg": "RS256", "jwk": huge})), "invalid_dpop_proof")
    slow = {"kty": "RSA", "n": ProvingKey("RS256").public["n"], "e": "_" * 340}
    refused(await prover.ask(form, prover.proof(header={"alg": "RS256", "jwk": slow})), "invalid_dpop_proof")
    head = prover.proof().rpartition(".")[0]
    other = prover.proof().rpartition(".")[2]
    refused(await prover.ask(form, f"{head}.{other}"), "invalid_dpop_proof")
    assert (await prover.ask(form, prover.proof())).status_code == 200


@pytest.mark.spec("RFC 9449 §4.3")
@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_broken_signature_is_refused_whatever_the_algorithm(public: Asker, person: User, alg: str) -> None:
    prover = Prover(public, ProvingKey(alg))
    form = await prover.code(person)
    head, _, signature = prover.proof().rpartition(".")
    for broken in ("A" * len(signature), signature[:-4], signature + "AAAA", "AA"):
        refused(await prover.ask(form, f"{head}.{broken}"), "invalid_dpop_proof")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.spec("RFC 9449 §4.3")
@settings(deadline=None)
@given(
    header=st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "crit", "kid"]), ANYTHING, max_size=3),
    claims=st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "exp", "nbf", "nonce", "ath"]), ANYTHING),
    members=st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "alg"]), ANYTHING, max_size=4),
    alg=st.sampled_from(ALGORITHMS),
)
def test_whatever_a_proof_holds_it_is_taken_or_refused(
    header: dict[str, Any], claims: dict[str, Any], members: dict[str, Any], alg: str
) -> None:
    """Never an error of ours; and nothing is taken whose signature does not fit."""
    key, now = KEYS_OF[alg], 1_800_000_000
    proofs = Proofs(ISSUER, SecretKeys(SecretKey.of("s" * 40)), nonce_required=False)
    made = key.proof("POST", TOKEN, now, header={"jwk": key.public | members} | header, **claims)
    try:
        proof = proofs.verify([made], "POST", "/oauth2/token", now)
    except (InvalidDpopProofError, UseDpopNonceError):
        return
    assert proof.jkt == key.jkt
    assert not set(members) & {"d"}


@pytest.mark.spec("RFC 9449 §4.3")
async def test_two_dpop_headers_are_refused(public: Asker, person: User, key: ProvingKey) -> None:
    prover = Prover(public, key)
    form = await prover.code(person)
    refused(await prover.ask(form, prover.proof(), prover.proof()), "invalid_dpop_proof")
    refused(await prover.ask(form, f"{prover.proof()}, {prover.proof()}"), "invalid_dpop_proof")
    assert (await prover.ask(form, prover.proof())).status_code == 200


@pytest.mark.spec("RFC 9449 §4.3", "RFC 3986 §6.2.2", "RFC 3986 §6.2.3")
@pytest.mark.parametrize(
    "htu",
    [
        TOKEN,
        f"{TOKEN}?a=b",
        f"{TOKEN}#part",
        "HTTPS://AUTH.example.test/oauth2/token",
        f"{ISSUER}:443/oauth2/token",
        f"{ISSUER}:/oauth2/token",
        f"{ISSUER}/oauth2/./token",
        f"{ISSUER}/x/../oauth2/token",
        f"{ISSUER}/oauth2/t%6Fken",
        f"{ISSUER}/%6fauth2/token",
    ],
)
async def test_the_address_is_compared_after_normalisation(
    public: Asker, person: User, key: ProvingKey, htu: str
) -> None:
    prover = Prover(public, key)
    assert (await prover.ask(await prover.code(person), prover.proof(htu=htu))).status_code == 200


@pytest.mark.spec("RFC 9449 §4.3", "security 6.56")
async def test_the_address_is_the_configured_one_whatever_host_says(
    server: Server, public: Asker, person: User, key: ProvingKey
) -> None:
    prover = Prover(public, key)
    spoofed = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    for htu, status in (("https://evil.example/oauth2/token", 400), (TOKEN, 200)):
        form = (await prover.code(person)) | {"client_id": public.client_id}
        headers = spoofed | {"dpop": prover.proof(htu=htu)}
        answer = await server.http.post("/oauth2/token", data=form, headers=headers)
        assert answer.status_code == status


@pytest.mark.spec("RFC 9449 §11.1", "security 3.dpop-iat", "security 3.dpop-times")
@pytest.mark.parametrize("off", [-WINDOW, -10, -0.5, 0, 10, WINDOW])
async def test_clocks_may_differ_by_the_window(
    public: Asker, person: User, key: ProvingKey, clock: Clock, off: float
) -> None:
    prover = Prover(public, key)
    near = {"iat": clock() + off, "exp": clock() + off + 30, "nbf": clock() + min(off, 10)}
    assert (await prover.ask(await prover.code(person), prover.proof(**near))).status_code == 200


@pytest.mark.spec("RFC 9449 §11.1", "RFC 9449 §4.3", "security 4.dpop")
async def test_a_proof_is_used_once(server: Server, public: Asker, person: User, key: ProvingKey) -> None:
    prover = Prover(public, key)
    proof = prover.proof()
    assert (await prover.ask(await prover.code(person), proof)).status_code == 200
    form = await prover.code(person)
    refused(await prover.ask(form, proof), "invalid_dpop_proof")
    again = prover.proof(jti=claims_of(proof)["jti"], iat=server.clock() - 1)  # another proof of the same name
    refused(await prover.ask(form, again), "invalid_dpop_proof")
    other = Prover(public, ProvingKey())  # the name is the key's own affair
    assert (await other.ask(form, other.proof(jti=claims_of(proof)["jti"]))).status_code == 200


@pytest.mark.spec("RFC 9449 §11.1")
async def test_of_twenty_uses_of_one_proof_at_once_one_succeeds(public: Asker, person: User, key: ProvingKey) -> None:
    prover = Prover(public, key)
    proof = prover.proof()
    forms = [await prover.code(person) for _ in range(20)]
    answers = await asyncio.gather(*(prover.ask(form, proof) for form in forms))
    seen = Counter((answer.status_code, answer.json().get("error")) for answer in answers)
    assert seen == {(200, None): 1, (400, "invalid_dpop_proof"): 19}


@pytest.mark.spec("security 3.dpop-refresh", "RFC 9449 §5", "security 6.70")
async def test_the_refresh_token_of_a_public_client_is_of_no_use_without_the_key(
    server: Server, public: Asker, person: User, key: ProvingKey
) -> None:
    prover, thief = Prover(public, key), Prover(public, ProvingKey())
    token = (await prover.linked(person))["refresh_token"]
    refused(await prover.refresh(token), "invalid_dpop_proof")
    refused(await thief.refresh(token, thief.proof()), "invalid_grant")
    [grant] = await server.grants_of(person)
    assert (grant.generation, grant.revoked_at) == (1, None)  # nothing happened to the owner
    assert (await prover.refresh(token, prover.proof())).status_code == 200


@pytest.mark.spec("RFC 9449 §5")
async def test_that_of_a_confidential_client_is_not_bound(
    server: Server, confidential: Asker, person: User, key: ProvingKey
) -> None:
    """It authenticates; its key may change."""
    prover, another = Prover(confidential, key), Prover(confidential, ProvingKey())
    token = (await prover.linked(person))["refresh_token"]
    assert (await server.grants_of(person))[0].dpop_jkt is None
    changed = (await another.refresh(token, another.proof())).json()
    assert claims_of(changed["access_token"])["cnf"] == {"jkt": another.key.jkt}
    bare = (await prover.refresh(token)).json()
    assert bare["token_type"] == "Bearer"
    assert "cnf" not in claims_of(bare["access_token"])


@pytest.mark.spec("RFC 9449 §5")
async def test_a_public_client_that_begins_to_prove_is_bound_from_then_on(
    server: Server, public: Asker, person: User, key: ProvingKey
) -> None:
    prover, thief = Prover(public, key), Prover(public, ProvingKey())
    first = (await public.linked(person))["refresh_token"]
    second = (await prover.refresh(first, prover.proof())).json()["refresh_token"]
    assert (await server.grants_of(person))[0].dpop_jkt == key.jkt
    refused(await prover.refresh(second), "invalid_dpop_proof")
    refused(await thief.refresh(second, thief.proof()), "invalid_grant")
    refused(await thief.refresh(first), "invalid_dpop_proof")  # its predecessor within the grace neither
    assert (await prover.refresh(second, prover.proof())).status_code == 200


@pytest.mark.spec("RFC 9449 §5")
async def test_of_two_keys_that_are_proven_at_once_for_an_unbound_token_one_is_bound(
    server: Server, public: Asker, person: User
) -> None:
    provers = [Prover(public, ProvingKey()) for _ in range(2)]
    token = (await public.linked(person))["refresh_token"]
    answers = await asyncio.gather(*(provers[n % 2].refresh(token, provers[n % 2].proof()) for n in range(10)))
    assert {answer.status_code for answer in answers} == {200, 400}
    bound = {claims_of(answer.json()["access_token"])["cnf"]["jkt"] for answer in answers if answer.status_code == 200}
    assert bound == {(await server.grants_of(person))[0].dpop_jkt}


@pytest.mark.spec("RFC 9449 §5.2", "security 3.dpop-demanded")
async def test_a_client_that_must_prove_gets_nothing_without(server: Server, person: User, key: ProvingKey) -> None:
    for preset in ("confidential", "public"):
        client = await server.add_client(preset, dpop_bound_access_tokens=True)
        prover = Prover(client, key)
        form = await prover.code(person)
        refused(await prover.ask(form), "invalid_dpop_proof")
        tokens = (await prover.ask(form, prover.proof())).json()
        refused(await prover.refresh(tokens["refresh_token"]), "invalid_dpop_proof")
        assert (await prover.refresh(tokens["refresh_token"], prover.proof())).status_code == 200


@pytest.mark.spec("alexa 0", "decision 6")
async def test_for_alexa_the_header_does_not_exist(server: Server, alexa: Asker, person: User, key: ProvingKey) -> None:
    """Whatever it holds: nothing is refused for it, and nothing is bound."""
    prover = Prover(alexa, key)
    for proofs in ((prover.proof(),), ("rubbish",), (prover.proof(), prover.proof()), ("",)):
        answer = await prover.ask(await prover.code(person, dpop_jkt=OTHER.jkt), *proofs)
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        assert tokens["token_type"] == "Bearer"
        assert "cnf" not in claims_of(tokens["access_token"])
        again = (await prover.refresh(tokens["refresh_token"], *proofs)).json()
        assert again["token_type"] == "Bearer"
        assert (await alexa.refresh(again["refresh_token"])).status_code == 200
    assert {grant.dpop_jkt for grant in await server.grants_of(person)} == {None}


@pytest.mark.spec("RFC 9449 §10", "security 3.dpop-jkt-token")
@pytest.mark.parametrize("preset", ["public", "confidential"])
async def test_a_code_that_is_bound_to_a_key_demands_it(
    server: Server, person: User, key: ProvingKey, preset: str
) -> None:
    client = await server.add_client(preset)
    prover, thief = Prover(client, key), Prover(client, ProvingKey())
    form = await prover.code(person, dpop_jkt=key.jkt)
    refused(await prover.ask(form), "invalid_dpop_proof")
    refused(await thief.ask(form, thief.proof()), "invalid_grant")
    assert (await prover.ask(form, prover.proof())).status_code == 200


@pytest.mark.spec("RFC 9449 §11.1", "decision 4")
async def test_used_proofs_are_forgotten_when_they_would_not_be_taken_any_more(
    server: Server, public: Asker, person: User, key: ProvingKey, clock: Clock
) -> None:
    prover = Prover(public, key)
    proof = prover.proof(iat=clock() + WINDOW)
    await prover.ask(await prover.code(person), proof)

    async def remembered() -> int:
        await housekeeping.purge(server.services, clock())
        async with server.services.database.unit() as session:
            return len((await session.exec(select(SpentToken))).all())

    before = await remembered()
    clock.advance(2 * WINDOW)
    assert 0 < await remembered() <= before
    refused(await prover.ask(await prover.code(person), proof), "invalid_dpop_proof")
    clock.advance(86_400)  # other tests have proofs of later moments
    assert await remembered() == 0


@pytest.mark.spec("cognito 9.25", "RFC 9449 §8")
@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/userInfo"])
async def test_programs_in_browsers_may_send_proofs(server: Server, path: str) -> None:
    answer = await server.http.options(
        path, headers={"origin": "https://app.example", "access-control-request-headers": "dpop"}
    )
    assert "DPoP" in answer.headers["access-control-allow-headers"].split(", ")


@pytest.mark.spec("RFC 9449 §10", "alexa 0")
async def test_the_key_of_an_authorization_request_reaches_the_code_but_not_alexas(
    server: Server, person: User, key: ProvingKey
) -> None:
    client = await server.add_client("public", first_party=True)
    cookie = await server.signed_in(person)
    asked = client.authorization(dpop_jkt=key.jkt)
    code = answered(await server.authorize(asked, **cookie), client.redirect_uri)["code"]
    async with server.services.database.unit() as session:
        row = (await session.exec(select(AuthorizationCode).where(AuthorizationCode.digest == digest(code)))).one()
    assert row.dpop_jkt == key.jkt
    for wrong_key in ("x", key.jkt + "=", key.jkt[:-1] + "!", key.jkt * 2):
        error = answered(
            await server.authorize(client.authorization(dpop_jkt=wrong_key), **cookie), client.redirect_uri
        )
        assert error["error"] == "invalid_request"
    alexa = await server.add_client("alexa")
    registered = await server.services.clients.get(alexa.client_id)
    assert registered is not None
    to = Addressee(registered, alexa.redirect_uri, True)
    parameters = alexa.authorization(dpop_jkt=key.jkt)
    kept = await authorization.validate(server.services.oauth, to, parameters, server.clock(), False)
    assert "dpop_jkt" not in kept
