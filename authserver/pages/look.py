"""The operator's look: name, logo, colour, links, and a folder of own templates, texts and files. Read at the start."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from authserver.languages import Language, languages, read_own
from authserver.pages import colors
from authserver.pages.static_files import OURS, Files
from authserver.settings import Settings, SettingsError
from authserver.templating import Templates, broken, folder_of

log = logging.getLogger(__name__)

LARGEST = 256 * 1024  # bytes of a logo
OWN_STYLE = "own.css"  # rules of the operator's, after ours
ACCENT_STYLE = "accent.css"  # generated: what `accent_color` means in light and dark
URL = re.compile(rb"""url\(\s*(["']?)([^"')]*?)\1\s*\)""", re.IGNORECASE)
COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)
#: what a file begins with, and the name under which it is served
LOGOS = ((b"\x89PNG\r\n\x1a\n", "logo.png"), (b"RIFF", "logo.webp"), (b"<svg", "logo.svg"), (b"<?xml", "logo.svg"))


@dataclass(frozen=True)
class Look:
    """What all pages share."""

    templates: Templates
    files: Files
    languages: Mapping[str, Language]
    logo: str  # its name among the files; '' for none
    styles: tuple[str, ...]  # names of style sheets, in their order
    icon: str
    links: Mapping[str, str]  # at the foot of every page: `support`, `privacy`, `terms`; '' for none

    @classmethod
    def of(cls, settings: Settings) -> "Look":
        """Raises `SettingsError`, which says what to do."""
        folder_of(settings.overrides, "locales")
        spoken = languages(settings.overrides)
        read_own(settings.overrides)
        for language in spoken.values():
            for text in language.unused():
                log.warning("%s: %r is no text of ours, and has no effect", language.own, text)
        templates = Templates(Path(__file__).with_name("templates"), folder_of(settings.overrides, "templates"))
        templates.check()
        own = _own_files(folder_of(settings.overrides, "static"))
        contents = OURS | own
        styles = ["pages.css"]
        if settings.accent_color:
            contents[ACCENT_STYLE] = colors.style(settings.accent_color).encode()
            styles.append(ACCENT_STYLE)
        if OWN_STYLE in contents:
            styles.append(OWN_STYLE)
        logo = ""
        if settings.logo is not None:
            logo, contents = _logo(settings.logo, contents)
        links = {"support": settings.support_url, "privacy": settings.privacy_url, "terms": settings.terms_url}
        files = Files(contents, frozenset(own))
        for name in _named(contents.get(OWN_STYLE, b"")):
            if name not in files:
                log.warning("%s: no page finds %s; only files that lie beside it are found", OWN_STYLE, name)
        return cls(templates, files, spoken, logo, tuple(styles), logo or "lamp.svg", links)


def _own_files(folder: Path | None) -> dict[str, bytes]:
    """Raises `SettingsError` for what is no file: nothing reads a folder in there."""
    own = {}
    for path in sorted(folder.glob("[!.]*")) if folder else ():
        try:
            own[path.name] = path.read_bytes()
        except OSError as error:
            raise broken(f"cannot read {path}:", error.strerror) from error
    return own


def _named(style: bytes) -> list[str]:
    """What a style sheet asks for: `url(…)`, but for what it carries itself and places in this very page."""
    named = [name.decode(errors="replace") for _, name in URL.findall(COMMENT.sub(b"", style))]
    return [name for name in named if name and not name.startswith(("data:", "#"))]


def _logo(path: Path, contents: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """Its kind is what the file is, whatever its name says."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"AUTHSERVER_LOGO: cannot read {path}: {error.strerror}") from error
    if len(content) > LARGEST:
        raise SettingsError(f"AUTHSERVER_LOGO: {path} has {len(content) // 1024} KiB; make it at most 256")
    begins = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    name = next((name for mark, name in LOGOS if begins.startswith(mark)), "")
    if (name == "logo.svg" and b"<svg" not in content) or (name == "logo.webp" and content[8:12] != b"WEBP"):
        name = ""
    if not name:
        raise SettingsError(f"AUTHSERVER_LOGO: {path} is no SVG, PNG or WebP")
    return name, contents | {name: content}
