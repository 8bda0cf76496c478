"""What the companion takes for a logout token (OpenID Connect Back-Channel Logout), and what it does not."""

import time
from typing import Any

import orjson
import pytest

from skill.companion.backchannel import EVENT, NoLogoutToken, read
from skill.errors import InternalError
from tests.skill.issuer import rsa_key, sign
from tests.skill.verifier import Verifier

CLIENT = "companion"


def claims(verifier: Verifier, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": verifier.issuer.url,
        "sub": "anna",
        "sid": "session-1",
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "one",
        "events": {EVENT: {}},
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(verifier: Verifier, header: dict[str, Any] | None = None, **changes: Any) -> str:
    head = {"alg": "RS256", "kid": "key-1", "typ": "logout+jwt"} | (header or {})
    return sign(head, orjson.dumps(claims(verifier, **changes)), rsa_key(0))


async def left(verifier: Verifier, made: str) -> Any:
    return await read(made, verifier.keys, verifier.issuer.url, CLIENT, time.time())


@pytest.mark.spec("OpenID Connect Back-Channel Logout §2.6")
async def test_a_good_token_names_who_has_left(verifier: Verifier) -> None:
    found = await left(verifier, token(verifier))
    assert (found.sub, found.sid) == ("anna", "session-1")
    again = await left(verifier, token(verifier, sid=None, aud=["other", CLIENT]))
    assert (again.sub, again.sid) == ("anna", None)
    assert again.digest == found.digest  # one name, one use
    assert (await left(verifier, token(verifier, jti="two"))).digest != found.digest


@pytest.mark.spec("OpenID Connect Back-Channel Logout §2.6")
@pytest.mark.parametrize(
    ("header", "changes"),
    [
        ({"typ": "JWT"}, {}),
        ({"typ": "at+jwt"}, {}),
        ({"alg": "none"}, {}),
        ({"crit": ["b64"]}, {}),
        ({"kid": 7}, {}),
        ({}, {"iss": "https://evil.example"}),
        ({}, {"aud": "alexa"}),
        ({}, {"aud": None}),
        ({}, {"iat": 1_000_000}),
        ({}, {"iat": None}),
        ({}, {"iat": 9_999_999_999}),
        ({}, {"exp": 1_000_000}),
        ({}, {"events": {}}),
        ({}, {"events": None}),
        ({}, {"events": [EVENT]}),
        ({}, {"nonce": "n"}),
        ({}, {"jti": None}),
        ({}, {"sub": None, "sid": None}),
        ({}, {"sub": "", "sid": ""}),
        ({}, {"sub": 7}),
    ],
)
async def test_anything_else_is_none(verifier: Verifier, header: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(NoLogoutToken):
        await left(verifier, token(verifier, header, **changes))


async def test_a_signature_of_somebody_else_is_none(verifier: Verifier) -> None:
    head = {"alg": "RS256", "kid": "key-1", "typ": "logout+jwt"}
    with pytest.raises(NoLogoutToken):
        await left(verifier, sign(head, orjson.dumps(claims(verifier)), rsa_key(1)))


async def test_a_key_that_cannot_be_had_now_is_our_trouble(verifier: Verifier) -> None:
    with pytest.raises(InternalError):
        await left(verifier, token(verifier, {"kid": "key-9"}))
