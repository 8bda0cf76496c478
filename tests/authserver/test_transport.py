"""What a socket sees: an answer in one piece, answers in the order of their questions, and an end where one is due."""

import asyncio
import contextlib
import socket

import pytest

from authserver.transport import HEAD_PATIENCE, LARGEST_REQUEST
from tests.running.service import Service

QUESTION = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ANSWER = b'{"status":"alive"}'


@pytest.fixture(scope="module")
def database_kind() -> str:
    """Nothing here gets as far as a database."""
    return "sqlite"


async def test_an_answer_leaves_in_one_piece(authserver: Service) -> None:
    """Head and body are one write: the reader is not woken for half an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", authserver.port)
    for _ in range(50):
        writer.write(QUESTION)
        piece = await reader.read(65_536)
        assert piece.startswith(b"HTTP/1.1 200")
        assert piece.endswith(ANSWER)
    writer.close()


async def test_questions_sent_at_once_are_answered_one_after_the_other(authserver: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", authserver.port)
    last = QUESTION.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    missing = QUESTION.replace(b"/healthz", b"/oauth2/nothing")
    writer.write(QUESTION + missing + last)
    heard = await asyncio.wait_for(reader.read(), 10)  # until the server closes: nothing may be left unsent
    assert heard.count(b"HTTP/1.1 200") == 2
    assert heard.count(b"HTTP/1.1 404") == 1
    assert heard.index(b" 200") < heard.index(b" 404") < heard.rindex(b" 200")
    assert heard.endswith(ANSWER)
    writer.close()


async def test_a_client_that_has_said_all_still_gets_its_answer(authserver: Service) -> None:
    """It half-closes the connection with its question, as probes and some proxies do."""
    for _ in range(50):
        reader, writer = await asyncio.open_connection("127.0.0.1", authserver.port)
        writer.write(QUESTION)
        writer.write_eof()
        heard = await asyncio.wait_for(reader.read(), 10)
        assert heard.endswith(ANSWER), heard
        writer.close()


POST = b"POST /oauth2/token HTTP/1.1\r\nHost: a\r\n"
MANY = b"a" * 65_536
ENDLESS = {
    "one-header": (POST + b"X-More: ", MANY),
    "many-headers": (POST, b"X-More: 1\r\n" * 1000),
    "a-path": (b"GET /oauth2/authorize?state=", MANY),
    "a-trailer": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-More: ", MANY),
    "a-body-that-nobody-reads": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", MANY),
}
IN_FLIGHT = 16 * 1024 * 1024  # bytes that the kernel's buffers and one read may hold


@pytest.mark.parametrize(("first", "then"), ENDLESS.values(), ids=ENDLESS)
def test_a_request_that_does_not_end_is_given_up(authserver: Service, first: bytes, then: bytes) -> None:
    sent, ended = 0, False
    with socket.create_connection(("127.0.0.1", authserver.port), timeout=10) as connection:
        connection.sendall(first)
        try:
            while sent < LARGEST_REQUEST + IN_FLIGHT:
                connection.sendall(then)
                sent += len(then)
        except OSError:
            ended = True
    assert ended, f"{sent} bytes were taken"


@pytest.mark.parametrize(
    ("header", "then"), [(b"", b"\r\n"), (b"Content-Length: 99\r\n", b"a")], ids=["an-empty-line", "a-late-body"]
)
def test_who_says_next_to_nothing_after_an_answer_is_not_waited_for(
    authserver: Service, header: bytes, then: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", authserver.port), timeout=3 * HEAD_PATIENCE) as connection:
        connection.sendall(QUESTION[:-2] + header + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(then)
        assert connection.recv(65_536) == b""


def test_a_head_that_does_not_come_is_not_waited_for(authserver: Service) -> None:
    with contextlib.ExitStack() as stack:
        silent, half, second = (
            stack.enter_context(socket.create_connection(("127.0.0.1", authserver.port), timeout=3 * HEAD_PATIENCE))
            for _ in range(3)
        )
        half.sendall(POST[:20])
        second.sendall(QUESTION)
        assert second.recv(65_536).startswith(b"HTTP/1.1 200")
        second.sendall(QUESTION[:10])
        assert [connection.recv(65_536) for connection in (silent, half, second)] == [b""] * 3
