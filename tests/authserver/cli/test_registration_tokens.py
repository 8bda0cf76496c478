"""`authserver registration-token …`. What comes of it is tested in tests/authserver/protocol/test_registration.py."""

import httpx2
import pytest

from tests.authserver.cli.test_changes import soon
from tests.running.service import Service

CALLBACK = "https://itself.example.org/callback"


@pytest.mark.spec("RFC 7591 §3", "ASVS 10.4.7")
def test_leave_is_given_listed_and_taken(on_sqlite: Service) -> None:
    issued, listed = on_sqlite.cli_json_of(
        [
            ["registration-token", "issue", "--uses", "3", "--lifetime", "7d", "--about", "Partners",
             "--scope", "openid", "--grant-type", "device_code", "--redirect-host", "App.example.org"],
            ["registration-token", "list"],
        ]
    )  # fmt: skip
    assert len(issued.pop("initial_access_token")) >= 43
    assert listed == [issued]
    assert issued["expires_at"] - issued["created_at"] == 7 * 86_400
    assert (issued["usable"], issued["uses"], issued["most_uses"], issued["about"]) == (True, 0, 3, "Partners")
    assert (issued["scopes"], issued["redirect_hosts"]) == (["openid"], ["app.example.org"])
    assert issued["grant_types"] == ["urn:ietf:params:oauth:grant-type:device_code"]
    assert "digest" not in issued
    revoked, plain = on_sqlite.cli_json_of(
        [["registration-token", "revoke", issued["token_id"]], ["registration-token", "issue"]]
    )
    assert (revoked["usable"], bool(revoked["revoked_at"])) == (False, True)
    assert (plain["most_uses"], plain["scopes"], plain["redirect_hosts"]) == (1, ["openid", "profile", "email"], [])
    assert plain["expires_at"] - plain["created_at"] == 86_400
    done = on_sqlite.cli("registration-token", "revoke", "nobody")
    assert (done.returncode, "no registration token nobody" in done.stderr) == (1, True)
    wrong = ["--uses", "0", "--grant-type", "password", "--scope", 'a"b', "--redirect-host", "https://x"]
    done = on_sqlite.cli("registration-token", "issue", *wrong)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 4)


@pytest.mark.spec("decision 12", "RFC 7591 §3", "A32")
async def test_a_client_registers_itself_at_a_running_server_and_the_operator_sees_it(authserver: Service) -> None:
    issued = authserver.cli_json("registration-token", "issue", "--uses", "1")
    initial = issued["initial_access_token"]
    authserver.must_not_log(initial)
    async with httpx2.AsyncClient(base_url=authserver.url, trust_env=False, verify=False) as http:

        async def is_open() -> bool:
            read = (await http.get("/.well-known/openid-configuration")).json()
            return "registration_endpoint" in read

        async def is_closed() -> bool:
            return not await is_open()

        assert await soon(is_open)
        headers = {"authorization": f"Bearer {initial}"}
        asked = {"redirect_uris": [CALLBACK], "client_name": "Itself", "client_uri": "https://itself.example.org/"}
        told = (await http.post("/oauth2/register", json=asked, headers=headers)).json()
        authserver.must_not_log(told["client_secret"], told["registration_access_token"])
        assert await soon(is_closed)
        shown = authserver.cli_json("client", "show", told["client_id"])
        assert shown["registered_itself"] is True
        assert shown["registration"]["token_id"] == issued["token_id"]
        assert shown["registration"]["told"]["client_uri"] == asked["client_uri"]
        assert shown["registration"]["used_at"] is None
        assert "REGISTERED ITSELF" in authserver.cli("client", "list").stdout
        authserver.cli_json("client", "update", told["client_id"], "--scope", "openid")
        limits = authserver.cli_json("client", "show", told["client_id"])["registration"]["limits"]
        assert limits["scopes"] == ["openid"]
        authserver.cli_json("client", "remove", told["client_id"], "--yes")
        mine = {"authorization": f"Bearer {told['registration_access_token']}"}
        read = await http.get("/oauth2/register", params={"client_id": told["client_id"]}, headers=mine)
        assert read.status_code == 401
