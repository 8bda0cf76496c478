"""`skill broker …` and `skill lamp credentials`: accounts of lamps at the broker, and mosquitto's files of them."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

from skill.broker import acl as access
from skill.broker import passwords
from skill.broker.announcements import PREFIX
from skill.commands.lamps import lamp_app
from skill.commands.shown import EndpointId, Json, print_json
from skill.commands.working import fail, on_lamps, settings_of
from skill.drivers.codecs import BadOption
from skill.drivers.topics import BadTopic, check_topic
from skill.drivers.wiring import Wiring
from skill.settings import RegistrySettings

if TYPE_CHECKING:
    from skill.models import LampRow
    from skill.storage.registry import Registry

TWO_OWNERS = (
    "the lamps of this account have different owners, and each would hear and command the other's. Leave --with away,"
    " and the lamp has an account of its own; or let one person have them all first (`skill lamp transfer`)"
)

broker_app = typer.Typer(rich_markup_mode=None)

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write this file at once instead of printing, as whose it is."),
]
Include = Annotated[
    Path | None,
    typer.Option("--include", metavar="FILE", help="Lines of your own that go in, for gateways and other clients."),
]
SkillUser = Annotated[
    str | None, typer.Option(help="The service's own user at the broker. [the user of SKILL_MQTT_URL]")
]


@lamp_app.command()
def credentials(
    endpoint_id: EndpointId,
    same_as: Annotated[
        str | None,
        typer.Option("--with", metavar="ENDPOINT_ID", help="A lamp of the same device: both share its account."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="The lamp has no account any more.")] = False,
    as_json: Json = False,
) -> None:
    """Make the lamp's account at the broker, or a new password for it, and print them once. It works when `skill broker
    passwords` and `skill broker acl` have been written and mosquitto has been reloaded."""
    if remove and same_as is not None:
        raise typer.BadParameter("it has an account or none", param_hint="--remove, --with")
    password = passwords.new_password()
    user, verifier = passwords.user_of(endpoint_id), passwords.verifier_of(password)
    refused: list[str] = []
    without: list[str] = []
    from skill.storage.registry import TwoOwners

    async def work(lamps: "Registry") -> "LampRow | None":
        if (lamp := await lamps.lamp(endpoint_id)) is None:
            return None
        if remove:
            return await lamps.account(endpoint_id, None, None)
        if (reason := _no_account(lamp)) is not None:
            refused.append(reason)
            return lamp
        if same_as is None:
            everyone = await lamps.lamps()
            with_account = {each.endpoint_id for each in everyone if each.broker_user}
            apart = access.torn((each.broker_user, each.owner) for each in everyone)
            known_as = lamp.broker_user if lamp.broker_user not in apart else None
            changed = await lamps.account(endpoint_id, known_as or user, verifier)
            without.extend(
                sorted(with_account - {each.endpoint_id for each in await lamps.lamps() if each.broker_user})
            )
            return changed
        other = await lamps.lamp(same_as)
        if other is None or other.broker_user is None or other.broker_verifier is None:
            refused.append("the lamp named by --with has no account")
            return lamp
        try:
            return await lamps.share_account(endpoint_id, same_as)
        except TwoOwners:
            refused.append(TWO_OWNERS)
            return lamp

    lamp = on_lamps(work)
    if lamp is None:
        fail("no such lamp", 1)
    if refused:
        fail(refused[0], 1)
    shown: dict[str, str | list[str] | None] = {"endpoint_id": endpoint_id, "broker_user": lamp.broker_user}
    if not remove and same_as is None:
        shown["broker_password"] = password
    if without:
        shown["without_account"] = without
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        typer.echo(f"{name:<16} {', '.join(value) if isinstance(value, list) else value or '(none)'}")
    if "broker_password" in shown:
        typer.echo("Shown this once.")
    if without:
        typer.echo("Lamps of other owners had the account too, and have none now: give each its own.")
    typer.echo("Next: `skill broker passwords`, `skill broker acl`, and reload mosquitto.")


def _no_account(lamp: "LampRow") -> str | None:
    if lamp.driver != "mqtt":
        return "only mqtt lamps have accounts at the broker"
    try:
        access.rights(Wiring.of(lamp.options).codec)
    except BadOption as error:
        return f"the lamp's options cannot be used: {error.option}: {error}"
    except access.NoAccount as reason:
        return str(reason)
    return None


@broker_app.command("passwords")
def write_passwords(
    skill_user: SkillUser = None, include: Include = None, out: Out = None, as_json: Json = False
) -> None:
    """Print mosquitto's password_file: every lamp's account, and the service's own with the password of SKILL_MQTT_URL.
    It holds verifiers, no passwords."""
    own, password = _own_account(skill_user)
    _json_needs_out(as_json, out)
    kept = passwords.users_in(_read(out)) if out is not None and out.exists() else {}
    added = _read(include) if include is not None else ""
    lamps = on_lamps(lambda registry: registry.lamps())
    apart = access.torn((lamp.broker_user, lamp.owner) for lamp in lamps)
    accounts = {
        lamp.broker_user: lamp.broker_verifier
        for lamp in lamps
        if lamp.broker_user and lamp.broker_verifier and lamp.broker_user not in apart
    }
    if twice := sorted({*accounts, own} & set(passwords.users_in(added)) | {own} & set(accounts)):
        fail(f"more than one account has the name {twice[0]}", 1)
    if password is None:
        typer.echo(f"skill: SKILL_MQTT_URL has no password for {own}: put its line into --include", err=True)
    else:
        same = passwords.verifies(kept.get(own, ""), password)  # the file stays as it is where nothing changed
        accounts[own] = kept[own] if same else passwords.verifier_of(password)
    notes = tuple(access.note_on(user) for user in sorted(apart))
    _give(out, passwords.lines(accounts.items()) + _ended(added), len(accounts), notes, as_json)


@broker_app.command("acl")
def write_acl(
    skill_user: SkillUser = None,
    prefix: Annotated[str, typer.Option(help="Where lamps announce themselves; the service may read it.")] = PREFIX,
    include: Include = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Print mosquitto's acl_file: a lamp may hear its commands and tell its state and whether it is there; the service
    may say and hear what the lamps that are registered need. Write it again after lamps were added or changed."""
    own, _ = _own_account(skill_user)
    _json_needs_out(as_json, out)
    try:
        check_topic(prefix)
    except BadTopic as error:
        raise typer.BadParameter(str(error), param_hint="--prefix") from error
    added = _read(include) if include is not None else ""
    lamps = [lamp for lamp in on_lamps(lambda registry: registry.lamps()) if lamp.driver == "mqtt"]
    if own in {lamp.broker_user for lamp in lamps}:
        fail(f"a lamp's account has the name {own}", 1)
    made = access.rules((access.Account(x.endpoint_id, x.options, x.broker_user, x.owner) for x in lamps), own, prefix)
    apart = access.torn((lamp.broker_user, lamp.owner) for lamp in lamps)
    accounts = len({lamp.broker_user for lamp in lamps if lamp.broker_user} - apart) + 1
    _give(out, made.text + ("\n" + _ended(added) if added else ""), accounts, made.notes, as_json)


def _own_account(skill_user: str | None) -> tuple[str, str | None]:
    """The service's user, and its password where the settings hold it."""
    settings = settings_of(RegistrySettings)
    parts = urlsplit(settings.mqtt_url.get_secret_value() if settings.mqtt_url else "")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    own = skill_user or user
    if own is None:
        raise typer.BadParameter(
            "who is the service itself at the broker? Name its user, or put it into SKILL_MQTT_URL:"
            " mqtt://USER:PASSWORD@HOST",
            param_hint="--skill-user",
        )
    if not passwords.is_user(own):
        raise typer.BadParameter("1 to 64 letters, digits, _ . @ -", param_hint="--skill-user")
    return own, password if own == user else None


def _json_needs_out(as_json: bool, out: Path | None) -> None:
    if as_json and out is None:
        raise typer.BadParameter(
            "what is printed is mosquitto's file; --json tells of one that --out wrote", param_hint="--json"
        )


def _give(out: Path | None, text: str, accounts: int, notes: tuple[str, ...], as_json: bool) -> None:
    for note in notes:
        typer.echo(f"skill: {note}", err=True)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        _replace(out, text)
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}", 1)
    if as_json:
        print_json({"file": str(out), "accounts": accounts, "notes": list(notes)})
    else:
        typer.echo(f"{out}: {accounts} accounts. Reload mosquitto (SIGHUP).")


def _replace(path: Path, text: str) -> None:
    """Whole or not at all; readable as the file before it, else by its owner alone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        if path.exists():
            was = path.stat()
            os.chmod(name, was.st_mode & 0o777)
            with contextlib.suppress(PermissionError):
                os.chown(name, was.st_uid, was.st_gid)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", 1)
    except UnicodeDecodeError:
        fail(f"{path} cannot be read: it is no text", 1)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
