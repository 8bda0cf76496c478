"""`authserver client add-alexa`: what is printed is what the server does."""

import httpx2
import pytest

from authserver.oauth.alexa_console import vendor_id_problem
from tests.running.home import add_person
from tests.running.linking import Alexa
from tests.running.service import Service
from tests.vectors.alexa import OTHER_VENDOR_ID, REDIRECT_URIS, VENDOR_ID

SIMULATOR = "http://127.0.0.1:8001/simulator/callback"


@pytest.mark.spec("A31")
async def test_what_is_printed_is_what_the_server_announces_and_does(authserver: Service) -> None:
    made = authserver.cli_json(
        "client", "add-alexa", "--vendor-id", VENDOR_ID, "--vendor-id", OTHER_VENDOR_ID, "--redirect-uri", SIMULATOR
    )
    authserver.must_not_log(made["client_secret"])
    request, console = made["smapi"]["accountLinkingRequest"], made["console"]
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        announced = (await client.get(f"{authserver.url}/.well-known/openid-configuration")).json()
    assert request["authorizationUrl"] == console["Your Web Authorization URI"] == announced["authorization_endpoint"]
    assert request["accessTokenUrl"] == console["Access Token URI"] == announced["token_endpoint"]
    assert request["clientId"] == console["Your Client ID"] == made["client_id"]
    assert request["clientSecret"] == console["Your Secret"] == made["client_secret"]
    assert request["scopes"] == console["Scope"] == made["scopes"] == ["openid"]
    assert set(request["scopes"]) <= set(announced["scopes_supported"])
    assert (request["type"], console["Authorization grant type"]) == ("AUTH_CODE", "Auth Code Grant")
    assert request["accessTokenScheme"] == "HTTP_BASIC"
    assert "client_secret_basic" in announced["token_endpoint_auth_methods_supported"]
    assert request["pkceConfiguration"] == {"status": "ENABLED", "codeChallengeMethod": "S256"}
    assert "S256" in announced["code_challenge_methods_supported"]
    assert (request["domains"], console["Domain List"], request["redirectUrls"]) == ([], [], [])
    amazons = [*REDIRECT_URIS.values(), *(uri.replace(VENDOR_ID, OTHER_VENDOR_ID) for uri in REDIRECT_URIS.values())]
    assert console["Alexa Redirect URLs"] == amazons
    assert made["redirect_uris"] == [*amazons, SIMULATOR]

    person = add_person(authserver)
    for uri in made["redirect_uris"]:
        alexa = Alexa(announced["issuer"], request["clientId"], request["clientSecret"], uri, pkce=True)
        linked = await alexa.link(person)
        assert linked.tokens["expires_in"] == request["defaultTokenExpirationInSeconds"] == 3600
        assert console["Default Access Token Expiration Time"] == 3600


@pytest.mark.spec("A31")
def test_people_read_every_field(on_sqlite: Service) -> None:
    done = on_sqlite.cli("client", "add-alexa", "--vendor-id", VENDOR_ID, "--name", "My lamps")
    assert done.returncode == 0
    issuer = on_sqlite.settings["AUTHSERVER_ISSUER"]
    for line in (
        f"Your Web Authorization URI            {issuer}/oauth2/authorize",
        f"Access Token URI                      {issuer}/oauth2/token",
        "Your Authentication Scheme            HTTP Basic (Recommended)",
        "Domain List                           (leave empty)",
        *REDIRECT_URIS.values(),
    ):
        assert line in done.stdout


@pytest.mark.parametrize("vendor_id", ["", "m2examplevendr", "A2EXAMPLEVENDR", "M2SHORT", "M" * 21, "M2EXAMPLE/../X"])
def test_what_is_no_vendor_id_is_refused(vendor_id: str) -> None:
    assert "is not a vendor id" in (vendor_id_problem(vendor_id) or "")


def test_a_right_vendor_id_does_not_let_a_wrong_one_through(on_sqlite: Service) -> None:
    done = on_sqlite.cli("client", "add-alexa", "--vendor-id", VENDOR_ID, "--vendor-id", "A2EXAMPLEVENDR")
    assert done.returncode == 2
    assert "'A2EXAMPLEVENDR' is not a vendor id" in " ".join(done.stderr.split())
    assert on_sqlite.cli("client", "add-alexa").returncode == 2
    assert on_sqlite.cli_json("client", "list") == []


@pytest.mark.spec("A30")
def test_the_server_refuses_to_start_with_short_tokens_for_alexa(on_sqlite: Service) -> None:
    """And `add-alexa` refuses to make such a server."""
    on_sqlite.cli_json("client", "add-alexa", "--vendor-id", VENDOR_ID)
    on_sqlite.settings["AUTHSERVER_ACCESS_TOKEN_LIFETIME"] = "300"
    refused = on_sqlite.cli("serve", "--port", str(on_sqlite.port))
    assert refused.returncode == 2
    assert "at least 360" in refused.stderr
    again = on_sqlite.cli("client", "add-alexa", "--vendor-id", VENDOR_ID)
    assert (again.returncode, "at least 360" in again.stderr) == (2, True)
