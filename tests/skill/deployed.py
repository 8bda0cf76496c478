"""The Lambda function as deployed: a new environment for each test, with what its log may not hold."""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from skill.bridge import lambda_function
from tests.running.bridge import directive
from tests.running.home import new_secret
from tests.skill.alexa_rules import check_answer
from tests.skill.talking import error_type

SECRET = new_secret()
TOKEN = "eyJhbGciOiJSUzI1NiJ9.a-token-that-no-log-may-hold.c2lnbmF0dXJl"
BRIGHTNESS = "Alexa.BrightnessController"
ADJUST = directive(BRIGHTNESS, "AdjustBrightness", TOKEN, "lamp-1", {"brightnessDelta": -10})
DISCOVER = directive("Alexa.Discovery", "Discover", TOKEN)
GRANT = {"type": "OAuth2.AuthorizationCode", "code": "a-code"}
ACCEPT_GRANT = directive("Alexa.Authorization", "AcceptGrant", TOKEN, payload={"grant": GRANT})


class Invocation:
    """Lambda's `context`."""

    def __init__(self, seconds_left: float = 8.0) -> None:
        self._left = seconds_left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._left * 1000)


SECONDS = 1.0
QUICKLY = Invocation(lambda_function.MARGIN + SECONDS)

Function = Callable[..., dict[str, Any]]


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Function]]:
    """A new environment of the function. What it has logged by the end holds neither secret nor token."""
    secrets = [SECRET, TOKEN]

    def deployed(url: str, secret: str = SECRET) -> Function:
        monkeypatch.setenv("SKILL_URL", url)
        monkeypatch.setenv("BRIDGE_SECRET", secret)
        secrets.extend(word.strip() for word in secret.split(",") if word.strip())
        spec = importlib.util.spec_from_file_location("deployed", lambda_function.__file__)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        handler: Function = module.lambda_handler
        return handler

    yield deployed
    log = "".join(capsys.readouterr())
    assert not [secret for secret in secrets if secret in log]


def unreachable(sent: dict[str, Any], answer: dict[str, Any]) -> bool:
    """The one harmless form for this directive, with all that it must echo."""
    check_answer(sent, answer)
    asked = sent["directive"]
    of_grant = asked["header"]["name"] == "AcceptGrant"
    endpoint = asked.get("endpoint")
    assert answer["event"].get("endpoint") == (endpoint and {"endpointId": endpoint["endpointId"]})
    assert answer["event"]["header"]["namespace"] == ("Alexa.Authorization" if of_grant else "Alexa")
    return error_type(answer) == ("ACCEPT_GRANT_FAILED" if of_grant else "BRIDGE_UNREACHABLE")
