"""openid-client and oauth4webapi, both by the author of node-oidc-provider: one walks the easy way, one checks all."""

import pytest

from authserver.oauth.presets import CONFIDENTIAL
from tests.foreign.conftest import CALLBACK, SCOPE, Known, Provider, discover
from tests.running import node
from tests.running.node import Foreign, RefusedError

METHODS = ("client_secret_basic", "client_secret_post", "none")


@pytest.mark.spec(
    "A29", "RFC 6749 §4.1", "RFC 7636 §1.1", "RFC 8414 §3", "RFC 9207 §2.4", "OpenID Connect Core §3.1",
    "OpenID Connect Discovery §4", "cognito 9.13",
)  # fmt: skip
@pytest.mark.parametrize("algorithm", ["oidc", "oauth2"])
@pytest.mark.parametrize("method", METHODS)
async def test_it_signs_in_refreshes_asks_and_revokes(
    provider: Provider, confidential: Known, public: Known, library: Foreign, method: str, algorithm: str
) -> None:
    """Found at both places of the metadata; `state`, `iss`, `nonce`, `at_hash` and signatures are checked by the
    library."""
    known = public if method == "none" else confidential
    found = await discover(library, known, method, algorithm=algorithm)
    assert found["issuer"] == provider.issuer
    callback = await provider.sign_in(await library.ask("begin", redirect_uri=CALLBACK, scope=SCOPE))
    given = await library.ask("finish", callback=callback)
    provider.keep_secret(given)
    assert given["claims"]["sub"] == provider.human.sub
    info = await library.ask("userinfo", access_token=given["access_token"], sub=given["claims"]["sub"])
    assert info["email"] == provider.human.email

    again = await library.ask("refresh", refresh_token=given["refresh_token"])
    provider.keep_secret(again)
    assert again["access_token"] != given["access_token"]
    assert again["claims"]["sub"] == provider.human.sub
    assert (again["refresh_token"] != given["refresh_token"]) is (method == "none")
    await library.ask("userinfo", access_token=again["access_token"], sub=provider.human.sub)

    await library.ask("revoke", token=again["refresh_token"], parameters={"token_type_hint": "refresh_token"})
    with pytest.raises(RefusedError, match="invalid_grant"):
        await library.ask("refresh", refresh_token=again["refresh_token"])
    with pytest.raises(RefusedError, match="invalid_token"):
        await library.ask("userinfo", access_token=again["access_token"], sub=provider.human.sub)


@pytest.mark.spec("RFC 6749 §5.2", "security 6.19", "security 6.36")
async def test_it_understands_our_refusals(provider: Provider, confidential: Known, library: Foreign) -> None:
    wrong = Known(confidential.client_id, "wrong", confidential.issuer)
    await discover(library, wrong, "client_secret_basic")
    with pytest.raises(RefusedError, match="invalid_client"):
        await library.ask("refresh", refresh_token="unknown")
    await discover(library, confidential, "client_secret_basic")
    with pytest.raises(RefusedError, match="invalid_grant"):
        await library.ask("refresh", refresh_token="unknown")


@pytest.mark.spec("RFC 6749 §4.1.2.1", "RFC 9207 §2.4")
async def test_it_reads_the_error_that_the_browser_brings_back(
    provider: Provider, confidential: Known, library: Foreign
) -> None:
    await discover(library, confidential, "client_secret_basic")
    asked = {"prompt": "none"}  # in a browser where nobody is signed in
    url = await library.ask("begin", redirect_uri=CALLBACK, scope=SCOPE, parameters=asked)
    callback = await provider.sign_in(url)
    with pytest.raises(RefusedError, match="login_required"):
        await library.ask("finish", callback=callback)


@pytest.mark.spec("RFC 9207 §2.4", "security 6.41")
async def test_it_would_notice_another_servers_answer(
    provider: Provider, confidential: Known, library: Foreign
) -> None:
    """That it looks at `iss` and `state` at all: the tests above rest on it."""
    await discover(library, confidential, "client_secret_basic")
    callback = await provider.sign_in(await library.ask("begin", redirect_uri=CALLBACK, scope=SCOPE))
    for sent, instead in (("&iss=http", "&iss=https"), ("state=", "state=x")):
        with pytest.raises(RefusedError, match=r"iss|state"):
            await library.ask("finish", callback=callback.replace(sent, instead))
    assert (await library.ask("finish", callback=callback))["claims"]["sub"] == provider.human.sub


@pytest.mark.spec("RFC 9068 §4", "RFC 8414 §3")
async def test_oauth4webapi_accepts_our_access_token_as_a_resource_server(provider: Provider) -> None:
    """With an audience our tokens are RFC 9068's (docs/token-profile.md)."""
    audience = "https://api.example.org/"
    known = await provider.add_client(CONFIDENTIAL, audience=audience)
    async with node.running("oauth4webapi") as library:
        await discover(library, known, "client_secret_post")
        callback = await provider.sign_in(await library.ask("begin", redirect_uri=CALLBACK, scope=SCOPE))
        given = await library.ask("finish", callback=callback)
        claims = await library.ask("access_token", access_token=given["access_token"], audience=audience)
        assert claims["sub"] == provider.human.sub
        assert claims["client_id"] == known.client_id
        with pytest.raises(RefusedError, match="aud"):
            await library.ask("access_token", access_token=given["access_token"], audience="https://other.example/")
