"""The operator's look: what is theirs goes before ours, and what is broken never takes the server down."""

import logging
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

from authserver.accounts.mail import letters
from authserver.app import build, look_of
from authserver.pages import colors
from authserver.settings import Settings, SettingsError, read_settings
from authserver.templating import FOLDERS
from tests.authserver.protocol.harness import settings_for
from tests.running.home import authserver_settings
from tests.running.reading import Browser, Page
from tests.running.service import Service

SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[dict[str, str | bytes]], Path]:
    """An operator's folder with these files."""

    def make(files: dict[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / "own" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "own"

    return make


STRANGE_ALPHABET = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=nope\\n"\n\nmsgid "Cancel"\nmsgstr "Ab"\n'
NOWHERE = "https://auth.example.test/nowhere"


def looking(**settings: Any) -> Browser:
    """At a server of this look; its page for paths that lead nowhere needs no database."""
    app = build(settings_for("sqlite:///unused", **settings))
    app.state.services = object()
    browser = Browser()
    browser.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://auth.example.test")
    return browser


async def loaded(browser: Browser, page: Page, name: str) -> httpx2.Response:
    found = re.search(rf'(?:href|src)="(/static/[0-9a-f]+/{name})"', page.answer.text)
    assert found, page.answer.text
    answer = await browser.client.get(found.group(1))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    return answer


def refusal(**settings: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        build(settings_for("sqlite:///unused", **settings))
    return str(refused.value)


@pytest.mark.spec("security 6.43")
@pytest.mark.parametrize(
    ("content", "kind"),
    [(SVG, "image/svg+xml"), (png(), "image/png"), (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp")],
    ids=["svg", "png", "webp"],
)
async def test_a_logo_stands_in_place_of_name_and_lamp_and_does_nothing(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    path = tmp_path / "whatever.txt"
    path.write_bytes(content)
    async with looking(logo=path, name="Lamps & Co") as browser:
        page = await browser.open(NOWHERE)
        assert 'alt="Lamps &amp; Co"' in page.answer.text
        assert 'class="scene"' not in page.answer.text
        answer = await loaded(browser, page, r"logo\.\w+")
        assert answer.content == content
        assert answer.headers["content-type"] == kind
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy
        assert "script" not in policy


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        (b"x" * (256 * 1024 + 1), "at most 256"),
        (b"<html><svg></svg></html>", "is no SVG, PNG or WebP"),
        (b"<?xml version='1.0'?><html/>", "is no SVG, PNG or WebP"),
        (b"RIFF\0\0\0\0WAVE", "is no SVG, PNG or WebP"),
        (b"", "is no SVG, PNG or WebP"),
    ],
)
def test_what_is_no_logo_stops_the_start(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "logo.png"
    if content is not None:
        path.write_bytes(content)
    assert words in refusal(logo=path)


@pytest.mark.spec("WCAG 2.2")
@pytest.mark.parametrize(
    "accent", ["#000000", "#ffffff", "#1a73e8", "#ffff00", "#001f5b", "#fffdf9", "#1a1511", "#777777"]
)
def test_whatever_the_colour_text_is_readable_and_buttons_are_seen(accent: str) -> None:
    light, dark = re.findall(r":root\{([^}]*)\}", colors.style(accent))
    for scheme, grounds in ((light, colors.LIGHT), (dark, colors.DARK)):
        value = dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6});", scheme))
        assert colors.contrast(value["on-accent"], value["accent"]) >= 4.5
        assert colors.contrast(value["on-accent"], value["accent-over"]) >= 4.5
        assert colors.contrast(value["accent"], grounds[1]) >= colors.VISIBLE
        assert all(colors.contrast(value["accent-text"], ground) >= 4.5 for ground in grounds)


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    style = (Path(colors.__file__).parent / "static" / "pages.css").read_text()
    light, dark = re.findall(r"--ground: (#\w+);\s*--card: (#\w+);\s*--raised: (#\w+);", style)
    assert (light, dark) == (colors.LIGHT, colors.DARK)


async def test_a_colour_is_a_style_sheet_of_its_own_and_the_policy_stays() -> None:
    async with looking(accent_color="#1a73e8") as browser:
        page = await browser.open(NOWHERE)
        assert "--accent:#1a73e8" in (await loaded(browser, page, "accent.css")).text
        assert "unsafe" not in page.answer.headers["content-security-policy"]


async def test_links_of_the_operator_are_at_the_foot() -> None:
    links = {f"{name}_url": f"https://www.example.org/{name}" for name in ("terms", "privacy", "support")}
    async with looking(**links) as browser:
        page = await browser.open(NOWHERE)
        assert set(links.values()) <= set(page.links)
    async with looking() as browser:
        assert 'class="terms"' not in (await browser.open(NOWHERE)).answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TERMS_URL", "http://www.example.org/terms"),
        ("PRIVACY_URL", "javascript:alert(1)"),
        ("SUPPORT_URL", "https://"),
        ("ACCENT_COLOR", "red"),
        ("ACCENT_COLOR", "#12345"),
        ("LANGUAGE", "tlh"),
    ],
)
def test_a_setting_of_the_look_that_cannot_be_is_named(name: str, value: str) -> None:
    given = {"AUTHSERVER_ISSUER": "https://auth.example.test", "AUTHSERVER_SECRET_KEY": "x" * 32}
    with pytest.raises(SettingsError, match=f"AUTHSERVER_{name}: "):
        read_settings(Settings, given | {f"AUTHSERVER_{name}": value})


async def test_templates_texts_and_files_of_the_operator_go_before_ours(
    folder: Callable[[dict[str, str | bytes]], Path],
) -> None:
    own = folder(
        {
            "templates/layout.html": '{% extends "ours/layout.html" %}{% block brand %}Lamps of Ours{% endblock %}',
            "static/lamp.svg": "<svg/>",
            "static/own.css": "h1 { color: red }",
            "locales/en.po": 'msgid ""\nmsgstr ""\n\nmsgid "There is no such page"\nmsgstr "Lost?"\n',
            "mail/code.txt.mail": "{% trans %}Your code{% endtrans %}\n\n{{ code }} von uns\n",
        }
    )
    async with looking(overrides=own) as browser:
        page = await browser.open(NOWHERE)
        assert "Lamps of Ours" in page.text
        assert "Lost?" in page.text
        assert "color: red" in (await loaded(browser, page, "own.css")).text
        assert page.answer.text.index("own.css") > page.answer.text.index("pages.css")
        assert (await loaded(browser, page, "lamp.svg")).text == "<svg/>"
    settings = settings_for("sqlite:///unused", overrides=own)
    mail = letters.written(settings, letters.code_mail(settings, "a@example.org", "012345", 0, locale="de"))
    assert (mail.subject, mail.text) == ("Ihr Code", "012345 von uns\n")
    assert "012345" in mail.html


@pytest.mark.spec("security 6.43")
async def test_a_style_of_the_operators_finds_the_fonts_and_pictures_that_lie_beside_it(
    folder: Callable[[dict[str, str | bytes]], Path],
) -> None:
    style = "@font-face { font-family: Own; src: url('own.woff2') } body { background: url(paper.webp), url(lamp.svg) }"
    own = folder({"static/own.css": style, "static/own.woff2": b"wOF2", "static/paper.webp": b"RIFF"})
    async with looking(overrides=own) as browser:
        page = await browser.open(NOWHERE)
        assert "font-src 'self';" in page.answer.headers["content-security-policy"]
        at = str((await loaded(browser, page, "own.css")).url)
        for name, kind in (("own.woff2", "font/woff2"), ("paper.webp", "image/webp"), ("lamp.svg", "image/svg+xml")):
            answer = await browser.client.get(urljoin(at, name))
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind), name
            assert "sandbox" in answer.headers["content-security-policy"]
        assert (await browser.client.get(urljoin(at, "%2e%2e/templates/login.html"))).status_code == 404
    folder({"static/paper.webp": b"RIFF, and another"})
    async with looking(overrides=own) as browser:
        assert (await browser.client.get(urljoin(at, "paper.webp"))).status_code == 404, "kept for a year"
        page = await browser.open(NOWHERE)
        assert str((await loaded(browser, page, "own.css")).url) != at


@pytest.mark.parametrize("name", ["https://fonts.example.org/own.woff2", "fonts/own.woff2", "/own.woff2", "none.png"])
def test_what_a_style_of_the_operators_names_in_vain_is_named_in_the_log(
    folder: Callable[[dict[str, str | bytes]], Path], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    style = f"/* url(long-gone.png) */ a {{ src: url( '{name}' ); background: url(data:,), url(#a), url(there.png) }}"
    own = folder({"static/own.css": style, "static/there.png": png()})
    with caplog.at_level(logging.WARNING, "authserver.pages.look"):
        look_of(settings_for("sqlite:///unused", overrides=own))
    assert [record.getMessage() for record in caplog.records] == [
        f"own.css: no page finds {name}; only files that lie beside it are found"
    ]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"templates/login.html": "{% block card %}\n{% if %}"}, "templates/login.html, line 2: "),
        ({"templates/login.html": b"\xff\xfe"}, "templates/login.html: "),
        ({"mail/code.txt.mail": "x\n\n{{ code "}, "mail/code.txt.mail, line 3: "),
        ({"locales/de.po": 'msgid "Sign in"\nmsgstr "<b>x</b>"'}, "locales/de.po, line 1: "),
        ({"locales/zh.po": ""}, "locales/zh.po: the languages are "),
        ({"template/login.html": ""}, "nothing reads "),
        ({"static/fonts/own.woff2": b""}, "static/fonts: "),
        ({"templates/login.html/x": ""}, "templates/login.html is no file"),
        ({"locales/de.po": STRANGE_ALPHABET}, "de.po cannot be read: "),
        *(({name: ""}, f"cannot read {{}}/{name}: Not a directory. It must be a folder") for name in FOLDERS),
    ],
)
def test_what_is_broken_in_the_folder_stops_the_start_by_file_and_line(
    folder: Callable[[dict[str, str | bytes]], Path], files: dict[str, str | bytes], words: str
) -> None:
    own = folder(files)
    assert words.format(own) in refusal(overrides=own)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_that_leads_nowhere_stops_the_start(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    assert f"cannot read {tmp_path / name}: No such file" in refusal(overrides=tmp_path)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"mail": ""}, "/mail: Not a directory. It must be a folder that the server may read"),
        ({"locales": ""}, "/locales: Not a directory"),
        ({"mail/trial.txt.mail": "{% if"}, "/mail/trial.txt.mail, line 1: unexpected 'end of template'. Mend it"),
        ({"locales/en.po": 'msgid "Cancel"\nmsgstr "<b>x</b>"'}, "/locales/en.po, line 1: "),
        ({"nobody": ""}, "nothing reads "),
    ],
)
def test_a_trial_of_the_mail_says_in_one_line_what_is_broken(
    folder: Callable[[dict[str, str | bytes]], Path], tmp_path: Path, files: dict[str, str | bytes], words: str
) -> None:
    settings = authserver_settings("sqlite:///unused", 8000, AUTHSERVER_SMTP_URL="smtp://127.0.0.1:1")
    own = Service("authserver", settings | {"AUTHSERVER_OVERRIDES": str(folder(files))}, tmp_path)
    done = own.cli("mail", "test", "ada@example.org")
    (said,) = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 2
    assert said.startswith("authserver: ")
    assert words in said


def test_a_text_that_stands_in_place_of_none_of_ours_is_named_in_the_log(
    folder: Callable[[dict[str, str | bytes]], Path], caplog: pytest.LogCaptureFixture
) -> None:
    own = folder(
        {"locales/en.po": 'msgid ""\nmsgstr ""\n\nmsgid "Long gone"\nmsgstr "x"\n\nmsgid "Cancel"\nmsgstr "No"\n'}
    )
    with caplog.at_level(logging.WARNING, "authserver.pages.look"):
        look_of(settings_for("sqlite:///unused", overrides=own))
    assert "'Long gone' is no text of ours" in caplog.text
    assert "Cancel" not in caplog.text


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    assert "AUTHSERVER_OVERRIDES: cannot read" in refusal(overrides=tmp_path / "nowhere")


async def test_a_template_that_fails_when_it_is_shown_gives_way_to_ours_and_the_log_says_so(
    folder: Callable[[dict[str, str | bytes]], Path], caplog: pytest.LogCaptureFixture
) -> None:
    own = folder({"templates/error.html": "{{ misspelt }}", "mail/code.html.mail": "{{ 1 / 0 }}"})
    with caplog.at_level(logging.ERROR, "authserver.templating"):
        async with looking(overrides=own) as browser:
            assert "<h1>There is no such page</h1>" in (await browser.open(NOWHERE)).answer.text
        settings = settings_for("sqlite:///unused", overrides=own)
        mail = letters.written(settings, letters.code_mail(settings, "a@example.org", "012345", 0))
    assert "012345" in mail.html
    assert f"error.html failed with the templates in {own}/templates/error.html, line 1; ours is shown" in caplog.text
    assert "code.html.mail failed with the templates in" in caplog.text
    assert "Traceback" not in caplog.text


async def test_what_is_filled_into_a_template_of_the_operators_is_escaped(
    folder: Callable[[dict[str, str | bytes]], Path],
) -> None:
    own = folder({"templates/error.html": "{{ name }}"})
    async with looking(overrides=own, name="<b>") as browser:
        assert (await browser.open(NOWHERE)).answer.text == "&lt;b&gt;"


async def test_the_servers_language_is_for_whoever_asks_for_none() -> None:
    async with looking(language="it") as browser:
        for header, tag in (("", "it"), ("zh", "it"), ("*", "it"), ("fr", "fr")):
            browser.client.headers["accept-language"] = header
            assert (await browser.open(NOWHERE)).answer.headers["content-language"] == tag


def test_without_a_look_of_the_operators_nothing_is_read_from_elsewhere() -> None:
    look = look_of(settings_for("sqlite:///unused"))
    assert (look.logo, look.styles, look.templates.own) == ("", ("pages.css",), [])
