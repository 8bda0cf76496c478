"""The one way out: every address that somebody else named (a client's key set, its logout endpoint) is asked here.

https, an address that is checked after it was resolved and is the one connected to, no redirects, no proxy, little time
and little space (contracts/security.md 6.55, 6.77). What it answers is not looked at beyond being JSON.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any
from urllib.parse import urlencode, urlsplit
from weakref import WeakValueDictionary

import orjson

from authserver.settings import Settings, is_loopback

DEADLINE = 5.0  # seconds for all of a fetch, the name's resolution with it
CONNECT = 2.0  # seconds for one address of several
LARGEST = 65_536  # bytes of an answer
#: of one process; more of them wait within their deadline. Apart, so that whoever is slow to hear of logouts keeps
#: nobody's keys from being fetched
AT_ONCE = {"GET": 8, "POST": 20}
#: of those, for clients that registered themselves: of one initial access token, which may stand for thousands of
#: clients and slow addresses, and of all such tokens. The others wait, and those that the operator registered do not
OF_ONE_TOKEN, OF_TOKENS = 2, 6
LIBRARY = ("httpx2", "httpcore2")
MOST_ADDRESSES = 4  # of one name that are tried
LONGEST_URL = 2000
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})")
JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], list[str]]
"""Host and port to addresses, waiting; raises `OSError`."""

#: of the addresses that IPv6 routes at all, those that lead elsewhere than they seem, or nowhere
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NOT_GLOBAL = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
RELAYS = ipaddress.IPv4Network("192.88.99.0/24")  # RFC 7526


class EgressError(Exception):
    """The fetch was not made, or its answer is of no use; the text is for the operator's log."""


@dataclass(frozen=True)
class Destination:
    """A URL in parts, so that no other parser decides where it leads."""

    scheme: str
    host: str  # lower case, without brackets
    port: int
    target: str  # path and query

    @classmethod
    def of(cls, url: str) -> "Destination":
        """Raises `ValueError` that says what is wrong with it, after the words "the URL"."""
        if not 0 < len(url) <= LONGEST_URL or any(not 0x21 <= ord(c) <= 0x7E or c in '\\"<>^`{|}' for c in url):
            raise ValueError(f"must be printable ASCII without spaces, at most {LONGEST_URL} characters")
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise ValueError("has no valid port") from error
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must be https, with a host")
        if "@" in parts.netloc or "#" in url:
            raise ValueError("must have neither a user name nor a fragment")
        host = parts.hostname.lower()
        if not HOST.fullmatch(host) and not _is_ipv6(host):
            raise ValueError("has no valid host")
        standard = 443 if parts.scheme == "https" else 80
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host, standard if port is None else port, target)

    @property
    def authority(self) -> str:
        """As it stands in the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6 and "%" not in host
    except ValueError:
        return False


def registration_problem(url: str) -> str | None:
    """Why this URL cannot be registered as one that we ask, or None. http is for loopback, and asked in development
    mode only."""
    try:
        destination = Destination.of(url)
    except ValueError as error:
        return str(error)
    if destination.scheme == "http" and not is_loopback(url):
        return "must be https"
    return None


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet could ask there too: nothing of ours alone is reached by it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and address not in RELAYS
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in GLOBAL_UNICAST and not any(address in network for network in NOT_GLOBAL)


def allowed_places(text: str) -> tuple[frozenset[str], tuple[Network, ...]]:
    """Names and networks of the setting `egress_allowed`."""
    hosts, networks = set(), []
    for part in filter(None, map(str.strip, text.lower().split(","))):
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            hosts.add(part)
    return frozenset(hosts), tuple(networks)


def resolve(host: str, port: int) -> list[str]:
    """What the machine's own resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Egress:
    """One for each process. Every method raises `EgressError`, and nothing else, for whatever goes wrong."""

    def __init__(self, settings: Settings, resolve: Resolve = resolve) -> None:
        self._development = settings.development
        self._hosts, self._networks = allowed_places(settings.egress_allowed)
        self._resolve = resolve
        # one for each that may ask: a thread is held by a name server that does not answer for longer than the deadline
        self._threads = ThreadPoolExecutor(sum(AT_ONCE.values()), "authserver-resolver")
        self._slots = {method: asyncio.Semaphore(most) for method, most in AT_ONCE.items()}
        self._loading: asyncio.Future[Any] | None = None
        self._of_tokens = asyncio.Semaphore(OF_TOKENS)
        self._of_one_token: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def get_json(self, url: str, token_id: str = "") -> Any:
        """The document at `url`: status 200, JSON by its type and in fact, at most `LARGEST` bytes. `token_id`: of the
        initial access token with which the client registered itself that named the address."""
        status, media_type, body = await self._ask("GET", url, {"Accept": "application/json"}, None, token_id)
        if status != 200:
            raise EgressError(f"answered with status {status}")
        if not JSON_TYPE.fullmatch(media_type):
            raise EgressError("answered with something else than JSON")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise EgressError("answered with broken JSON") from error

    async def post_form(self, url: str, form: Mapping[str, str]) -> int:
        """Tells `url` something; the answer's status, whose body is of no interest."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, _, _ = await self._ask("POST", url, headers, urlencode(form).encode())
        return status

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None, token_id: str = ""
    ) -> tuple[int, str, bytes]:
        try:
            destination = Destination.of(url)
        except ValueError as error:
            raise EgressError(f"the URL {error}") from error
        try:
            async with asyncio.timeout(DEADLINE), self._turn(method, token_id):
                return await self._ask_each(method, destination, headers, content)
        except TimeoutError as error:
            raise EgressError(f"did not answer within {DEADLINE:g} s") from error

    async def _library_loaded(self) -> None:
        """httpx2 is two megabytes that most workers never need. The first fetch loads it beside other work, and for all
        that come meanwhile; after this it can be imported at once."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(lambda: list(map(import_module, LIBRARY))))
        await asyncio.shield(self._loading)

    @asynccontextmanager
    async def _turn(self, method: str, token_id: str) -> AsyncIterator[None]:
        """Whoever waits for the others of the same token keeps no place that somebody else could have."""
        async with AsyncExitStack() as held:
            if token_id:
                of_this = self._of_one_token.setdefault(token_id, asyncio.Semaphore(OF_ONE_TOKEN))
                await held.enter_async_context(of_this)
                await held.enter_async_context(self._of_tokens)
            await held.enter_async_context(self._slots[method])
            yield

    async def _ask_each(
        self, method: str, to: Destination, headers: dict[str, str], content: bytes | None
    ) -> tuple[int, str, bytes]:
        """At the first of its addresses that takes a connection."""
        await self._library_loaded()
        import httpx2

        failure: Exception | None = None
        for address in (await self._addresses(to))[:MOST_ADDRESSES]:
            try:
                return await self._ask_at(address, method, to, headers, content)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
            except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                raise EgressError(f"{type(error).__name__}: no whole answer came") from error
        raise EgressError("cannot be reached") from failure

    async def _addresses(self, to: Destination) -> list[Address]:
        """Those that the name has now, each of them one that may be asked: a name that leads inside with one of its
        addresses is refused as a whole."""
        running = asyncio.get_running_loop()
        try:
            texts = await running.run_in_executor(self._threads, self._resolve, to.host, to.port)
        except (OSError, UnicodeError) as error:
            raise EgressError("its host is not known") from error
        addresses = [ipaddress.ip_address(text) for text in texts]
        if not addresses:
            raise EgressError("its host has no address")
        here = self._development and all(address.is_loopback for address in addresses)
        if to.scheme != "https" and not here:
            raise EgressError("is not https")
        if not here and not all(self._is_allowed(to.host, address) for address in addresses):
            raise EgressError("leads to an address that is not public; AUTHSERVER_EGRESS_ALLOWED permits some")
        return addresses

    def _is_allowed(self, host: str, address: Address) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        if plain.is_multicast or plain.is_unspecified:
            return False
        named = host in self._hosts or any(plain in network for network in self._networks)
        return named or is_public(address)

    async def _ask_at(
        self, address: Address, method: str, to: Destination, headers: dict[str, str], content: bytes | None
    ) -> tuple[int, str, bytes]:
        """The certificate is checked for the host's name, the connection goes to the address that was checked. A client
        for each fetch: a connection that is kept was opened for another name, perhaps."""
        import httpx2

        url = httpx2.URL(scheme=to.scheme, host=str(address), port=to.port, raw_path=to.target.encode())
        asked = {"Host": to.authority, "User-Agent": "authserver", "Accept-Encoding": "identity"} | headers
        transport = httpx2.AsyncHTTPTransport(
            verify=self._tls if to.scheme == "https" else False, trust_env=False, http2=False
        )
        async with (
            httpx2.AsyncClient(
                transport=transport,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx2.Timeout(DEADLINE, connect=CONNECT),
            ) as client,
            client.stream(method, url, headers=asked, content=content, extensions={"sni_hostname": to.host}) as answer,
        ):
            media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if method == "POST":
                return answer.status_code, media_type, b""
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                raise EgressError("answered in an encoding that was not asked for")
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > LARGEST:
                    raise EgressError(f"answered with more than {LARGEST} bytes")
            return answer.status_code, media_type, bytes(body)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Read once: the machine's authorities, or those that `SSL_CERT_FILE` names."""
        return ssl.create_default_context()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
