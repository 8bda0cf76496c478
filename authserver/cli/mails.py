"""`authserver mail …`: what is in the outbox, and whether the mail server takes mails. No code is ever printed."""

import asyncio
import time
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.mail import letters, outbox
from authserver.accounts.mail.server import MailServer
from authserver.accounts.mail.trial import trial
from authserver.accounts.names import NotAnAddressError, read_email
from authserver.cli import printing
from authserver.cli.printing import All, Json
from authserver.cli.running import REFUSED, WRONG, NotFoundError, commands, fail, on_database, settings_of
from authserver.models import Mail
from authserver.settings import Settings, SettingsError

app = commands()

MailId = Annotated[str, typer.Argument(metavar="MAIL", help="The mail's id, as `mail list` prints it.")]


def shown(mail: Mail) -> dict[str, Any]:
    """Without what it says: a code may be in it."""
    return {
        "mail_id": mail.mail_id,
        "kind": mail.kind,
        "recipient": mail.recipient,
        "state": outbox.state_of(mail).value,
        "attempts": mail.attempts,
        "created_at": mail.created_at,
        "due_at": mail.due_at,
        "sent_at": mail.sent_at,
        "error": mail.error,
    }


@app.command("list")
def list_mails(
    sent: Annotated[bool, typer.Option("--sent", help="Those that were sent in the last day, latest first.")] = False,
    most: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    json: Json = False,
) -> None:
    """List mails that wait or were given up, oldest first."""

    async def work(session: AsyncSession, _now: int) -> list[dict[str, Any]]:
        found = await (outbox.sent(session, most) if sent else outbox.unsent(session, most))
        return [shown(mail) for mail in found]

    columns = ("mail_id", "kind", "recipient", "state", "attempts", "created_at", "due_at", "error")
    printing.table(on_database(work), columns, json)


@app.command()
def show(mail: MailId, everything: All = False, json: Json = False) -> None:
    """Show what became of one mail."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        found = await session.get(Mail, mail)
        if found is None:
            raise NotFoundError(f"no mail {mail}")
        return shown(found)

    printing.record(on_database(work), json, everything=everything)


@app.command()
def retry(
    mail: Annotated[str | None, typer.Argument(metavar="MAIL", help="The id of one mail.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    json: Json = False,
) -> None:
    """Send a mail that waits or was given up again at once. A code that has run out is not sent."""
    if (mail is None) != every:
        fail("name one mail, or --all", WRONG)

    async def work(session: AsyncSession, now: int) -> list[str]:
        again = await outbox.retry(session, now, mail)
        if mail is not None and not again:
            raise NotFoundError(f"no mail {mail} that was not sent")
        return again

    again = on_database(work)
    if json:
        printing.as_json({"retried": again})
    else:
        typer.echo("1 mail is due now" if len(again) == 1 else f"{len(again)} mails are due now")


@app.command()
def drop(mail: MailId, json: Json = False) -> None:
    """Take a mail out of the outbox: it is never sent."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        if not await outbox.drop(session, mail):
            raise NotFoundError(f"no mail {mail} that was not sent")
        return {"mail_id": mail, "dropped": True}

    printing.record(on_database(work), json)


@app.command("test")
def send_test(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who gets the test mail.")], json: Json = False
) -> None:
    """Send a test mail at once, past the outbox, and print what the mail server said at every step."""
    settings = settings_of(Settings)
    if settings.smtp_url is None:
        fail("AUTHSERVER_SMTP_URL is not set: there is no mail server to try", WRONG)
    try:
        recipient = read_email(address).address
    except NotAnAddressError as error:
        raise typer.BadParameter(str(error), param_hint="ADDRESS") from error
    try:
        letters.check(settings)
    except SettingsError as error:
        fail(str(error), WRONG)
    server = MailServer.of(settings.smtp_url.get_secret_value())
    if not asyncio.run(_test(settings, server, recipient, json)):
        raise typer.Exit(REFUSED)


async def _test(settings: Settings, server: MailServer, recipient: str, json: bool) -> bool:
    steps = []
    async for step in trial(settings, server, recipient, int(time.time())):
        steps.append(step)
        if not json:
            typer.echo(("ok      " if step.ok else "failed  ") + step.words)
    taken = all(step.ok for step in steps)
    if json:
        printing.as_json({"taken": taken, "steps": [{"ok": step.ok, "words": step.words} for step in steps]})
    return taken
