"""The operator's look: name, logo, colour, links, and a folder of own templates, texts and files. Read at the start."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from authserver.languages import Language, languages
from authserver.pages import colors
from authserver.pages.static_files import OURS, Files
from authserver.settings import Settings, SettingsError
from authserver.templating import Templates, folder_of

log = logging.getLogger(__name__)

LARGEST = 256 * 1024  # bytes of a logo
OWN_STYLE = "own.css"  # rules of the operator's, after ours
ACCENT_STYLE = "accent.css"  # generated: what `accent_color` means in light and dark
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
        spoken = languages(settings.overrides)
        for language in spoken.values():
            for text in language.unused():
                log.warning("%s: %r is no text of ours, and has no effect", language.own, text)
            if language.own is not None:
                _ = language.messages
        templates = Templates(Path(__file__).with_name("templates"), folder_of(settings.overrides, "templates"))
        templates.check()
        contents = OURS | _own_files(folder_of(settings.overrides, "static"))
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
        return cls(templates, Files(contents), spoken, logo, tuple(styles), logo or "lamp.svg", links)


def _own_files(folder: Path | None) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*")) if path.is_file()} if folder else {}


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
