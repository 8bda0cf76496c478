"""A browser without JavaScript, as far as the hosted pages need one: forms, cookies and redirects."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2


@dataclass
class Form:
    """One form: where it goes, what it holds, and its buttons as (name, value). `actions`: where a button sends it
    instead."""

    action: str
    method: str
    name: str = ""  # its id, by which buttons elsewhere on the page belong to it
    fields: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    actions: dict[tuple[str, str], str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self._form: Form | None = None
        self._silent = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower(), given.get("id", ""))
            self.forms.append(self._form)
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("script", "style"):
            self._silent += 1
        elif "disabled" not in given:
            own = self._form
            if "form" in given:
                own = next((form for form in self.forms if form.name == given["form"]), None)
            if own is not None:
                self._control(tag, given, own)

    def _control(self, tag: str, given: dict[str, str], form: Form) -> None:
        kind = given.get("type", "submit" if tag == "button" else "text").lower()
        name = given.get("name", "")
        if tag == "button" or (tag == "input" and kind == "submit"):
            if kind == "submit":
                button = (name, given.get("value", ""))
                form.buttons.append(button)
                if "formaction" in given:
                    form.actions[button] = given["formaction"]
        elif tag in ("input", "select", "textarea") and name:
            if kind == "hidden":
                form.hidden[name] = given.get("value", "")
            elif kind in ("checkbox", "radio") and "checked" not in given:
                return
            else:
                form.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag in ("script", "style"):
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.text.append(data.strip())


class Page:
    """What the browser shows: an answer of the server, or (`left_to`) the address outside it that it was sent to."""

    def __init__(self, url: str, answer: httpx2.Response, left_to: str | None = None) -> None:
        self.url = url
        self.answer = answer
        self.left_to = left_to
        reader = _Reader()
        if left_to is None and "html" in answer.headers.get("content-type", ""):
            reader.feed(answer.text)
        self.forms = reader.forms
        self.links = [urljoin(url, link) for link in reader.links]
        self.text = " ".join(reader.text)

    @property
    def status(self) -> int:
        return self.answer.status_code

    def forms_with(self, *names: str) -> Iterator[Form]:
        for form in self.forms:
            if all(name in form.fields for name in names):
                yield form

    def has_button(self, value: str) -> bool:
        return any(value == button[1] for form in self.forms for button in form.buttons)

    def asks_for(self, *names: str) -> bool:
        return any(self.forms_with(*names))

    def __repr__(self) -> str:
        return f"<Page {self.status} {self.left_to or self.url}: {self.text[:300]!r}>"


class Browser:
    """One cookie jar. `async with Browser() as browser: page = await browser.open(url)`."""

    def __init__(self, **headers: str) -> None:
        self.client = httpx2.AsyncClient(
            trust_env=False,
            timeout=30,
            verify=False,
            headers={"accept": "text/html", "accept-language": "en"} | headers,
        )

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    async def open(self, url: str) -> Page:
        return await self._follow(url, await self.client.get(url))

    async def press(self, page: Page, button: str = "", /, **filled: str) -> Page:
        """Fill in the form that has these fields (and this button, by value), keep its hidden inputs, and send it."""
        for form in page.forms_with(*filled):
            chosen = [pair for pair in form.buttons if not button or pair[1] == button]
            if not chosen:
                continue
            data = form.hidden | form.fields | filled
            name, value = chosen[0]
            if name:
                data[name] = value
            target = urljoin(page.url, form.actions.get(chosen[0], form.action))
            if form.method == "get":
                return await self._follow(target, await self.client.get(target, params=data))
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
            return await self._follow(
                target, await self.client.post(target, data=data, headers={"origin": origin, "referer": page.url})
            )
        raise AssertionError(f"no form with fields {sorted(filled)} and button {button!r} on {page!r}")

    async def _follow(self, url: str, answer: httpx2.Response) -> Page:
        """Follow redirects while they stay on the same origin, as the address bar would."""
        for _ in range(10):
            if answer.status_code not in (301, 302, 303, 307, 308):
                return Page(url, answer)
            assert answer.status_code in (302, 303), f"{answer.status_code} would send the form again elsewhere"
            target = urljoin(url, answer.headers["location"])
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                return Page(url, answer, left_to=target)
            url = target
            answer = await self.client.get(url)
        raise AssertionError(f"too many redirects at {url}")
