"""Linking as Alexa does it, by a running skill."""

import asyncio
import base64
from urllib.parse import unquote

import httpx2
import pytest

from tests.running.make_run import answers
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.simulator.browsing import Visitor
from tests.skill.simulator.conftest import settings
from tests.skill.simulator.linking_issuer import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, LinkingIssuer


async def test_link_sends_the_browser_to_the_issuer_as_alexa_does(visitor: Visitor, simulator: Service) -> None:
    asked = await visitor.begin()
    assert asked["response_type"] == "code"
    assert asked["client_id"] == CLIENT_ID
    assert asked["scope"] == "openid"
    assert asked["redirect_uri"] == f"{simulator.url}/simulator/callback"
    assert len(asked["state"]) == 737
    assert asked["state"].startswith("A2SAAEAE")
    assert asked["state"].replace("_", "").replace("-", "").isalnum()


async def test_every_linking_has_a_state_of_its_own(visitor: Visitor) -> None:
    assert (await visitor.begin())["state"] != (await visitor.begin())["state"]


async def test_the_code_is_exchanged_server_side_as_alexa_does(
    visitor: Visitor, simulator: Service, linking_issuer: LinkingIssuer
) -> None:
    page = await visitor.link(linking_issuer.url)
    ((headers, form),) = linking_issuer.asked
    scheme, _, credentials = headers["authorization"].partition(" ")
    identifier, _, secret = base64.b64decode(credentials).decode().partition(":")
    assert scheme == "Basic"
    assert (unquote(identifier), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)
    assert headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert headers["user-agent"].startswith("Apache-HttpClient/")
    assert form["grant_type"] == "authorization_code"
    assert form["redirect_uri"] == f"{simulator.url}/simulator/callback"
    assert "client_secret" not in form
    assert "someone@example.org" in page


@pytest.mark.spec("RFC 6749 §10.12")
async def test_a_callback_with_another_browsers_cookie_is_refused(
    visitor: Visitor, simulator: Service, linking_issuer: LinkingIssuer
) -> None:
    asked = await visitor.begin()
    async with Visitor(simulator.url) as stranger:
        answer = await stranger.come_back(code="c", state=asked["state"], iss=linking_issuer.url)
        assert answer.status_code == 400
        assert "begun here" in answer.text
        assert "No account linked" in await stranger.open()
    assert linking_issuer.asked == []


@pytest.mark.spec("RFC 6749 §10.12")
async def test_a_callback_without_cookie_is_refused(
    visitor: Visitor, simulator: Service, linking_issuer: LinkingIssuer
) -> None:
    asked = await visitor.begin()
    async with httpx2.AsyncClient(base_url=simulator.url, trust_env=False, verify=False) as bare:
        answer = await bare.get("/simulator/callback", params={"code": "c", "state": asked["state"]})
    assert answer.status_code == 400
    assert linking_issuer.asked == []


@pytest.mark.spec("RFC 6749 §10.12")
async def test_a_state_holds_once_and_only_as_it_was_given(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    asked = await visitor.begin()
    for wrong in ("", asked["state"][:-1], asked["state"] + "x"):
        assert (await visitor.come_back(code="c", state=wrong, iss=linking_issuer.url)).status_code == 400
    again = {"code": "c", "state": asked["state"], "iss": linking_issuer.url}
    assert (await visitor.come_back(**again)).status_code == 303
    assert (await visitor.come_back(**again)).status_code == 400
    assert len(linking_issuer.asked) == 1


@pytest.mark.spec("RFC 9207 §2.4")
@pytest.mark.parametrize("iss", [None, "http://localhost:1", ""])
async def test_an_answer_of_another_issuer_is_not_exchanged(
    visitor: Visitor, linking_issuer: LinkingIssuer, iss: str | None
) -> None:
    asked = await visitor.begin()
    parameters = {"code": "c", "state": asked["state"]} | ({} if iss is None else {"iss": iss})
    await visitor.come_back(**parameters)
    assert "The answer came from elsewhere" in await visitor.open()
    assert linking_issuer.asked == []


async def test_a_refusal_is_explained_and_can_be_tried_again(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    asked = await visitor.begin()
    await visitor.come_back(error="access_denied", state=asked["state"], iss=linking_issuer.url)
    page = await visitor.open()
    assert "You didn’t allow the link" in page
    assert "Try again" in page
    assert "someone@example.org" in await visitor.link(linking_issuer.url)


@pytest.mark.parametrize(
    ("status", "error", "shown"),
    [
        (401, "invalid_client", "The simulator isn’t registered"),
        (400, "invalid_grant", "This link has ended"),
        (503, "temporarily_unavailable", "The authorization server doesn’t answer"),
        (500, "whatever", "The authorization server doesn’t answer"),
        (400, "<script>alert(1)</script>", "Linking didn’t finish"),
    ],
)
async def test_a_failed_exchange_is_explained(
    visitor: Visitor, linking_issuer: LinkingIssuer, status: int, error: str, shown: str
) -> None:
    linking_issuer.answer = (status, {"error": error})
    page = await visitor.link(linking_issuer.url)
    assert shown in page
    assert "<script>alert" not in page
    assert "No account linked" in page


async def test_an_issuer_that_is_away_is_explained_before_the_browser_leaves(
    new_database, module_folder, linking_issuer: LinkingIssuer
) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    away = f"http://127.0.0.1:{free_port()}"
    service = Service("skill", settings(new_database("sqlite"), port, away), module_folder, port)
    service.migrate()
    service.start(wait_until_ready=False)
    try:
        async with asyncio.timeout(20):
            while not answers(f"{service.url}/healthz"):  # never ready: that means keys loaded once
                await asyncio.sleep(0.05)
        async with Visitor(service.url) as visitor:
            assert "The authorization server doesn’t answer" in await visitor.act("link")
    finally:
        service.stop()


async def test_what_the_page_shows_of_tokens_is_shortened(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    linking_issuer.given.clear()
    asked = await visitor.begin()
    await visitor.come_back(code="the-code-0123456789abcdef", state=asked["state"], iss=linking_issuer.url)
    await visitor.open()
    await visitor.act("discover")
    await visitor.act("speak", said="turn on the desk lamp")
    page = await visitor.act("refresh")
    assert "Discover.Response" in page
    assert "refresh_token" in page
    secrets = [*linking_issuer.given, REFRESH_TOKEN, CLIENT_SECRET, asked["state"], "the-code-0123456789abcdef"]
    assert len(linking_issuer.given) == 2
    for secret in secrets:
        assert secret not in page
        assert secret[-16:] not in page
    basic = linking_issuer.asked[0][0]["authorization"].removeprefix("Basic ")
    assert basic not in page
    assert not any(secret in value for secret in linking_issuer.given for value in visitor.client.cookies.values())


async def test_an_expired_access_token_is_refreshed_before_the_directive(
    visitor: Visitor, linking_issuer: LinkingIssuer
) -> None:
    linking_issuer.expires_in = 0
    await visitor.link(linking_issuer.url)
    linking_issuer.expires_in = 3600
    await visitor.act("discover")
    assert "I found 2 lamps" in visitor.reply()
    assert [form["grant_type"] for _, form in linking_issuer.asked] == ["authorization_code", "refresh_token"]
    assert linking_issuer.asked[1][1]["refresh_token"] == REFRESH_TOKEN
    await visitor.act("speak", said="turn on the desk lamp")
    assert len(linking_issuer.asked) == 2


async def test_lamps_commanded_at_once_share_one_refresh(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    await visitor.link(linking_issuer.url)
    await visitor.act("discover")
    linking_issuer.expires_in = 0
    await visitor.act("refresh")
    linking_issuer.expires_in = 3600
    await visitor.act("speak", said="turn everything off")
    assert visitor.reply() == "OK"
    assert len(linking_issuer.asked) == 3


async def test_invalid_grant_at_a_refresh_unlinks(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    await visitor.link(linking_issuer.url)
    linking_issuer.answer = (400, {"error": "invalid_grant"})
    page = await visitor.act("refresh")
    assert "This link has ended" in page
    assert "No account linked" in page


async def test_trouble_at_a_refresh_keeps_the_link(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    await visitor.link(linking_issuer.url)
    linking_issuer.answer = (503, {"error": "temporarily_unavailable"})
    page = await visitor.act("refresh")
    assert "The authorization server doesn’t answer" in page
    assert "someone@example.org" in page
    linking_issuer.answer = None
    await visitor.act("discover")
    assert "I found 2 lamps" in visitor.reply()


async def test_a_token_that_the_skill_refuses_unlinks_as_in_the_alexa_app(
    visitor: Visitor, linking_issuer: LinkingIssuer
) -> None:
    linking_issuer.forge = True
    await visitor.link(linking_issuer.url)
    page = await visitor.act("discover")
    assert "Alexa unlinked this account" in page
    assert "INVALID_AUTHORIZATION_CREDENTIAL" in page
    assert "No account linked" in page


async def test_unlink_forgets_the_tokens(visitor: Visitor, linking_issuer: LinkingIssuer) -> None:
    await visitor.link(linking_issuer.url)
    assert "No account linked" in await visitor.act("unlink")
    await visitor.act("speak", said="discover my devices")
    assert "isn't linked" in visitor.reply()


async def test_a_second_browser_sees_nothing_of_the_first(
    visitor: Visitor, simulator: Service, linking_issuer: LinkingIssuer
) -> None:
    await visitor.link(linking_issuer.url)
    async with Visitor(simulator.url) as other:
        assert "someone@example.org" not in other.page
        assert (await other.client.get("/simulator/lamps/stream")).status_code == 204
