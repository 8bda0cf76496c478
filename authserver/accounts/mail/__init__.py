"""Mail: `letters` writes it, pure; `outbox` is the table and the one way into it; `worker` sends what is in it;
`server` is the mail server; `trial` tells the operator whether it takes a mail."""

from authserver.accounts.mail.letters import linked_mail
from authserver.accounts.mail.outbox import for_action, hot_row
from authserver.accounts.mail.worker import run_outbox, watch_outbox

__all__ = ["for_action", "hot_row", "linked_mail", "run_outbox", "watch_outbox"]
