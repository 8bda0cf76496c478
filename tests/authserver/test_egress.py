"""What authserver asks of addresses that others named: where it does not go, and what it does not take."""

import asyncio
import gzip
import ipaddress
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from authserver import egress
from authserver.egress import LARGEST, Destination, Egress, EgressError, is_public, registration_problem
from authserver.settings import Settings
from tests.authserver.protocol.harness import settings_for
from tests.running.answerer import Answer, Answerer, certificate_for, document, json_of, raw, silence

LOOPBACK = "http://localhost:8000"


def of(resolve: Callable[[str, int], list[str]] = egress.resolve, **settings: object) -> Egress:
    return Egress(settings_for("sqlite:///unused", **settings), resolve)


def in_development(resolve: Callable[[str, int], list[str]] = egress.resolve) -> Egress:
    return of(resolve, development=True, issuer=LOOPBACK)


def settings(**given: object) -> Settings:
    return settings_for("sqlite:///unused", **given)


async def refused(egress: Egress, url: str) -> str:
    with pytest.raises(EgressError) as error:
        await egress.get_json(url)
    return str(error.value)


INSIDE = {
    "loopback": "127.0.0.1",
    "loopback-elsewhere": "127.8.8.8",
    "private-10": "10.0.0.1",
    "private-172": "172.31.255.255",
    "private-192": "192.168.1.1",
    "carrier": "100.64.0.1",
    "metadata": "169.254.169.254",
    "this-network": "0.0.0.0",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "multicast": "224.0.0.251",
    "multicast-global": "239.1.2.3",
    "benchmark": "198.18.0.1",
    "documentation": "203.0.113.7",
    "6to4-relay": "192.88.99.1",
    "loopback-6": "::1",
    "unspecified-6": "::",
    "link-local-6": "fe80::1",
    "link-local-6-zone": "fe80::1%1",
    "unique-local": "fd00:ec2::254",
    "site-local": "fec0::1",
    "multicast-6": "ff02::1",
    "mapped-loopback": "::ffff:127.0.0.1",
    "mapped-metadata": "::ffff:169.254.169.254",
    "compatible": "::127.0.0.1",
    "nat64-loopback": "64:ff9b::7f00:1",
    "nat64-private": "64:ff9b::a00:1",
    "nat64-local": "64:ff9b:1::1",
    "6to4": "2002:7f00:1::1",
    "teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "documentation-6": "2001:db8::1",
    "discard": "100::1",
}
OUTSIDE = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.spec("security 6.77", "security 6.55")
@pytest.mark.parametrize("address", INSIDE.values(), ids=INSIDE)
async def test_a_name_that_leads_inside_is_never_connected_to(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    reason = await refused(of(lambda host, port: [address]), "https://keys.client.example/jwks.json")
    assert "not public" in reason
    assert address not in reason


@pytest.mark.spec("security 6.77")
@pytest.mark.parametrize("address", OUTSIDE)
def test_what_everybody_can_reach_may_be_asked(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.spec("security 6.77")
@pytest.mark.parametrize("order", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]], ids=["last", "first"])
async def test_a_name_with_one_address_inside_is_refused_as_a_whole(order: list[str]) -> None:
    assert "not public" in await refused(of(lambda host, port: order), "https://keys.client.example/")


@pytest.mark.spec("security 6.77", "security 6.55")
@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_no_spelling_of_this_machine_is_asked(host: str) -> None:
    async with Answerer(json_of({})) as server:
        await refused(of(), f"https://{host}:{server.port}/keys")
        await refused(of(), f"http://{host}:{server.port}/keys")
        assert server.asked == []


@pytest.mark.spec("security 6.77")
async def test_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    """A name server that says something else the second time (DNS rebinding) is not asked a second time."""
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    async with Answerer(json_of({"keys": []})) as server:
        client = in_development(lambda host, port: answers.pop(0))
        assert await client.get_json(f"http://keys.client.test:{server.port}/keys?a=b") == {"keys": []}
        assert len(answers) == 1
        assert server.asked[0].startswith("GET /keys?a=b HTTP/1.1\r\n")
        assert f"host: keys.client.test:{server.port}\r\n" in server.asked[0].lower()
        assert "not https" in (await refused(client, f"http://keys.client.test:{server.port}/keys"))


@pytest.mark.spec("security 6.77", "security 6.76")
async def test_http_is_for_loopback_in_development_alone() -> None:
    async with Answerer(json_of({"keys": []})) as server:
        assert await in_development().get_json(server.url) == {"keys": []}
        assert "not https" in await refused(of(egress_allowed="127.0.0.1"), server.url)
        assert "not https" in await refused(in_development(lambda host, port: ["10.0.0.1"]), "http://inside.test/")


@pytest.mark.spec("security 6.77")
@pytest.mark.parametrize("allowed", ["keys.internal", "127.0.0.0/8, 10.0.0.0/8", "127.0.0.1"])
async def test_the_operator_can_name_places_inside_and_their_certificate_is_still_checked(
    allowed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = certificate_for("keys.internal", tmp_path)
    async with Answerer(json_of({"keys": []}), tls) as server:
        url = f"https://keys.internal:{server.port}/keys"
        here = lambda host, port: ["127.0.0.1"]  # noqa: E731
        assert "not public" in await refused(of(here), url)
        assert "cannot be reached" in await refused(of(here, egress_allowed=allowed), url)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert await of(here, egress_allowed=allowed).get_json(url) == {"keys": []}
        other = f"https://other.internal:{server.port}/keys"
        reason = await refused(of(here, egress_allowed=f"{allowed}, other.internal"), other)
        assert "cannot be reached" in reason
        assert len(server.asked) == 1


@pytest.mark.spec("security 6.77")
@pytest.mark.parametrize("address", ["224.0.0.1", "0.0.0.0", "::", "::ffff:224.0.0.1", "::ffff:0.0.0.0"])
async def test_not_even_the_operator_sends_us_to_everybody_or_nobody(address: str) -> None:
    client = of(lambda host, port: [address], egress_allowed="keys.internal,0.0.0.0/0,::/0")
    assert "not public" in await refused(client, "https://keys.internal/")


@pytest.mark.parametrize("text", ["10.0.0.0/8x", "https://a.b", "a b", "10.0.0.0/99", "*.internal"])
def test_a_place_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(ValidationError):
        settings(egress_allowed=text)


@pytest.mark.spec("security 6.77", "security 6.55")
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    async with Answerer(json_of({"secret": 1})) as inside, Answerer(json_of({})) as server:
        server.answer = document(b"{}", f"Location: {inside.url}", status=status)
        assert "status 30" in await refused(in_development(), server.url)
        assert inside.asked == []


@pytest.mark.spec("security 6.77")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (document(b"{}", status="404 Not Found"), "status 404"),
        (document(b"{}", status="201 Created"), "status 201"),
        (document(b"{}", media_type="text/html"), "else than JSON"),
        (document(b"{}", media_type="application/jsonp"), "else than JSON"),
        (document(b"{", media_type="application/jwk-set+json"), "broken JSON"),
        (document(b"\xff\xfe"), "broken JSON"),
        (document(b'"' + b"a" * LARGEST + b'"'), "more than"),
        (document(gzip.compress(b"0" * 10**7), "Content-Encoding: gzip"), "encoding"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}"), "no whole answer"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "no whole answer"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n"), "no whole answer"),
        (raw(b""), "no whole answer"),
    ],
    ids=["404", "201", "html", "jsonp", "broken", "not-utf-8", "large", "bomb", "short", "ssh", "headers", "nothing"],
)
async def test_an_answer_that_is_no_small_json_document_is_refused(answer: Answer, reason: str) -> None:
    async with Answerer(answer) as server:
        assert reason in await refused(in_development(), server.url)


@pytest.mark.spec("security 6.77")
async def test_an_answer_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"2\r\n[[\r\n")
            await writer.drain()
            await asyncio.sleep(0)

    async with Answerer(endless) as server:
        assert "more than" in await refused(in_development(), server.url)


@pytest.mark.spec("security 6.77")
@pytest.mark.parametrize("slow", ["silent", "drops", "resolver"])
async def test_whoever_is_slow_is_left_after_five_seconds(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress, "DEADLINE", 0.3)

    async def drops(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b"1")
            await writer.drain()
            await asyncio.sleep(0.05)

    def sleepy(host: str, port: int) -> list[str]:
        time.sleep(3)
        return ["127.0.0.1"]

    async with Answerer(silence if slow == "silent" else drops) as server:
        client = in_development(sleepy) if slow == "resolver" else in_development()
        begun = time.monotonic()
        await refused(client, server.url)
        assert time.monotonic() - begun < 2.5


@pytest.mark.spec("security 6.77")
async def test_whoever_is_slow_to_hear_of_logouts_keeps_no_keys_from_being_fetched() -> None:
    client = in_development()
    async with Answerer(silence) as slow, Answerer(json_of({})) as quick:
        told = [asyncio.ensure_future(client.post_form(slow.url, {})) for _ in range(egress.AT_ONCE["POST"])]
        while len(slow.asked) < 8:
            await asyncio.sleep(0.01)
        assert await client.get_json(quick.url) == {}
        for one in told:
            one.cancel()
        await asyncio.gather(*told, return_exceptions=True)


@pytest.mark.spec("security 6.77")
async def test_whoever_may_register_many_clients_keeps_no_others_keys_from_being_fetched() -> None:
    client = in_development()
    async with Answerer(silence) as slow, Answerer(json_of({})) as quick:
        hanging = [
            asyncio.ensure_future(client.get_json(slow.url, token_id))
            for token_id in ("one", "two", "three", "four")
            for _ in range(egress.AT_ONCE["GET"])
        ]
        while len(slow.asked) < egress.OF_TOKENS:
            await asyncio.sleep(0.01)
        assert await client.get_json(quick.url) == {}
        assert len(slow.asked) == egress.OF_TOKENS
        for one in hanging[egress.AT_ONCE["GET"] :]:
            one.cancel()
        await asyncio.wait(hanging[egress.AT_ONCE["GET"] :])
        assert await client.get_json(quick.url, "two") == {}
        assert len(slow.asked) == egress.OF_TOKENS
        assert not any(one.done() for one in hanging[: egress.AT_ONCE["GET"]])
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


@pytest.mark.spec("security 6.77")
async def test_names_that_no_server_answers_for_keep_no_other_from_being_looked_up() -> None:
    over, asked = threading.Event(), []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        if host != "localhost":
            over.wait(60)
        return ["127.0.0.1"]

    client = in_development(resolve)
    async with Answerer(json_of({})) as quick:
        hanging = [asyncio.ensure_future(client.get_json(f"http://{n}.example:{quick.port}/")) for n in range(4)]
        try:
            while len(asked) < 2:
                await asyncio.sleep(0.01)
            assert await client.get_json(quick.url.replace("127.0.0.1", "localhost")) == {}
        finally:
            over.set()
            await asyncio.gather(*hanging, return_exceptions=True)


@pytest.mark.spec("security 6.77")
async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Answerer(json_of({"from": "proxy"})) as proxy, Answerer(json_of({"from": "client"})) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await in_development().get_json(server.url) == {"from": "client"}
        assert proxy.asked == []


async def test_the_second_address_is_asked_where_the_first_takes_no_connection() -> None:
    async with Answerer(json_of([1])) as server:
        client = in_development(lambda host, port: ["127.0.0.9", "127.0.0.1"])
        assert await client.get_json(f"http://keys.test:{server.port}/") == [1]


async def test_nothing_that_is_told_in_a_form_is_followed_either() -> None:
    async with Answerer(json_of({})) as inside, Answerer(raw(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        assert await in_development().post_form(server.url, {"logout_token": "a b"}) == 204
        assert "content-type: application/x-www-form-urlencoded" in server.asked[0].lower()
        server.answer = document(b"", f"Location: {inside.url}", status="307 Again")
        assert await in_development().post_form(server.url, {}) == 307
        assert inside.asked == []


@pytest.mark.spec("security 6.77", "security 6.4")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "keys",
        "//client.example/keys",
        "file:///etc/passwd",
        "ftp://client.example/",
        "gopher://client.example/",
        "http://client.example/keys",
        "http://localhost.client.example/keys",
        "https://",
        "https:///keys",
        "https://user@client.example/",
        "https://client.example#@inside/",
        "https://client.example/#x",
        "https://client.example\\@inside/",
        "https://client.example/a b",
        "https://client.example/\r\nX: y",
        "https://client.example/\u00e4",
        "https://client.ex\u0430mple/",
        "https://client.example:port/",
        "https://client.example:99999/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://.client.example/",
        "https://client.example/" + "x" * 2000,
    ],
)
async def test_a_url_that_could_be_read_in_two_ways_is_none(url: str) -> None:
    try:
        assert registration_problem(url)
    except ValueError:
        pytest.fail("a malformed URL is a problem to be told, not an error")
    await refused(of(), url)


@pytest.mark.parametrize(
    "url",
    ["https://client.example/keys", "https://client.example:8443/a?b=c", "http://localhost:9/k", "https://[::1]/"],
)
def test_ordinary_urls_can_be_registered(url: str) -> None:
    assert registration_problem(url) is None
    assert Destination.of(url).authority in url
