"""`request` and `request_uri` of a link: told to the client, never ignored, and nothing is fetched for them."""

import pytest

from tests.authserver.protocol.harness import Asker, Server
from tests.authserver.protocol.signing import Holder
from tests.authserver.protocol.test_authorization_request import assert_error
from tests.running.answerer import Answerer, json_of


@pytest.mark.spec("oidcc request-uri-unsigned", "security 6.55", "security 6.77", "OpenID Connect Core §6")
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://client.example.org/request.jwt"}, "request_uri_not_supported"),
        ({"request_uri": "http://169.254.169.254/latest/meta-data"}, "request_uri_not_supported"),
        ({"request_uri": "file:///etc/passwd"}, "request_uri_not_supported"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:unknown"}, "invalid_request_uri"),
    ],
)
async def test_request_objects_are_refused_and_never_ignored_or_fetched(
    server: Server, alexa: Asker, asked: dict[str, str], error: str
) -> None:
    assert_error(await server.authorize(alexa.authorization(**asked)), alexa, error)


@pytest.mark.spec("security 6.55", "security 6.77", "RFC 9101 §10.4")
async def test_no_address_in_a_request_is_asked(server: Server, alexa: Asker) -> None:
    """Somebody listens there: by link, by POST, pushed, and beside a signed object nothing comes."""
    holder = await Holder.add(server)
    async with Answerer(json_of({})) as listening:
        inside = holder.request_object(request_uri=listening.url)
        for client, asked in (
            (alexa, {"request_uri": listening.url}),
            (holder, {"request_uri": listening.url}),
            (holder, {"request_uri": listening.url, "request": holder.request_object()}),
            (holder, {"request": inside}),
        ):
            sent = client.authorization(**asked)
            for answer in (await server.authorize(sent), await server.post("/oauth2/authorize", sent)):
                assert "error=" in answer.headers["location"]
        pushed = await server.post("/oauth2/par", holder.authorization(request_uri=listening.url) | holder.proof())
        assert pushed.status_code == 400
        assert listening.asked == []
