"""`authserver resource …`, and the options by which clients name what it lists. The rules are tested in
tests/authserver/protocol/test_registering_resources.py."""

import pytest

from tests.running.service import Service

API = "https://api.example.org"
CALLBACK = "https://app.example.org/callback"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.mark.spec("cognito 9.27", "cognito 9.57")
def test_a_resource_server_lives_as_its_operator_says(on_sqlite: Service) -> None:
    made, shown, renamed, described, reduced, listed = on_sqlite.cli_json_of(
        [
            ["resource", "add", API, "House API", "--scope", "read=See your rooms", "--scope", "write"],
            ["resource", "show", API],
            ["resource", "update", API, "--name", "Rooms"],
            ["resource", "scope", "add", API, "write", "Change your rooms"],
            ["resource", "scope", "remove", API, "read"],
            ["resource", "list"],
        ]
    )
    assert made == shown
    assert (made["identifier"], made["name"]) == (API, "House API")
    assert made["scopes"] == {"read": "See your rooms", "write": ""}
    assert renamed == made | {"name": "Rooms"}
    assert described == renamed | {"scopes": {"read": "See your rooms", "write": "Change your rooms"}}
    assert listed == [reduced] == [described | {"scopes": {"write": "Change your rooms"}}]
    assert f"{API}/write  Change your rooms" in on_sqlite.cli("resource", "show", API).stdout
    assert "write" in on_sqlite.cli("resource", "list").stdout
    assert on_sqlite.cli("resource", "remove", API).returncode == 1  # nobody said yes
    assert on_sqlite.cli_json("resource", "remove", API, "--yes") == {"identifier": API, "removed": True}
    done = on_sqlite.cli("resource", "show", API)
    assert (done.returncode, f"no resource server {API}" in done.stderr) == (1, True)


@pytest.mark.spec("cognito 9.27", "cognito 9.57")
def test_clients_name_resource_servers_and_others_and_nothing_else_changes(on_sqlite: Service) -> None:
    _, app, robot = on_sqlite.cli_json_of(
        [
            ["resource", "add", API, "House API", "--scope", "read=See your rooms"],
            ["client", "add", "App", "--redirect-uri", CALLBACK],
            ["client", "add", "Robot", "--machine", "--scope", f"{API}/read"],
        ]
    )
    assert (robot["grant_types"], robot["redirect_uris"]) == (["client_credentials"], [])
    assert robot.pop("client_secret")
    del app["client_secret"]
    grants = ["--grant-type", "client_credentials", "--grant-type", "token_exchange"]
    limited, free, allowed, none = on_sqlite.cli_json_of(
        [
            ["client", "update", app["client_id"], "--resource", API],
            ["client", "update", app["client_id"], "--resource", ""],
            ["client", "update", robot["client_id"], *grants, "--exchange-from", app["client_id"]],
            ["client", "update", robot["client_id"], "--exchange-from", ""],
        ]
    )
    assert limited == app | {"resources": [API], "updated_at": limited["updated_at"]}
    assert free == app | {"updated_at": free["updated_at"]}
    named = {"grant_types": ["client_credentials", EXCHANGE], "exchange_from": [app["client_id"]]}
    assert allowed == robot | named | {"updated_at": allowed["updated_at"]}
    assert none == allowed | {"exchange_from": [], "updated_at": none["updated_at"]}
    done = on_sqlite.cli("client", "add", "Robot", "--machine", "--public", "--scope", f"{API}/read")
    assert done.returncode == 2
    done = on_sqlite.cli("resource", "remove", API, "--yes")
    assert (done.returncode, robot["client_id"] in done.stderr) == (1, True)
