"""What pages and mails look and sound like, and how mails leave."""

import json
import re
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from authserver.settings.people import AccountSettings


class LookSettings(AccountSettings):
    """The operator's name, language, look and mail server."""

    name: str = Field("Lampgate", description="The name that hosted pages and mails show.")
    language: Literal["en", "de", "es", "fr", "it", "pt-BR", "ja", "hi", "ar"] = Field(
        "en", description="Language of pages and mails for whoever asks for none that we have, and tells none."
    )
    logo: Path | None = Field(
        None,
        description="Picture that pages show in place of the name: an SVG, PNG or WebP file of at most 256 KiB. It "
        "also takes the place of our lamp.",
    )
    accent_color: str = Field(
        "",
        description="Colour of buttons and links, `#rrggbb`. It is made lighter or darker where it could not be told "
        "from the page (WCAG 2.2).",
    )
    terms_url: str = Field("", description="https address of your terms of use, shown at the foot of every page.")
    privacy_url: str = Field("", description="https address of your privacy notice, shown at the foot of every page.")
    support_url: str = Field("", description="https address where people get help, shown at the foot of every page.")
    overrides: Path | None = Field(
        None,
        description="Folder whose `templates`, `mail`, `static` and `locales` go before ours; see "
        "docs/look-and-languages.md.",
    )
    scope_words: dict[str, str] = Field(
        {},
        description="What scopes of your own let an application do, for the consent page, as JSON: "
        '`{"lamps": "Switch your lamps"}`. Others are named as they are.',
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server: `smtp://[USER:PASSWORD@]HOST[:PORT]` (STARTTLS where offered), `smtps://…` (TLS). "
        "Without one, mails stay in the outbox; development mode shows them at `/dev/mailbox`.",
    )
    mail_from: str = Field(
        "no-reply@localhost", description="Sender of every mail: `ADDRESS` or `NAME <ADDRESS>`. [AUTHSERVER_NAME]"
    )
    mail_rate: int = Field(20, ge=1, le=1000, description="Mails that one process sends in a second, at most.")
    mail_overdue: int = Field(
        600, ge=60, description="Seconds that a mail may be late before the log says so as an error, once a minute."
    )

    @field_validator("accent_color")
    @classmethod
    def _color_is_hexadecimal(cls, color: str) -> str:
        if color and not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
            raise ValueError("must be a colour such as #1a73e8")
        return color.lower()

    @field_validator("terms_url", "privacy_url", "support_url")
    @classmethod
    def _link_is_https(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme != "https" or not parts.hostname or not url.isprintable() or " " in url):
            raise ValueError("must be an https address such as https://www.example.org/terms")
        return url

    @field_validator("scope_words", mode="before")
    @classmethod
    def _words_are_json(cls, given: Any) -> Any:
        """In the environment it is text."""
        if not isinstance(given, str):
            return given
        try:
            return json.loads(given)
        except ValueError as error:
            raise ValueError('is not JSON such as {"lamps": "Switch your lamps"}') from error

    @field_validator("scope_words")
    @classmethod
    def _words_are_lines(cls, words: dict[str, str]) -> dict[str, str]:
        for scope, text in words.items():
            if not (0 < len(text) <= 200 and text.isprintable()):
                raise ValueError(f"the words for {scope!r} must be 1 to 200 printable characters")
        return words

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_is_known(cls, url: SecretStr | None) -> SecretStr | None:
        """What is wrong is not shown: a password may be in it."""
        try:
            parts = urlsplit(url.get_secret_value()) if url is not None else None
            good = parts is None or (parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0)
        except ValueError:
            good = False
        if not good:
            raise ValueError(
                "must be smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…, with # / ? @ of a password percent-encoded"
            )
        return url

    @field_validator("mail_from")
    @classmethod
    def _sender_is_an_address(cls, text: str) -> str:
        local, at, domain = parseaddr(text)[1].rpartition("@")
        if not (at and local and domain and local.isascii() and domain.isascii()) or text.count("@") > 1:
            raise ValueError("must be ADDRESS or NAME <ADDRESS> in ASCII; a name with a comma in quotation marks")
        return text
