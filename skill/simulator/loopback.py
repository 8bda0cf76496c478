"""Linking from a command line: the person's browser, and a redirect to loopback (RFC 8252 §7.3) with PKCE."""

import asyncio
import secrets
import time
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from skill.simulator.browsers import Browser, Link
from skill.simulator.linking import AuthorizationServer, LinkingFailed, explained

PATH = "/callback"
LONGEST = 16_384  # bytes of a request
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<meta name=color-scheme content='dark light'><title>{title}</title><h1>{title}</h1><p>{text}</p></html>"
)


async def link(
    issuer: str, client_id: str, client_secret: SecretStr | None, show: Callable[[str], None], within: float
) -> Link:
    """`show` gets the address that the person's browser is to open; `within` seconds. Raises LinkingFailed,
    TimeoutError."""
    browser = Browser("", "")
    answered: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    began = time.time()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            status, title, text = _answer(head, browser, began, answered)
            body = _PAGE.format(title=escape(title), text=escape(text)).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
                "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
                "referrer-policy: no-referrer\r\n"
                "cache-control: no-store\r\nconnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=LONGEST)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        server = AuthorizationServer(issuer, issuer, f"http://127.0.0.1:{port}{PATH}", client_id, client_secret)
        if not await server.is_there():
            raise LinkingFailed(explained("temporarily_unavailable"))
        verifier = secrets.token_urlsafe(64)
        show(server.authorize_url(browser.new_state(began), verifier))
        async with asyncio.timeout(within):
            asked = await answered.get()
        if asked.get("iss") != issuer:  # RFC 9207 §2.4
            raise LinkingFailed(explained("invalid_issuer"))
        if "error" in asked or not asked.get("code"):
            raise LinkingFailed(explained(asked.get("error", "missing_code")))
        return await server.exchange(browser, asked["code"], time.time(), verifier)


def _answer(
    head: bytes, browser: Browser, began: float, answered: "asyncio.Queue[dict[str, str]]"
) -> tuple[str, str, str]:
    """Only the answer to the link that was begun here is taken, once; anything else leaves it waiting."""
    method, _, rest = head.decode("latin-1").partition(" ")
    try:
        parts = urlsplit(rest.partition(" ")[0])
    except ValueError:
        return "400 Bad Request", "Nothing here", "This is no address."
    if method != "GET" or parts.path != PATH:
        return "404 Not Found", "Nothing here", "This address waits for a link alone."
    asked = dict(parse_qsl(parts.query))
    if not browser.take_state(asked.get("state", ""), began):
        return "400 Bad Request", "This linking wasn’t begun here", "Nothing has been linked."
    answered.put_nowait(asked)
    if "code" not in asked or "error" in asked:
        return "200 OK", "Not linked", "Nothing was shared. You can close this window."
    return "200 OK", "Back to the command line", "You can close this window; the command says how it went."
