"""`skill simulate alexa` against a running skill: what is said, what is sent, the exit status, and that no token is
shown."""

import asyncio
import dataclasses
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from skill.simulator import keeping, loopback
from skill.simulator.browsers import Browser, Link
from skill.simulator.keeping import Kept, NotKept
from skill.simulator.linking import LinkingFailed
from skill.simulator.voice import Voice, _keeping
from tests.running.home import add_lamp
from tests.running.service import PROGRAMS, Service
from tests.skill.issuer import STRANGER
from tests.skill.simulator.linking_issuer import CLIENT_ID, CLIENT_SECRET, PERSON, REFRESH_TOKEN, LinkingIssuer

Say = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def say(simulator: Service, linking_issuer: LinkingIssuer, tmp_path: Path) -> Iterator[Say]:
    """Runs a command with a good token; `environment` goes above."""
    linking_issuer.reset()
    token = linking_issuer.token(client_id=CLIENT_ID)
    shown: list[str] = []

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {
            "SKILL_SIMULATE_TOKEN": token,
            "SKILL_BRIDGE_SECRET": simulator.settings["SKILL_BRIDGE_SECRET"],
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
        } | environment
        command = Service("skill", {name: value for name, value in given.items() if value}, tmp_path)
        url = [] if arguments[0] in ("link", "unlink") or "--url" in arguments else ["--url", simulator.url]
        done = command.cli("simulate", "alexa", *arguments, *url, stdin=stdin)
        shown.append(done.stdout + done.stderr)
        return done

    yield run
    for text in shown:
        for made in (token, *linking_issuer.given, REFRESH_TOKEN, CLIENT_SECRET):
            assert made not in text
            assert made.rpartition(".")[2] not in text
        assert simulator.settings["SKILL_BRIDGE_SECRET"] not in text


def state(say: Say, lamp: str) -> dict[str, Any]:
    told = json.loads(say("report", lamp, "--json").stdout)
    properties = told["exchanges"][-1]["received"]["context"]["properties"]
    return {each["name"]: each["value"] for each in properties}


@pytest.mark.spec("S01")
def test_S01_discover_lists_the_lamps_with_what_they_can(say: Say) -> None:
    done = say("discover")
    assert done.returncode == 0
    assert "I found 2 lamps: Desk lamp and Floor lamp." in done.stdout
    assert re.search(r"\[\d+ ms\]", done.stdout)
    assert re.search(r"Desk lamp +lamp-[0-9a-f]{32}  power, brightness, color, temperature", done.stdout)


@pytest.mark.spec("S06", "alexa 2.3")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["on", "desk lamp"], {"powerState": "ON"}),
        (["off", "Desk Lamp"], {"powerState": "OFF"}),
        (["brightness", "desk", "40"], {"powerState": "ON", "brightness": 40}),
        (["color", "desk lamp", "red"], {"color": {"hue": 0.0, "saturation": 1.0, "brightness": 1.0}}),
        (["color", "desk lamp", "#0000ff"], {"color": {"hue": 240.0, "saturation": 1.0, "brightness": 1.0}}),
        (["color", "desk lamp", "120", "0.5"], {"color": {"hue": 120.0, "saturation": 0.5, "brightness": 1.0}}),
        (["white", "desk lamp", "2700"], {"colorTemperatureInKelvin": 2700}),
        (["white", "desk lamp", "cool", "white"], {"colorTemperatureInKelvin": 7000}),
        (["say", "make the desk lamp warm white"], {"colorTemperatureInKelvin": 2200}),
        (["say", "turn", "off", "the", "desk", "lamp"], {"powerState": "OFF"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_S06_what_is_typed_is_done(say: Say, arguments: list[str], expected: dict[str, Any]) -> None:
    done = say(*arguments)
    assert (done.returncode, done.stdout.split("  ")[0]) == (0, "Alexa: OK"), done.stdout + done.stderr
    assert expected.items() <= state(say, "desk lamp").items()


def test_steps_go_from_where_the_lamp_stands(say: Say) -> None:
    say("brightness", "floor lamp", "50")
    assert say("brighten", "floor lamp", "20").returncode == 0
    assert state(say, "floor lamp")["brightness"] == 70
    say("dim", "floor lamp")
    assert state(say, "floor lamp")["brightness"] == 45
    say("white", "floor lamp", "3000")
    say("cooler", "floor lamp")
    assert state(say, "floor lamp")["colorTemperatureInKelvin"] == 3500
    say("warmer", "floor lamp")
    assert state(say, "floor lamp")["colorTemperatureInKelvin"] == 3000


def test_an_endpoint_id_needs_no_discovery(say: Say, simulator: Service) -> None:
    lamp = next(each["endpoint_id"] for each in simulator.cli_json("lamp", "list") if each["name"] == "Desk lamp")
    told = json.loads(say("on", lamp, "--json").stdout)
    (exchange,) = told["exchanges"]
    assert exchange["sent"]["directive"]["header"]["name"] == "TurnOn"
    assert exchange["sent"]["directive"]["endpoint"]["endpointId"] == lamp
    assert 0 < told["milliseconds"] < 8000


@pytest.mark.spec("S13", "alexa 2.6")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["brightness", "desk lamp", "140"], "I can only set Desk lamp to something between 0 and 100."),
        (["on", "no lamp"], "I couldn't find a device called no lamp."),
        (["on", "lamp-ffffffffffffffffffffffffffffffff"], "I couldn't find lamp-"),
        (["say", "sing a song"], "Sorry, I don't know that one."),
    ],
)
def test_S13_what_does_not_go_well_is_said_with_status_1(say: Say, arguments: list[str], said: str) -> None:
    done = say(*arguments)
    assert done.returncode == 1
    assert said in done.stdout


@pytest.mark.spec("alexa 2.6")
def test_warmer_while_a_colour_shines_is_spoken(say: Say) -> None:
    say("color", "desk lamp", "green")
    done = say("warmer", "desk lamp")
    assert done.returncode == 1
    assert "I can't do that while Desk lamp shows a colour." in done.stdout
    assert "NOT_SUPPORTED_IN_CURRENT_MODE" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["on", "desk"], {"SKILL_SIMULATE_TOKEN": ""}, "no token"),
        (["color", "desk", "mauve"], {}, "COLOR"),
        (["white", "desk", "5"], {}, "WHITE"),
        (["on", "desk", "--token-file", "nowhere"], {}, "--token-file"),
        (["on", "desk"], {"SKILL_SIMULATOR_TOKEN": "x"}, "unknown setting: SKILL_SIMULATOR_TOKEN"),
        (["on", "desk"], {"SKILL_SIMULATE_TOKEN": "  "}, "no token"),
        (["brightness", "desk", "99999999999999999999"], {}, "1000000"),
        (["dim", "desk", "99999999999999999999"], {}, "1000000"),
        (["on", "desk", "--url", "http://["], {}, "--url"),
        (["on", "desk", "--url", "localhost:8001"], {}, "--url"),
        (["on", "lamp-\udcff"], {}, "LAMP"),
        (["say", "turn on", "\udcff"], {}, "UTF-8"),
        (["link", "--client-id", "c", "--issuer", "http://["], {}, "--issuer"),
        (["link", "--client-id", "c", "--client-secret-file", "/dev/null"], {}, "--client-secret-file"),
        (["link", "--client-id", "c", "--client-secret-file", "/nowhere"], {}, "--client-secret-file"),
    ],
    ids=["no-token", "colour", "white", "file", "setting", "empty-token", "percent", "points", "url", "no-scheme",
         "bytes", "said-bytes", "issuer", "empty-secret", "no-secret"],
)  # fmt: skip
def test_a_wrong_command_is_status_2(say: Say, arguments: list[str], environment: dict[str, str], said: str) -> None:
    done = say(*arguments, **environment)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_comes_from_a_file_or_from_standard_input(
    say: Say, linking_issuer: LinkingIssuer, tmp_path: Path
) -> None:
    token = linking_issuer.token(client_id=CLIENT_ID, sub=STRANGER, username=STRANGER)
    (tmp_path / "token").write_text(token + "\n")
    assert "I couldn't find any devices." in say("discover", "--token-file", str(tmp_path / "token")).stdout
    assert "I couldn't find any devices." in say("discover", "--token-file", "-", stdin=token).stdout
    in_file = say("discover", SKILL_SIMULATE_TOKEN="", SKILL_SIMULATE_TOKEN_FILE=str(tmp_path / "token"))
    assert "I couldn't find any devices." in in_file.stdout


@pytest.mark.spec("S20")
def test_S20_a_skill_that_takes_signed_calls_alone_says_so(say: Say) -> None:
    done = say("discover", SKILL_BRIDGE_SECRET="")
    assert (done.returncode, "SKILL_BRIDGE_SECRET" in done.stderr) == (1, True)
    wrong = say("discover", SKILL_BRIDGE_SECRET="another-secret-another-secret-another")
    assert (wrong.returncode, "SKILL_BRIDGE_SECRET" in wrong.stderr) == (1, True)


def test_a_skill_that_is_not_there_is_said(say: Say) -> None:
    done = say("discover", "--url", "http://127.0.0.1:9")
    assert (done.returncode, "does not answer" in done.stderr) == (1, True)


@pytest.mark.spec("S17")
def test_S17_a_token_that_the_skill_refuses_is_said_to_unlink(say: Say, linking_issuer: LinkingIssuer) -> None:
    forged = linking_issuer.token(client_id=CLIENT_ID)[:-10] + "A" * 10
    done = say("discover", SKILL_SIMULATE_TOKEN=forged)
    assert done.returncode == 1
    assert "INVALID_AUTHORIZATION_CREDENTIAL" in done.stdout


def keep(issuer: LinkingIssuer, folder: Path, monkeypatch: pytest.MonkeyPatch, expires_at: float) -> Path:
    """A link as `link` keeps it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    token = issuer.token(client_id=CLIENT_ID)
    issuer.given.append(token)
    link = Link(token, REFRESH_TOKEN, expires_at, PERSON, "someone@example.org")
    keeping.keep(Kept(issuer.url, CLIENT_ID, CLIENT_SECRET, link))
    return keeping.place()


def test_a_kept_link_is_renewed_when_it_has_expired_and_kept_again(
    say: Say, linking_issuer: LinkingIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = keep(linking_issuer, tmp_path, monkeypatch, time.time() - 1)
    assert place.stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        assert say("on", "desk lamp", SKILL_SIMULATE_TOKEN="").returncode == 0
    ((_, form),) = linking_issuer.asked
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", REFRESH_TOKEN)
    assert place.stat().st_mode & 0o777 == 0o600
    kept = keeping.load()
    assert kept is not None
    assert kept.link.access_token == linking_issuer.given[-1]
    assert say("unlink").stdout == "Forgotten.\n"
    assert not place.exists()


@pytest.mark.parametrize(("status", "error", "stays"), [(400, "invalid_grant", False), (503, "x", True)])
def test_only_a_refusal_for_good_forgets_the_link(
    say: Say, linking_issuer: LinkingIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, error: str,
    stays: bool,
) -> None:  # fmt: skip
    place = keep(linking_issuer, tmp_path, monkeypatch, time.time() - 1)
    linking_issuer.answer = (status, {"error": error})
    done = say("on", "desk lamp", SKILL_SIMULATE_TOKEN="")
    assert done.returncode == 1
    assert "Sorry, I can't do that now." in done.stdout
    assert place.exists() is stays


async def test_a_link_that_another_command_has_renewed_goes_on_from_there(
    linking_issuer: LinkingIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linking_issuer.reset()
    keep(linking_issuer, tmp_path, monkeypatch, time.time() - 1)
    mine = keeping.load()
    assert mine is not None
    newer = dataclasses.replace(mine.link, access_token="newer", refresh_token="the newest")
    keeping.keep(dataclasses.replace(mine, link=newer))
    server = _keeping(mine, set())
    await server.refresh(Browser("", ""), mine.link, time.time())
    assert [form["refresh_token"] for _, form in linking_issuer.asked] == ["the newest"]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["unlinked", "linked elsewhere"])
async def test_a_link_that_another_command_took_away_is_not_brought_back(
    linking_issuer: LinkingIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    linking_issuer.reset()
    place = keep(linking_issuer, tmp_path, monkeypatch, time.time() - 1)
    mine = keeping.load()
    assert mine is not None
    if elsewhere:
        keeping.keep(dataclasses.replace(mine, issuer="http://localhost:9"))
    else:
        keeping.forget()
    before = place.read_bytes() if elsewhere else None
    with pytest.raises(LinkingFailed):
        await _keeping(mine, set()).refresh(Browser("", ""), mine.link, time.time())
    assert (place.read_bytes() if place.exists() else None) == before
    assert linking_issuer.asked == []


async def test_a_dead_link_does_not_take_the_one_that_was_made_since_with_it(
    simulator: Service, linking_issuer: LinkingIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = keep(linking_issuer, tmp_path, monkeypatch, time.time() + 60)
    good = keeping.load()
    assert good is not None
    dead = dataclasses.replace(good.link, access_token=good.link.access_token[:-10] + "A" * 10)
    keeping.keep(dataclasses.replace(good, link=dead))
    secret = SecretStr(simulator.settings["SKILL_BRIDGE_SECRET"])
    async with Voice(simulator.url, secret, None) as voice:
        keeping.keep(good)
        assert not (await voice.discover()).well
    assert voice.unlinked
    assert keeping.load() == good
    keeping.keep(dataclasses.replace(good, link=dead))
    async with Voice(simulator.url, secret, None) as voice:
        await voice.discover()
    assert not place.exists()


@pytest.mark.parametrize(
    "written", ["[]", '{"issuer":"x"}', '{"issuer":1,"client_id":"c","client_secret":null,"link":{}}', "\0"]
)
def test_a_file_that_was_not_written_here_is_said(
    say: Say, linking_issuer: LinkingIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    keep(linking_issuer, tmp_path, monkeypatch, time.time() + 60).write_text(written)
    done = say("on", "desk lamp", SKILL_SIMULATE_TOKEN="")
    assert (done.returncode, "cannot be used" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


@pytest.mark.parametrize("address", [b"//[", b"/callback?state=%ff", b"http://[::1/callback", b""])
def test_whatever_a_stranger_asks_of_the_waiting_link_is_answered(address: bytes) -> None:
    answered: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    head = b"GET " + address + b" HTTP/1.1\r\n\r\n"
    assert loopback._answer(head, Browser("", ""), time.time(), answered)[0][:1] == "4"
    assert answered.empty()


def test_a_file_that_others_can_read_is_not_used(
    say: Say, linking_issuer: LinkingIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = keep(linking_issuer, tmp_path, monkeypatch, time.time() + 60)
    place.chmod(0o644)
    with pytest.raises(NotKept):
        keeping.load()
    done = say("on", "desk lamp", SKILL_SIMULATE_TOKEN="")
    assert (done.returncode, "chmod 600" in done.stderr) == (2, True)


def test_watching_prints_what_changes(say: Say, simulator: Service, linking_issuer: LinkingIssuer) -> None:
    environment = {
        "SKILL_SIMULATE_TOKEN": linking_issuer.token(client_id=CLIENT_ID),
        "SKILL_BRIDGE_SECRET": simulator.settings["SKILL_BRIDGE_SECRET"],
    }
    say("brightness", "floor lamp", "10")
    command = [
        str(PROGRAMS / "skill"),
        "simulate",
        "alexa",
        "report",
        "floor lamp",
        "--watch",
        "--every",
        "0.1",
        "--url",
    ]
    with subprocess.Popen(
        [*command, simulator.url],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell starts a background job
    ) as watching:
        try:
            assert watching.stdout is not None
            lines = (line for line in watching.stdout if line.startswith("Alexa:"))
            assert "Floor lamp is on, at 10 percent." in next(lines)
            say("brightness", "floor lamp", "20")
            assert "Floor lamp is on, at 20 percent." in next(lines)
            watching.send_signal(signal.SIGINT)
            assert watching.wait(10) == 0
        finally:
            watching.kill()


def test_watching_ends_with_the_link(say: Say, linking_issuer: LinkingIssuer) -> None:
    forged = linking_issuer.token(client_id=CLIENT_ID)[:-10] + "A" * 10
    done = say("report", f"lamp-{'0' * 32}", "--watch", "--every", "0.05", SKILL_SIMULATE_TOKEN=forged)
    assert (done.returncode, done.stdout.count("INVALID_AUTHORIZATION_CREDENTIAL")) == (1, 1)


def test_a_lamp_is_only_asked_what_it_can(say: Say, simulator: Service) -> None:
    lamp = add_lamp(simulator, PERSON, "Plain lamp", "simulated", "--capabilities", "power,brightness")
    try:
        done = say("color", "plain lamp", "red")
        assert (done.returncode, "Plain lamp doesn't support that." in done.stdout) == (1, True)
    finally:
        simulator.cli_json("lamp", "remove", lamp)
