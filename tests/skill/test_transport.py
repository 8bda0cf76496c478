"""What anybody may do to a running skill before the first byte of a body: neither fill it nor hold it."""

import contextlib
import socket
import time

import pytest

from skill.transport import HEAD_PATIENCE, LARGEST_REQUEST
from tests.running.service import Service

POST = b"POST /alexa/directive HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
MANY = b"a" * 65536
FLOODS = {
    "one-header": (POST + b"X-More: ", MANY),
    "many-headers": (POST, b"X-More: 1\r\n" * 1000),
    "a-path": (b"POST /", MANY),
    "a-trailer": (CHUNKED + b"0\r\nX-More: ", MANY),
    "chunks": (CHUNKED, b"10000\r\n" + MANY + b"\r\n"),
    "what-nobody-reads": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", MANY),
}
IN_FLIGHT = 16 * 1024 * 1024  # bytes that the kernel's buffers and one read may hold


@pytest.fixture(scope="module")
def database_kind() -> str:
    """Nothing here gets as far as a database."""
    return "sqlite"


@pytest.mark.spec("security 6.72", "S20")
@pytest.mark.parametrize(("first", "then"), FLOODS.values(), ids=FLOODS)
def test_S20_a_request_that_does_not_end_is_given_up(skill: Service, first: bytes, then: bytes) -> None:
    sent, ended = 0, False
    with socket.create_connection(("127.0.0.1", skill.port), timeout=10) as connection:
        connection.sendall(first)
        try:
            while sent < LARGEST_REQUEST + IN_FLIGHT:
                connection.sendall(then)
                sent += len(then)
        except OSError:
            ended = True
    assert ended, f"{sent} bytes were taken"


def test_requests_one_after_another_are_as_many_as_one_likes(skill: Service) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-More: " + b"a" * 8000 + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", skill.port), timeout=10) as connection, connection.makefile("rb") as it:
        for _ in range(2 * LARGEST_REQUEST // len(request)):
            connection.sendall(request)
            assert it.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := it.readline()) != b"\r\n":
                if line.startswith(b"content-length"):
                    length = int(line.split()[1])
            it.read(length)


@pytest.mark.spec("security 6.72")
@pytest.mark.parametrize(
    ("header", "then"), [(b"", b"\r\n"), (b"Content-Length: 99\r\n", b"a")], ids=["an-empty-line", "a-late-body"]
)
def test_who_says_next_to_nothing_after_an_answer_is_not_waited_for(skill: Service, header: bytes, then: bytes) -> None:
    with socket.create_connection(("127.0.0.1", skill.port), timeout=3 * HEAD_PATIENCE) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + header + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(then)
        assert connection.recv(65536) == b""


@pytest.mark.spec("security 6.72")
def test_a_head_that_does_not_come_is_not_waited_for(skill: Service) -> None:
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        silent, half, second = (
            stack.enter_context(socket.create_connection(("127.0.0.1", skill.port), timeout=3 * HEAD_PATIENCE))
            for _ in range(3)
        )
        half.sendall(b"POST /alexa/dir")
        second.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert second.recv(65536).startswith(b"HTTP/1.1 200")
        second.sendall(b"GET /hea")
        for connection in (silent, half, second):
            assert connection.recv(65536) == b""
        assert time.monotonic() - began < 2 * HEAD_PATIENCE + 2
