"""A browser without JavaScript at the simulator's page."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx2


class Visitor:
    """`page` is the last page's HTML; cookies are kept as a browser keeps them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx2.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=20)
        self.page = ""

    async def __aenter__(self) -> "Visitor":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    async def open(self) -> str:
        answer = await self.client.get("/simulator/")
        assert answer.status_code == 200, answer.text
        self.page = answer.text
        return self.page

    @property
    def form_token(self) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.page)
        assert found
        return found[1]

    async def post(self, action: str, headers: dict[str, str] | None = None, **fields: str) -> httpx2.Response:
        """As the page's own forms do; `headers` go before those of a browser."""
        sent = {"origin": self.url, "sec-fetch-site": "same-origin"} | (headers or {})
        form = {"form_token": self.form_token} | fields
        return await self.client.post(f"/simulator/{action}", data=form, headers=sent)

    async def act(self, action: str, **fields: str) -> str:
        """Post, follow the 303, give the page."""
        answer = await self.post(action, **fields)
        assert answer.status_code == 303, f"{answer.status_code} {answer.text}"
        assert answer.headers["location"] == "./"
        return await self.open()

    async def begin(self) -> dict[str, str]:
        """Press *Link account*; gives the authorization request's parameters."""
        answer = await self.post("link")
        assert answer.status_code == 303
        query = parse_qs(urlsplit(answer.headers["location"]).query, strict_parsing=True)
        return {name: values[0] for name, values in query.items()}

    async def come_back(self, **parameters: str) -> httpx2.Response:
        return await self.client.get("/simulator/callback", params=parameters)

    async def link(self, issuer: str) -> str:
        """The whole linking, the authorization server's pages left out."""
        asked = await self.begin()
        answer = await self.come_back(code="the-code-0123456789abcdef", state=asked["state"], iss=issuer)
        assert answer.status_code == 303
        assert answer.headers["location"] == "./"
        return await self.open()

    def reply(self) -> str:
        """What Alexa said last."""
        found = re.search(r'<p class="reply[^>]*>.*?Alexa: </span><span>(.*?)</span></p>', self.page, re.S)
        assert found, self.page
        return unescape(re.sub(r"<[^>]+>", "", found[1])).replace("’", "'")

    def lamp(self, name: str) -> str:
        """How a lamp is labelled."""
        found = re.search(rf"<h2>{name}</h2>\s*<p class=\"state\" data-label>(.*?)</p>", self.page)
        assert found, self.page
        return found[1]
