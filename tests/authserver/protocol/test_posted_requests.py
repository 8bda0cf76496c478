"""Authorization requests that a client's page posts (OpenID Connect Core §3.1.2.1)."""

import pytest

from authserver.models import User
from tests.authserver.protocol.harness import CALLBACK, Server
from tests.authserver.protocol.test_authorization_request import answered


@pytest.mark.spec("oidcc ensure-post-request-succeeds", "oidcc session-cookie-lax", "OpenID Connect Core §3.1.2.1")
async def test_who_is_signed_in_is_so_when_a_clients_page_posts_too(server: Server, person: User) -> None:
    """Its browser leaves our cookie out of the POST, and takes it to the link that we answer with."""
    client = await server.add_client(first_party=True)
    elsewhere, cookie = {"sec-fetch-site": "cross-site"}, await server.signed_in(person)
    asked = client.authorization(prompt="none", state="a b&c=\u00e4")
    link = await server.post("/oauth2/authorize", asked, elsewhere)
    assert link.status_code == 303
    where, _, query = link.headers["location"].partition("?")
    assert where == f"{server.settings.issuer}/oauth2/authorize"
    answer = answered(await server.authorize(query, **elsewhere, **cookie), CALLBACK)
    assert answer["state"] == asked["state"]
    assert "code" in answer
    at_once = await server.post("/oauth2/authorize", asked, elsewhere | cookie)  # a browser that does send it
    assert "code" in answered(at_once, CALLBACK)
    long = await server.post("/oauth2/authorize", asked | {"extra": "x" * 9000}, elsewhere)
    assert answered(long, CALLBACK)["error"] == "login_required"
