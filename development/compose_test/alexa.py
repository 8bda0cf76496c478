"""Alexa's part: a linking through the hosted pages, token requests, and directives through the bridge."""

import base64
from typing import Any
from urllib.parse import quote

import orjson

from development.compose_test.reach import Reach
from development.compose_test.stack import Stack, say
from tests.running.bridge import directive, signed
from tests.running.linking import Alexa, Linked, Person, returned, walk
from tests.vectors.alexa import REDIRECT_URIS, STATE_737


def check(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


class AlexaAt:
    """Alexa's part against one stack; keeps every secret that went over the wire."""

    def __init__(self, stack: Stack, reach: Reach, issuer: str, skill: str, client: dict[str, Any]) -> None:
        self.stack, self.reach, self.skill = stack, reach, skill
        self.alexa = Alexa(issuer, client["client_id"], client["client_secret"], REDIRECT_URIS["europe"], pkce=True)
        self.bridge_secret = stack.inside("skill", "cat", "/secrets/bridge-secret").strip().split(",")[0]
        self.secrets = [client["client_secret"], self.bridge_secret]

    async def token(self, **asked: str) -> dict[str, Any]:
        """One token request with Basic credentials, and what every answer must hold (A16)."""
        pair = f"{quote(self.alexa.client_id, safe='')}:{quote(self.alexa.client_secret, safe='')}"
        headers = {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        async with self.reach.client() as client:
            answer = await client.post(f"{self.alexa.issuer}/oauth2/token", data=asked, headers=headers)
        check(answer.status_code == 200, f"the token endpoint answered {answer.status_code} {answer.text[:300]}")
        tokens: dict[str, Any] = answer.json()
        self.secrets += [str(tokens.get("access_token")), str(tokens.get("refresh_token"))]
        check(str(tokens.get("token_type")).lower() == "bearer", f"token_type {tokens.get('token_type')!r}")
        check(int(tokens["expires_in"]) >= 360, f"expires_in {tokens['expires_in']}")
        check("no-store" in answer.headers.get("cache-control", ""), "a token answer without no-store")
        return tokens

    async def link(self, person: Person) -> Linked:
        """Authorize, sign in, consent, exchange, refresh; returns what Alexa then holds."""
        async with self.reach.browser() as browser:
            page = await browser.open(self.alexa.authorization_url(STATE_737))
            linked = returned(await walk(browser, page, person), self.alexa.redirect_uri)
        check(linked.state == STATE_737, "`state` came back changed")
        check(linked.iss in ("", self.alexa.issuer), f"iss {linked.iss!r} is not {self.alexa.issuer}")
        say(f"signed in and consented: a code and the {len(linked.state)} characters of `state` came back")
        self.secrets += [linked.code, person.password]
        linked.tokens = await self.token(
            grant_type="authorization_code",
            code=linked.code,
            redirect_uri=self.alexa.redirect_uri,
            code_verifier=self.alexa.verifier,
        )
        say(f"code exchanged: expires_in {linked.tokens['expires_in']}")
        await self.refresh(linked)
        return linked

    async def refresh(self, linked: Linked) -> None:
        linked.tokens = await self.token(grant_type="refresh_token", refresh_token=linked.refresh_token)
        say("refreshed")

    async def send(self, namespace: str, name: str, token: str, endpoint_id: str | None = None) -> dict[str, Any]:
        """A signed directive, through skill's published port."""
        body = orjson.dumps(directive(namespace, name, token, endpoint_id))
        async with self.reach.client() as client:
            answer = await client.post(
                f"{self.skill}/alexa/directive", content=body, headers=signed(body, self.bridge_secret)
            )
        check(answer.status_code == 200, f"{namespace} {name}: {answer.status_code} {answer.text[:300]}")
        event: dict[str, Any] = answer.json()
        kind = event["event"]["header"]
        check(kind["name"] != "ErrorResponse", f"{namespace} {name}: {event['event']['payload']}")
        say(f"{namespace} {name}: {kind['namespace']} {kind['name']}")
        return event

    async def switch_on(self, token: str, endpoint_id: str) -> None:
        """Discover, TurnOn, ReportState of the one lamp."""
        found = await self.send("Alexa.Discovery", "Discover", token)
        endpoints = [lamp["endpointId"] for lamp in found["event"]["payload"]["endpoints"]]
        check(endpoints == [endpoint_id], f"Discover found {endpoints}, not the one lamp")
        await self.send("Alexa.PowerController", "TurnOn", token, endpoint_id)
        await self.is_on(token, endpoint_id)

    async def is_on(self, token: str, endpoint_id: str) -> None:
        state = await self.send("Alexa", "ReportState", token, endpoint_id)
        check(state["event"]["header"]["name"] == "StateReport", str(state["event"]["header"]))
        values = {item["name"]: item["value"] for item in state["context"]["properties"]}
        check(values.get("powerState") == "ON", f"the lamp reports {values}")
        say(f"the lamp is on: {values}")

    async def refuses_unsigned(self, token: str) -> None:
        body = orjson.dumps(directive("Alexa.Discovery", "Discover", token))
        async with self.reach.client() as client:
            answer = await client.post(f"{self.skill}/alexa/directive", content=body)
        check(answer.status_code == 401, f"an unsigned directive was answered {answer.status_code}")
        say("a directive without the bridge's signature: 401")

    def logged_no_secret(self) -> None:
        """A32, over the logs of every container."""
        written = self.stack.logs()
        leaked = [secret[:6] for secret in self.secrets if secret in written]
        check(not leaked, f"the logs hold secrets that begin with {leaked}")
        say(f"no secret in {len(written.splitlines())} lines of logs")
