"""A real SMTP server on loopback that keeps what it gets."""

import email
import email.policy
import time
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.running.ports import LOOPBACK, free_port


class Mailbox:
    """`messages`, oldest first; `stop` and `start` make an outage on the same port."""

    def __init__(self) -> None:
        self.host = LOOPBACK
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self._controller: Controller | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 Message accepted for delivery"

    def start(self) -> None:
        self._controller = Controller(self, hostname=self.host, port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def to(self, recipient: str) -> list[EmailMessage]:
        return [message for message in self.messages if recipient in str(message["to"])]

    def wait_for(self, recipient: str, count: int = 1, within: float = 10.0) -> EmailMessage:
        """The `count`-th message to `recipient`. It blocks: in an async test call it through `asyncio.to_thread`."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = self.to(recipient)
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.02)
        raise TimeoutError(f"{len(self.to(recipient))} of {count} messages to {recipient} came within {within:g} s")


def text_of(message: EmailMessage) -> str:
    """The plain-text part."""
    part = message.get_body(("plain",))
    assert part is not None, "a mail without a plain-text part"
    return str(part.get_content())
