"""What an operator says about a client's devices and its logout."""

import pytest

from authserver.oauth.client_rules import problems
from authserver.oauth.grants.device_code import GRANT_TYPE
from authserver.oauth.presets import ALEXA
from tests.authserver.cli.test_clients import CALLBACK, REGISTRABLE, UNREGISTRABLE, client
from tests.running.service import Service

OUT = "https://app.example.org/out"


@pytest.mark.spec("security 6.60", "security 6.71", "OpenID Connect RP-Initiated Logout §3.1")
@pytest.mark.parametrize("uri", UNREGISTRABLE.values(), ids=UNREGISTRABLE.keys())
def test_a_dangerous_logout_uri_cannot_be_registered(uri: str) -> None:
    assert problems(client(post_logout_redirect_uris=[uri]))
    assert problems(client(backchannel_logout_uri=uri))


@pytest.mark.parametrize("uri", REGISTRABLE)
def test_an_ordinary_one_can(uri: str) -> None:
    assert problems(client(post_logout_redirect_uris=[uri])) == []


@pytest.mark.spec("security 6.77")
def test_an_application_on_a_telephone_is_told_nothing_behind_its_back() -> None:
    assert problems(client(backchannel_logout_uri="org.example.app:/told"))
    assert problems(client(backchannel_logout_session_required=True))


@pytest.mark.spec("alexa 0", "security 6.29")
@pytest.mark.parametrize("column", [{"refresh_with_session": True}, {"backchannel_logout_uri": OUT}], ids=str)
def test_nothing_about_sessions_can_be_set_for_alexa(column: dict[str, object]) -> None:
    assert problems(client(**ALEXA)) == []
    [problem] = problems(client(**ALEXA | column))
    assert "outlives every session" in problem


@pytest.mark.spec("security 6.33")
def test_a_device_is_in_no_session_that_could_end_its_tokens() -> None:
    devices = ["authorization_code", "refresh_token", GRANT_TYPE]
    assert problems(client(grant_types=devices)) == []
    assert problems(client(grant_types=[GRANT_TYPE], redirect_uris=[])) == []
    assert problems(client(grant_types=["authorization_code"], redirect_uris=[]))
    assert problems(client(grant_types=devices, refresh_with_session=True))


@pytest.mark.spec("cognito 9.57")
def test_each_of_these_is_changed_alone(on_sqlite: Service) -> None:
    made = on_sqlite.cli_json("client", "add", "Desk", "--redirect-uri", CALLBACK, "--grant-type", "device_code")
    assert made["grant_types"] == [GRANT_TYPE]
    before = on_sqlite.cli_json("client", "show", made["client_id"])
    for column, value, options in (
        ("post_logout_redirect_uris", [OUT, CALLBACK], ["--logout-uri", OUT, "--logout-uri", CALLBACK]),
        ("backchannel_logout_uri", OUT, ["--backchannel-logout-uri", OUT]),
        ("backchannel_logout_session_required", True, ["--backchannel-session"]),
        ("backchannel_logout_session_required", False, ["--no-backchannel-session"]),
        ("backchannel_logout_uri", None, ["--backchannel-logout-uri", ""]),
        ("post_logout_redirect_uris", [], ["--logout-uri", ""]),
        ("grant_types", ["authorization_code"], ["--grant-type", "authorization_code"]),
        ("refresh_with_session", True, ["--refresh-with-session"]),
        ("refresh_with_session", False, ["--refresh-offline"]),
    ):
        after = on_sqlite.cli_json("client", "update", made["client_id"], *options)
        changed = {name for name in after if after[name] != before[name]} - {"updated_at"}
        assert (changed, after[column]) == ({column}, value)
        before = after
