"""PKCE at the token endpoint (RFC 7636 §4.5, §4.6; RFC 9700 §2.1.1)."""

import secrets

import pytest

from authserver.models import User
from tests.authserver.protocol.harness import Server, challenge_of
from tests.authserver.protocol.test_code_exchange import assert_refused

#: RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_our_challenge_is_the_one_of_the_specification() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE


@pytest.mark.spec("RFC 7636 §4.6", "A13", "cognito 9.10", "oidcc ensure-request-with-valid-pkce-succeeds")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
@pytest.mark.parametrize(
    "verifier",
    [VERIFIER, "a" * 43, "Z" * 128, "-._~" * 11, secrets.token_urlsafe(96)],
    ids=["rfc", "shortest", "longest", "every-mark", "random"],
)
async def test_the_right_verifier_opens_the_code(server: Server, person: User, preset: str, verifier: str) -> None:
    client = await server.add_client(preset)
    code, _ = await server.add_code(client, person, verifier)
    assert (await client.exchange(code, code_verifier=verifier)).status_code == 200


@pytest.mark.spec(
    "security 6.18",
    "security 6.19",
    "A13",
    "A18",
    "RFC 7636 §4.6",
    "security 3.pkce-verifier",
    "security 4.downgrade-no-verifier",
)
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
@pytest.mark.parametrize(
    "verifier",
    [None, "", "x" * 43, VERIFIER.lower(), VERIFIER + "A", VERIFIER[:-1], CHALLENGE, f"{VERIFIER} ", f"{VERIFIER}\n"],
    ids=["missing", "empty", "wrong", "case", "longer", "shorter", "the-challenge", "padded", "line-feed"],
)
async def test_without_the_right_verifier_a_code_stays_shut_and_is_not_spent(
    server: Server, person: User, preset: str, verifier: str | None
) -> None:
    client = await server.add_client(preset)
    code, _ = await server.add_code(client, person, VERIFIER)
    assert_refused(await client.exchange(code, **({} if verifier is None else {"code_verifier": verifier})))
    assert (await client.exchange(code, code_verifier=VERIFIER)).status_code == 200


@pytest.mark.spec("security 6.20", "RFC 9700 §4.8.2", "security 4.downgrade-no-challenge")
@pytest.mark.parametrize("preset", ["alexa", "confidential"])
async def test_a_verifier_without_a_challenge_is_a_downgrade(server: Server, person: User, preset: str) -> None:
    client = await server.add_client(preset)
    code, _ = await server.add_code(client, person)
    assert_refused(await client.exchange(code, code_verifier=VERIFIER))
    assert (await client.exchange(code)).status_code == 200


@pytest.mark.spec("security 6.21", "RFC 7636 §4.1", "security 4.short-verifier")
@pytest.mark.parametrize(
    "verifier",
    ["x" * 42, "x" * 129, "x" * 1000, "x" * 42 + "+", "x" * 42 + "/", "x" * 42 + " ", "x" * 42 + "\u00e4"],
    ids=["42", "129", "1000", "plus", "slash", "space", "not-ascii"],
)
async def test_a_malformed_verifier_is_refused_even_when_its_digest_fits(
    server: Server, person: User, verifier: str
) -> None:
    client = await server.add_client("public")
    code, _ = await server.add_code(client, person, verifier)
    assert_refused(await client.exchange(code, code_verifier=verifier))


@pytest.mark.spec("security 6.17", "RFC 9700 §2.1.1", "security 4.downgrade-plain")
async def test_a_stored_challenge_is_never_compared_as_plain(server: Server, person: User) -> None:
    """With `plain` the challenge, which travelled through the browser, would open the code."""
    client = await server.add_client("public")
    code, _ = await server.add_code(client, person, code_challenge="p" * 43)
    assert_refused(await client.exchange(code, code_verifier="p" * 43))


@pytest.mark.spec("security 6.16", "RFC 9700 §2.1.1", "security 4.downgrade-no-challenge")
async def test_a_public_client_gets_nothing_for_a_code_without_challenge(server: Server, person: User) -> None:
    """Such a code cannot be issued; if one lay in the database it must not open either with a verifier."""
    client = await server.add_client("public")
    code, _ = await server.add_code(client, person, VERIFIER, code_challenge=None)
    assert_refused(await client.exchange(code, code_verifier=VERIFIER))
