"""The link of `skill simulate alexa`, kept between two commands in a file that its user alone can read."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr

from skill.simulator.browsers import Link
from skill.simulator.linking import AuthorizationServer


class NotKept(Exception):
    """The file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a refresh needs, and the link."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    link: Link

    @property
    def server(self) -> AuthorizationServer:
        """Nothing is redirected any more."""
        secret = None if self.client_secret is None else SecretStr(self.client_secret)
        return AuthorizationServer(self.issuer, self.issuer, "", self.client_id, secret)


def place() -> Path:
    """In the user's configuration (XDG Base Directory)."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".config"
    return folder / "lampgate" / "simulated-alexa.json"


def load() -> Kept | None:
    """None where nothing is linked. Raises NotKept."""
    path = place()
    try:
        if path.stat().st_mode & 0o077:
            raise NotKept(f"{path} can be read by others: chmod 600 it, or link again")
        return _kept(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NotKept(f"{path} cannot be used ({type(error).__name__}): link again") from error


def _kept(found: Any) -> Kept:
    """Raises ValueError, TypeError, KeyError."""
    link = Link(**found["link"])
    texts = (found["issuer"], found["client_id"], link.access_token, link.subject, link.account)
    may_lack = (found["client_secret"], link.refresh_token)
    if not (
        all(isinstance(each, str) for each in texts)
        and all(isinstance(each, str | None) for each in may_lack)
        and isinstance(link.expires_at, int | float)
    ):
        raise ValueError("not as it was written")
    return Kept(found["issuer"], found["client_id"], found["client_secret"], link)


def keep(kept: Kept) -> None:
    """Whole or not at all: written beside, then put in its place. Raises NotKept."""
    path = place()
    link = kept.link
    document = {
        "issuer": kept.issuer,
        "client_id": kept.client_id,
        "client_secret": kept.client_secret,
        "link": {name: getattr(link, name) for name in Link.__dataclass_fields__},
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.stem)  # mode 0600
        try:
            with open(handle, "wb") as file:
                file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
            Path(beside).replace(path)
        except OSError:
            Path(beside).unlink()
            raise
    except OSError as error:
        raise NotKept(f"{path} cannot be written: {error.strerror}") from error


def forget() -> bool:
    """Whether there was anything. Raises NotKept."""
    path = place()
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise NotKept(f"{path} cannot be removed: {error.strerror}") from error
    return True


@contextmanager
def alone() -> Iterator[None]:
    """Two commands at once renew one after the other: the second finds what the first has got. Raises NotKept."""
    path = place()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise NotKept(f"{path.parent} cannot be written: {error.strerror}") from error
    with open(lock, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
