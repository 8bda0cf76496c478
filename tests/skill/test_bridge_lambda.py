"""The bridge: the Lambda function as AWS calls it, before a real skill and before everything else that may be there."""

import asyncio
import errno
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skill.bridge import lambda_function
from skill.bridge_call import verify
from tests.running.answerer import certificate_for
from tests.running.bridge import directive
from tests.running.home import new_secret
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.alexa_rules import check_answer
from tests.skill.deployed import (
    ACCEPT_GRANT,
    ADJUST,
    BRIGHTNESS,
    DISCOVER,
    GRANT,
    QUICKLY,
    SECONDS,
    SECRET,
    TOKEN,
    Function,
    Invocation,
    unreachable,
)
from tests.skill.issuer import Issuer
from tests.skill.stranger import (
    answer_to,
    chunked,
    ends_early,
    floods,
    good,
    http,
    resets,
    says,
    silent,
    stranger,
    trickles,
    unlinking,
    with_changed,
    with_header,
)
from tests.skill.talking import Alexa, error_type, values

# What is sent


@pytest.mark.spec("S27", "alexa 2.8")
@pytest.mark.parametrize(
    "payload",
    [{"brightnessDelta": -10}, {"name": "Küche 灯 \U0001f4a1 \ud800"}, {"n": [0.1, 1e300, 10**30, -0.0, True, None]}],
    ids=["plain", "unicode", "numbers"],
)
def test_the_body_is_the_directive_and_the_signature_is_over_its_bytes(
    deploy: Callable[..., Function], payload: dict[str, Any]
) -> None:
    sent = directive(BRIGHTNESS, "AdjustBrightness", TOKEN, "lamp-1", payload)
    with stranger() as skill:
        answer = deploy(skill.url)(sent, Invocation())
    assert answer["event"]["header"]["name"] == "Response"
    ((head, body),) = skill.requests
    assert json.loads(body) == sent
    assert head.startswith("POST /alexa/directive HTTP/1.1\r\n")
    headers = [line.split(": ", 1) for line in head.splitlines()[1:]]
    call = verify(
        [(name.lower().encode(), value.encode()) for name, value in headers], body, [SECRET.encode()], time.time()
    )
    assert abs(call.timestamp - time.time()) < 5


@pytest.mark.spec("S27")
@pytest.mark.parametrize("more", ["/", "/alexa/directive", "/alexa/directive/"])
def test_the_url_of_skill_may_be_its_public_url_or_that_of_directives(
    deploy: Callable[..., Function], more: str
) -> None:
    with stranger() as skill:
        deploy(skill.url + more)(ADJUST, Invocation())
        deploy(skill.url + "/lamps" + more)(ADJUST, Invocation())
    assert [head.split()[1] for head, _ in skill.requests] == ["/alexa/directive", "/lamps/alexa/directive"]


# What comes back


@pytest.mark.spec("S27")
@pytest.mark.parametrize("length", ["content-length", "chunked"])
def test_a_good_answer_is_given_back_as_it_is(deploy: Callable[..., Function], length: str) -> None:
    given: list[dict[str, Any]] = []

    def answers(connection: socket.socket, body: bytes) -> None:
        given.append({**answer_to(body), "context": {"properties": [{"value": 0.1}]}, "later": ["a field"]})
        content = orjson.dumps(given[-1])
        connection.sendall(http(content) if length == "content-length" else chunked(content[:7], content[7:], b""))

    with stranger(answers) as skill:
        handler = deploy(skill.url)
        for sent in (ADJUST, DISCOVER, ACCEPT_GRANT):
            assert handler(sent, Invocation()) == given[-1]


NOT_JSON = {
    "html": b"<!doctype html><h1>It works</h1>",
    "empty": b"",
    "cut": b'{"event": {"header": ',
    "binary": bytes(range(256)),
    "nan": b'{"event": NaN}',
    "deep": b"[" * 200_000,
    "list": b"[]",
    "text": b'"event"',
    "null": b"null",
    "number": b"7",
    "no-event": b'{"event": []}',
    "no-header": b'{"event": {"payload": {}}}',
}
WRONG_HEADERS: dict[str, dict[str, Any]] = {
    "namespace": {"namespace": "Alexa.Elsewhere"},
    "no-namespace": {"namespace": None},
    "no-name": {"name": None},
    "no-message-id": {"messageId": None},
    "version": {"payloadVersion": "2"},
    "version-as-number": {"payloadVersion": 3},
    "correlation-token": {"correlationToken": "another's"},
}


STATUSES = (204, 301, 302, 307, 400, 401, 403, 404, 405, 408, 413, 429, 500, 502, 503, 504)
OK = b"HTTP/1.1 200 OK\r\n"
FAILURES = {
    **{f"status-{status}": unlinking(f"{status} Whatever") for status in STATUSES},
    "redirect": says(http(b"", "Location: https://example.org/alexa/directive", status="308 Elsewhere")),
    **{f"body-{name}": says(http(content)) for name, content in NOT_JSON.items()},
    **{f"header-{name}": with_header(changes) for name, changes in WRONG_HEADERS.items()},
    "another-directive's": unlinking("200 OK", correlationToken="another's"),
    "another-endpoint": with_changed("endpoint", {"endpointId": "lamp-2"}),
    "no-payload": with_changed("payload", None),
    "not-http": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "closed": says(b""),
    "reset": resets,
    "head-cut": says(OK + b"Content-Type: appl"),
    "body-cut": says(OK + b"Content-Length: 100\r\n\r\n{}"),
    "good-but-cut": ends_early,
    "chunk-cut": says(chunked(b"{}")[:-2] + b"\r\n50\r\n{}"),
    "chunk-not-hex": says(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "too-large": floods(OK + b"Content-Length: 99999999\r\n\r\n", b" " * 65536),
    "too-large-in-chunks": floods(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "too-large-without-length": floods(OK + b"\r\n", b" " * 65536),
    "endless-line": floods(OK, b"a" * 65536),
    "endless-headers": floods(OK, b"X-More: 1\r\n" * 1000),
}
SLOW = {
    "silent": silent,
    "status-line-trickles": trickles(b"HTTP/1.1 200 ", b"O"),
    "headers-trickle": trickles(OK, b"X"),
    "body-trickles": trickles(OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks-trickle": trickles(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "continues-for-ever": trickles(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.spec("S27", "alexa 0", "alexa 2.8")
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_whatever_is_no_good_answer_is_bridge_unreachable_at_once_and_sent_once(
    deploy: Callable[..., Function], failure: Callable[[socket.socket, bytes], None]
) -> None:
    with stranger(failure) as elsewhere:
        handler = deploy(elsewhere.url)
        for number, sent in enumerate((ADJUST, DISCOVER, ACCEPT_GRANT), 1):
            began = time.monotonic()
            assert unreachable(sent, handler(sent, Invocation()))
            assert time.monotonic() - began < lambda_function.BUDGET - 1
            assert (elsewhere.connections, len(elsewhere.requests)) == (number, number)


@pytest.mark.spec("S27", "alexa 0", "alexa 2.8")
@pytest.mark.parametrize("failure", SLOW.values(), ids=SLOW)
def test_what_takes_too_long_is_bridge_unreachable_in_time_and_sent_once(
    deploy: Callable[..., Function], failure: Callable[[socket.socket, bytes], None]
) -> None:
    with stranger(failure) as elsewhere:
        began = time.monotonic()
        assert unreachable(ADJUST, deploy(elsewhere.url)(ADJUST, QUICKLY))
        assert SECONDS <= time.monotonic() - began < SECONDS + 1.5
        assert (elsewhere.connections, len(elsewhere.requests)) == (1, 1)


@pytest.mark.spec("S27")
def test_nobody_listens(deploy: Callable[..., Function]) -> None:
    handler = deploy(f"http://127.0.0.1:{free_port()}")
    assert all(unreachable(sent, handler(sent, QUICKLY)) for sent in (ADJUST, DISCOVER, ACCEPT_GRANT))


@pytest.mark.spec("S27")
def test_nobody_accepts(deploy: Callable[..., Function]) -> None:
    """A full backlog: the connection never comes about."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = []
        for _ in range(8):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            assert waiting[-1].connect_ex(full.getsockname()) in (0, errno.EINPROGRESS)
        began = time.monotonic()
        assert unreachable(ADJUST, deploy(f"http://127.0.0.1:{full.getsockname()[1]}")(ADJUST, QUICKLY))
        assert time.monotonic() - began < 2
        for each in waiting:
            each.close()


@pytest.mark.spec("S27")
def test_a_name_that_does_not_resolve_is_given_up_in_time(deploy: Callable[..., Function]) -> None:
    began = time.monotonic()
    assert unreachable(ADJUST, deploy("https://skill.invalid")(ADJUST, QUICKLY))
    assert time.monotonic() - began < 2


@pytest.mark.spec("S27")
@pytest.mark.parametrize(
    "url",
    [
        *("", "skill.example.org", "ftp://skill.example.org", "https://", "https://skill.example.org:port"),
        *("http://skill.example.org", "http://127.0.0.1.nip.io", "http://localhost.example", "http://192.168.1.7"),
        *("https://me:word@skill.example.org", "https://skill.example.org/?a=1", "https://skill.example.org/#a"),
        *("https://skill.example.org/a b", "https://skill.example.org/\r\nX-More: 1", "https://[::1"),
    ],
)
def test_a_url_that_would_show_the_token_or_makes_no_sense_is_called_by_nobody(
    deploy: Callable[..., Function], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unreachable(ADJUST, deploy(url)(ADJUST, QUICKLY))
    log = capsys.readouterr().out
    assert "SKILL_URL" in log
    assert "unexpected" not in log


@pytest.mark.spec("S27")
@pytest.mark.parametrize("secret", ["", " , "])
def test_without_a_secret_nothing_is_sent(
    deploy: Callable[..., Function], secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with stranger() as skill:
        assert unreachable(ADJUST, deploy(skill.url, secret)(ADJUST, QUICKLY))
    assert skill.connections == 0
    assert "BRIDGE_SECRET is not set" in capsys.readouterr().out


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "header": JSON
        | st.fixed_dictionaries({}, optional={"namespace": JSON, "name": JSON, "correlationToken": JSON | st.text()}),
        "endpoint": JSON | st.fixed_dictionaries({}, optional={"endpointId": JSON | st.text()}),
    },
)


@pytest.mark.spec("S27", "alexa 0")
def test_no_event_whatever_makes_it_raise_or_blame_the_token(deploy: Callable[..., Function]) -> None:
    handler = deploy("https://")

    @settings(deadline=None)
    @given(event=JSON | st.fixed_dictionaries({"directive": JSON | PARTS}))
    def answers(event: object) -> None:
        answer = handler(event, QUICKLY)
        assert answer["event"]["payload"]["type"] == "BRIDGE_UNREACHABLE"
        assert set(answer["event"]) <= {"header", "payload", "endpoint"}

    answers()


# TLS


@pytest.mark.spec("S27")
def test_https_is_verified_against_the_name(
    deploy: Callable[..., Function], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = certificate_for("localhost", tmp_path)
    with stranger(tls=tls) as skill:
        named = skill.url.replace("127.0.0.1", "localhost")
        assert unreachable(ADJUST, deploy(named)(ADJUST, Invocation())), "trusted by nobody"
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert unreachable(ADJUST, deploy(skill.url)(ADJUST, Invocation())), "another name"
        assert skill.requests == []
        handler = deploy(named)
        for _ in range(3):
            assert handler(ADJUST, Invocation())["event"]["header"]["name"] == "Response"
        assert skill.connections == 3, "two failed, and one was kept"


@pytest.mark.spec("S27")
def test_a_server_that_speaks_no_tls_or_never_ends_its_handshake(deploy: Callable[..., Function]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://127.0.0.1:{mute.getsockname()[1]}"
        began = time.monotonic()
        assert unreachable(ADJUST, deploy(url)(ADJUST, QUICKLY))
        assert time.monotonic() - began < 2
    with stranger(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as plain:
        assert unreachable(ADJUST, deploy(plain.url.replace("http:", "https:"))(ADJUST, QUICKLY))
        assert plain.requests == []


# The connection


@pytest.mark.spec("S27")
def test_a_connection_is_used_again_and_never_trusted_when_it_may_be_dead(
    deploy: Callable[..., Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered() -> bool:
        return handler(ADJUST, Invocation())["event"]["header"]["name"] == "Response"

    with stranger() as skill:
        handler = deploy(skill.url)
        assert all(answered() for _ in range(3))
        assert skill.connections == 1
        skill.hang_up()
        assert answered()
        assert skill.connections == 2, "it had ended, and the directive was not tried on it"
        later = time.time() + lambda_function.IDLE + 1
        monkeypatch.setattr(time, "time", lambda: later)
        assert answered()
        assert skill.connections == 3, "it was too old, which only the wall clock tells after a freeze"
        skill.behave = says(http(b"{}"))
        assert unreachable(ADJUST, handler(ADJUST, Invocation()))
        skill.behave = good
        assert answered()
        assert skill.connections == 4, "one that failed is not kept"
    assert len(skill.requests) == 7


@pytest.mark.spec("S27")
@pytest.mark.parametrize("how", ["connection-close", "words-nobody-asked-for"])
def test_a_connection_that_is_no_longer_in_step_is_not_kept(deploy: Callable[..., Function], how: str) -> None:
    def answers(connection: socket.socket, body: bytes) -> None:
        header = ["Connection: close"] if how == "connection-close" else []
        content = http(orjson.dumps(answer_to(body)), *header)
        connection.sendall(content)
        if not header:
            time.sleep(0.05)
            connection.sendall(content)

    with stranger(answers) as skill:
        handler = deploy(skill.url)
        for number in (1, 2):
            assert handler(ADJUST, Invocation())["event"]["header"]["name"] == "Response"
            assert skill.connections == number
            time.sleep(0.15)


# With a real skill


@pytest.fixture
def forward(deploy: Callable[..., Function], skill: Service) -> Callable[..., Any]:
    """Through the function to the running skill."""
    handler = deploy(skill.url, skill.settings["SKILL_BRIDGE_SECRET"])

    async def forwarded(message: dict[str, Any]) -> dict[str, Any]:
        answer = await asyncio.to_thread(handler, message, Invocation())
        check_answer(message, answer)
        return answer

    return forwarded


@pytest.mark.spec("S27", "alexa 2.8")
async def test_a_directive_is_obeyed_once_and_answered(
    forward: Callable[..., Any], alexa: Alexa, issuer: Issuer, lamp: str
) -> None:
    answer = await forward(directive(BRIGHTNESS, "SetBrightness", issuer.token(), lamp, {"brightness": 10}))
    assert values(answer)["brightness"] == 10
    for number in range(1, 6):
        sent = directive(BRIGHTNESS, "AdjustBrightness", issuer.token(), lamp, {"brightnessDelta": 3})
        assert values(await forward(sent))["brightness"] == 10 + 3 * number
    assert (await alexa.state(lamp))["brightness"] == 25
    discovered = await forward(directive("Alexa.Discovery", "Discover", issuer.token()))
    assert lamp in {each["endpointId"] for each in discovered["event"]["payload"]["endpoints"]}
    accepted = await forward(directive("Alexa.Authorization", "AcceptGrant", issuer.token(), payload={"grant": GRANT}))
    assert accepted["event"]["header"]["name"] == "AcceptGrant.Response"


@pytest.mark.spec("S27", "alexa 0")
async def test_what_skill_says_of_a_token_is_passed_on(forward: Callable[..., Any], issuer: Issuer, lamp: str) -> None:
    expired = directive("Alexa", "ReportState", issuer.token(exp=int(time.time()) - 3600), lamp)
    assert error_type(await forward(expired)) == "EXPIRED_AUTHORIZATION_CREDENTIAL"
    foreign = directive("Alexa", "ReportState", issuer.token(), "lamp-of-nobody")
    assert error_type(await forward(foreign)) == "NO_SUCH_ENDPOINT"


async def test_what_is_no_directive_is_skill_s_to_refuse(forward: Callable[..., Any]) -> None:
    """Lambda's own test event: the operator sees that the way is open."""
    assert error_type(await forward({"key1": "value1"})) == "INVALID_DIRECTIVE"


@pytest.mark.spec("S27", "alexa 0")
async def test_a_wrong_bridge_secret_unlinks_nobody(
    deploy: Callable[..., Function], skill: Service, issuer: Issuer, lamp: str, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = deploy(skill.url, new_secret())
    for claims in ({}, {"exp": 1}):
        sent = directive(BRIGHTNESS, "SetBrightness", issuer.token(**claims), lamp, {"brightness": 10})
        assert unreachable(sent, await asyncio.to_thread(handler, sent, Invocation()))
    assert "status 401: is BRIDGE_SECRET the skill's" in capsys.readouterr().out


@pytest.mark.spec("S27")
async def test_of_two_secrets_the_first_signs_as_skill_has_them(
    deploy: Callable[..., Function], skill: Service, issuer: Issuer, lamp: str
) -> None:
    secret = skill.settings["SKILL_BRIDGE_SECRET"]
    for both, good_one in ((f"{secret}, {new_secret()}", True), (f"{new_secret()},{secret}", False)):
        sent = directive("Alexa", "ReportState", issuer.token(), lamp)
        answer = await asyncio.to_thread(deploy(skill.url, both), sent, Invocation())
        assert (answer["event"]["header"]["name"] == "StateReport") == good_one


@pytest.mark.spec("S27")
async def test_a_restart_of_skill_costs_nothing_but_what_came_meanwhile(
    forward: Callable[..., Any], skill: Service, issuer: Issuer, lamp: str
) -> None:
    def sent() -> dict[str, Any]:
        return directive("Alexa", "ReportState", issuer.token(), lamp)

    assert (await forward(sent()))["event"]["header"]["name"] == "StateReport"
    skill.stop()
    assert error_type(await forward(sent())) == "BRIDGE_UNREACHABLE"
    skill.start()
    assert (await forward(sent()))["event"]["header"]["name"] == "StateReport"
