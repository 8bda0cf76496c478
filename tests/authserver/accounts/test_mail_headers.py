"""What goes to a mail server: no name makes a header, no address becomes another, no password goes in clear."""

import email
import email.policy

import pytest

from authserver.accounts.mail import letters
from authserver.accounts.mail.server import MailServer, message_of
from authserver.accounts.names import NotAnAddressError, read_email
from tests.authserver.protocol.harness import settings_for

SENDER = "lamps@auth.example.test"


BREAKS = ["\r\nBcc: x@example.org", "=?utf-8?q?X=0D=0ABcc:_x@example.org?=", "\x0bBcc: x@example.org", "\u2028Bcc: x"]


@pytest.mark.spec("security 6.56")
@pytest.mark.parametrize("policy", [email.policy.SMTP, email.policy.SMTPUTF8], ids=["ascii", "utf-8"])
@pytest.mark.parametrize("hidden", BREAKS, ids=ascii)
def test_no_name_makes_a_header(hidden: str, policy: email.policy.EmailPolicy) -> None:
    """Python decodes encoded words, and a line break inside of one would come out as one."""
    settings = settings_for("sqlite:///unused", name=f'Lämpchen "& Söhne", {hidden}', mail_from=SENDER)
    mail = letters.linked_mail(settings, "a@example.org", f"X {hidden}", "https://x.example", 0)
    raw = message_of(settings, mail, letters.written(settings, mail)).as_bytes(policy=policy)
    names = {line.partition(b":")[0] for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] != b" "}
    assert names == {b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version",
                     b"Content-Type"}  # fmt: skip
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert [one.addr_spec for one in read["from"].addresses] == [SENDER]
    assert policy.utf8 or "Söhne" in read["from"].addresses[0].display_name


@pytest.mark.spec("security 6.56", "security 6.64")
@pytest.mark.parametrize("recipient", ["a@example.org\nBcc: z@example.org", "=?utf-8?q?x=0D=0ABcc?=@example.org"])
def test_no_address_makes_a_header_or_becomes_another_address(recipient: str) -> None:
    settings = settings_for("sqlite:///unused", mail_from=SENDER)
    mail = letters.account_deleted_mail(settings, recipient, 0)
    with pytest.raises(ValueError):
        message_of(settings, mail, letters.written(settings, mail))
    with pytest.raises(NotAnAddressError):
        read_email(recipient, public=True)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user", "password"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, False, None, None),
        ("smtp://u%40x:p%2Fw@mail.example.org", "mail.example.org", 587, False, "u@x", "p/w"),
        ("smtps://u:p@mail.example.org", "mail.example.org", 465, True, "u", "p"),
        ("smtp://mail.example.org:2525", "mail.example.org", 2525, False, None, None),
    ],
)
def test_the_url_says_where_and_how(
    url: str, host: str, port: int, tls: bool, user: str | None, password: str | None
) -> None:
    server = MailServer.of(url)
    assert (server.host, server.port, server.tls, server.user, server.password) == (host, port, tls, user, password)
    assert "p/w" not in repr(server)


async def test_a_password_never_goes_unprotected_to_another_machine() -> None:
    assert MailServer.of("smtp://u:p@mail.example.org").connect()._start_tls_on_connect is True
    assert MailServer.of("smtp://u:p@127.0.0.1").connect()._start_tls_on_connect is None
    assert MailServer.of("smtps://u:p@mail.example.org").connect().use_tls is True


@pytest.mark.parametrize("url", ["mail.example.org", "http://mail.example.org", "smtp://"])
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="AUTHSERVER_SMTP_URL"):
        MailServer.of(url)


@pytest.mark.spec("security 6.56")
def test_names_of_strangers_stay_text_in_html_and_one_line_in_the_subject() -> None:
    settings = settings_for("sqlite:///unused")
    mail = letters.linked_mail(settings, "a@example.org", "<b>X</b>\r\nBcc: y", f"{settings.issuer}/unlink?link=1", 0)
    letter = letters.written(settings, mail)
    assert "<b>" not in letter.html
    assert "\n" not in letter.subject
    assert "\r" not in letter.subject
