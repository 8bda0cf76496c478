#!/usr/bin/env python3
"""Makes the secrets of docker-compose.yml, once, each in the volume of the service that reads it.

    secrets [make]                  what is missing is made, what is there stays as it is
    secrets mqtt-user NAME          a user of the broker for a lamp or a gateway; prints the new password once
    secrets rotate NAME             a new secret-key, skill-secret-key or bridge-secret beside the old one, which
                                    is still accepted
    secrets finish NAME             drops the old one
    secrets set smtp-url            the mail server's address and password, from standard input
    secrets set companion-client-secret
                                    what `authserver client add` printed for the companion pages, from standard input
    secrets set alexa-client-secret Alexa's, of the skill's Permissions page: for events, from standard input

/secrets holds one folder (one volume) for each reader. Passwords that two services share are made in one of them and
copied into the other; where only the copy is left, that is an error and not a reason to make a new password.
"""

import base64
import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path

ROOT = Path(os.environ.get("SECRETS_FOLDER", "/secrets"))
BROKER_PASSWORDS = "mosquitto/passwords"
PRIVATE = 0o400  # the reader runs under the uid of this program
SHARED = 0o444  # the reader runs under the uid of another image; nobody else mounts the volume

ROTATING = {  # the file, and where its predecessor goes; None: into the same file, after a comma
    "secret-key": ("authserver/secret-key", "authserver/secret-key-previous"),
    "bridge-secret": ("skill/bridge-secret", None),
    "skill-secret-key": ("skill/secret-key", None),
}


class SecretsError(Exception):
    """Something that only the operator can put right."""


def write(name: str, text: str, mode: int) -> None:
    """The whole file or nothing, so that a crash leaves no half of a secret."""
    path = ROOT / name
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    print(f"secrets: made {name}", file=sys.stderr, flush=True)


def read(name: str) -> str | None:
    path = ROOT / name
    return path.read_text().strip() if path.exists() else None


def made_once(name: str, mode: int, dependent: str | None = None) -> str:
    """The secret of that name, 32 random bytes as text; made if missing, unless `dependent` was made from it before."""
    value = read(name)
    if value is None:
        if dependent and read(dependent) is not None:
            raise SecretsError(
                f"{ROOT / name} is missing, but {ROOT / dependent} was made from it. Restore the volume of {name} from "
                f"your backup; a new password would lock the service out of its database."
            )
        value = secrets.token_urlsafe(32)
        write(name, value, mode)
    return value


def copied(name: str, text: str) -> None:
    if read(name) is None:
        write(name, text, PRIVATE)


def mosquitto_hash(password: str, salt: bytes) -> str:
    """mosquitto_passwd's `$7$`: PBKDF2-HMAC-SHA512. Few rounds suffice: every password here is 32 random bytes."""
    rounds = 101
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def set_broker_user(user: str, password: str) -> None:
    """The user's line in the broker's password file; all other lines stay. Nothing is written if it holds already."""
    lines = dict(line.split(":", 1) for line in (read(BROKER_PASSWORDS) or "").splitlines())
    if user in lines:
        salt = base64.b64decode(lines[user].split("$")[3])
        if hmac.compare_digest(lines[user], mosquitto_hash(password, salt)):
            return
    lines[user] = mosquitto_hash(password, secrets.token_bytes(12))
    write(BROKER_PASSWORDS, "\n".join(f"{name}:{line}" for name, line in lines.items()), SHARED)


def make() -> None:
    for service in ("authserver", "skill"):
        url = f"{service}/database-url"
        password = made_once(f"postgres/{service}-password", SHARED, dependent=url)
        copied(url, f"postgresql://{service}:{password}@postgres:5432/{service}")
    made_once("postgres/superuser-password", SHARED)
    made_once("authserver/secret-key", PRIVATE)
    made_once("skill/bridge-secret", PRIVATE)
    made_once("skill/secret-key", PRIVATE)

    skill_password = secrets.token_urlsafe(32)
    copied("skill/mqtt-url", f"mqtt://skill:{skill_password}@mosquitto:1883")
    set_broker_user("skill", (read("skill/mqtt-url") or "").split(":")[2].split("@")[0])
    set_broker_user("health", made_once("mosquitto/health-password", SHARED))


def add_mqtt_user(user: str) -> None:
    if not user.replace("-", "").replace("_", "").isalnum() or user in ("skill", "health"):
        raise SecretsError("a name of letters, digits, - and _, and neither skill nor health")
    password = secrets.token_urlsafe(32)
    set_broker_user(user, password)
    print(password)


def rotate(name: str) -> None:
    """Both stay valid until `finish`; what has to happen between the two is in docs/deployment.md."""
    file, previous = ROTATING[name]
    present = read(file)
    if present is None:
        raise SecretsError(f"{ROOT / file} does not exist yet")
    if "," in present or (previous and read(previous) is not None):
        raise SecretsError(f"the last rotation of {name} is not finished: secrets finish {name}")
    if previous:
        write(previous, present, PRIVATE)
        write(file, secrets.token_urlsafe(32), PRIVATE)
    else:
        write(file, f"{secrets.token_urlsafe(32)},{present}", PRIVATE)


def finish(name: str) -> None:
    file, previous = ROTATING[name]
    if previous:
        (ROOT / previous).unlink(missing_ok=True)
    else:
        write(file, (read(file) or "").split(",")[0], PRIVATE)


def main() -> int:
    try:
        match sys.argv[1:]:
            case [] | ["make"]:
                make()
            case ["mqtt-user", name]:
                add_mqtt_user(name)
            case ["rotate", name] if name in ROTATING:
                rotate(name)
            case ["finish", name] if name in ROTATING:
                finish(name)
            case ["set", "smtp-url"]:
                write("authserver/smtp-url", sys.stdin.read().strip(), PRIVATE)
            case ["set", "companion-client-secret" | "alexa-client-secret" as name]:
                write(f"skill/{name}", sys.stdin.read().strip(), PRIVATE)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (SecretsError, OSError) as error:
        print(f"secrets: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
