"""Alexa as the skill sees it: every answer is held to the rules before a test sees it."""

from typing import Any

from tests.running.bridge import Bridge, directive
from tests.skill.issuer import Issuer


class Alexa:
    def __init__(self, bridge: Bridge, issuer: Issuer) -> None:
        self.bridge, self.issuer = bridge, issuer

    async def forward(self, message: dict[str, Any]) -> dict[str, Any]:
        """200 with a message that keeps every rule, whatever was sent."""
        answer = await self.bridge.forward(message)  # checked there
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        document: dict[str, Any] = answer.json()
        return document

    async def send(
        self, namespace: str, name: str, endpoint_id: str | None = None, token: str | None = None, **payload: Any
    ) -> dict[str, Any]:
        return await self.forward(directive(namespace, name, token or self.issuer.token(), endpoint_id, payload))

    async def refused(self, namespace: str, name: str, endpoint_id: str | None = None, **how: Any) -> str:
        """The type of the ErrorResponse that must come."""
        return error_type(await self.send(namespace, name, endpoint_id, **how))

    async def discover(self, token: str | None = None) -> list[dict[str, Any]]:
        answer = await self.send("Alexa.Discovery", "Discover", token=token)
        assert answer["event"]["header"]["name"] == "Discover.Response", answer
        endpoints: list[dict[str, Any]] = answer["event"]["payload"]["endpoints"]
        return endpoints

    async def state(self, endpoint_id: str) -> dict[str, Any]:
        return values(await self.send("Alexa", "ReportState", endpoint_id))


def error_type(answer: dict[str, Any]) -> str:
    assert answer["event"]["header"]["name"] == "ErrorResponse", answer
    return str(answer["event"]["payload"]["type"])


def values(answer: dict[str, Any]) -> dict[str, Any]:
    """The reported properties by name."""
    assert "context" in answer, answer
    return {each["name"]: each["value"] for each in answer["context"]["properties"]}
