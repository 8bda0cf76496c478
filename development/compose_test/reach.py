"""HTTP to the stack under test: published ports on loopback, also under names that no resolver knows."""

import ssl
from dataclasses import dataclass, field

import httpx2

from tests.running.ports import LOOPBACK
from tests.running.reading import Browser


@dataclass(frozen=True)
class Reach:
    """`ports` says where a public host name is published; other URLs are taken as they are."""

    ports: dict[str, int] = field(default_factory=dict)
    trust: ssl.SSLContext | None = None

    def client(self) -> httpx2.AsyncClient:
        verify: ssl.SSLContext | bool = self.trust or True
        transport = _Published(self.ports, verify)
        return httpx2.AsyncClient(transport=transport, timeout=30)

    def browser(self) -> Browser:
        browser = Browser()
        browser.client = self.client()
        browser.client.headers.update({"accept": "text/html", "accept-language": "en"})
        return browser


class _Published(httpx2.AsyncHTTPTransport):
    """Connects to the published port on loopback, with the name in `Host`, SNI and the certificate's check."""

    def __init__(self, ports: dict[str, int], verify: ssl.SSLContext | bool) -> None:
        super().__init__(verify=verify, trust_env=False)
        self._ports = ports

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        if host in self._ports:
            request = httpx2.Request(
                request.method,
                request.url.copy_with(host=LOOPBACK, port=self._ports[host]),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions | {"sni_hostname": host},
            )
        return await super().handle_async_request(request)
