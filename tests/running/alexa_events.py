"""Amazon's end of events: Login with Amazon and the event gateways of the three regions, written from contract 1.8 and
2.5 alone. Every message is held to them; what breaks them is a complaint, and the test fails at its end."""

import contextlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

CLIENT_ID, CLIENT_SECRET = "amzn1.application-oa2-client.0123456789abcdef", secrets.token_hex(32)
LOGIN = "login"
GATEWAY = re.compile(r"/(NA|EU|FE)/v3/events")
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,3})?Z")
CAUSES = {"APP_INTERACTION", "PHYSICAL_INTERACTION"}  # of those that there are, the ones that are ours to say
LARGEST = 256 * 1024  # bytes

Answer = tuple[int, dict[str, Any], dict[str, str]]
"""Status, body, headers. Status 0: the connection ends without an answer."""
KNOWN = 208
"""The status noted for a repetition, which is answered as the first was."""

Fault = Callable[[], Answer | None]


def exception(status: int, code: str, **headers: str) -> Answer:
    """As the gateway words its errors."""
    header = {"namespace": "System", "name": "Exception", "messageId": secrets.token_hex(8)}
    return status, {"header": header, "payload": {"code": code, "description": "as the test wants"}}, headers


@dataclass
class Grant:
    """What the user gave. `dead`: taken back at Amazon. `rotates`: a refresh token is good for one use."""

    region: str
    refresh: str
    access: str = ""
    good_until: float = 0.0
    dead: bool = False


@dataclass
class Received:
    region: str
    message: dict[str, Any]
    status: int
    at: float

    @property
    def kind(self) -> str:
        return str(self.message["event"]["header"]["name"])

    @property
    def id(self) -> str:
        return str(self.message["event"]["header"]["messageId"])

    @property
    def about(self) -> list[str]:
        event = self.message["event"]
        if "endpoint" in event:
            return [event["endpoint"]["endpointId"]]
        return [each["endpointId"] for each in event["payload"]["endpoints"]]

    @property
    def cause(self) -> str:
        return str(self.message["event"]["payload"]["change"]["cause"]["type"])

    @property
    def changed(self) -> dict[str, Any]:
        properties = self.message["event"]["payload"]["change"]["properties"]
        return {each["name"]: each["value"] for each in properties}

    @property
    def unchanged(self) -> dict[str, Any]:
        return {each["name"]: each["value"] for each in self.message["context"]["properties"]}


@dataclass
class AlexaEvents:
    """`url` is what SKILL_AMAZON_URL must be. `login_fault` and `gateway_fault` decide for each request whether it is
    answered otherwise; `delay` (seconds) comes before every answer of the gateway. `silent`: the regions whose gateways
    take what comes and do not answer until they are taken out of it, and LOGIN. `checks`: what else holds messages.
    `may_repeat`: who sends is killed, so that what was taken may come again, the same under its id."""

    lifetime: int = 3600
    rotates: bool = False
    delay: float = 0.0
    may_repeat: bool = False
    silent: set[str] = field(default_factory=set)
    checks: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    login_fault: Fault | None = None
    gateway_fault: Fault | None = None
    complaints: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turn = threading.RLock()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Again at the same port, after `stop`: an outage."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._server.daemon_threads = True
        self._port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def new_code(self, region: str = "NA") -> str:
        """As AcceptGrant brings it, of a user of that region."""
        code = self._secret("AN")
        self.codes[code] = region
        return code

    def _secret(self, kind: str) -> str:
        made = f"{kind}{secrets.token_hex(24)}"
        self.secrets.append(made)
        return made

    def expire_tokens(self) -> None:
        for grant in self.grants:
            grant.good_until = 0.0

    def accepted(self, kind: str | None = None) -> list[Received]:
        with self._turn:
            return [each for each in self.received if each.status == 202 and kind in (None, each.kind)]

    def check(self) -> None:
        assert not self.complaints, "\n".join(self.complaints)

    def be_silent(self, where: str) -> None:
        while where in self.silent:
            time.sleep(0.02)

    # What the handler asks, one request at a time.

    def login(self, content_type: str, body: bytes) -> Answer:
        with self._turn:
            if content_type.partition(";")[0] != "application/x-www-form-urlencoded":
                self.complaints.append(f"a token request of type {content_type}")
            pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
            form = dict(pairs)
            if len(form) != len(pairs):
                self.complaints.append("a token request with a field twice")
            self.forms.append(form)
            if self.login_fault is not None and (answer := self.login_fault()) is not None:
                return answer
            if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return 401, {"error": "invalid_client", "error_description": "no"}, {}
            grant_type, more = form.get("grant_type"), set(form) - {"grant_type", "client_id", "client_secret"}
            if grant_type == "authorization_code" and more == {"code"}:
                region = self.codes.pop(form["code"], None)
                if region is None:
                    return 400, {"error": "invalid_grant", "error_description": "no such code"}, {}
                grant = Grant(region, self._secret("Atzr"))
                self.grants.append(grant)
            elif grant_type == "refresh_token" and more == {"refresh_token"}:
                found = [each for each in self.grants if each.refresh == form["refresh_token"] and not each.dead]
                if not found:
                    return 400, {"error": "invalid_grant", "error_description": "no such token"}, {}
                grant = found[0]
                if self.rotates:
                    grant.refresh = self._secret("Atzr")
            else:
                self.complaints.append(f"a token request of {sorted(form)}")
                return 400, {"error": "invalid_request", "error_description": "no"}, {}
            grant.access, grant.good_until = self._secret("Atza"), time.time() + self.lifetime
            return (
                200,
                {
                    "access_token": grant.access,
                    "refresh_token": grant.refresh,
                    "token_type": "bearer",
                    "expires_in": self.lifetime,
                },
                {"Cache-Control": "no-store"},
            )

    def event(self, region: str, headers: Any, body: bytes) -> Answer:
        with self._turn:
            message = json.loads(body)
            received = Received(region, message, 0, time.time())
            self.received.append(received)
            answer = self._judged(received, headers, body)
            received.status = answer[0]
            return answer

    def _judged(self, received: Received, headers: Any, body: bytes) -> Answer:
        scheme, _, token = (headers.get("authorization") or "").partition(" ")
        try:
            for judge in (lambda message: check(message, token), *self.checks):
                judge(received.message)
            assert headers.get("content-type") == "application/json"
            assert len(body) <= LARGEST
            assert scheme == "Bearer"
            taken = [each for each in self.accepted() if each.id == received.id]
            assert self.may_repeat or not taken, "a message that was taken comes again"
            assert all(_bare(each.message) == _bare(received.message) for each in taken), "it is not the same"
        except (AssertionError, KeyError, TypeError, ValueError) as broken:
            self.complaints.append(f"{type(broken).__name__} {broken}: {body.decode()}")
            return exception(400, "INVALID_REQUEST_EXCEPTION")
        if taken:
            return KNOWN, {}, {}
        if self.gateway_fault is not None and (answer := self.gateway_fault()) is not None:
            return answer
        grant = next((each for each in self.grants if each.access == token and not each.dead), None)
        if grant is None or grant.good_until < time.time():
            return exception(401, "INVALID_ACCESS_TOKEN_EXCEPTION")
        if grant.region != received.region:
            self.complaints.append(f"a user of {grant.region} at the gateway of {received.region}")
            return exception(403, "SKILL_NEVER_ENABLED_EXCEPTION")
        return 202, {}, {}


def _handler(events: AlexaEvents) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            if self.path == "/auth/o2/token":
                answer = events.login(self.headers.get("content-type", ""), body)
                events.be_silent(LOGIN)
            elif match := GATEWAY.fullmatch(self.path):
                time.sleep(events.delay)
                answer = events.event(match[1], self.headers, body)
                events.be_silent(match[1])
            else:
                events.complaints.append(f"POST {self.path}")
                answer = 404, {}, {}
            status, document, headers = answer
            status = 202 if status == KNOWN else status
            self.close_connection = True
            if status == 0:
                return
            content = b"" if status == 202 else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), "Connection": "close", **headers}.items():
                self.send_header(name, value)
            with contextlib.suppress(ConnectionError):  # it was killed
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    return Handler


def check(message: Any, token: str) -> None:
    """Contract 2.1 and 2.5: raises where the message is none that Alexa takes."""
    assert set(message) <= {"context", "event"}
    event = message["event"]
    header = event["header"]
    assert set(header) == {"namespace", "name", "messageId", "payloadVersion"}
    assert header["payloadVersion"] == "3"
    assert UUID4.fullmatch(header["messageId"])
    assert "null" not in json.dumps(message)
    kind = (header["namespace"], header["name"])
    if kind == ("Alexa", "ChangeReport"):
        assert set(event) == {"header", "endpoint", "payload"}
        assert set(event["endpoint"]) == {"scope", "endpointId"}
        _scope(event["endpoint"]["scope"], token)
        assert set(event["payload"]) == {"change"}
        change = event["payload"]["change"]
        assert set(change) == {"cause", "properties"}
        assert set(change["cause"]) == {"type"}
        assert change["cause"]["type"] in CAUSES
        assert change["properties"]
        assert set(message["context"]) == {"properties"}
        every = change["properties"] + message["context"]["properties"]
        names = [(each["namespace"], each["name"]) for each in every]
        assert len(set(names)) == len(names), "a property stands twice"
        assert ("Alexa.EndpointHealth", "connectivity") in names
        for each in every:
            _property(each)
        values = {each["name"]: each["value"] for each in every}
        if "brightness" in values:
            assert (values["powerState"] == "OFF") == (values["brightness"] == 0)
        return
    assert set(message) == {"event"}
    assert set(event) == {"header", "payload"}
    assert set(event["payload"]) == {"endpoints", "scope"}
    _scope(event["payload"]["scope"], token)
    endpoints = event["payload"]["endpoints"]
    ids = [each["endpointId"] for each in endpoints]
    assert ids
    assert len(set(ids)) == len(ids)
    if kind == ("Alexa.Discovery", "DeleteReport"):
        assert all(set(each) == {"endpointId"} for each in endpoints)
        return
    assert kind == ("Alexa.Discovery", "AddOrUpdateReport"), kind
    for each in endpoints:
        assert {"endpointId", "friendlyName", "description", "manufacturerName", "displayCategories"} <= set(each)
        assert all(1 <= len(each[name]) <= 128 for name in ("friendlyName", "description", "manufacturerName"))
        declared = [each for each in each["capabilities"] if "properties" in each]
        assert {"Alexa.PowerController", "Alexa.EndpointHealth"} <= {each["interface"] for each in declared}
        assert all(each["properties"]["proactivelyReported"] is True for each in declared)


def _bare(message: dict[str, Any]) -> str:
    """Without the token, which may be a newer one."""
    return re.sub(r'"token": "[^"]*"', "", json.dumps(message, sort_keys=True))


def _scope(scope: Any, token: str) -> None:
    assert scope == {"type": "BearerToken", "token": token}


def _property(each: Any) -> None:
    assert set(each) == {"namespace", "name", "value", "timeOfSample", "uncertaintyInMilliseconds"}
    assert TIME.fullmatch(each["timeOfSample"])
    assert type(each["uncertaintyInMilliseconds"]) is int
    assert each["uncertaintyInMilliseconds"] >= 0
    value = each["value"]
    match each["namespace"], each["name"]:
        case "Alexa.PowerController", "powerState":
            assert value in ("ON", "OFF")
        case "Alexa.BrightnessController", "brightness":
            assert type(value) is int
            assert 0 <= value <= 100
        case "Alexa.ColorController", "color":
            assert set(value) == {"hue", "saturation", "brightness"}
            assert all(type(part) is float for part in value.values())
        case "Alexa.ColorTemperatureController", "colorTemperatureInKelvin":
            assert type(value) is int
            assert 1000 <= value <= 10_000
        case "Alexa.EndpointHealth", "connectivity":
            assert value in ({"value": "OK"}, {"value": "UNREACHABLE"})
        case other:
            raise AssertionError(f"{other} is no property of a lamp")
