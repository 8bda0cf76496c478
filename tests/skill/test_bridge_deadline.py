"""The bridge's one deadline, whatever takes the time: name, address, handshake, sending, and the parts together."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from skill import boundary, endpoint
from skill.bridge import lambda_function
from tests.skill.deployed import ADJUST, QUICKLY, SECONDS, Function, Invocation, unreachable
from tests.skill.stranger import good, stranger

Resolved = list[tuple[Any, ...]]


def stream(host: str, port: int) -> tuple[Any, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))


@pytest.fixture
def full() -> Any:
    """A port with a full backlog: a connection to it never comes about."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for each in waiting:
            each.close()


@pytest.mark.spec("S16", "S27")
def test_S27_the_bridge_waits_for_longer_than_skill_takes() -> None:
    assert endpoint.BODY_PATIENCE < boundary.BUDGET < lambda_function.BUDGET - lambda_function.MARGIN


def takes(handler: Function, sent: dict[str, Any], invocation: Invocation | None = QUICKLY) -> float:
    began = time.monotonic()
    assert unreachable(sent, handler(sent, invocation))
    return time.monotonic() - began


@pytest.mark.spec("S27", "alexa 2.8")
def test_S27_a_resolver_that_hangs_is_not_waited_for(
    deploy: Callable[..., Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()

    def hangs(*_: object, **__: object) -> Resolved:
        end.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    assert SECONDS <= takes(deploy("https://skill.example.org"), ADJUST) < SECONDS + 0.5
    end.set()


@pytest.mark.spec("S27")
def test_S27_a_silent_address_leaves_time_for_the_next_and_gets_no_directive(
    deploy: Callable[..., Function], monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    """As where the first is IPv6, and leads nowhere."""
    with stranger() as skill:
        addresses = [stream("127.0.0.1", full), (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 1, 0, 0))]
        addresses.append(stream("127.0.0.1", skill.port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        began = time.monotonic()
        answer = deploy(skill.url)(ADJUST, QUICKLY)
        assert answer["event"]["header"]["name"] == "Response"
        assert time.monotonic() - began < SECONDS
        assert len(skill.requests) == 1


@pytest.mark.spec("S27", "alexa 2.8")
def test_S27_many_silent_addresses_take_no_more_than_one(
    deploy: Callable[..., Function], monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [stream("127.0.0.1", full)] * 40)
    assert takes(deploy("https://skill.example.org"), ADJUST) < SECONDS + 0.5


@pytest.mark.spec("S27", "alexa 2.8")
def test_S27_a_handshake_that_trickles_is_given_up_in_time(deploy: Callable[..., Function]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB
                    while True:
                        connection.sendall(b"\x02")
                        time.sleep(0.05)
                except OSError:
                    pass

        threading.Thread(target=trickle, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        assert SECONDS <= takes(deploy(url), ADJUST) < SECONDS + 0.5


@pytest.mark.spec("S27", "alexa 2.8")
def test_S27_a_server_that_does_not_read_is_given_up_in_time(deploy: Callable[..., Function]) -> None:
    large = {"directive": {**ADJUST["directive"], "payload": {"more": "a" * 30_000_000}}}
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        assert SECONDS <= takes(deploy(f"http://127.0.0.1:{deaf.getsockname()[1]}"), large) < SECONDS + 1


@pytest.mark.spec("S27", "alexa 2.8")
def test_S27_the_parts_have_one_deadline_together(
    deploy: Callable[..., Function], monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    """Half a second for the name, a share for a silent address, then a server that says nothing."""

    def slow(*_: object, **__: object) -> Resolved:
        time.sleep(SECONDS / 2)
        return [stream("127.0.0.1", full), stream("127.0.0.1", mute.getsockname()[1])]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        handler = deploy(f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert SECONDS <= takes(handler, ADJUST) < SECONDS + 0.5


@pytest.mark.spec("S27", "alexa 2.8")
@pytest.mark.parametrize("left", [-1.0, 0.0, 0.2, lambda_function.MARGIN])
def test_S27_where_lambda_leaves_no_time_nothing_is_sent(deploy: Callable[..., Function], left: float) -> None:
    with stranger(good) as skill:
        assert takes(deploy(skill.url), ADJUST, Invocation(left)) < 0.5
        assert skill.requests == []


@pytest.mark.spec("S27", "alexa 2.8")
def test_S27_the_whole_budget_is_six_and_a_half_seconds(deploy: Callable[..., Function]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        handler = deploy(f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert 6.4 < takes(handler, ADJUST, Invocation(8)) < 7


@pytest.mark.spec("S27")
def test_S27_a_directive_does_not_wait_for_the_handshake_s_end_to_be_acknowledged(
    deploy: Callable[..., Function],
) -> None:
    """Nagle's algorithm would hold it back for a journey to skill and back, and a few hundredths of a second more."""
    with stranger(good) as skill:
        handler = deploy(skill.url)
        handler(ADJUST, Invocation())
        kept: socket.socket = handler.__globals__["_bridge"]._kept
        assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
