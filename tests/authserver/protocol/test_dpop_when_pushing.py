"""A proof beside a pushed request binds its code to the key (RFC 9449 §10.1)."""

import httpx2
import pytest

from authserver.models import User
from tests.authserver.protocol.harness import FORM, ISSUER, Asker, Server
from tests.authserver.protocol.prover import TOKEN, Prover, refused
from tests.authserver.protocol.test_authorization_request import answered
from tests.running.proving import ProvingKey

PAR = f"{ISSUER}/oauth2/par"


@pytest.fixture(scope="module")
def key() -> ProvingKey:
    return ProvingKey()


async def push(client: Asker, *proofs: str, **others: str | None) -> httpx2.Response:
    form = client.authorization(**others)
    if client.method != "none":
        del form["client_id"]
    data, headers = client._credentials(form)
    sent = [*(headers | {"content-type": FORM}).items(), *(("DPoP", proof) for proof in proofs)]
    return await client.server.http.post(f"{client.server.path}/oauth2/par", data=data, headers=sent)


async def code_of(client: Asker, pushed: httpx2.Response, person: User) -> dict[str, str]:
    """What the token endpoint is asked with."""
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": client.client_id, "request_uri": pushed.json()["request_uri"]}
    answer = await client.server.authorize(query, **await client.server.signed_in(person))
    code = answered(answer, client.redirect_uri)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri}
    return form | ({"code_verifier": "v" * 43} if client.method == "none" else {})


@pytest.mark.spec("security 3.dpop-jkt-par", "RFC 9449 §10.1")
@pytest.mark.parametrize("preset", ["public", "confidential"])
async def test_a_dpop_jkt_that_is_not_the_key_of_the_proof_is_refused(
    server: Server, key: ProvingKey, preset: str
) -> None:
    client, now = await server.add_client(preset), server.clock()
    other = ProvingKey()
    refused(await push(client, key.proof("POST", PAR, now), dpop_jkt=other.jkt), "invalid_dpop_proof")
    refused(await push(client, dpop_jkt="x"), "invalid_request")
    assert (await push(client, key.proof("POST", PAR, now), dpop_jkt=key.jkt)).status_code == 201


@pytest.mark.spec("security 3.dpop-jkt-par", "security 3.dpop-jkt-token", "RFC 9449 §10", "RFC 9449 §10.1")
@pytest.mark.parametrize("how", ["proof", "dpop_jkt", "both"])
async def test_the_code_of_a_pushed_request_is_good_with_the_same_key_alone(
    server: Server, person: User, key: ProvingKey, how: str
) -> None:
    client = await server.add_client("public", first_party=True)
    proofs = [] if how == "dpop_jkt" else [key.proof("POST", PAR, server.clock())]
    pushed = await push(client, *proofs, dpop_jkt=None if how == "proof" else key.jkt)
    form = await code_of(client, pushed, person)
    prover, thief = Prover(client, key), Prover(client, ProvingKey())
    refused(await prover.ask(form), "invalid_dpop_proof")
    refused(await thief.ask(form, thief.proof()), "invalid_grant")
    assert (await prover.ask(form, prover.proof())).json()["token_type"] == "DPoP"


@pytest.mark.spec("security 4.dpop", "RFC 9449 §10.1", "RFC 9449 §4.3")
async def test_a_proof_with_a_fault_leaves_nothing_pushed(server: Server, key: ProvingKey) -> None:
    client, now = await server.add_client("public"), server.clock()
    used = key.proof("POST", PAR, now)
    assert (await push(client, used)).status_code == 201
    for proofs in (
        [used],
        [key.proof("POST", PAR, now), key.proof("POST", PAR, now)],
        [key.proof("POST", TOKEN, now)],
        [key.proof("GET", PAR, now)],
        [key.proof("POST", PAR, now - 3600)],
        ["rubbish"],
        [""],
    ):
        refused(await push(client, *proofs), "invalid_dpop_proof")


@pytest.mark.spec("alexa 0", "RFC 9449 §10.1")
async def test_for_alexa_no_header_binds_what_is_pushed(server: Server, alexa: Asker, key: ProvingKey) -> None:
    for proof in (key.proof("POST", PAR, server.clock()), "rubbish"):
        assert (await push(alexa, proof)).status_code == 201
