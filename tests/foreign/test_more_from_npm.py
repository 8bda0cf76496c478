"""What else openid-client and oauth4webapi can do: proof of possession, keys in place of secrets, pushed and signed
requests, introspection, devices, programs in their own name, exchange, signed answers, signing out."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from authserver.oauth.presets import CONFIDENTIAL, MACHINE, PUBLIC
from tests.foreign.conftest import CALLBACK, DEVICE, SCOPE, Known, Provider, discover, key_of_a_client
from tests.running import node
from tests.running.linking import walk
from tests.running.node import Foreign, RefusedError
from tests.running.reading import Browser

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


async def signed_in(provider: Provider, library: Foreign, **asked: Any) -> dict[str, Any]:
    """The tokens of a linking that this client asked for."""
    url = await library.ask("begin", redirect_uri=CALLBACK, scope=SCOPE, **asked)
    given: dict[str, Any] = await library.ask("finish", callback=await provider.sign_in(url))
    provider.keep_secret(given)
    assert given["claims"]["sub"] == provider.human.sub
    return given


@pytest.mark.spec("RFC 7591 §3", "OpenID Connect Dynamic Registration §3")
@pytest.mark.parametrize("method", ["client_secret_post", "none"])
async def test_it_registers_itself_and_signs_people_in(provider: Provider, library: Foreign, method: str) -> None:
    initial = await provider.let_register()
    wanted = {
        "redirect_uris": [CALLBACK],
        "client_name": "From elsewhere",
        "token_endpoint_auth_method": method,
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": SCOPE,
    }
    asked = {"issuer": provider.issuer, "initial_access_token": initial, "metadata": wanted}
    told = await library.ask("register", **asked)
    provider.service.must_not_log(told.get("client_secret", initial), told["registration_access_token"])
    assert {name: told[name] for name in wanted} == wanted
    given = await signed_in(provider, library)
    again = await library.ask("refresh", refresh_token=given["refresh_token"])
    await library.ask("userinfo", access_token=again["access_token"], sub=provider.human.sub)
    with pytest.raises(RefusedError, match=r"invalid_token|404|invalid_request|registration_endpoint"):
        await library.ask("register", **asked)  # it was for one


@pytest.mark.spec("RFC 9449 §5", "RFC 9449 §7", "RFC 9449 §8")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "Ed25519"])
@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
async def test_its_tokens_are_bound_to_its_key(
    provider: Provider, confidential: Known, public: Known, library: Foreign, method: str, alg: str
) -> None:
    """Nonces and all; and without the key what it was given is worth nothing."""
    known = public if method == "none" else confidential
    await discover(library, known, method)
    await library.ask("bind", alg=alg)
    given = await signed_in(provider, library)
    assert given["token_type"].lower() == "dpop"
    info = await library.ask("userinfo", access_token=given["access_token"], sub=provider.human.sub)
    assert info["email"] == provider.human.email
    again = await library.ask("refresh", refresh_token=given["refresh_token"])
    assert again["token_type"].lower() == "dpop"
    await library.ask("userinfo", access_token=again["access_token"], sub=provider.human.sub)
    headers = {"authorization": f"Bearer {again['access_token']}"}
    async with httpx2.AsyncClient(trust_env=False, verify=False) as thief:
        assert (await thief.get(provider.metadata["userinfo_endpoint"], headers=headers)).status_code == 401
    await library.ask("bind", alg=alg)  # another key
    with pytest.raises(RefusedError, match=r"invalid_token|invalid_dpop_proof"):
        await library.ask("userinfo", access_token=again["access_token"], sub=provider.human.sub)
    if method == "none":  # RFC 9449 §5: the refresh tokens of public clients are bound, too
        with pytest.raises(RefusedError, match=r"invalid_grant|invalid_dpop_proof"):
            await library.ask("refresh", refresh_token=again["refresh_token"])


@pytest.mark.spec("RFC 7523 §3", "OpenID Connect Core §9", "RFC 9126 §2", "RFC 9101 §4")
async def test_it_proves_itself_with_a_key_and_signs_its_requests(provider: Provider, library: Foreign) -> None:
    private, public_set = key_of_a_client()
    known = await provider.add_client(
        CONFIDENTIAL,
        token_endpoint_auth_methods=["private_key_jwt"],
        jwks=public_set,
        require_signed_request_object=True,
    )
    await discover(library, known, "private_key_jwt", private_key=private)
    given = await signed_in(provider, library, signed_with=private)
    again = await library.ask("refresh", refresh_token=given["refresh_token"])
    assert again["claims"]["sub"] == provider.human.sub
    assert (await library.ask("introspect", token=again["access_token"]))["active"] is True
    await library.ask("revoke", token=again["refresh_token"])
    stranger, _ = key_of_a_client()
    await discover(library, known, "private_key_jwt", private_key=stranger)
    with pytest.raises(RefusedError, match="invalid_client"):
        await library.ask("refresh", refresh_token=again["refresh_token"])


@pytest.mark.spec("RFC 9126 §2", "RFC 9126 §4")
@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
async def test_it_pushes_its_request(provider: Provider, library: Foreign, method: str) -> None:
    preset = PUBLIC if method == "none" else CONFIDENTIAL
    known = await provider.add_client(preset, require_pushed_authorization_requests=True)
    await discover(library, known, method)
    url = await library.ask("begin", redirect_uri=CALLBACK, scope=SCOPE, pushed=True)
    assert set(parse_qs(urlsplit(url).query)) == {"client_id", "request_uri"}
    await signed_in(provider, library, pushed=True)
    with pytest.raises(RefusedError, match="invalid_scope"):
        await library.ask("begin", redirect_uri=CALLBACK, scope="openid unheard-of", pushed=True)


@pytest.mark.spec("RFC 7662 §2.2", "RFC 7009 §2.1")
async def test_it_asks_what_a_token_is_good_for(provider: Provider, confidential: Known, library: Foreign) -> None:
    await discover(library, confidential, "client_secret_post")
    given = await signed_in(provider, library)
    found = await library.ask("introspect", token=given["access_token"])
    assert found["active"] is True
    assert found["client_id"] == confidential.client_id
    assert found["sub"] == provider.human.sub
    assert (await library.ask("introspect", token=given["refresh_token"]))["active"] is True
    assert (await library.ask("introspect", token="unknown")) == {"active": False}
    await library.ask("revoke", token=given["access_token"])
    assert (await library.ask("introspect", token=given["access_token"])) == {"active": False}
    assert (await library.ask("introspect", token=given["refresh_token"]))["active"] is True


@pytest.mark.spec("RFC 7662 §2.2", "OpenID Connect Core §5.3")
async def test_oauth4webapi_verifies_what_we_sign_beside_tokens(provider: Provider) -> None:
    """Introspection (RFC 9701) and claims (OpenID Connect Core §5.3.2) as JWTs."""
    known = await provider.add_client(CONFIDENTIAL, userinfo_signing_alg="ES256", id_token_signing_alg="ES256")
    metadata = {"userinfo_signed_response_alg": "ES256", "id_token_signed_response_alg": "ES256"}
    metadata |= {"introspection_signed_response_alg": "RS256"}
    async with node.running("oauth4webapi") as library:
        await discover(library, known, "client_secret_basic", metadata=metadata)
        given = await signed_in(provider, library)
        info = await library.ask("userinfo", access_token=given["access_token"], sub=provider.human.sub)
        assert info["email"] == provider.human.email
        found = await library.ask("introspect", token=given["access_token"], jwt=True)
        assert found["active"] is True


@pytest.mark.spec("OpenID Connect Core §5.3")
async def test_openid_client_takes_signed_claims(provider: Provider) -> None:
    known = await provider.add_client(CONFIDENTIAL, userinfo_signing_alg="RS256")
    async with node.running("openid_client") as library:
        metadata = {"userinfo_signed_response_alg": "RS256"}
        await discover(library, known, "client_secret_basic", metadata=metadata)
        given = await signed_in(provider, library)
        info = await library.ask("userinfo", access_token=given["access_token"], sub=provider.human.sub)
        assert info["email"] == provider.human.email


@pytest.mark.spec("RFC 8628 §3")
async def test_a_device_is_let_in(provider: Provider, library: Foreign) -> None:
    known = await provider.add_client(PUBLIC, grant_types=[DEVICE, "refresh_token"])
    await discover(library, known, "none")
    waiting = await library.ask("device", parameters={"scope": SCOPE})
    provider.service.must_not_log(waiting["device_code"], waiting["user_code"])
    async with Browser() as browser:
        await provider.let_in(browser, waiting["verification_uri_complete"])
    given = await library.ask("device_poll", device=waiting)
    provider.keep_secret(given)
    assert given["claims"]["sub"] == provider.human.sub
    again = await library.ask("refresh", refresh_token=given["refresh_token"])
    assert again["access_token"]
    with pytest.raises(RefusedError, match="invalid_grant"):
        await library.ask("device_poll", device=waiting)


@pytest.mark.spec("RFC 6749 §4.4", "RFC 8707 §2")
@pytest.mark.parametrize("bound", [False, True], ids=["bearer", "dpop"])
async def test_a_program_asks_in_its_own_name(provider: Provider, library: Foreign, bound: bool) -> None:
    api = await provider.add_resource_server("read")
    known = await provider.add_client(MACHINE, redirect_uris=[], scopes=[f"{api}/read"])
    await discover(library, known, "client_secret_basic")
    if bound:
        await library.ask("bind")
    given = await library.ask("client_credentials", parameters={"scope": f"{api}/read", "resource": api})
    assert given["scope"] == f"{api}/read"
    assert given["token_type"].lower() == ("dpop" if bound else "bearer")
    assert "refresh_token" not in given
    assert (await library.ask("introspect", token=given["access_token"]))["aud"] == api


@pytest.mark.spec("RFC 8693 §2")
async def test_openid_client_exchanges_a_token(provider: Provider, confidential: Known) -> None:
    known = await provider.add_client(
        CONFIDENTIAL, grant_types=["authorization_code", EXCHANGE], exchange_from=[confidential.client_id]
    )
    async with node.running("openid_client") as front, node.running("openid_client") as behind:
        await discover(front, confidential, "client_secret_basic")
        given = await signed_in(provider, front)
        await discover(behind, known, "client_secret_basic")
        asked = {"subject_token": given["access_token"], "subject_token_type": ACCESS_TOKEN}
        exchanged = await behind.ask("exchange", parameters=asked)
        assert exchanged["issued_token_type"] == ACCESS_TOKEN
        info = await behind.ask("userinfo", access_token=exchanged["access_token"], sub=provider.human.sub)
        assert info["sub"] == provider.human.sub


@pytest.mark.spec("OpenID Connect RP-Initiated Logout")
async def test_openid_client_signs_a_person_out(provider: Provider) -> None:
    goodbye = "https://client.example.org/goodbye"
    known = await provider.add_client(CONFIDENTIAL, post_logout_redirect_uris=[goodbye])
    async with node.running("openid_client") as library, Browser() as browser:
        await discover(library, known, "client_secret_basic")
        url = await library.ask("begin", redirect_uri=CALLBACK, scope=SCOPE)
        given = await library.ask("finish", callback=await provider.sign_in(url, browser))
        asked = {"post_logout_redirect_uri": goodbye, "id_token_hint": given["id_token"], "state": "s"}
        page = await browser.open(await library.ask("end_session", parameters=asked))
        assert page.left_to == f"{goodbye}?state=s"
        silent = {"prompt": "none"}
        url = await library.ask("begin", redirect_uri=CALLBACK, scope=SCOPE, parameters=silent)
        page = await walk(browser, await browser.open(url), provider.human)
        assert page.left_to is not None
        assert "error=login_required" in page.left_to
