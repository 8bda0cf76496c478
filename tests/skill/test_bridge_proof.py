"""What the bridge gives to Alexa: no authorization error but skill's own, and nothing that Lambda could not say."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from skill.bridge_call import proof
from tests.running.bridge import directive, signed
from tests.running.home import new_secret
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.deployed import ACCEPT_GRANT, ADJUST, DISCOVER, SECRET, TOKEN, Function, Invocation, unreachable
from tests.skill.issuer import Issuer
from tests.skill.stranger import Behaviour, answer_to, http, says, stranger
from tests.skill.talking import error_type

KEY = SECRET.encode()
UNLINKING = ("INVALID_AUTHORIZATION_CREDENTIAL", "EXPIRED_AUTHORIZATION_CREDENTIAL")


def unlinks(prove: Callable[[bytes, bytes], bytes | None], kind: str = UNLINKING[0]) -> Behaviour:
    """A perfect answer to this directive that unlinks, with the proof that `prove(body, content)` makes."""

    def behave(connection: socket.socket, body: bytes) -> None:
        answer: Any = answer_to(body, name="ErrorResponse")
        answer["event"]["payload"] = {"type": kind, "message": "Dead."}
        content = orjson.dumps(answer)
        given = prove(body, content)
        connection.sendall(http(content, *([] if given is None else [f"X-Bridge-Proof: {given.decode('latin-1')}"])))

    return behave


NO_PROOFS: dict[str, Callable[[bytes, bytes], bytes | None]] = {
    "none": lambda body, content: None,
    "empty": lambda body, content: b"",
    "of-another-secret": lambda body, content: proof(body, content, [b"x" * 32]),
    "of-another-directive": lambda body, content: proof(body + b" ", content, [KEY]),
    "of-another-answer": lambda body, content: proof(body, content + b" ", [KEY]),
    "no-digits": lambda body, content: b"\xe9,,\xff",
    "the-request's-own-signature": lambda body, content: signed(body, SECRET)["x-bridge-signature"].encode(),
}


@pytest.mark.spec("S27", "alexa 0", "alexa 2.8")
@pytest.mark.parametrize("kind", UNLINKING)
@pytest.mark.parametrize("prove", NO_PROOFS.values(), ids=NO_PROOFS)
def test_S27_an_authorization_error_that_skill_did_not_prove_is_bridge_unreachable(
    deploy: Callable[..., Function],
    prove: Callable[[bytes, bytes], bytes | None],
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with stranger(unlinks(prove, kind)) as elsewhere:
        handler = deploy(elsewhere.url)
        assert all(unreachable(sent, handler(sent, Invocation())) for sent in (ADJUST, DISCOVER, ACCEPT_GRANT))
        assert len(elsewhere.requests) == 3
    assert capsys.readouterr().out.count("without skill's proof") == 3


@pytest.mark.spec("S27", "alexa 0")
@pytest.mark.parametrize("kind", UNLINKING)
@pytest.mark.parametrize("secrets", [[KEY], [b"x" * 32, KEY], [KEY, b"x" * 32]], ids=["one", "second", "first"])
def test_S27_one_that_skill_proved_is_passed_on(
    deploy: Callable[..., Function], secrets: list[bytes], kind: str
) -> None:
    with stranger(unlinks(lambda body, content: proof(body, content, secrets), kind)) as skill:
        handler = deploy(skill.url)
        assert [error_type(handler(sent, Invocation())) for sent in (ADJUST, DISCOVER)] == [kind, kind]


@pytest.mark.spec("S27", "alexa 0")
async def test_S27_while_one_secret_replaces_the_other_skill_proves_under_both(
    deploy: Callable[..., Function], skill: Service, module_folder: Path, issuer: Issuer, lamp: str
) -> None:
    old, new = new_secret(), new_secret()
    port = free_port()
    settings = skill.settings | {"SKILL_BRIDGE_SECRET": f"{old}, {new}"}
    with Service("skill", settings, module_folder, port) as service:
        for secret in (old, new):
            handler = deploy(service.url, secret)
            for sent in (
                directive("Alexa", "ReportState", issuer.token(exp=int(time.time()) - 3600), lamp),
                directive("Alexa.Discovery", "Discover", issuer.token(exp=int(time.time()) - 3600)),
            ):
                answer = await asyncio.to_thread(handler, sent, Invocation())
                assert error_type(answer) == "EXPIRED_AUTHORIZATION_CREDENTIAL"


async def test_skill_proves_no_other_answer(skill: Service, issuer: Issuer, lamp: str) -> None:
    secret = skill.settings["SKILL_BRIDGE_SECRET"]
    async with httpx2.AsyncClient(trust_env=False) as client:
        for token, endpoint, proved in (
            (issuer.token(), lamp, False),
            (issuer.token(), "lamp-of-nobody", False),
            (issuer.token(exp=1), lamp, True),
            ("", lamp, True),
        ):
            body = orjson.dumps(directive("Alexa", "ReportState", token, endpoint))
            answer = await client.post(f"{skill.url}/alexa/directive", content=body, headers=signed(body, secret))
            given = answer.headers.get("x-bridge-proof")
            assert given == (proof(body, answer.content, [secret.encode()]).decode() if proved else None)


# What Lambda could not say


def sayable(answer: dict[str, Any]) -> bool:
    """Lambda's runtime for Python 3.12 and later writes JSON as UTF-8 without escapes, and ends where it cannot."""
    return bool(json.dumps(answer, ensure_ascii=False, allow_nan=False).encode())


@pytest.mark.spec("S27")
@pytest.mark.parametrize("where", ["correlationToken", "endpointId", "messageId"])
def test_half_a_character_in_a_directive_is_not_said_again(deploy: Callable[..., Function], where: str) -> None:
    sent = json.loads(json.dumps(ADJUST))
    sent["directive"]["endpoint" if where == "endpointId" else "header"][where] = "a\ud800b"
    answer = deploy(f"http://127.0.0.1:{free_port()}")(sent, Invocation())
    assert sayable(answer)
    assert error_type(answer) == "BRIDGE_UNREACHABLE"
    assert ("endpoint" in answer["event"]) == (where != "endpointId")
    assert ("correlationToken" in answer["event"]["header"]) == (where != "correlationToken")


@pytest.mark.spec("S27")
@pytest.mark.parametrize("words", ['"\\ud800"', "1e999", "-1e999", "NaN", '{"\\udfff": 1}', "9" * 5000])
def test_an_answer_that_lambda_could_not_say_is_bridge_unreachable(deploy: Callable[..., Function], words: str) -> None:
    def answers(connection: socket.socket, body: bytes) -> None:
        content = orjson.dumps({**answer_to(body), "context": "WORDS"})
        connection.sendall(http(content.replace(b'"WORDS"', words.encode())))

    with stranger(answers) as elsewhere:
        answer = deploy(elsewhere.url)(ADJUST, Invocation())
    assert sayable(answer)
    assert unreachable(ADJUST, answer)


@pytest.mark.spec("S27")
def test_an_answer_without_namespace_is_none_even_to_a_directive_without_one(deploy: Callable[..., Function]) -> None:
    event = {"directive": {"header": {"messageId": "a"}, "payload": {}}}
    with stranger(
        lambda connection, body: connection.sendall(http(orjson.dumps(answer_to(body, namespace=None))))
    ) as it:
        assert error_type(deploy(it.url)(event, Invocation())) == "BRIDGE_UNREACHABLE"


def test_names_that_are_a_hundred_thousand_lists_raise_nothing(deploy: Callable[..., Function]) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    event = {"directive": {"header": {"namespace": deep, "name": deep, "correlationToken": deep}}}
    assert error_type(deploy("https://")(event, Invocation())) == "BRIDGE_UNREACHABLE"


@pytest.mark.spec("S27", "security 6.72")
def test_a_server_that_says_again_what_it_was_told_puts_no_token_into_the_log(deploy: Callable[..., Function]) -> None:
    """The log of each test is searched for the token by `deploy`."""
    event = {"directive": {"payload": {"scope": {"type": "BearerToken", "token": TOKEN}}, **DISCOVER["directive"]}}

    def again(connection: socket.socket, body: bytes) -> None:
        says(body)(connection, body)

    def as_headers(connection: socket.socket, body: bytes) -> None:
        says(b"HTTP/1.1 200 OK\r\n" + body + b"\r\n\r\n")(connection, body)

    def as_chunks(connection: socket.socket, body: bytes) -> None:
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"\r\n")(connection, body)

    for behave in (again, as_headers, as_chunks):
        with stranger(behave) as echo:
            assert error_type(deploy(echo.url)(event, Invocation())) == "BRIDGE_UNREACHABLE"


@pytest.mark.spec("S27")
def test_certificates_are_read_before_the_first_directive(
    deploy: Callable[..., Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda gives a start the whole processor, and none of the directive's time."""
    made: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def counted() -> ssl.SSLContext:
        made.append(create())
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    handler = deploy(f"https://127.0.0.1:{free_port()}")
    assert len(made) == 1
    assert unreachable(ADJUST, handler(ADJUST, Invocation()))
    assert len(made) == 1
