"""The page of a running skill: who may open it, what it sends, what it shows."""

import asyncio
import time

import httpx2
import orjson
import pytest

from skill.news import News
from skill.settings import Settings
from skill.simulator.routes import simulator_routes
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.simulator.browsing import Visitor
from tests.skill.simulator.conftest import settings
from tests.skill.simulator.linking_issuer import PERSON, LinkingIssuer


@pytest.mark.spec("security 6.76")
@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.168.1.10:8001", "localhost@evil.example", ""],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "static/simulator.js"), ("GET", "lamps/stream"), ("GET", "callback"), ("POST", "link")],
)
async def test_the_simulator_answers_only_to_a_loopback_host(
    simulator: Service, host: str, method: str, path: str
) -> None:
    async with httpx2.AsyncClient(base_url=simulator.url, trust_env=False, verify=False) as client:
        answer = await client.request(method, f"/simulator/{path}", headers={"host": host})
    assert answer.status_code in (400, 403)
    assert "set-cookie" not in answer.headers
    assert "form_token" not in answer.text


@pytest.mark.spec("security 6.76")
def test_outside_development_mode_there_is_no_simulator() -> None:
    production = Settings(
        database_url="sqlite:///unused.db",
        issuer="https://auth.example.org",
        client_ids="alexa",
        public_url="https://skill.example.org",
        bridge_secret="x" * 40,
        simulator_client_id="alexa",
        simulator_client_secret="secret",
    )

    async def answer(body: bytes) -> dict[str, object]:
        raise AssertionError

    async def owner_lamps(owner: str) -> list[object]:
        raise AssertionError

    assert simulator_routes(production, answer, owner_lamps, News()) == []  # type: ignore[arg-type]


async def test_another_name_of_this_machine_leads_to_the_registered_one(simulator: Service) -> None:
    async with httpx2.AsyncClient(
        base_url=f"http://localhost:{simulator.port}", trust_env=False, verify=False
    ) as client:
        answer = await client.get("/simulator/")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{simulator.url}/simulator/"


async def test_the_page_is_self_contained_and_under_a_strict_policy(visitor: Visitor) -> None:
    answer = await visitor.client.get("/simulator/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "style=" not in answer.text
    assert "<style" not in answer.text
    assert 'src="http' not in answer.text
    assert 'href="http' not in answer.text


@pytest.mark.spec("security 6.73")
async def test_the_cookie_is_out_of_scripts_reach(simulator: Service) -> None:
    async with httpx2.AsyncClient(base_url=simulator.url, trust_env=False, verify=False) as client:
        cookie = (await client.get("/simulator/")).headers["set-cookie"].lower()
    assert cookie.startswith("lampgate_simulator=")  # authserver's neighbour on loopback, where ports share cookies
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/simulator" in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("action", ["link", "unlink", "discover", "speak", "control", "refresh"])
async def test_a_form_of_another_site_is_refused(visitor: Visitor, action: str, headers: dict[str, str]) -> None:
    assert (await visitor.post(action, headers=headers)).status_code == 403


async def test_a_form_without_this_browsers_token_is_refused(visitor: Visitor, simulator: Service) -> None:
    async with Visitor(simulator.url) as other:
        for token in ("", "wrong", other.form_token, "ü"):
            assert (await visitor.post("discover", form_token=token)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"form_token=" + b"x" * 70_000, b"&".join([b"a=b"] * 100)],
    ids=["not ascii", "too long", "too many"],
)
async def test_a_malformed_form_is_refused(visitor: Visitor, body: bytes) -> None:
    answer = await visitor.client.post("/simulator/speak", content=body, headers={"origin": visitor.url})
    assert answer.status_code == 403


async def test_discover_then_speak_lights_the_lamp(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    await visitor.link(linking_issuer.url)
    await visitor.act("discover")
    assert visitor.reply() == "I found 2 lamps: Desk lamp and Floor lamp."
    await visitor.act("speak", said="turn off the desk lamp")
    assert visitor.lamp("Desk lamp") == "Off"
    await visitor.act("speak", said="set the desk lamp to 40 percent")
    assert visitor.reply() == "OK"
    assert visitor.lamp("Desk lamp") == "On · 40 %"
    await visitor.act("speak", said="brighten the desk lamp by 20 percent")
    assert visitor.lamp("Desk lamp") == "On · 60 %"
    await visitor.act("speak", said="is the desk lamp on")
    assert visitor.reply() == "Desk lamp is on."
    await visitor.act("speak", said="how bright is the desk lamp")
    assert visitor.reply() == "Desk lamp is on, at 60 percent."


async def test_a_button_sends_its_directive(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    await visitor.link(linking_issuer.url)
    page = await visitor.act("discover")
    lamp = page.partition('data-lamp="')[2].partition('"')[0]
    await visitor.act("control", lamp=lamp, do="brightness", brightness="80")
    assert visitor.lamp("Desk lamp") == "On · 80 %"
    await visitor.act("control", lamp=lamp, do="dim")
    assert visitor.lamp("Desk lamp") == "On · 60 %"
    await visitor.act("control", lamp=lamp, do="off")
    assert visitor.lamp("Desk lamp") == "Off"
    await visitor.act("control", lamp=lamp, do="on")
    assert visitor.lamp("Desk lamp") == "On · 60 %"
    page = await visitor.act("control", lamp=lamp, do="report")
    assert "StateReport" in page
    for nonsense in ({"do": "explode"}, {"do": "brightness", "brightness": "-1"}, {"lamp": "lamp-of-somebody"}):
        await visitor.act("control", **({"lamp": lamp, "do": "on"} | nonsense))


async def test_a_lamp_without_current_is_not_responding(
    visitor: Visitor, simulator: Service, linking_issuer: LinkingIssuer
) -> None:
    await visitor.link(linking_issuer.url)
    await visitor.act("discover")
    lamp = next(each for each in simulator.cli_json("lamp", "list") if each["name"] == "Floor lamp")["endpoint_id"]
    simulator.cli_json("lamp", "plug", lamp, "--out")
    try:
        await visitor.act("speak", said="turn on the floor lamp")
        assert visitor.reply().startswith("Floor lamp isn't responding.")
        assert visitor.lamp("Floor lamp") == "Not responding"
    finally:
        simulator.cli_json("lamp", "plug", lamp, "--in")


async def test_a_change_made_elsewhere_reaches_a_listening_page(
    visitor: Visitor, simulator: Service, linking_issuer: LinkingIssuer
) -> None:
    await visitor.link(linking_issuer.url)
    page = await visitor.act("discover")
    lamp = page.partition('data-lamp="')[2].partition('"')[0]
    async with visitor.client.stream("GET", "/simulator/lamps/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = _events(stream)
        first = await asyncio.wait_for(anext(events), 5)
        assert len(first["lamps"]) == 2
        simulator.cli_json("lamp", "plug", lamp, "--out")
        try:
            second = await asyncio.wait_for(anext(events), 5)
        finally:
            simulator.cli_json("lamp", "plug", lamp, "--in")
        assert list(second["lamps"]) == [lamp]
        assert second["lamps"][lamp]["online"] is False


async def test_a_listening_page_does_not_hold_up_the_end_of_the_service(
    new_database, module_folder, linking_issuer: LinkingIssuer
) -> None:  # type: ignore[no-untyped-def]
    linking_issuer.reset()
    port = free_port()
    service = Service("skill", settings(new_database("sqlite"), port, linking_issuer.url), module_folder, port)
    service.migrate()
    service.cli_json("lamp", "add", "--owner", PERSON, "--name", "Lamp", "--driver", "simulated")
    service.start()
    async with Visitor(service.url) as visitor:
        await visitor.link(linking_issuer.url)
        await visitor.act("discover")
        async with visitor.client.stream("GET", "/simulator/lamps/stream") as stream:
            await anext(_events(stream))
            began = time.monotonic()
            status = await asyncio.to_thread(service.stop)
            assert status == 0
            assert time.monotonic() - began < 3


async def _events(stream: httpx2.Response):  # type: ignore[no-untyped-def]
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield orjson.loads(line.removeprefix("data: "))
