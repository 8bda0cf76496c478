"""Requests in which nothing is wrong: where one value of them is then broken, what comes last looks at it."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import httpx2

from authserver.oauth.grants.device_code import GRANT_TYPE as DEVICE_CODE
from authserver.oauth.presets import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from tests.fuzz.conftest import API, Target
from tests.fuzz.drawing import Fields
from tests.running.linking import Alexa

AUTHORIZE = "/oauth2/authorize"
TOKEN = "/oauth2/token"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def honest(client: Alexa) -> dict[str, str]:
    """An authorization request in which nothing is wrong."""
    query = urlsplit(client.authorization_url("state-of-the-client")).query
    return dict(httpx2.QueryParams(query))


def basic(client: Alexa) -> dict[str, str]:
    pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@dataclass
class Asked:
    """One request of the confidential client, or of the browser in which a person has let it in."""

    path: str
    fields: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)
    with_get: bool = False

    def ask(self, target: Target, sent: Fields) -> httpx2.Response:
        """With `sent` in the place of the fields."""
        browser = target.browser if self.path == AUTHORIZE else target.stranger
        if self.with_get:
            return target.get(self.path, sent, browser)
        return target.post(self.path, sent, browser, **self.headers)


def code(target: Target) -> str:
    """A new one: the person is signed in, and has agreed before."""
    answer = target.get(AUTHORIZE, list(honest(target.presets["confidential"]).items()), target.browser)
    return httpx2.QueryParams(urlsplit(answer.headers["location"]).query)["code"]


def _exchange(target: Target) -> Asked:
    client = target.presets["confidential"]
    given = {"code": code(target), "redirect_uri": client.redirect_uri, "code_verifier": client.verifier}
    return Asked(TOKEN, {"grant_type": "authorization_code"} | given, basic(client))


def link(target: Target) -> dict[str, str]:
    """The tokens of a grant of its own."""
    asked = _exchange(target)
    found: dict[str, str] = asked.ask(target, list(asked.fields.items())).json()
    return found


def _of_client(target: Target, path: str, fields: dict[str, str]) -> Asked:
    return Asked(path, fields, basic(target.presets["confidential"]))


def _refresh(target: Target) -> Asked:
    asked = {"grant_type": "refresh_token", "refresh_token": target.tokens["refresh_token"], "scope": "openid"}
    return _of_client(target, TOKEN, asked)


def _own_name(target: Target) -> Asked:
    return _of_client(target, TOKEN, {"grant_type": CLIENT_CREDENTIALS, "scope": f"{API}/read", "resource": API})


def _swap(target: Target) -> Asked:
    asked = {"subject_token": target.tokens["access_token"], "subject_token_type": ACCESS_TOKEN}
    types = {"grant_type": TOKEN_EXCHANGE, "requested_token_type": ACCESS_TOKEN, "scope": "openid"}
    return _of_client(target, TOKEN, types | asked)


def _waiting(target: Target) -> dict[str, str]:
    asked = _device(target)
    found: dict[str, str] = asked.ask(target, list(asked.fields.items())).json()
    return found


def _poll(target: Target) -> Asked:
    return _of_client(target, TOKEN, {"grant_type": DEVICE_CODE, "device_code": _waiting(target)["device_code"]})


def _device(target: Target) -> Asked:
    return _of_client(target, "/oauth2/device_authorization", {"scope": f"openid {API}/read", "resource": API})


def _show(target: Target) -> Asked:
    return Asked("/device", {"user_code": _waiting(target)["user_code"]}, with_get=True)


def _par(target: Target) -> Asked:
    return _of_client(target, "/oauth2/par", honest(target.presets["confidential"]))


def _pushed(target: Target) -> Asked:
    asked = _par(target)
    uri = asked.ask(target, list(asked.fields.items())).json()["request_uri"]
    client_id = target.presets["confidential"].client_id
    return Asked(AUTHORIZE, {"client_id": client_id, "request_uri": uri}, with_get=True)


def _introspect(target: Target) -> Asked:
    asked = {"token": target.tokens["access_token"], "token_type_hint": "access_token"}
    return _of_client(target, "/oauth2/introspect", asked)


def _revoke(target: Target) -> Asked:
    asked = _own_name(target)
    token = asked.ask(target, list(asked.fields.items())).json()["access_token"]
    return _of_client(target, "/oauth2/revoke", {"token": token, "token_type_hint": "access_token"})


def _userinfo(target: Target) -> Asked:
    return Asked("/oauth2/userInfo", {"access_token": target.tokens["access_token"]})


def _logout(target: Target) -> Asked:
    """Of a browser in which nobody is signed in, so that the draw goes on."""
    asked = {"id_token_hint": target.tokens["id_token"], "client_id": target.presets["confidential"].client_id}
    return Asked("/oauth2/logout", asked | {"state": "a state"}, with_get=True)


def _authorize(with_get: bool) -> Callable[[Target], Asked]:
    return lambda target: Asked(AUTHORIZE, honest(target.presets["confidential"]), with_get=with_get)


#: what can be asked -> how the answer to it begins, where nothing is wrong
REQUESTS: dict[str, tuple[Callable[[Target], Asked], int]] = {
    "code": (_exchange, 200),
    "refresh": (_refresh, 200),
    "own name": (_own_name, 200),
    "exchange": (_swap, 200),
    "poll": (_poll, 400),  # nobody has approved yet
    "device": (_device, 200),
    "user code": (_show, 303),
    "par": (_par, 201),
    "pushed": (_pushed, 303),
    "introspect": (_introspect, 200),
    "revoke": (_revoke, 200),
    "userinfo": (_userinfo, 200),
    "logout": (_logout, 303),
    "authorize get": (_authorize(True), 303),
    "authorize post": (_authorize(False), 303),
}


@contextmanager
def counted(least: float) -> Iterator[Callable[[bool], None]]:
    """At least this part of what is asked gets past what is looked at first."""
    found: list[bool] = []
    yield found.append
    past = sum(found) / len(found)
    assert past >= least, f"{past:.0%} of {len(found)} requests got past the first checks"
