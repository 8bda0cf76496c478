"""`authserver client …` on a database that nobody serves."""

import re

import pytest

from authserver.cli.policy import POLICY
from authserver.models import Client
from authserver.oauth.client_rules import problems
from authserver.oauth.presets import CONFIDENTIAL
from tests.running.service import Service
from tests.vectors.alexa import VENDOR_ID

CALLBACK = "https://app.example.org/callback"

#: security 6.5, 6.6, 6.71: none of these may be registered
UNREGISTRABLE = {
    "fragment": "https://app.example.org/callback#here",
    "http": "http://app.example.org/callback",
    "http-lookalike": "http://localhost.example.org/callback",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,hello",
    "file": "file:///etc/passwd",
    "semicolon": "https://app.example.org/callback;x",
    "comma": "https://app.example.org/callback,https://evil.example",
    "carriage-return": "https://app.example.org/callback\rX: y",
    "line-feed": "https://app.example.org/callback\nX: y",
    "user-info": "https://app.example.org@evil.example/",
    "dot-segments": "https://app.example.org/x/../callback",
    "wildcard": "https://*.example.org/callback",
    "relative": "/callback",
    "too-long": "https://app.example.org/" + "x" * 1024,
}
REGISTRABLE = (
    CALLBACK,
    "http://localhost:8001/cb",
    "http://127.0.0.1:8001/cb",
    "http://[::1]/cb",
    "org.example.app:/cb",
)


def client(**columns: object) -> Client:
    values = CONFIDENTIAL | {"redirect_uris": [CALLBACK]} | columns
    return Client(client_id="c" * 26, client_name="An app", created_at=0, updated_at=0, **values)


@pytest.mark.spec("security 6.5", "security 6.6", "security 6.71", "RFC 9700 §4.1.3")
@pytest.mark.parametrize("uri", UNREGISTRABLE.values(), ids=UNREGISTRABLE.keys())
def test_a_dangerous_redirect_uri_cannot_be_registered(uri: str) -> None:
    assert problems(client(redirect_uris=[uri]))


@pytest.mark.spec("security 6.6", "RFC 8252 §7.1")
@pytest.mark.parametrize("uri", REGISTRABLE)
def test_https_loopback_and_schemes_of_ones_own_can_be_registered(uri: str) -> None:
    assert problems(client(redirect_uris=[uri])) == []


@pytest.mark.spec("security 6.5", "security 6.6", "security 6.71")
def test_every_unregistrable_uri_is_named_and_nothing_is_registered(on_sqlite: Service) -> None:
    before = on_sqlite.cli_json("client", "list")
    options = [option for uri in UNREGISTRABLE.values() for option in ("--redirect-uri", uri)]
    done = on_sqlite.cli("client", "add", "Evil", "--redirect-uri", CALLBACK, *options)
    assert done.returncode == 1
    for uri in UNREGISTRABLE.values():
        assert repr(uri) in done.stderr
    assert repr(CALLBACK) not in done.stderr
    assert on_sqlite.cli_json("client", "list") == before


@pytest.mark.parametrize(
    "columns",
    [
        {"client_name": " "},
        {"client_name": "two\nlines"},
        {"redirect_uris": []},
        {"scopes": []},
        {"scopes": ['a"b']},
        {"signing_alg": "HS256"},
        {"id_token_signing_alg": "none"},
        {"userinfo_signing_alg": "HS256"},
        {"introspection_signing_alg": "none"},
        {"subject_type": "secret"},
        {"subject_type": "pairwise"},  # nobody has written down its sector
        {"subject_type": "pairwise", "sector_identifier": "https://example.org"},
        {"introspects": ["c" * 26]},
        {"introspects": ["two\nlines"]},
        {"introspects": [""]},
        {"introspects": [f"https://api.example/{n}" for n in range(51)]},
        {
            "introspects": ["https://api.example"],
            "token_endpoint_auth_methods": ["none"],
            "require_pkce": True,
            "refresh_rotation": True,
        },
        {"token_claims": {"refresh": {}}},
        {"token_claims": {"access": []}},
        {"token_claims": {"access": {"": 1}}},
        {"token_claims": {"access": {"x": "y" * 1000}}},
        *(
            {"token_claims": {place: {name: "x"}}}
            for place in ("access", "id")
            for name in (
                "sub",
                "client_id",
                "token_use",
                "scope",
                "aud",
                "cnf",
                "act",
                "sid",
                "username",
                "cognito:groups",
                "email",
                "custom:x",
                "nonce",
                "name",
            )
        ),
        {"signing_alg": "none"},
        {"audience": "c" * 26},
        {"audience": ""},
        {"token_endpoint_auth_methods": ["none"]},
        {"token_endpoint_auth_methods": ["none"], "require_pkce": True},
        {"token_endpoint_auth_methods": ["client_secret_basic", "none"]},
        {"access_token_lifetime": 59},
        {"access_token_lifetime": 86_401},
        {"authorization_code_lifetime": 601},
        {"refresh_rotation_grace": 61},
        {"preset": "alexa", "consent": "always", "access_token_lifetime": 359},
        {"preset": "alexa", "consent": "always", "first_party": True},
        {"preset": "alexa", "consent": None},
        {"preset": "alexa", "consent": "always", "dpop_bound_access_tokens": True},
        {"consent": "never"},
        {"preset": "alexa", "consent": "always", "grant_types": ["authorization_code"]},
        {
            "preset": "alexa",
            "consent": "always",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        },
        {
            "token_endpoint_auth_methods": ["none"],
            "require_pkce": True,
            "refresh_rotation": True,
            "grant_types": ["authorization_code", "client_credentials"],
        },
        {
            "token_endpoint_auth_methods": ["none"],
            "require_pkce": True,
            "refresh_rotation": True,
            "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"],
        },
        {"grant_types": ["password"]},
        {"resources": [f"https://{n}.example.org" for n in range(101)]},
        {"exchange_from": [str(n) for n in range(101)]},
        {"scopes": [letter * 255 for letter in "abcdefgh"]},
        {
            "preset": "alexa",
            "consent": "always",
            "token_endpoint_auth_methods": ["none"],
            "require_pkce": True,
            "refresh_rotation": True,
        },
    ],
    ids=str,
)
def test_a_policy_that_would_do_harm_is_refused(columns: dict[str, object]) -> None:
    if "client_name" in columns:
        made = client()
        made.client_name = str(columns["client_name"])
        assert problems(made)
    else:
        assert problems(client(**columns))


def test_the_alexa_preset_as_it_is_does_no_harm() -> None:
    """Otherwise the cases above would hold for another reason."""
    assert problems(client(preset="alexa", consent="always")) == []


@pytest.mark.spec("security 6.61", "security 6.57")
def test_how_often_people_are_asked_is_a_setting_but_not_for_alexa(operator: Service) -> None:
    app, alexa = operator.cli_json_of(
        [["client", "add", "App", "--redirect-uri", CALLBACK], ["client", "add-alexa", "--vendor-id", VENDOR_ID]]
    )
    assert app["consent"] == "remembered"
    always, again = operator.cli_json_of(
        [["client", "update", app["client_id"], "--consent", word] for word in ("always", "remembered")]
    )
    assert [always["consent"], again["consent"]] == ["always", "remembered"]
    assert operator.cli_json("client", "show", alexa["client_id"])["consent"] == "always"
    done = operator.cli("client", "update", alexa["client_id"], "--consent", "remembered")
    assert done.returncode == 1
    assert "somebody else's link" in done.stderr
    done = operator.cli("client", "update", app["client_id"], "--consent", "sometimes")
    assert done.returncode == 1
    assert "always, or remembered" in done.stderr


def test_every_column_of_a_client_has_its_option() -> None:
    """A policy without an option could be set by nobody."""
    elsewhere = {"client_id", "client_name", "preset", "active", "redirect_uris", "scopes", "created_at", "updated_at"}
    assert set(POLICY) | elsewhere == set(Client.model_fields)


def test_a_secret_is_told_once(operator: Service) -> None:
    made = operator.cli_json(
        "client", "add", "My app", "--redirect-uri", CALLBACK, "--scope", "openid", "--scope", "email"
    )
    assert re.fullmatch("[a-z0-9]{26}", made["client_id"])
    assert len(made["client_secret"]) >= 43
    assert (made["client_name"], made["redirect_uris"], made["scopes"]) == ("My app", [CALLBACK], ["openid", "email"])
    shown = operator.cli("client", "show", made["client_id"], "--json").stdout + operator.cli("client", "list").stdout
    assert made["client_id"] in shown
    assert made["client_secret"] not in shown
    assert "digest" not in shown


@pytest.mark.spec("RFC 9700 §2.1.1", "RFC 9700 §2.2.2", "security 6.16")
def test_a_public_client_has_no_secret_but_pkce_and_rotation(on_sqlite: Service) -> None:
    made = on_sqlite.cli_json("client", "add", "Phone", "--public", "--redirect-uri", "org.example.phone:/cb")
    assert "client_secret" not in made
    assert made["secrets"] == []
    assert (made["token_endpoint_auth_methods"], made["require_pkce"], made["refresh_rotation"]) == (
        ["none"],
        True,
        True,
    )
    for option in ("--no-rotation", "--no-require-pkce"):
        assert on_sqlite.cli("client", "update", made["client_id"], option).returncode == 1
    assert on_sqlite.cli("client", "secret", "add", made["client_id"]).returncode == 1
    assert on_sqlite.cli("client", "update", made["client_id"], "--auth-method", "client_secret_basic").returncode == 1


@pytest.mark.spec("cognito 9.57")
def test_an_update_changes_what_it_names_and_nothing_else(on_sqlite: Service) -> None:
    """Cognito's resets whatever an update omits."""
    options = [
        "--redirect-uri",
        CALLBACK,
        "--access-token-lifetime",
        "15m",
        "--rotation",
        "--audience",
        "https://api.example.org",
    ]
    made = on_sqlite.cli_json("client", "add", "An app", *options)
    del made["client_secret"]
    client_id = made["client_id"]
    assert (made["access_token_lifetime"], made["refresh_rotation"]) == (900, True)
    changed = on_sqlite.cli_json("client", "update", client_id, "--name", "Renamed", "--first-party")
    assert changed == made | {
        "client_name": "Renamed",
        "first_party": True,
        "updated_at": changed["updated_at"],
    }
    second = "https://app.example.org/second"
    changed = on_sqlite.cli_json("client", "update", client_id, "--add-redirect-uri", second)
    assert changed["redirect_uris"] == [CALLBACK, second]
    changed = on_sqlite.cli_json("client", "update", client_id, "--remove-redirect-uri", CALLBACK)
    assert changed["redirect_uris"] == [second]
    assert on_sqlite.cli("client", "update", client_id, "--remove-redirect-uri", CALLBACK).returncode == 1
    assert on_sqlite.cli("client", "update", client_id, "--remove-redirect-uri", second).returncode == 1
    changed = on_sqlite.cli_json(
        "client",
        "update",
        client_id,
        "--redirect-uri",
        CALLBACK,
        "--access-token-lifetime",
        "default",
        "--audience",
        "",
    )
    assert (changed["redirect_uris"], changed["access_token_lifetime"], changed["audience"]) == ([CALLBACK], None, None)
    assert changed == on_sqlite.cli_json("client", "show", client_id)
    assert on_sqlite.cli("client", "update", client_id, "--access-token-lifetime", "soon").returncode == 2
    assert on_sqlite.cli("client", "update", "nothing", "--name", "x").returncode == 1
    done = on_sqlite.cli("client", "update", client_id)  # not "done" to whoever forgot the option
    assert (done.returncode, "--help" in done.stderr) == (2, True)
    assert on_sqlite.cli_json("client", "show", client_id) == changed


@pytest.mark.spec("cognito 9.57", "OpenID Connect Core §8.1")
def test_every_option_of_tokens_subjects_and_introspection_sets_its_column_alone(on_sqlite: Service) -> None:
    made = on_sqlite.cli_json("client", "add", "An app", "--redirect-uri", CALLBACK)
    del made["client_secret"]
    assert made["revoke_access_tokens"] is True
    api = "https://api.example.org"
    steps: list[tuple[list[str], dict[str, object]]] = [
        (["--id-token-signing-alg", "ES256"], {"id_token_signing_alg": "ES256"}),
        (["--userinfo-signing-alg", "EdDSA"], {"userinfo_signing_alg": "EdDSA"}),
        (["--introspection-signing-alg", "RS256"], {"introspection_signing_alg": "RS256"}),
        (["--token-claims", '{"access": {"tier": "gold"}}'], {"token_claims": {"access": {"tier": "gold"}}}),
        (["--introspects", api, "--introspects", api + "/2"], {"introspects": [api, api + "/2"]}),
        (["--no-revoke-access-tokens"], {"revoke_access_tokens": False}),
        (["--sector-identifier", "example.org"], {"sector_identifier": "example.org"}),
        (["--subject-type", "pairwise"], {"subject_type": "pairwise"}),
        (["--id-token-signing-alg", "default"], {"id_token_signing_alg": None}),
        (["--userinfo-signing-alg", "default"], {"userinfo_signing_alg": None}),
        (["--introspects", ""], {"introspects": []}),
        (["--token-claims", "{}"], {"token_claims": {}}),
        (
            ["--subject-type", "public", "--sector-identifier", ""],
            {"subject_type": "public", "sector_identifier": None},
        ),
        (["--subject-type", "pairwise"], {"subject_type": "pairwise", "sector_identifier": "app.example.org"}),
    ]
    before = made
    for options, columns in steps:
        changed = on_sqlite.cli_json("client", "update", made["client_id"], *options)
        assert changed == before | columns | {"updated_at": changed["updated_at"]}, options
        before = changed
    assert {"RS256", "ES256", "EdDSA"} <= {key["alg"] for key in on_sqlite.cli_json("key", "list")}
    for wrong in ("{", "[]", "gold", '{"access": {"n": 18446744073709551617}}', '{"access": {"n": NaN}}'):
        assert on_sqlite.cli("client", "update", made["client_id"], "--token-claims", wrong).returncode == 2
    assert on_sqlite.cli_json("client", "show", made["client_id"]) == before


@pytest.mark.spec("alexa 0", "cognito 9.42")
def test_an_alexa_client_answers_the_revocation_of_an_access_token_as_cognito(operator: Service) -> None:
    alexa = operator.cli_json("client", "add-alexa", "--vendor-id", VENDOR_ID)
    assert operator.cli_json("client", "show", alexa["client_id"])["revoke_access_tokens"] is False


@pytest.mark.spec("RFC 9449 §5.2", "cognito 9.57", "alexa 0")
def test_proofs_are_demanded_by_one_option_that_changes_nothing_else_and_never_of_alexa(on_sqlite: Service) -> None:
    made = on_sqlite.cli_json("client", "add", "An app", "--redirect-uri", CALLBACK)
    changed = on_sqlite.cli_json("client", "update", made["client_id"], "--require-dpop")
    del made["client_secret"]
    assert changed == made | {"dpop_bound_access_tokens": True, "updated_at": changed["updated_at"]}
    alexa = on_sqlite.cli_json("client", "add-alexa", "--vendor-id", VENDOR_ID)
    done = on_sqlite.cli("client", "update", alexa["client_id"], "--require-dpop")
    assert done.returncode == 1
    assert "Alexa sends no DPoP proofs" in done.stderr


def test_a_client_has_at_most_two_secrets_and_keeps_the_last(operator: Service) -> None:
    made = operator.cli_json("client", "add", "An app", "--redirect-uri", CALLBACK)
    client_id = made["client_id"]
    second = operator.cli_json("client", "secret", "add", client_id)
    assert second["client_secret"] != made["client_secret"]
    third = operator.cli("client", "secret", "add", client_id)
    assert (third.returncode, "2 secrets already" in third.stderr) == (1, True)
    [first] = made["secrets"]
    assert operator.cli("client", "secret", "remove", client_id, first["secret_id"]).returncode == 0
    last = operator.cli("client", "secret", "remove", client_id, second["secret_id"])
    assert (last.returncode, "only secret" in last.stderr) == (1, True)
    assert operator.cli("client", "secret", "remove", client_id, "nothing").returncode == 1
    assert [row["secret_id"] for row in operator.cli_json("client", "show", client_id)["secrets"]] == [
        second["secret_id"]
    ]


@pytest.mark.spec("security 6.75")
def test_another_algorithm_gets_its_key_and_needs_the_right_secret_key(operator: Service) -> None:
    operator.cli_json("client", "add", "Curves", "--redirect-uri", CALLBACK, "--signing-alg", "ES256")
    keys = operator.cli_json("key", "list")
    assert [(key["alg"], key["state"]) for key in keys if key["alg"] == "ES256"] == [("ES256", "current")]
    kept = operator.settings["AUTHSERVER_SECRET_KEY"]
    operator.settings["AUTHSERVER_SECRET_KEY"] = "another secret key, also long enough"
    try:
        done = operator.cli("client", "add", "Edwards", "--redirect-uri", CALLBACK, "--signing-alg", "EdDSA")
        rotated = operator.cli("key", "rotate")
    finally:
        operator.settings["AUTHSERVER_SECRET_KEY"] = kept
    for refused in (done, rotated):
        assert refused.returncode == 2
        assert "not the one that this database was made with" in refused.stderr
    assert operator.cli_json("key", "list") == keys
    assert "Edwards" not in operator.cli("client", "list").stdout


def test_removing_asks_first(operator: Service) -> None:
    client_id = operator.cli_json("client", "add", "Short-lived", "--redirect-uri", CALLBACK)["client_id"]
    assert operator.cli("client", "remove", client_id, stdin="").returncode == 1
    assert operator.cli("client", "show", client_id).returncode == 0
    assert operator.cli("client", "remove", client_id, "--yes").returncode == 0
    assert operator.cli("client", "show", client_id).returncode == 1
    assert operator.cli("client", "remove", client_id, "--yes").returncode == 1


@pytest.mark.spec("A30")
def test_short_tokens_for_alexa_are_refused_when_they_are_set(on_sqlite: Service) -> None:
    short = on_sqlite.cli("client", "add-alexa", "--vendor-id", VENDOR_ID, "--access-token-lifetime", "359")
    assert (short.returncode, "at least 360" in short.stderr) == (1, True)
    client_id = on_sqlite.cli_json("client", "add-alexa", "--vendor-id", VENDOR_ID)["client_id"]
    short = on_sqlite.cli("client", "update", client_id, "--access-token-lifetime", "5m")
    assert (short.returncode, "at least 360" in short.stderr) == (1, True)
    assert (
        on_sqlite.cli_json("client", "update", client_id, "--access-token-lifetime", "360")["access_token_lifetime"]
        == 360
    )


def test_show_tells_what_is_set_and_names_the_rest(on_sqlite: Service) -> None:
    made = on_sqlite.cli_json("client", "add", "An app", "--redirect-uri", CALLBACK, "--access-token-lifetime", "5m")
    shown = on_sqlite.cli("client", "show", made["client_id"]).stdout
    told = shown[: shown.index("empty (")]
    lines = dict(line.split(maxsplit=1) for line in told.splitlines() if not line.startswith(" "))
    assert (lines["redirect_uris"], lines["access_token_lifetime"], lines["active"]) == (CALLBACK, "300", "yes")
    assert len(lines) <= 15
    whole = on_sqlite.cli("client", "show", made["client_id"], "--all").stdout
    for name in made.keys() - {"client_secret"}:
        assert len(re.findall(rf"\b{name}\b", shown)) == 1, name
        assert len(re.findall(rf"^{name}\b", whole, re.MULTILINE)) == 1, name
    on_sqlite.cli_json("client", "update", made["client_id"], "--require-pkce", "--no-refresh-id-token")
    changed = on_sqlite.cli("client", "show", made["client_id"]).stdout
    assert re.search(r"^require_pkce +yes$", changed, re.MULTILINE)
    assert re.search(r"^refresh_id_token +no$", changed, re.MULTILINE)
