"""In, out, and what an attacker tries at the door."""

import asyncio
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx2
import pytest

from tests.running.companion import Companion, Visitor
from tests.running.linking import Person

COOKIE, FLOW = "lampgate_companion", "lampgate_companion_flow"


def location(answer: httpx2.Response) -> str:
    return str(answer.headers["location"])


async def begin(visitor: Visitor, path: str = "/") -> str:
    answer = await visitor.client.get(f"{visitor.url}/sign-in", params={"next": path})
    assert answer.status_code == 302
    return location(answer)


@pytest.mark.spec("RFC 7636 §4.3", "OpenID Connect Core §3.1.2.1")
async def test_the_request_carries_state_nonce_and_a_challenge(companion: Companion) -> None:
    async with Visitor(companion.url) as visitor:
        asked = parse_qs(urlsplit(await begin(visitor)).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["response_type"] == ["code"]
        assert len(asked["state"][0]) >= 20
        assert len(asked["nonce"][0]) >= 20
        other = parse_qs(urlsplit(await begin(visitor)).query)
        assert asked["state"] != other["state"]
        assert asked["nonce"] != other["nonce"]


async def test_signing_in_leads_back_to_the_page_that_was_wanted(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        wanted = await visitor.client.get(f"{companion.url}/claim?code=7K3M-9QWX-TRG2-0HBA")
        assert wanted.status_code == 303
        back = parse_qs(urlsplit(location(wanted)).query)["next"][0]
        answer = await visitor.sign_in(anna, back)
        assert str(answer.url).endswith("/claim?code=7K3M-9QWX-TRG2-0HBA")
        assert "7K3M-9QWX-TRG2-0HBA" in answer.text
        assert anna.email in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%0d%0aSet-Cookie:x", "evil",
        "/sign-out", "/simulator/", "/a\tb", "javascript:1", "", "/lamps/x#@evil", "/ /evil.example", "/" + "a" * 400,
    ],
)  # fmt: skip
@pytest.mark.spec("RFC 9700 §4.11")
async def test_the_way_back_never_leads_elsewhere(companion: Companion, anna: Person, path: str) -> None:
    async with Visitor(companion.url) as visitor:
        back = await visitor.at_issuer(await begin(visitor, path), anna)
        assert location(await visitor.client.get(back)) == "/"


@pytest.mark.spec("RFC 6749 §10.12")
async def test_an_answer_in_another_browser_signs_nobody_in(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as attacker, Visitor(companion.url) as victim:
        back = await attacker.at_issuer(await begin(attacker), anna)
        for begun in (False, True):
            if begun:
                await begin(victim)
            answer = await victim.client.get(back)
            assert answer.status_code == 400
            assert COOKIE not in victim.client.cookies
        stolen = dict(parse_qs(urlsplit(back).query))
        mine = parse_qs(urlsplit(await begin(victim)).query)["state"][0]
        query = urlencode({"code": stolen["code"][0], "iss": stolen["iss"][0], "state": mine})
        answer = await victim.client.get(f"{companion.url}/signed-in?{query}")  # the verifier is another one
        assert answer.status_code == 400
        assert COOKIE not in victim.client.cookies


@pytest.mark.spec("RFC 6749 §4.1.2")
async def test_an_answer_is_good_once(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        back = await visitor.at_issuer(await begin(visitor), anna)
        flow = visitor.client.cookies.get(FLOW)
        assert (await visitor.client.get(back)).status_code == 303
        assert FLOW not in visitor.client.cookies
        assert location(await visitor.client.get(back)) == "/"  # signed in already
        visitor.client.cookies.clear()
        answer = await visitor.client.get(back, headers={"cookie": f"{FLOW}={flow}"})
        assert answer.status_code == 400  # the issuer gave its token for this code
        assert COOKIE not in visitor.client.cookies


@pytest.mark.spec("RFC 9207")
@pytest.mark.parametrize("iss", [None, "https://evil.example", ""])
async def test_an_answer_of_another_issuer_is_refused(companion: Companion, anna: Person, iss: str | None) -> None:
    async with Visitor(companion.url) as visitor:
        back = urlsplit(await visitor.at_issuer(await begin(visitor), anna))
        given = {name: values[0] for name, values in parse_qs(back.query).items()} | ({"iss": iss} if iss else {})
        if iss is None:
            del given["iss"]
        elif not iss:
            given["iss"] = ""
        answer = await visitor.client.get(f"{companion.url}/signed-in?{urlencode(given)}")
        assert answer.status_code == 400
        assert (await visitor.client.get(back.geturl())).status_code == 303  # the true one still works


@pytest.mark.spec("RFC 6749 §10.12")
async def test_an_error_that_answers_another_request_leaves_a_sign_in_alone(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        back = await visitor.at_issuer(await begin(visitor), anna)
        issuer = parse_qs(urlsplit(back).query)["iss"][0]
        for state in ({"state": "forged"}, {}):
            forged = urlencode({"error": "access_denied", "iss": issuer} | state)
            assert (await visitor.client.get(f"{companion.url}/signed-in?{forged}")).status_code == 400
        assert (await visitor.client.get(back)).status_code == 303


async def test_a_proxy_that_changes_the_host_leads_nobody_in_circles(companion: Companion) -> None:
    async with Visitor(companion.url) as visitor:
        behind = {"host": "skill:8001"}
        answer = await visitor.client.get(f"{companion.url}/sign-in", params={"next": "/claim"}, headers=behind)
        assert answer.status_code == 303
        assert location(answer).startswith(f"{companion.url}/sign-in?")
        answer = await visitor.client.get(location(answer), headers=behind)
        assert answer.status_code == 302
        assert location(answer).startswith(companion.authserver.url)


@pytest.mark.parametrize("path", ["/claim", "/sign-out", "/backchannel-logout"])
async def test_a_form_that_does_not_arrive_is_not_waited_for(companion: Companion, path: str) -> None:
    """From anybody, signed in or not."""
    port = urlsplit(companion.url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 50\r\n"
    writer.write(f"{head}content-type: application/x-www-form-urlencoded\r\n\r\ncode".encode())
    async with asyncio.timeout(12):
        assert (await reader.readline()).split()[1] in (b"400", b"403")
    writer.close()
    await writer.wait_closed()


async def test_a_cookie_that_was_there_before_is_worth_nothing_afterwards(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        visitor.client.cookies.set(COOKIE, "a-value-that-an-attacker-knows", domain="127.0.0.1", path="/")
        await visitor.sign_in(anna)
        held = [cookie.value for cookie in visitor.client.cookies.jar if cookie.name == COOKIE]
        assert "a-value-that-an-attacker-knows" not in held[-1:]
    async with Visitor(companion.url) as attacker:
        attacker.client.cookies.set(COOKIE, "a-value-that-an-attacker-knows", domain="127.0.0.1", path="/")
        assert (await attacker.client.get(f"{companion.url}/history")).status_code == 303


async def test_signing_out_ends_it_here_and_at_the_issuer(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        cookie = visitor.client.cookies.get(COOKIE)
        answer = await visitor.post("/sign-out")
        assert answer.status_code == 303
        there = location(answer)
        assert there.startswith(f"{companion.authserver.url}/oauth2/logout?")
        back = await visitor.client.get(there)
        assert location(back).startswith(f"{companion.url}/signed-out")
        assert "You are signed out" in (await visitor.client.get(location(back))).text
        assert COOKIE not in visitor.client.cookies
        again = await visitor.browser.open(await begin(visitor))
        assert again.asks_for("password")
        visitor.client.cookies.set(COOKIE, cookie, domain="127.0.0.1", path="/")
        assert (await visitor.client.get(f"{companion.url}/history")).status_code == 303


@pytest.mark.spec("OpenID Connect Back-Channel Logout §2.6")
async def test_who_ends_everything_at_the_issuer_is_out_here_too(companion: Companion) -> None:
    person = companion.person()
    async with Visitor(companion.url) as visitor, Visitor(companion.url) as other:
        await visitor.sign_in(person)
        await other.sign_in(person)
        async with visitor.client.stream("GET", f"{companion.url}/live", timeout=10) as stream:
            done = companion.authserver.cli("user", "disable", person.email)
            assert done.returncode == 0, done.stderr
            async with asyncio.timeout(10):
                async for _ in stream.aiter_bytes():
                    pass  # it ends
        for one in (visitor, other):
            assert (await one.client.get(f"{companion.url}/history")).status_code == 303


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 9000, "eyJhbGciOiJub25lIn0.e30."])
async def test_what_is_no_logout_token_ends_nothing(companion: Companion, token: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{companion.url}/backchannel-logout", data={"logout_token": token})
    assert answer.status_code == 400
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.spec("OpenID Connect Back-Channel Logout §2.6")
async def test_another_token_of_the_issuer_is_no_logout_token(companion: Companion, anna: Person) -> None:
    """An ID token is signed by the same keys, and is for the same audience."""
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        there = location(await visitor.post("/sign-out"))
        id_token = parse_qs(urlsplit(there).query)["id_token_hint"][0]
        answer = await visitor.client.post(f"{companion.url}/backchannel-logout", data={"logout_token": id_token})
        assert answer.status_code == 400


@pytest.mark.spec("RFC 6749 §10.12")
@pytest.mark.parametrize(
    "wrong",
    [
        {"form_token": "x"},
        {"form_token": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
async def test_forms_of_elsewhere_do_nothing(companion: Companion, anna: Person, wrong: dict[str, str]) -> None:
    lamp = await companion.lamp(anna.sub, "Guarded lamp")
    headers = {name: value for name, value in wrong.items() if name != "form_token"}
    fields = {name: value for name, value in wrong.items() if name == "form_token"}
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        paths = ("", "/name", "/unclaim", "/offer", "/withdraw")
        for path in (
            *(f"/lamps/{lamp}{path}" for path in paths),
            "/claim",
            "/history/delete",
            "/rooms/off",
            "/sign-out",
        ):
            assert (await visitor.post(path, headers, **fields)).status_code == 403, path
    assert (await companion.row(lamp)).owner == anna.sub


async def test_the_form_token_of_another_session_is_none(companion: Companion, anna: Person, ben: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Anna's only")
    async with Visitor(companion.url) as one, Visitor(companion.url) as other:
        await one.sign_in(anna)
        await other.sign_in(ben)
        assert one.form_token != other.form_token
        answer = await one.post(f"/lamps/{lamp}", form_token=other.form_token, do="on")
        assert answer.status_code == 403


async def test_whoever_was_signed_out_meanwhile_goes_on_where_they_were(companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Patient lamp")
    here = f"/lamps/{lamp}"
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna, here)
        visitor.client.cookies.clear()
        came_from = {"referer": companion.url + here}
        answer = await visitor.post(f"{here}/name", came_from, name="Patient lamp", room="Hall")
        assert answer.headers["location"] == f"/sign-in?next={quote(here, safe='')}"
        answer = await visitor.post("/claim", code="7k3m 9qwx")
        assert answer.headers["location"] == f"/sign-in?next={quote('/claim?code=7k3m+9qwx', safe='')}"
        answer = await visitor.post("/rooms/off", {"referer": "https://evil.example/claim"}, room="Hall")
        assert answer.headers["location"] == "/"
        answer = await visitor.post("/sign-out", came_from)
        assert answer.headers["location"] == "/signed-out"
