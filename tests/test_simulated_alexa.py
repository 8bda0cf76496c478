"""`skill simulate alexa link` with both services: a person's browser, PKCE, a redirect to loopback, then directives."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.conftest import MigratedDatabase
from tests.running.home import Home, add_person, skill_settings
from tests.running.linking import walk
from tests.running.ports import free_port
from tests.running.reading import Browser
from tests.running.service import PROGRAMS, Service


class CommandLine:
    """The command, its settings, and all that it printed."""

    def __init__(self, skill: Service, client_id: str, folder: Path) -> None:
        self.skill, self.client_id, self.folder = skill, client_id, folder
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "SKILL_BRIDGE_SECRET": skill.settings["SKILL_BRIDGE_SECRET"],
            "SKILL_ISSUER": skill.settings["SKILL_ISSUER"],
            "XDG_CONFIG_HOME": str(folder),
        }

    @property
    def kept(self) -> Path:
        return self.folder / "lampgate" / "simulated-alexa.json"

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            str(PROGRAMS / "skill"), "simulate", "alexa", *arguments, env=self.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def run(self, *arguments: str) -> tuple[int, str]:
        process = await self.start(*arguments, "--url", self.skill.url)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return process.returncode, out.decode()

    async def begin(self) -> tuple[asyncio.subprocess.Process, str]:
        """The command that waits, and the address that it wants opened."""
        process = await self.start("link", "--client-id", self.client_id, "--no-browser")
        assert process.stdout is not None
        async with asyncio.timeout(60):
            while line := await process.stdout.readline():
                if found := re.match(rb"http://\S+", line):
                    return process, found.group().decode()
        raise AssertionError("no address")


@pytest.fixture(scope="module")
def skill_for(
    home: Home, migrated_database: MigratedDatabase, database_kind: str, module_folder: Path
) -> Iterator[tuple[Service, str]]:
    """A skill that takes tokens of a public client."""
    redirect = "http://127.0.0.1/callback"
    client_id = home.authserver.cli_json("client", "add", "Command line", "--public", "--redirect-uri", redirect)[
        "client_id"
    ]
    port = free_port()
    issuer = home.authserver.settings["AUTHSERVER_ISSUER"]
    skill = Service(
        "skill", skill_settings(migrated_database("skill", database_kind), port, issuer, client_id), module_folder, port
    )
    with skill:
        yield skill, client_id


@pytest.fixture
def command(skill_for: tuple[Service, str], tmp_path: Path) -> CommandLine:
    return CommandLine(*skill_for, tmp_path)


@pytest.mark.spec("RFC 8252 §7.3", "RFC 7636 §4.3", "S01")
async def test_S01_a_link_from_the_command_line_discovers_and_switches(home: Home, command: CommandLine) -> None:
    person = add_person(home.authserver)
    lamp = command.skill.cli_json("lamp", "add", "--owner", person.sub, "--name", "Desk lamp", "--driver", "simulated")
    process, address = await command.begin()
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    async with Browser() as browser:
        page = await walk(browser, await browser.open(address), person)
        assert page.left_to is not None
        answer = await browser.client.get(page.left_to)
    assert "Back to the command line" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, b"Linked account" in out) == (0, True), out
    assert command.kept.stat().st_mode & 0o777 == 0o600
    assert command.kept.parent.stat().st_mode & 0o777 == 0o700
    status, printed = await command.run("discover")
    assert (status, lamp["endpoint_id"] in printed) == (0, True), printed
    assert (await command.run("on", "desk lamp"))[0] == 0
    kept = command.kept.read_text()
    for token in re.findall(r'"(?:access|refresh)_token": "([^"]+)"', kept):
        assert token not in out.decode() + printed


@pytest.mark.spec("RFC 6749 §10.12", "RFC 9207 §2.4", "RFC 8252 §8.9")
async def test_nobody_elses_answer_is_taken_and_the_command_waits_on(home: Home, command: CommandLine) -> None:
    process, address = await command.begin()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    back = asked["redirect_uri"]
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{back}?code=stolen&state=guessed&iss={home.alexa.issuer}")).status_code == 400
        assert (await client.get(back)).status_code == 400
        assert (await client.get(back.replace("/callback", "/else"))).status_code == 404
        assert (await client.post(back)).status_code == 404
        assert process.returncode is None
        other = {"code": "stolen", "state": asked["state"], "iss": "http://127.0.0.1:1"}
        await client.get(back, params=other)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, b"invalid_issuer" in out) == (1, True), out
    assert not command.kept.exists()


async def test_a_person_who_does_not_allow_is_said(home: Home, command: CommandLine) -> None:
    person = add_person(home.authserver)
    process, address = await command.begin()
    async with Browser() as browser:
        page = await walk(browser, await browser.open(address), person, answer="cancel")
        assert page.left_to is not None
        assert "Not linked" in (await browser.client.get(page.left_to)).text
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, b"access_denied" in out) == (1, True), out
