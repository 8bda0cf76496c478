"""One guarded way out: a form is posted to an address that an operator or a client has registered.

https only, and only to addresses of the public network, which are looked up once and then connected to: a name that
points inside, now or a moment later, reaches nothing of ours (contracts/security.md 6.77). No redirect is followed, and
of the answer the status alone is read. On a development server on loopback, loopback is reached too, by http as well.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx2

TIMEOUT = 5.0  # seconds in all


class RefusedError(Exception):
    """The address is none that this server goes to; the text says why."""


class UnreachableError(Exception):
    """Nothing answered in time; the text says why."""


async def post(url: str, form: dict[str, str], *, loopback: bool = False) -> int:
    """The status of the answer. Raises `RefusedError` and `UnreachableError`. `loopback`: that it may go there."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _post(url, form, loopback)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
        raise UnreachableError(type(error).__name__) from error


async def _post(url: str, form: dict[str, str], loopback: bool) -> int:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise RefusedError("it is no https address")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(one[4][0]) for one in found]
    if not addresses or not all(_is_open(one, loopback) for one in addresses):
        raise RefusedError("it is an address of a network that is not public")
    if parts.scheme == "http" and not all(one.is_loopback for one in addresses):
        raise RefusedError("it is no https address")
    address = addresses[0]
    pinned = httpx2.URL(url).copy_with(host=str(address))
    async with (
        httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT) as client,
        client.stream(
            "POST",
            pinned,
            data=form,
            headers={"Host": parts.netloc, "Accept": "*/*", "Accept-Encoding": "identity"},
            extensions={"sni_hostname": parts.hostname},  # the certificate is that of the name
        ) as answer,
    ):
        return answer.status_code


def _is_open(address: ipaddress.IPv4Address | ipaddress.IPv6Address, loopback: bool) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.is_loopback:
        return loopback
    return mapped.is_global and not mapped.is_multicast
