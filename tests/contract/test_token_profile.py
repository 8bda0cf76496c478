"""docs/token-profile.md, held at both ends: what the running authserver mints, the running skill accepts."""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.util import urlsafe_b64decode

from authserver.oauth import tokens as minting
from authserver.oauth.dpop.proof import ALGORITHMS as AUTHSERVER_ALGORITHMS
from skill import access_token as verifying
from skill.possession import ALGORITHMS as SKILL_ALGORITHMS
from tests.conftest import MigratedDatabase
from tests.running.bridge import Bridge
from tests.running.home import add_alexa, add_lamp, add_person, skill_settings
from tests.running.linking import Alexa, Linked, Person
from tests.running.ports import free_port
from tests.running.proving import ProvingKey
from tests.running.service import Service
from tests.vectors.alexa import STATE_737

PROFILE = Path(__file__).resolve().parents[2] / "docs" / "token-profile.md"
REDIRECT_URI = "https://client.example.org/callback"
AUDIENCE = "https://lamps.example.org"

#: every setting of a client that changes its tokens, and whether the skill may still obey them
KINDS: dict[str, list[str]] = {
    "plain": [],
    "ES256": ["--signing-alg", "ES256"],
    "EdDSA": ["--signing-alg", "EdDSA"],
    "audience": ["--audience", AUDIENCE],
    "shortest": ["--access-token-lifetime", "360"],
    "more-scopes": ["--scope", "email", "--scope", "profile"],
    "public": ["--public"],
    "foreign-audience": ["--audience", "https://elsewhere.example.org"],
    "unlisted": [],
    "without-openid": [],
}


@dataclass
class Resource:
    """The skill as a resource server for one kind of client after another."""

    authserver: Service
    skill: Service
    person: Person
    lamp: str
    clients: dict[str, Alexa]

    @property
    def bridge(self) -> Bridge:
        return Bridge(self.skill.url, self.skill.settings["SKILL_BRIDGE_SECRET"])

    async def turn_on(self, token: str) -> Any:
        return (await self.bridge.send("Alexa.PowerController", "TurnOn", token, self.lamp))["event"]


def add_clients(authserver: Service) -> dict[str, Alexa]:
    commands = []
    for kind, options in KINDS.items():
        scope = "phone" if kind == "without-openid" else "openid"
        commands.append(["client", "add", kind, "--redirect-uri", REDIRECT_URI, "--scope", scope, *options])
    issuer = authserver.settings["AUTHSERVER_ISSUER"]
    return {
        kind: Alexa(
            issuer,
            made["client_id"],
            made.get("client_secret") or "",
            REDIRECT_URI,
            scope=" ".join(word for word in ("openid", "email", "profile", "phone") if word in command),
            credentials="none" if kind == "public" else "basic",
            pkce=kind == "public",
        )
        for kind, command, made in zip(KINDS, commands, authserver.cli_json_of(commands), strict=True)
    }


@pytest.fixture(scope="module")
def resource(
    authserver: Service, database_kind: str, migrated_database: MigratedDatabase, module_folder: Path
) -> Iterator[Resource]:
    clients = add_clients(authserver) | {"alexa": add_alexa(authserver)}
    listed = ",".join(client.client_id for kind, client in clients.items() if kind != "unlisted")
    port = free_port()
    issuer = authserver.settings["AUTHSERVER_ISSUER"]
    more = {"SKILL_AUDIENCE": AUDIENCE, "SKILL_ALGORITHMS": "RS256,ES256,EdDSA"}
    settings = skill_settings(migrated_database("skill", database_kind), port, issuer, listed, **more)
    skill = Service("skill", settings, module_folder, port)
    person = add_person(authserver)
    authserver.cli_json("group", "add", "family")
    authserver.cli_json("group", "add-member", "family", person.email)
    with skill:
        yield Resource(authserver, skill, person, add_lamp(skill, person.sub), clients)


async def linked(resource: Resource, kind: str) -> Linked:
    return await resource.clients[kind].link(resource.person, STATE_737)


def part(token: str, number: int) -> dict[str, Any]:
    """Header (0) or claims (1), unverified."""
    decoded: dict[str, Any] = orjson.loads(urlsafe_b64decode(token.split(".")[number].encode()))
    return decoded


async def key_set(resource: Resource) -> KeySet:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        answer = await client.get(f"{resource.authserver.url}/.well-known/jwks.json")
    return KeySet.import_key_set(answer.json())


@pytest.mark.spec("A27", "security 6.50", "alexa 2.7")
@pytest.mark.parametrize("kind", ["alexa", "plain", "ES256", "EdDSA", "audience", "shortest", "more-scopes", "public"])
async def test_the_skill_obeys_the_token_of_every_kind_of_client(resource: Resource, kind: str) -> None:
    first = await linked(resource, kind)
    refreshed = (await resource.clients[kind].refresh(first.refresh_token)).json()
    for token in (first.access_token, str(refreshed["access_token"])):
        event = await resource.turn_on(token)
        assert (event["header"]["namespace"], event["header"]["name"]) == ("Alexa", "Response"), event
        assert len(token) <= verifying.LONGEST_TOKEN


@pytest.mark.spec("S17", "alexa 0", "alexa 2.7")
@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("foreign-audience", "INTERNAL_ERROR"),
        ("unlisted", "INTERNAL_ERROR"),
        ("without-openid", "INSUFFICIENT_PERMISSIONS"),
    ],
)
async def test_a_token_that_is_not_for_the_skill_is_refused_without_unlinking(
    resource: Resource, kind: str, type_: str
) -> None:
    event = await resource.turn_on((await linked(resource, kind)).access_token)
    assert event["payload"]["type"] == type_


@pytest.mark.spec("security 6.51", "security 6.69", "S17")
@pytest.mark.parametrize("kind", ["alexa", "plain", "ES256", "EdDSA", "public"])
async def test_what_is_no_access_token_is_refused_by_the_skill(resource: Resource, kind: str) -> None:
    given = await linked(resource, kind)
    for token in (given.tokens["id_token"], given.refresh_token, given.code):
        assert (await resource.turn_on(token))["payload"]["type"] == "INVALID_AUTHORIZATION_CREDENTIAL"


@pytest.mark.spec("S18")
async def test_a_token_outlives_the_outage_of_its_issuer_and_a_restart_of_the_skill(resource: Resource) -> None:
    token = (await linked(resource, "alexa")).access_token
    resource.authserver.stop()
    try:
        resource.skill.restart()
        assert (await resource.turn_on(token))["header"]["name"] == "Response"
    finally:
        resource.authserver.start()


@pytest.mark.spec("A28", "S17")
async def test_the_skill_follows_the_issuer_to_a_new_key(resource: Resource) -> None:
    """The signing key is stolen and dropped at once: tokens of the next key work, those of the stolen one do not,
    and the link that they belong to stays."""
    old = (await linked(resource, "alexa")).access_token
    assert (await resource.turn_on(old))["header"]["name"] == "Response"
    done = resource.authserver.cli("key", "revoke", part(old, 0)["kid"])
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 20
    while True:
        new = (await linked(resource, "alexa")).access_token
        if part(new, 0)["kid"] != part(old, 0)["kid"]:
            break
        assert time.monotonic() < deadline, "the server signs on with a revoked key"
    assert (await resource.turn_on(new))["header"]["name"] == "Response"
    assert (await resource.turn_on(old))["payload"]["type"] == "INTERNAL_ERROR"


def documented(heading: str) -> dict[str, str]:
    """The claims of one table of the profile: the first column, and the row."""
    text = PROFILE.read_text()
    start = text.index(heading)
    end = text.find("\n## ", start)
    rows = re.findall(r"^\| `([\w:]+)` \|(.*)\|$", text[start : end if end > 0 else None], re.MULTILINE)
    return dict(rows)


@pytest.mark.spec("A27", "RFC 9068 §2.2", "cognito 9.29", "cognito 9.32")
@pytest.mark.parametrize("kind", ["alexa", "audience", "more-scopes"])
async def test_an_access_token_has_exactly_the_claims_of_the_profile(resource: Resource, kind: str) -> None:
    given = await linked(resource, kind)
    token = jwt.decode(given.access_token, await key_set(resource), algorithms=["RS256"])
    assert set(token.header) == {"alg", "kid", "typ"}
    assert token.header["typ"] == "at+jwt"
    claims = documented("## Access token")
    optional = {"cnf"} if kind == "audience" else {"cnf", "aud"}
    assert set(token.claims) == set(claims) - optional
    assert token.claims["token_use"] == "access"
    assert token.claims["client_id"] == resource.clients[kind].client_id
    assert token.claims["sub"] == token.claims["username"] == resource.person.sub
    assert token.claims["iss"] == resource.authserver.settings["AUTHSERVER_ISSUER"]
    assert set(token.claims["scope"].split()) == set(resource.clients[kind].scope.split())
    assert token.claims["exp"] - token.claims["iat"] == given.tokens["expires_in"]
    assert {type(token.claims[name]) for name in ("exp", "iat", "auth_time", "version")} == {int}
    assert token.claims["cognito:groups"] == ["family"]
    if kind == "audience":
        assert token.claims["aud"] == AUDIENCE


@pytest.mark.spec("cognito 9.28", "OpenID Connect Core §2")
async def test_an_id_token_has_exactly_the_claims_of_the_profile(resource: Resource) -> None:
    given = await linked(resource, "more-scopes")
    token = jwt.decode(given.tokens["id_token"], await key_set(resource), algorithms=["RS256"])
    assert token.header.get("typ") != "at+jwt"
    always = {name for name, row in documented("## ID token").items() if "where" not in row}
    assert always <= set(token.claims) <= set(documented("## ID token"))
    assert token.claims["aud"] == resource.clients["more-scopes"].client_id
    assert token.claims["token_use"] == "id"
    assert token.claims["at_hash"] == minting.half_hash(given.access_token, "RS256")
    assert token.claims["email"] == resource.person.email
    assert token.claims["email_verified"] is True


@pytest.mark.spec("A27")
async def test_two_tokens_of_one_grant_differ_only_in_ids_and_times(resource: Resource) -> None:
    """`origin_jti` and `auth_time` stay over refreshes, `jti` never repeats."""
    given = await linked(resource, "alexa")
    first = part(given.access_token, 1)
    second = part((await resource.clients["alexa"].refresh(given.refresh_token)).json()["access_token"], 1)
    changing = {"jti", "event_id", "iat", "exp"}
    assert {name for name in first if first[name] != second[name]} <= changing
    assert first["jti"] != second["jti"]


async def with_proof(
    key: ProvingKey, method: str, url: str, token: str, *, htu: str = "", **claims: Any
) -> httpx2.Response:
    headers = {"authorization": f"DPoP {token}", "dpop": key.proof(method, htu or url, time.time(), token, **claims)}
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        return await client.request(method, url, headers=headers)


@pytest.mark.spec("RFC 9449 §6.1", "RFC 9449 §7", "security 6.70")
@pytest.mark.parametrize("alg", sorted({*SKILL_ALGORITHMS, *AUTHSERVER_ALGORITHMS}))
async def test_a_bound_token_of_authserver_opens_userinfo_and_the_skill_to_its_key_alone(
    resource: Resource, alg: str
) -> None:
    client, key, other = resource.clients["public"], ProvingKey(alg), ProvingKey(alg)
    linked = await client.authorize(resource.person, STATE_737)
    proof = key.proof("POST", f"{client.issuer}/oauth2/token", time.time())
    answer = await client.exchange(linked.code, headers={"dpop": proof})
    assert answer.json().get("token_type") == "DPoP", answer.text
    token = answer.json()["access_token"]
    resource.authserver.must_not_log(token, proof)
    resource.skill.must_not_log(token)
    assert set(part(token, 1)) == set(documented("## Access token")) - {"aud"}
    assert part(token, 1)["cnf"] == {"jkt": key.jkt}

    userinfo, lamps = f"{client.issuer}/oauth2/userInfo", f"{resource.skill.url}/api/lamps"
    for url, algorithms in ((userinfo, AUTHSERVER_ALGORITHMS), (lamps, SKILL_ALGORITHMS)):
        opened = await with_proof(key, "GET", url, token)
        assert opened.status_code == (200 if alg in algorithms else 401), opened.text
        for refused in (
            await with_proof(other, "GET", url, token),
            await with_proof(key, "GET", url, token, htu=f"{url}/"),
            await with_proof(key, "GET", url, token, ath="x"),
            await with_proof(key, "GET", url, token, iat=time.time() - 90),
        ):
            assert refused.status_code == 401
        async with httpx2.AsyncClient(trust_env=False, verify=False) as plain:
            bearer = await plain.get(url, headers={"authorization": f"Bearer {token}"})
        assert (bearer.status_code, bearer.json()["error"]) == (401, "invalid_token")
    assert (await resource.turn_on(token))["payload"]["type"] == "INVALID_AUTHORIZATION_CREDENTIAL"


def test_the_profile_names_the_algorithms_of_proofs_that_both_take() -> None:
    row = next(line for line in PROFILE.read_text().splitlines() if line.startswith("| `alg` | asymmetric:"))
    both, _, more = row.partition("; authserver")
    named = set(re.findall(r"(?:[EPR]S[0-9]{3}|Ed\w+)", both))
    assert named == set(SKILL_ALGORITHMS)
    assert named | set(re.findall(r"ES[0-9]{3}", more)) == set(AUTHSERVER_ALGORITHMS)


@pytest.mark.spec("security 6.52", "S17")
async def test_a_token_with_another_signature_is_refused(resource: Resource) -> None:
    token = (await linked(resource, "alexa")).access_token
    head, _, signature = token.rpartition(".")
    forged = f"{head}.{signature[:-20]}{secrets.token_urlsafe(15)}"
    assert (await resource.turn_on(forged))["payload"]["type"] == "INVALID_AUTHORIZATION_CREDENTIAL"


def test_the_profile_says_who_checks_each_claim() -> None:
    """Everything that the verifier reads stands in the profile."""
    source = Path(verifying.__file__).read_text()
    read = set(re.findall(r'claims\.get\("(\w+)"', source)) - {"nbf"}
    assert read <= set(documented("## Access token"))
    for name in read:
        assert "skill" in documented("## Access token")[name], (
            f"{name} is checked by skill; the profile does not say so"
        )
