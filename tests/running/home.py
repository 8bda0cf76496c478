"""Both services together as an operator sets them up: accounts, the Alexa client, lamps."""

import secrets
from dataclasses import dataclass
from typing import Any

from tests.running.bridge import Bridge
from tests.running.linking import PASSWORD, Alexa, Person
from tests.running.service import Service
from tests.vectors.alexa import REDIRECT_URIS, VENDOR_ID


def new_secret() -> str:
    """A secret of 32 random bytes as text."""
    return secrets.token_urlsafe(32)


def authserver_settings(database_url: str, port: int, **others: str) -> dict[str, str]:
    """Development mode on loopback, logging all it can."""
    settings = {
        "AUTHSERVER_DEVELOPMENT": "1",
        "AUTHSERVER_ISSUER": f"http://127.0.0.1:{port}",
        "AUTHSERVER_DATABASE_URL": database_url,
        "AUTHSERVER_SECRET_KEY": new_secret(),
        "AUTHSERVER_LOG_LEVEL": "debug",
    }
    return settings | others


def skill_settings(database_url: str, port: int, issuer: str, client_ids: str, **others: str) -> dict[str, str]:
    settings = {
        "SKILL_DEVELOPMENT": "1",
        "SKILL_DATABASE_URL": database_url,
        "SKILL_ISSUER": issuer,
        "SKILL_CLIENT_IDS": client_ids,
        "SKILL_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SKILL_BRIDGE_SECRET": new_secret(),
        "SKILL_LOG_LEVEL": "DEBUG",
    }
    return settings | others


def add_person(authserver: Service, email: str = "", verified: bool = True) -> Person:
    """A new account; each test takes its own, so that none sees another's grants and counters."""
    email = email or f"person-{secrets.token_hex(6)}@example.org"
    arguments = ["user", "add", email, "--password-stdin"] + (["--verified"] if verified else [])
    made = authserver.cli_json(*arguments, stdin=PASSWORD)
    return Person(email, PASSWORD, made["sub"])


def add_people(authserver: Service, count: int) -> list[Person]:
    """Many new accounts in the time of one or two."""
    emails = [f"person-{secrets.token_hex(6)}@example.org" for _ in range(count)]
    commands = [["user", "add", email, "--password-stdin", "--verified"] for email in emails]
    made = authserver.cli_json_of(commands, stdin=PASSWORD)
    return [Person(email, PASSWORD, one["sub"]) for email, one in zip(emails, made, strict=True)]


def add_alexa(authserver: Service, region: str = "europe", **as_alexa: Any) -> Alexa:
    """A client of the Alexa preset, and Alexa that uses it from one region."""
    made = authserver.cli_json("client", "add-alexa", "--vendor-id", VENDOR_ID)
    authserver.must_not_log(made["client_secret"])
    issuer = authserver.settings["AUTHSERVER_ISSUER"]
    return Alexa(issuer, made["client_id"], made["client_secret"], REDIRECT_URIS[region], **as_alexa)


def add_lamp(skill: Service, owner: str, name: str = "Desk lamp", driver: str = "simulated", *options: str) -> str:
    """The endpoint id of a new lamp."""
    made = skill.cli_json("lamp", "add", "--owner", owner, "--name", name, "--driver", driver, *options)
    return str(made["endpoint_id"])


@dataclass
class Home:
    """A running authserver and skill that know each other, with one Alexa client."""

    authserver: Service
    skill: Service
    alexa: Alexa

    @property
    def bridge(self) -> Bridge:
        return Bridge(self.skill.url, self.skill.settings["SKILL_BRIDGE_SECRET"])

    def add_person(self) -> Person:
        return add_person(self.authserver)

    def add_lamp(self, owner: Person, name: str = "Desk lamp") -> str:
        return add_lamp(self.skill, owner.sub, name)
