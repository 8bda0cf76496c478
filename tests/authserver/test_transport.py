"""What a socket sees: an answer in one piece, answers in the order of their questions, and an end where one is due."""

import asyncio

from tests.running.service import Service

QUESTION = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ANSWER = b'{"status":"alive"}'


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
