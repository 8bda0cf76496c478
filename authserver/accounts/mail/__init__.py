"""Mail: `letters` writes it, pure; the outbox is a table; `worker` sends what is in it, from one replica at a time."""

from authserver.accounts.mail.letters import linked_mail
from authserver.accounts.mail.worker import run_outbox

__all__ = ["linked_mail", "run_outbox"]
