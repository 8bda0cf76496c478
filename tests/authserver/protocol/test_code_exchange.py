"""`grant_type=authorization_code`: what a code is bound to, how often and how long it may be used."""

import logging
import re
from typing import Any

import httpx2
import pytest

from authserver.models import User
from tests.authserver.protocol.harness import Asker, Clock, Server, claims_of

Case = dict[str, Any]
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]*")  # RFC 6749 §4.1.2.1, §5.2


def assert_refused(answer: httpx2.Response, error: str = "invalid_grant", status: int = 400) -> None:
    """RFC 6749 §5.2, without a word of the client's own in it."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert set(answer.json()) <= {"error", "error_description"}
    assert DESCRIPTION.fullmatch(answer.json().get("error_description", ""))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.spec(
    "RFC 6749 §5.1",
    "security 6.49",
    "A16",
    "A18",
    "cognito 9.14",
    "cognito 9.15",
    "cognito 9.24",
    "security 4.token-cache",
)
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_code_gives_a_token_pair_that_no_cache_keeps(alexa: Asker, person: User, method: str) -> None:
    alexa.method = method
    code, _ = await alexa.server.add_code(alexa, person)
    answer = await alexa.exchange(code)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "scope", "id_token"}
    assert body["token_type"] == "Bearer"
    assert type(body["expires_in"]) is int
    assert body["expires_in"] >= 360
    assert body["scope"] == "openid"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert len(body["access_token"]) <= 2048


@pytest.mark.spec("cognito 9.16", "RFC 6749 §4.1.4")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_every_code_gives_a_refresh_token_without_offline_access(
    server: Server, person: User, preset: str
) -> None:
    client = await server.add_client(preset)
    tokens = await client.linked(person)
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
async def test_without_the_scope_openid_there_is_no_id_token(server: Server, person: User) -> None:
    client = await server.add_client(scopes=["email", "lamps"])
    tokens = await client.linked(person)
    assert "id_token" not in tokens
    assert tokens["scope"] == "email lamps"
    assert "id_token" not in (await client.refresh(tokens["refresh_token"])).json()


@pytest.mark.spec(
    "RFC 6749 §4.1.2",
    "security 6.22",
    "A18",
    "cognito 9.9",
    "oidcc codereuse",
    "oidcc codereuse-30seconds",
    "security 3.code-reuse",
    "security 4.multi-exchange",
)
@pytest.mark.parametrize("later", [0, 1, 30, 59])
async def test_a_second_use_is_refused_and_ends_what_the_first_produced(
    server: Server, clock: Clock, confidential: Asker, person: User, later: int
) -> None:
    code, _ = await server.add_code(confidential, person)
    first = (await confidential.exchange(code)).json()
    assert (await server.userinfo(first["access_token"])).status_code == 200
    clock.advance(later)
    assert_refused(await confidential.exchange(code))
    assert (await server.userinfo(first["access_token"])).status_code == 401
    for token in (first["access_token"], first["refresh_token"]):
        assert (await confidential.introspect(token)).json() == {"active": False}
    assert_refused(await confidential.refresh(first["refresh_token"]))


@pytest.mark.spec("RFC 6749 §4.1.2", "security 6.22", "oidcc codereuse-30seconds")
async def test_a_second_use_counts_even_when_the_code_has_expired_meanwhile(
    server: Server, clock: Clock, confidential: Asker, person: User
) -> None:
    code, _ = await server.add_code(confidential, person)
    first = (await confidential.exchange(code)).json()
    clock.advance(600)
    assert_refused(await confidential.exchange(code))
    assert_refused(await confidential.refresh(first["refresh_token"]))


@pytest.mark.spec("RFC 6749 §4.1.2", "security 6.22")
@pytest.mark.parametrize("what", ["redirect_uri", "code_verifier", "client"])
async def test_a_second_use_that_proves_nothing_ends_nothing(
    server: Server, confidential: Asker, person: User, what: str
) -> None:
    """Whoever has seen a code in a log must not be able to unlink its owner with it."""
    code, verifier = await server.add_code(confidential, person, "w" * 43)
    first = (await confidential.exchange(code, code_verifier=verifier or "")).json()
    asker = await server.add_client() if what == "client" else confidential
    wrong = {"redirect_uri": "https://client.example.org/other", "code_verifier": "x" * 43}
    proofs = {"code_verifier": verifier or ""} | ({what: wrong[what]} if what in wrong else {})
    assert_refused(await asker.exchange(code, **proofs))
    assert (await server.userinfo(first["access_token"])).status_code == 200
    assert (await confidential.refresh(first["refresh_token"])).status_code == 200


@pytest.mark.spec("security 6.22", "A18", "alexa 1.4")
@pytest.mark.parametrize(("later", "lives"), [(0, True), (10, True), (11, False), (250, False)])
async def test_alexa_may_ask_again_for_ten_seconds_without_losing_the_link(
    server: Server, clock: Clock, alexa: Asker, person: User, later: int, lives: bool
) -> None:
    """A lost answer is retried: the retry is refused, the first pair lives. Later it is a stolen code."""
    code, _ = await server.add_code(alexa, person)
    first = (await alexa.exchange(code)).json()
    clock.advance(later)
    assert_refused(await alexa.exchange(code))
    assert (await server.userinfo(first["access_token"])).status_code == (200 if lives else 401)
    assert (await alexa.refresh(first["refresh_token"])).status_code == (200 if lives else 400)


@pytest.mark.spec(
    "RFC 6749 §4.1.2", "security 6.23", "A18", "cognito 9.9", "security 3.code-minute", "security 4.code-lifetime"
)
@pytest.mark.parametrize(
    ("preset", "age", "status"),
    [("confidential", 59, 200), ("confidential", 60, 400), ("alexa", 299, 200), ("alexa", 300, 400)],
)
async def test_a_code_expires(server: Server, clock: Clock, person: User, preset: str, age: int, status: int) -> None:
    client = await server.add_client(preset)
    code, _ = await server.add_code(client, person)
    clock.advance(age)
    answer = await client.exchange(code)
    assert answer.status_code == status
    if status == 400:
        assert_refused(answer)
        assert await server.grants_of(person) == []


@pytest.mark.spec("RFC 6749 §4.1.3", "security 6.24", "A18", "security 3.code-client")
async def test_a_code_of_another_client_is_refused_logged_as_an_attack_and_still_works_for_its_own(
    server: Server, confidential: Asker, person: User, caplog: pytest.LogCaptureFixture
) -> None:
    thief = await server.add_client()
    code, _ = await server.add_code(confidential, person)
    with caplog.at_level(logging.WARNING):
        assert_refused(await thief.exchange(code))
    assert "attack" in caplog.text
    assert thief.client_id in caplog.text
    assert code not in caplog.text
    answer = await confidential.exchange(code)
    assert answer.status_code == 200
    assert claims_of(answer.json()["access_token"])["client_id"] == confidential.client_id


@pytest.mark.spec("RFC 6749 §4.1.3", "security 6.25", "A18", "cognito 9.9", "cognito 9.23")
@pytest.mark.parametrize(
    "wrong",
    [
        "https://layla.amazon.com/api/skill/link/M2EXAMPLEVENDR",  # registered, but not the one of this request
        "https://pitangui.amazon.com/api/skill/link/M2EXAMPLEVENDR/",
        "https://PITANGUI.amazon.com/api/skill/link/M2EXAMPLEVENDR",
        "https://pitangui.amazon.com/api/skill/link/M2EXAMPLEVENDR%20",
        "",
    ],
    ids=["another-registered", "trailing-slash", "host-case", "padded", "empty"],
)
async def test_a_code_is_bound_to_the_redirect_uri_of_its_request(
    server: Server, alexa: Asker, person: User, wrong: str
) -> None:
    code, _ = await server.add_code(alexa, person)
    assert_refused(await alexa.exchange(code, redirect_uri=wrong))
    assert (await alexa.exchange(code)).status_code == 200


@pytest.mark.spec("RFC 6749 §4.1.3", "security 6.25")
async def test_the_redirect_uri_may_be_left_out_only_where_the_request_left_it_out(
    server: Server, confidential: Asker, person: User
) -> None:
    named, _ = await server.add_code(confidential, person)
    silent, _ = await server.add_code(confidential, person, redirect_uri_sent=False)
    other, _ = await server.add_code(confidential, person, redirect_uri_sent=False)
    assert_refused(await confidential.token(grant_type="authorization_code", code=named))
    assert (await confidential.token(grant_type="authorization_code", code=silent)).status_code == 200
    wrong = "https://client.example.org/other"
    assert_refused(await confidential.token(grant_type="authorization_code", code=other, redirect_uri=wrong))


@pytest.mark.spec("security 6.19", "A18", "RFC 9700 §4.5")
@pytest.mark.parametrize(("failures", "status"), [(4, 200), (5, 400), (6, 400)])
@pytest.mark.parametrize("binding", ["redirect_uri", "code_verifier", "client"])
async def test_the_fifth_failed_binding_burns_the_code(
    server: Server, alexa: Asker, person: User, binding: str, failures: int, status: int
) -> None:
    code, verifier = await server.add_code(alexa, person, "r" * 50)
    thief = await server.add_client()
    right = {"code_verifier": verifier or ""}
    wrong = right | {"redirect_uri": "https://client.example.org/callback"}
    for attempt in range(failures):
        if binding == "client":
            assert_refused(await thief.exchange(code, **right))
        elif binding == "code_verifier":
            assert_refused(await alexa.exchange(code, code_verifier=f"{attempt}" * 43))
        else:
            assert_refused(await alexa.exchange(code, **wrong))
    assert (await alexa.exchange(code, **right)).status_code == status


@pytest.mark.spec("security 6.19", "security 6.36")
async def test_who_cannot_prove_to_be_the_client_cannot_burn_its_code(
    server: Server, confidential: Asker, person: User
) -> None:
    code, _ = await server.add_code(confidential, person)
    impostor = Asker(server, confidential.client_id, "not the secret", confidential.redirect_uri)
    for _ in range(6):
        assert_refused(await impostor.exchange(code), "invalid_client", 401)
    assert (await confidential.exchange(code)).status_code == 200


@pytest.mark.spec("RFC 6749 §5.2", "cognito 9.21")
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        ("A" * 43, "invalid_grant"),
        ("x" * 129, "invalid_grant"),
        ("x" * 60_000, "invalid_grant"),
        ("\u00e4\u20ac\U0001f4a1", "invalid_grant"),
        ("' OR 1=1 --", "invalid_grant"),
        ("%27%00", "invalid_grant"),
    ],
    ids=["missing", "empty", "unknown", "long", "very-long", "not-ascii", "sql", "percent-literal"],
)
async def test_a_code_that_was_never_issued_is_refused(confidential: Asker, code: str | None, error: str) -> None:
    asked = {"grant_type": "authorization_code", "redirect_uri": confidential.redirect_uri}
    assert_refused(await confidential.token(**(asked if code is None else asked | {"code": code})), error)


@pytest.mark.spec("security 6.32", "security 6.74", "cognito 9.41")
@pytest.mark.parametrize("change", ["disabled", "epoch", "disabled-and-enabled"])
async def test_a_code_of_a_person_who_was_called_back_meanwhile_is_refused(
    server: Server, confidential: Asker, person: User, change: str
) -> None:
    code, _ = await server.add_code(confidential, person)
    fields: dict[str, Case] = {
        "disabled": {"active": False},
        "epoch": {"epoch": 1},
        "disabled-and-enabled": {"active": True, "epoch": 1},
    }
    await server.change(person, **fields[change])
    assert_refused(await confidential.exchange(code))
    assert await server.grants_of(person) == []


@pytest.mark.spec("security 6.12", "RFC 6749 §5.2", "RFC 9700 §2.4", "oidcc error-shapes")
@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:token-exchange ",
        "AUTHORIZATION_CODE",
        " authorization_code",
        "authorization_code ",
        "\u00e4",
        'x"\\',
    ],
)
async def test_other_grant_types_are_unsupported(confidential: Asker, grant_type: str) -> None:
    answer = await confidential.token(grant_type=grant_type, username="somebody", password="guess")
    assert_refused(answer, "unsupported_grant_type")


@pytest.mark.spec("RFC 6749 §5.2", "cognito 9.6")
@pytest.mark.parametrize(
    "grant_type",
    [
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:device_code",
    ],
)
async def test_a_grant_type_that_is_not_the_clients_is_unauthorized(confidential: Asker, grant_type: str) -> None:
    answer = await confidential.token(grant_type=grant_type, device_code="x")
    assert_refused(answer, "unauthorized_client")


@pytest.mark.spec("RFC 6749 §5.2")
@pytest.mark.parametrize("form", [{}, {"grant_type": ""}], ids=["missing", "empty"])
async def test_a_missing_grant_type_is_an_invalid_request(confidential: Asker, form: dict[str, str]) -> None:
    assert_refused(await confidential.token(**form), "invalid_request")


@pytest.mark.spec("RFC 6749 §5.2")
async def test_a_client_uses_only_the_grant_types_it_was_registered_for(server: Server, person: User) -> None:
    client = await server.add_client(grant_types=["authorization_code"])
    code, _ = await server.add_code(client, person)
    answer = await client.exchange(code)
    assert answer.status_code == 200
    assert_refused(await client.refresh("v1.a.b.1.c"), "unauthorized_client")
    other = await server.add_client(grant_types=["refresh_token"])
    code, _ = await server.add_code(other, person)
    assert_refused(await other.exchange(code), "unauthorized_client")


@pytest.mark.spec("A25", "alexa 1.6", "RFC 6749 §4.1.4")
async def test_a_second_linking_makes_a_grant_of_its_own_and_leaves_the_first(
    server: Server, alexa: Asker, person: User
) -> None:
    first, second = await alexa.linked(person), await alexa.linked(person)
    origins = [claims_of(tokens["access_token"])["origin_jti"] for tokens in (first, second)]
    assert origins[0] != origins[1]
    for tokens in (first, second, first):
        assert (await alexa.refresh(tokens["refresh_token"])).status_code == 200
    assert len(await server.grants_of(person)) == 2
