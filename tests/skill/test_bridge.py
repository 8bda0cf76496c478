"""Only the bridge may call: real requests against a real process, and a second replica."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import orjson
import pytest

from tests.running.bridge import Bridge, directive, signed
from tests.running.home import new_secret
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.issuer import Issuer
from tests.skill.talking import Alexa, error_type, values

BRIGHTNESS = "Alexa.BrightnessController"


async def call(service: Service, body: bytes, headers: dict[str, str], **more: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        return await client.post(f"{service.url}/alexa/directive", content=body, headers=headers | more)


@pytest.fixture
def body(issuer: Issuer, lamp: str) -> bytes:
    token = issuer.token()
    return orjson.dumps(directive(BRIGHTNESS, "AdjustBrightness", token, lamp, {"brightnessDelta": 10}))


@pytest.fixture
def secret(skill: Service) -> str:
    return skill.settings["SKILL_BRIDGE_SECRET"]


def altered(headers: dict[str, str], how: str) -> dict[str, str]:
    timestamp, signature = headers["x-bridge-timestamp"], headers["x-bridge-signature"]
    changes: dict[str, dict[str, str | None]] = {
        "no headers": {"x-bridge-timestamp": None, "x-bridge-signature": None},
        "no timestamp": {"x-bridge-timestamp": None},
        "no signature": {"x-bridge-signature": None},
        "empty signature": {"x-bridge-signature": ""},
        "another timestamp": {"x-bridge-timestamp": str(int(timestamp) - 1)},
        "another signature": {"x-bridge-signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")},
        "a short signature": {"x-bridge-signature": signature[:-2]},
        "a signature with spaces": {"x-bridge-signature": signature[:32] + " " + signature[32:]},
        "a signature with a prefix": {"x-bridge-signature": "sha256=" + signature},
        "twelve digits": {"x-bridge-timestamp": "00" + timestamp},
        "a fraction": {"x-bridge-timestamp": timestamp + ".0"},
        "a sign": {"x-bridge-timestamp": "+" + timestamp},
        "a bearer token instead": {"x-bridge-signature": None, "authorization": "Bearer " + signature},
    }
    return {name: value for name, value in (headers | changes[how]).items() if value is not None}


@pytest.mark.spec("alexa 2.8", "S20", "security 6.72")
@pytest.mark.parametrize(
    "how",
    [
        *("no headers", "no timestamp", "no signature", "empty signature", "another timestamp", "another signature"),
        *("a short signature", "a signature with spaces", "a signature with a prefix", "twelve digits", "a fraction"),
        *("a sign", "a bearer token instead"),
    ],
)
async def test_S20_a_call_that_the_bridge_did_not_sign_is_401(
    skill: Service, secret: str, body: bytes, how: str
) -> None:
    answer = await call(skill, body, altered(signed(body, secret), how))
    assert answer.status_code == 401
    assert b"event" not in answer.content


@pytest.mark.spec("security 6.72")
@pytest.mark.parametrize("digits", ["٣٣٣٣٣٣٣٣٣٣", "0x6553f100", "17953800_0", "¹²³⁴⁵⁶⁷⁸⁹⁰"])
async def test_a_timestamp_is_ten_ascii_digits_even_where_its_signature_is_genuine(
    skill: Service, secret: str, body: bytes, digits: str
) -> None:
    raw = digits.encode()
    signature = hmac.new(secret.encode(), raw + b"." + body, hashlib.sha256).hexdigest()
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        headers = [(b"x-bridge-timestamp", raw), (b"x-bridge-signature", signature.encode())]
        answer = await client.post(f"{skill.url}/alexa/directive", content=body, headers=headers)
    assert answer.status_code == 401


@pytest.mark.spec("security 6.72")
async def test_repeated_signature_headers_are_401(skill: Service, secret: str, body: bytes) -> None:
    good = signed(body, secret)
    for name in ("x-bridge-timestamp", "x-bridge-signature"):
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            answer = await client.post(
                f"{skill.url}/alexa/directive", content=body, headers=[*good.items(), (name, good[name])]
            )
        assert answer.status_code == 401


@pytest.mark.spec("security 6.72")
@pytest.mark.parametrize(("age", "status"), [(290, 200), (310, 401), (-290, 200), (-310, 401)])
async def test_a_timestamp_is_taken_for_five_minutes(
    skill: Service, secret: str, body: bytes, age: int, status: int
) -> None:
    answer = await call(skill, body, signed(body, secret, int(time.time()) - age))
    assert answer.status_code == status


@pytest.mark.spec("security 6.72")
async def test_the_signature_is_over_the_raw_bytes(skill: Service, secret: str, body: bytes) -> None:
    spaced = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2)
    assert (await call(skill, spaced, signed(body, secret))).status_code == 401
    assert (await call(skill, spaced, signed(spaced, secret))).status_code == 200


@pytest.mark.spec("security 6.72")
async def test_a_replayed_call_is_401_and_dims_nothing(alexa: Alexa, skill: Service, secret: str, body: bytes) -> None:
    lamp = orjson.loads(body)["directive"]["endpoint"]["endpointId"]
    headers = signed(body, secret)
    assert values((await call(skill, body, headers)).json())["brightness"] == 10
    upper = headers | {"x-bridge-signature": headers["x-bridge-signature"].upper()}
    for again in (headers, upper):
        assert (await call(skill, body, again)).status_code == 401
    assert (await alexa.state(lamp))["brightness"] == 10


@pytest.mark.spec("security 6.72")
async def test_twenty_replays_at_once_are_obeyed_once(alexa: Alexa, skill: Service, secret: str, body: bytes) -> None:
    lamp = orjson.loads(body)["directive"]["endpoint"]["endpointId"]
    headers = signed(body, secret)
    statuses = [answer.status_code for answer in await asyncio.gather(*(call(skill, body, headers) for _ in range(20)))]
    assert sorted(statuses) == [200] + [401] * 19
    assert (await alexa.state(lamp))["brightness"] == 10


@pytest.mark.spec("security 6.72")
async def test_a_replay_after_a_restart_is_401(skill: Service, secret: str, body: bytes) -> None:
    headers = signed(body, secret)
    assert (await call(skill, body, headers)).status_code == 200
    skill.restart()
    assert (await call(skill, body, headers)).status_code == 401


@pytest.mark.spec("security 6.72")
async def test_a_replay_at_another_replica_is_401(
    skill: Service, secret: str, body: bytes, module_folder: Path, database_kind: str
) -> None:
    """On SQLite a second process is no replica that we offer, yet the database decides there too."""
    with Service("skill", skill.settings, module_folder, free_port()) as other:
        headers = signed(body, secret)
        answers = await asyncio.gather(call(skill, body, headers), call(other, body, headers))
        assert sorted(answer.status_code for answer in answers) == [200, 401]


@pytest.mark.spec("security 6.72")
async def test_two_secrets_are_accepted_while_one_replaces_the_other(
    skill: Service, body: bytes, module_folder: Path, issuer: Issuer, lamp: str
) -> None:
    old, new = new_secret(), new_secret()
    port = free_port()
    settings = skill.settings | {"SKILL_BRIDGE_SECRET": f"{old}, {new}"}
    service = Service("skill", settings, module_folder, port)
    service.must_not_log(old, new)
    with service:
        for number, secret in enumerate((old, new, new_secret())):
            other = orjson.dumps(
                directive(BRIGHTNESS, "SetBrightness", issuer.token(), lamp, {"brightness": 1 + number})
            )
            assert (await call(service, other, signed(other, secret))).status_code == (200 if number < 2 else 401)


@pytest.mark.spec("alexa 2.1")
async def test_a_body_over_64_kib_is_413(skill: Service, secret: str, body: bytes) -> None:
    large = body + b" " * (64 * 1024 - len(body))
    assert (await call(skill, large, signed(large, secret))).status_code == 200
    larger = large + b" "
    assert (await call(skill, larger, signed(larger, secret))).status_code == 413

    async def parts() -> object:
        for _ in range(70):
            yield b" " * 1024

    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        answer = await client.post(f"{skill.url}/alexa/directive", content=parts())  # type: ignore[arg-type]
    assert answer.status_code == 413


async def test_another_method_is_405(skill: Service) -> None:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        assert (await client.get(f"{skill.url}/alexa/directive")).status_code == 405


@pytest.fixture(scope="module")
def unsigned(skill: Service, module_folder: Path) -> Iterator[Service]:
    """Development mode without a bridge secret, on the same database."""
    settings = {name: value for name, value in skill.settings.items() if name != "SKILL_BRIDGE_SECRET"}
    with Service("skill", settings, module_folder, free_port()) as service:
        yield service


@pytest.mark.spec("security 6.76")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8001", 200),
        ("127.0.0.1", 200),
        ("[::1]:8001", 200),
        ("skill.example.org", 401),
        ("localhost.evil.example", 401),
        ("127.0.0.1.nip.io", 401),
        ("192.168.1.7:8001", 401),
        ("", 401),
    ],
)
async def test_an_unsigned_call_is_obeyed_for_a_loopback_host_alone(
    unsigned: Service, body: bytes, host: str, status: int
) -> None:
    assert (await call(unsigned, body, {}, host=host)).status_code == status


@pytest.mark.spec("security 6.76")
async def test_a_secret_is_asked_for_in_development_mode_too(skill: Service, body: bytes) -> None:
    assert (await call(skill, body, {}, host="localhost")).status_code == 401


async def test_a_bridge_of_another_secret_is_not_ours(skill: Service, issuer: Issuer, lamp: str) -> None:
    answer = await Bridge(skill.url, new_secret()).forward(directive("Alexa", "ReportState", issuer.token(), lamp))
    assert answer.status_code == 401


async def test_an_expired_token_in_a_genuine_call_is_named(alexa: Alexa, lamp: str) -> None:
    message = directive("Alexa", "ReportState", alexa.issuer.token(exp=int(time.time()) - 3600), lamp)
    assert error_type(await alexa.forward(message)) == "EXPIRED_AUTHORIZATION_CREDENTIAL"
