"""`authserver client …`: keys of a client, and the ways in which it may ask and be answered."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from authserver.oauth.client_rules import problems
from tests.authserver.cli.test_clients import CALLBACK, client
from tests.authserver.protocol.signing import signing
from tests.running.service import Service
from tests.vectors.alexa import VENDOR_ID

SET = {"keys": [signing("ES256").public]}
URI = "https://app.example.org/jwks.json"
KEY_ALONE = {"token_endpoint_auth_methods": ["private_key_jwt"]}


@pytest.mark.spec("RFC 7591 §2", "security 6.40", "security 6.77")
@pytest.mark.parametrize(
    "columns",
    [
        KEY_ALONE,
        {"token_endpoint_auth_methods": ["private_key_jwt", "client_secret_jwt"], "jwks": SET},
        {"token_endpoint_auth_methods": ["private_key_jwt", "none"], "jwks": SET},
        {"jwks": SET, "jwks_uri": URI},
        {"jwks": {}},
        {"jwks": []},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [signing("ES256").key.as_dict(private=True)]}},
        {"jwks_uri": "http://app.example.org/jwks.json"},
        {"jwks_uri": "https://user@app.example.org/jwks.json"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": ""},
        {"require_signed_request_object": True},
        {"response_modes": []},
        {"response_modes": ["fragment"]},
        {"response_modes": ["form_post"], "redirect_uris": ["org.example.app:/cb"]},
        {"preset": "alexa", "consent": "always", "require_pushed_authorization_requests": True},
        {"preset": "alexa", "consent": "always", "require_signed_request_object": True, "jwks": SET},
        {"preset": "alexa", "consent": "always", "response_modes": ["form_post"]},
        {"preset": "alexa", "consent": "always", "jwks": SET, **KEY_ALONE},
    ],
    ids=lambda columns: ", ".join(columns),
)
def test_what_could_not_work_or_would_do_harm_is_refused(columns: dict[str, Any]) -> None:
    assert problems(client(**columns))


@pytest.mark.spec("RFC 7591 §2")
@pytest.mark.parametrize(
    "columns",
    [
        {"jwks": SET, **KEY_ALONE},
        {"jwks_uri": URI, **KEY_ALONE},
        {"jwks_uri": "http://localhost:8000/jwks.json", **KEY_ALONE},
        {"jwks": SET, "token_endpoint_auth_methods": ["client_secret_basic", "private_key_jwt"]},
        {"jwks": SET, "require_signed_request_object": True, "require_pushed_authorization_requests": True},
        {"response_modes": ["query", "form_post"]},
        {"response_modes": ["form_post"]},
        {"preset": "alexa", "consent": "always", "jwks": SET},
    ],
    ids=lambda columns: ", ".join(columns),
)
def test_what_works_is_taken(columns: dict[str, Any]) -> None:
    assert problems(client(**columns)) == []


@pytest.fixture
def keys(tmp_path: Path) -> str:
    path = tmp_path / "keys.json"
    path.write_bytes(orjson.dumps(SET))
    return str(path)


@pytest.mark.spec("cognito 9.57", "RFC 7591 §2")
def test_each_option_sets_its_column_and_no_other(operator: Service, keys: str) -> None:
    made = operator.cli_json("client", "add", "An app", "--redirect-uri", CALLBACK)
    client_id = made["client_id"]
    del made["client_secret"]
    steps: list[tuple[list[str], dict[str, Any]]] = [
        (["--jwks", keys], {"jwks": SET}),
        (["--auth-method", "private_key_jwt"], {"token_endpoint_auth_methods": ["private_key_jwt"]}),
        (["--jwks", "", "--jwks-uri", URI], {"jwks": None, "jwks_uri": URI}),
        (["--require-pushed-requests"], {"require_pushed_authorization_requests": True}),
        (["--require-signed-requests"], {"require_signed_request_object": True}),
        (["--response-mode", "form_post"], {"response_modes": ["form_post"]}),
        (["--response-mode", "all"], {"response_modes": None}),
        (["--default-max-age", "1h"], {"default_max_age": 3600}),
        (["--default-max-age", "default"], {"default_max_age": None}),
        (["--no-require-pushed-requests", "--no-require-signed-requests"],
         {"require_pushed_authorization_requests": False, "require_signed_request_object": False}),
        (["--auth-method", "client_secret_basic", "--jwks-uri", ""],
         {"token_endpoint_auth_methods": ["client_secret_basic"], "jwks_uri": None}),
    ]  # fmt: skip
    changed = operator.cli_json_of([["client", "update", client_id, *options] for options, _ in steps])
    for (options, columns), after in zip(steps, changed, strict=True):
        made |= columns | {"updated_at": after["updated_at"]}
        assert after == made, options


@pytest.mark.spec("RFC 7523 §2.2")
def test_a_client_with_a_key_alone_is_made_without_a_secret(on_sqlite: Service, keys: str) -> None:
    options = ["--redirect-uri", CALLBACK, "--auth-method", "private_key_jwt"]
    made = on_sqlite.cli_json("client", "add", "Service", *options, "--jwks", keys)
    assert "client_secret" not in made
    assert (made["secrets"], made["jwks"]) == ([], SET)
    client_id = made["client_id"]
    assert on_sqlite.cli("client", "secret", "add", client_id).returncode == 1
    made = on_sqlite.cli_json("client", "add", "Piped", *options, "--jwks", "-", stdin=orjson.dumps(SET).decode())
    assert made["jwks"] == SET
    shown = on_sqlite.cli("client", "show", client_id)
    assert shown.returncode == 0
    assert "ES256-0" in shown.stdout


@pytest.mark.spec("RFC 7591 §2")
def test_a_secret_can_be_left_behind_for_a_key(on_sqlite: Service, keys: str) -> None:
    made = on_sqlite.cli_json("client", "add", "App", "--redirect-uri", CALLBACK)
    client_id, secret_id = made["client_id"], made["secrets"][0]["secret_id"]
    assert on_sqlite.cli("client", "secret", "remove", client_id, secret_id).returncode == 1
    on_sqlite.cli_json("client", "update", client_id, "--jwks", keys, "--auth-method", "private_key_jwt")
    on_sqlite.cli_json("client", "secret", "remove", client_id, secret_id)
    assert on_sqlite.cli_json("client", "show", client_id)["secrets"] == []
    on_sqlite.cli_json("client", "update", client_id, "--auth-method", "client_secret_basic")
    assert len(on_sqlite.cli_json("client", "secret", "add", client_id)["client_secret"]) >= 43


def test_a_file_that_is_no_key_set_changes_nothing_and_is_told(on_sqlite: Service, tmp_path: Path) -> None:
    made = on_sqlite.cli_json("client", "add", "App", "--redirect-uri", CALLBACK)
    for content, words in {
        b"not json": "is no JSON",
        b"null": "is no JSON Web Key Set",
        b"[]": "is no JSON Web Key Set",
        orjson.dumps({"keys": [signing("ES256").key.as_dict(private=True)]}): "holds a private",
    }.items():
        (tmp_path / "keys.json").write_bytes(content)
        done = on_sqlite.cli("client", "update", made["client_id"], "--jwks", str(tmp_path / "keys.json"))
        assert done.returncode != 0
        assert words in done.stderr
    assert on_sqlite.cli("client", "update", made["client_id"], "--jwks", str(tmp_path / "none")).returncode == 2
    assert on_sqlite.cli_json("client", "show", made["client_id"])["jwks"] is None


@pytest.mark.spec("alexa 1.1", "A13")
def test_an_alexa_client_is_never_made_to_ask_otherwise(on_sqlite: Service, keys: str) -> None:
    made = on_sqlite.cli_json("client", "add-alexa", "--vendor-id", VENDOR_ID)
    for options in (["--require-pushed-requests"], ["--response-mode", "form_post"],
                    ["--jwks", keys, "--require-signed-requests"],
                    ["--jwks", keys, "--auth-method", "private_key_jwt"]):  # fmt: skip
        assert on_sqlite.cli("client", "update", made["client_id"], *options).returncode == 1
