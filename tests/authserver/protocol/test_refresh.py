"""`grant_type=refresh_token`: each client's own policy (design, decision 6)."""

import asyncio
import logging
import time
from typing import Any

import pytest

from authserver.accounts import administration
from authserver.models import Client, Grant, User
from authserver.oauth import refresh_token as tokens_of_refresh
from authserver.secret_values import SecretKey
from tests.authserver.protocol.harness import DAY, HOUR, Asker, Clock, Server, claims_of
from tests.authserver.protocol.test_code_exchange import assert_refused


async def only_grant(server: Server, person: User) -> Grant:
    [grant] = await server.grants_of(person)
    return grant


async def refreshed(client: Asker, token: str, **others: str) -> dict[str, Any]:
    answer = await client.refresh(token, **others)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.spec("A19", "cognito 9.17", "alexa 1.5", "RFC 6749 §6")
async def test_alexa_refreshes_a_thousand_times_in_a_row_with_one_token(
    server: Server, clock: Clock, alexa: Asker, person: User
) -> None:
    first = await alexa.linked(person)
    token, seen = first["refresh_token"], {first["access_token"]}
    for _ in range(1000):
        clock.advance(3600)
        answer = await refreshed(alexa, token)
        assert answer["refresh_token"] == token
        assert answer["expires_in"] == 3600
        seen.add(answer["access_token"])
    assert len(seen) == 1001
    assert (await only_grant(server, person)).generation == 1


@pytest.mark.spec("A16", "RFC 6749 §5.1", "security 6.49", "oidcc refresh-token", "security 4.token-cache")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_a_refresh_answers_in_full(server: Server, person: User, preset: str) -> None:
    client = await server.add_client(preset)
    answer = await client.refresh((await client.linked(person))["refresh_token"])
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert body["token_type"] == "Bearer"
    assert type(body["expires_in"]) is int
    assert {"access_token", "refresh_token", "scope"} <= set(body)
    assert len(body["refresh_token"].rsplit(".", 1)[1]) * 6 >= 256


@pytest.mark.spec("cognito 9.18", "decision 8", "oidcc refresh-token", "OpenID Connect Core §12.2")
async def test_what_says_who_signed_in_stays_through_refreshes(server: Server, clock: Clock, person: User) -> None:
    client = await server.add_client("confidential")
    first = await client.linked(person, nonce="n-1", auth_time=clock() - 5)
    clock.advance(1800)
    second = await refreshed(client, first["refresh_token"])
    for kind in ("access_token", "id_token"):
        before, after = claims_of(first[kind]), claims_of(second[kind])
        for name in ("iss", "sub", "auth_time", "origin_jti"):
            assert before[name] == after[name], name
        assert before["jti"] != after["jti"]
        assert after["iat"] == before["iat"] + 1800
        assert after["exp"] == before["exp"] + 1800
    assert claims_of(second["id_token"])["aud"] == client.client_id
    assert "nonce" not in claims_of(second["id_token"])


@pytest.mark.spec("cognito 9.18", "decision 8")
@pytest.mark.parametrize(("preset", "expected"), [("alexa", False), ("confidential", True), ("public", True)])
async def test_whether_a_refresh_brings_an_id_token_is_the_clients_setting(
    server: Server, person: User, preset: str, expected: bool
) -> None:
    client = await server.add_client(preset)
    assert ("id_token" in await refreshed(client, (await client.linked(person))["refresh_token"])) is expected


@pytest.mark.spec("security 6.29", "A19", "decision 6")
async def test_a_refresh_of_alexa_writes_nothing_but_last_use(
    server: Server, clock: Clock, alexa: Asker, person: User
) -> None:
    token = (await alexa.linked(person))["refresh_token"]
    before = (await only_grant(server, person)).model_dump()
    clock.advance(6 * HOUR)
    await refreshed(alexa, token)
    await server.services.hot._notes.flush()  # type: ignore[attr-defined]
    after = (await only_grant(server, person)).model_dump()
    assert {name for name in before if before[name] != after[name]} == {"last_used_at"}
    assert after["last_used_at"] == clock()


@pytest.mark.spec("decision 6")
async def test_last_use_is_noted_within_seconds_and_for_alexa_not_more_often_than_every_six_hours(
    server: Server, clock: Clock, alexa: Asker, person: User
) -> None:
    token = (await alexa.linked(person))["refresh_token"]
    born = clock()
    clock.advance(6 * HOUR - 1)
    await refreshed(alexa, token)
    assert server.services.hot._notes._pending == {}  # type: ignore[attr-defined]
    clock.advance(2)
    await refreshed(alexa, token)
    deadline = time.monotonic() + 30
    while (noted := (await only_grant(server, person)).last_used_at) == born and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    assert noted == born + 6 * HOUR + 1


@pytest.mark.spec("A22", "security 6.34", "cognito 9.20")
@pytest.mark.parametrize(("idle_days", "status"), [(90, 200), (399, 200), (400, 400), (401, 400)])
async def test_an_alexa_link_lives_through_long_silence(
    clock: Clock, alexa: Asker, person: User, idle_days: int, status: int
) -> None:
    token = (await alexa.linked(person))["refresh_token"]
    clock.advance(idle_days * DAY)
    assert (await alexa.refresh(token)).status_code == status


@pytest.mark.spec("security 6.34", "cognito 9.20", "decision 6")
async def test_an_alexa_link_in_use_slides_until_its_absolute_end(
    server: Server, clock: Clock, alexa: Asker, person: User
) -> None:
    token = (await alexa.linked(person))["refresh_token"]
    for _ in range(9):
        clock.advance(399 * DAY)
        await refreshed(alexa, token)
        await server.services.hot._notes.flush()  # type: ignore[attr-defined]
    clock.advance((3650 - 9 * 399) * DAY - 1)
    await refreshed(alexa, token)
    clock.advance(1)
    assert_refused(await alexa.refresh(token))


@pytest.mark.spec("security 6.34")
@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({"refresh_idle_lifetime": 3600}, [(3600, 400)]),
        ({"refresh_idle_lifetime": 3600}, [(3599, 200), (3599, 200), (3599, 200), (3600, 400)]),
        ({"refresh_idle_lifetime": 7200, "refresh_absolute_lifetime": 10_000}, [(5000, 200), (4999, 200), (1, 400)]),
    ],
    ids=["idle", "sliding", "absolute"],
)
async def test_rotating_tokens_have_an_idle_and_an_absolute_end(
    server: Server, clock: Clock, person: User, fields: dict[str, int], steps: list[tuple[int, int]]
) -> None:
    client = await server.add_client("public", **fields)
    token = (await client.linked(person))["refresh_token"]
    for seconds, status in steps:
        clock.advance(seconds)
        answer = await client.refresh(token)
        assert answer.status_code == status
        token = answer.json().get("refresh_token", token)


@pytest.mark.spec("RFC 9700 §2.2.2", "cognito 9.19", "decision 6")
async def test_a_public_client_gets_a_new_token_each_time(server: Server, public: Asker, person: User) -> None:
    token = (await public.linked(person))["refresh_token"]
    seen = {token}
    for generation in range(2, 12):
        token = (await refreshed(public, token))["refresh_token"]
        assert token not in seen
        seen.add(token)
        assert (await only_grant(server, person)).generation == generation


@pytest.mark.spec("security 6.27", "cognito 9.19", "decision 6")
@pytest.mark.parametrize("later", [0, 29, 30])
async def test_within_grace_the_predecessor_gets_the_same_successor_again(
    server: Server, clock: Clock, public: Asker, person: User, later: int
) -> None:
    """A lost answer is asked for again: one chain, not two."""
    first = (await public.linked(person))["refresh_token"]
    second = (await refreshed(public, first))["refresh_token"]
    clock.advance(later)
    for _ in range(3):
        assert (await refreshed(public, first))["refresh_token"] == second
    assert (await only_grant(server, person)).generation == 2
    await refreshed(public, second)


@pytest.mark.spec("security 6.28", "cognito 9.19", "RFC 9700 §4.14.2")
async def test_after_its_grace_an_old_token_ends_the_family(
    server: Server, clock: Clock, public: Asker, person: User, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = await public.linked(person)
    first = tokens["refresh_token"]
    second = (await refreshed(public, first))["refresh_token"]
    clock.advance(31)
    with caplog.at_level(logging.WARNING):
        assert_refused(await public.refresh(first))
    assert public.client_id in caplog.text
    assert first not in caplog.text
    assert_refused(await public.refresh(second))
    assert (await server.userinfo(tokens["access_token"])).status_code == 401
    assert (await only_grant(server, person)).revoked_at == clock()


@pytest.mark.spec("decision 6")
async def test_two_behind_within_grace_is_refused_and_ends_nothing(server: Server, public: Asker, person: User) -> None:
    first = (await public.linked(person))["refresh_token"]
    second = (await refreshed(public, first))["refresh_token"]
    third = (await refreshed(public, second))["refresh_token"]
    assert_refused(await public.refresh(first))
    assert (await only_grant(server, person)).revoked_at is None
    await refreshed(public, third)


@pytest.mark.spec("decision 6", "security 6.28")
async def test_with_a_grace_of_zero_the_retry_of_the_same_second_still_works(
    server: Server, clock: Clock, person: User
) -> None:
    client = await server.add_client("public", refresh_rotation_grace=0)
    first = (await client.linked(person))["refresh_token"]
    second = (await refreshed(client, first))["refresh_token"]
    clock.advance(1)
    assert_refused(await client.refresh(first))
    assert_refused(await client.refresh(second))


@pytest.mark.spec("A21", "security 6.29", "alexa 1.5")
async def test_alexa_with_rotation_keeps_a_predecessor_until_its_successor_is_used(
    server: Server, clock: Clock, person: User
) -> None:
    client = await server.add_client("alexa", refresh_rotation=True)
    first = (await client.linked(person))["refresh_token"]
    second = (await refreshed(client, first))["refresh_token"]
    assert second != first
    for _ in range(3):
        clock.advance(30 * DAY)
        assert (await refreshed(client, first))["refresh_token"] == second
        await server.services.hot._notes.flush()  # type: ignore[attr-defined]
    third = (await refreshed(client, second))["refresh_token"]
    clock.advance(20)
    assert (await refreshed(client, first))["refresh_token"] == third  # within grace
    clock.advance(3600)
    assert_refused(await client.refresh(first))
    assert (await refreshed(client, second))["refresh_token"] == third  # the link lives on
    await refreshed(client, third)
    assert (await only_grant(server, person)).revoked_at is None


@pytest.mark.spec("decision 6", "security 6.29")
async def test_rotation_switched_on_and_off_again_unlinks_nobody(server: Server, person: User) -> None:
    client = await server.add_client("alexa")
    first = (await client.linked(person))["refresh_token"]
    async with server.services.database.unit() as session:
        row = await session.get(Client, client.client_id)
    await server.change(row, refresh_rotation=True)
    server.services.clients.forget()
    second = (await refreshed(client, first))["refresh_token"]
    await server.change(row, refresh_rotation=False)
    server.services.clients.forget()
    assert (await refreshed(client, second))["refresh_token"] == second
    assert (await refreshed(client, first))["refresh_token"] == second  # the answer that brought it may have been lost
    assert (await only_grant(server, person)).revoked_at is None


@pytest.mark.spec("decision 6", "security 6.35")
@pytest.mark.parametrize("preset", ["alexa", "public"])
async def test_after_a_restored_backup_the_newest_token_still_works(server: Server, person: User, preset: str) -> None:
    """The database forgot three rotations; the token is genuine, so the row advances to it."""
    client = await server.add_client(preset, refresh_rotation=True)
    token = (await client.linked(person))["refresh_token"]
    backup = await only_grant(server, person)
    for _ in range(3):
        token = (await refreshed(client, token))["refresh_token"]
    await server.change(backup, generation=1, rotated_at=None)
    newest = (await refreshed(client, token))["refresh_token"]
    assert (await only_grant(server, person)).generation == 5
    assert (await refreshed(client, token))["refresh_token"] == newest


@pytest.mark.spec("security 6.35", "decision 6")
async def test_a_revoked_grant_stays_revoked_whatever_generation_comes(
    server: Server, public: Asker, person: User
) -> None:
    await public.linked(person)
    grant = await only_grant(server, person)
    await server.change(grant, revoked_at=server.clock())
    key = SecretKey.of(server.settings.secret_key.get_secret_value())
    for generation in (1, 2, 999_999_999):
        token = tokens_of_refresh.make(key, grant.grant_id, generation, public.client_id, grant.seed)
        assert_refused(await public.refresh(token))


@pytest.mark.spec("decision 6", "A23")
@pytest.mark.parametrize("preset", ["alexa", "public"])
async def test_a_token_of_a_secret_key_that_is_not_loaded_is_our_trouble(
    server: Server, person: User, preset: str
) -> None:
    """`invalid_grant` would unlink everybody when an operator forgets the previous key."""
    client = await server.add_client(preset)
    await client.linked(person)
    grant = await only_grant(server, person)
    other = SecretKey.of("another secret key of at least 32 bytes")
    for grant_id in (grant.grant_id, "unknown"):
        token = tokens_of_refresh.make(other, grant_id, 1, client.client_id, grant.seed)
        for answer in (await client.refresh(token), await client.revoke(token)):
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["error"] == "temporarily_unavailable"
    assert (await only_grant(server, person)).revoked_at is None


def forged(token: str) -> dict[str, str]:
    """Changes of a genuine token, by what was changed."""
    version, key_id, grant_id, generation, mac = token.split(".")
    other_mac = ("A" if mac[0] != "A" else "B") + mac[1:]
    return {
        "mac": f"{version}.{key_id}.{grant_id}.{generation}.{other_mac}",
        "last-bits-of-mac": f"{version}.{key_id}.{grant_id}.{generation}.{mac[:-1]}{'_' if mac[-1] != '_' else '-'}",
        "generation": f"{version}.{key_id}.{grant_id}.2.{mac}",
        "generation-zero": f"{version}.{key_id}.{grant_id}.0.{mac}",
        "generation-negative": f"{version}.{key_id}.{grant_id}.-1.{mac}",
        "generation-padded": f"{version}.{key_id}.{grant_id}.01.{mac}",
        "generation-huge": f"{version}.{key_id}.{grant_id}.{'9' * 30}.{mac}",
        "generation-arabic": f"{version}.{key_id}.{grant_id}.\u0661.{mac}",
        "grant": f"{version}.{key_id}.{grant_id[::-1]}.{generation}.{mac}",
        "grant-sql": f"{version}.{key_id}.' OR 1=1 --.{generation}.{mac}",
        "version": f"v2.{key_id}.{grant_id}.{generation}.{mac}",
        "no-mac": f"{version}.{key_id}.{grant_id}.{generation}.",
        "short": f"{version}.{key_id}.{grant_id}.{generation}",
        "longer": f"{token}.x",
        "padded": f"{token}=",
        "space": f"{token} ",
        "line-feed": f"{token}\n",
        "upper": token.upper(),
        "very-long": token + "A" * 50_000,
        "a-jwt": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
        "not-ascii": "\u00e4\u20ac",
    }


@pytest.mark.spec("RFC 6749 §10.4", "cognito 9.21", "decision 6")
@pytest.mark.parametrize("what", forged("v1.k.g.1.mmm"))
@pytest.mark.parametrize("preset", ["alexa", "public"])
async def test_a_forged_token_is_refused_and_changes_nothing(
    server: Server, person: User, preset: str, what: str
) -> None:
    client = await server.add_client(preset)
    token = (await client.linked(person))["refresh_token"]
    before = await only_grant(server, person)
    assert_refused(await client.refresh(forged(token)[what]))
    assert await only_grant(server, person) == before
    await refreshed(client, token)


@pytest.mark.spec("security 6.30", "RFC 6749 §6", "oidcc refresh-token")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_a_token_of_another_client_is_refused_and_ends_nothing(server: Server, person: User, preset: str) -> None:
    owner, thief = await server.add_client(preset), await server.add_client(preset)
    token = (await owner.linked(person))["refresh_token"]
    assert_refused(await thief.refresh(token))
    assert (await only_grant(server, person)).revoked_at is None
    await refreshed(owner, token)


@pytest.mark.spec("security 6.31", "RFC 6749 §6", "oidcc refresh-token")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_scope_may_be_narrowed_for_one_answer_and_never_widened(
    server: Server, person: User, preset: str
) -> None:
    client = await server.add_client(preset, scopes=["openid", "email", "lamps"])
    token = (await client.linked(person, scope="openid lamps"))["refresh_token"]
    for scope, granted in {
        "lamps": "lamps",
        "lamps openid": "lamps openid",
        " lamps  lamps ": "lamps",
        " ": "openid lamps",
        "": "openid lamps",
    }.items():
        answer = await refreshed(client, token, scope=scope)
        assert answer["scope"] == granted
        assert claims_of(answer["access_token"])["scope"] == granted
        token = answer["refresh_token"]
    for wider in ("openid lamps email", "email", "openid admin", "LAMPS"):
        assert_refused(await client.refresh(token, scope=wider), "invalid_scope")
    assert (await refreshed(client, token))["scope"] == "openid lamps"


@pytest.mark.spec("security 6.31", "security 6.51")
async def test_a_refresh_narrowed_to_nothing_of_openid_brings_no_id_token(server: Server, person: User) -> None:
    client = await server.add_client("confidential", scopes=["openid", "lamps"])
    token = (await client.linked(person))["refresh_token"]
    assert "id_token" not in await refreshed(client, token, scope="lamps")
    assert "id_token" in await refreshed(client, token)


@pytest.mark.spec("security 6.32", "cognito 9.41", "RFC 9700 §4.14.2")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ([{"active": False, "epoch": 1}], "invalid_grant"),
        ([{"active": False}], "invalid_grant"),
        ([{"active": False, "epoch": 1}, {"active": True}], "invalid_grant"),
        ([{"epoch": 1}], "invalid_grant"),
    ],
    ids=["disabled", "inactive", "disabled-and-enabled", "called-back"],
)
async def test_nothing_is_refreshed_for_a_person_who_was_called_back(
    server: Server, person: User, preset: str, change: list[dict[str, Any]], error: str
) -> None:
    client = await server.add_client(preset)
    tokens = await client.linked(person)
    for fields in change:
        await server.change(person, **fields)
    assert_refused(await client.refresh(tokens["refresh_token"]), error)
    assert (await server.userinfo(tokens["access_token"])).status_code == 401


@pytest.mark.spec("security 6.33", "decision 6", "alexa 0")
async def test_a_new_password_and_a_browser_that_signs_out_leave_alexa_linked(
    server: Server, alexa: Asker, person: User
) -> None:
    token = (await alexa.linked(person))["refresh_token"]
    code, _ = await server.add_code(alexa, person)
    await server.signed_in(person)
    ended = await new_password(server, person)
    assert (ended.sessions, ended.grants) == (1, 0)
    await refreshed(alexa, token)
    assert_refused(await alexa.exchange(code), "invalid_grant")  # nothing is linked by it yet


@pytest.mark.spec("security 6.32")
@pytest.mark.parametrize("preset", ["confidential", "public"])
async def test_a_new_password_ends_what_other_applications_hold(server: Server, person: User, preset: str) -> None:
    """Tokens, and codes that wait to be exchanged; nobody else's."""
    client, somebody = await server.add_client(preset), await server.add_person()
    token = (await client.linked(person))["refresh_token"]
    theirs = (await client.linked(somebody))["refresh_token"]
    code, verifier = await server.add_code(client, person)
    assert (await new_password(server, person)).grants == 1
    assert_refused(await client.refresh(token), "invalid_grant")
    proof = {"code_verifier": verifier} if verifier else {}
    assert_refused(await client.exchange(code, **proof), "invalid_grant")
    await refreshed(client, theirs)


async def new_password(server: Server, person: User) -> administration.Ended:
    """As `authserver user set-password` does."""
    async with server.services.database.unit() as session:
        row = await session.get_one(User, person.sub)
        return await administration.set_password(session, row, "$argon2id$new", server.clock())


@pytest.mark.spec("security 6.32")
async def test_nothing_is_refreshed_for_a_client_that_was_removed_or_made_inactive(
    server: Server, person: User
) -> None:
    client = await server.add_client("confidential")
    token = (await client.linked(person))["refresh_token"]
    async with server.services.database.unit() as session:
        row = await session.get(Client, client.client_id)
    await server.change(row, active=False)
    server.services.clients.forget()
    assert_refused(await client.refresh(token), "invalid_client", 401)


@pytest.mark.spec("RFC 6749 §5.2")
async def test_a_missing_refresh_token_is_an_invalid_request(alexa: Asker) -> None:
    assert_refused(await alexa.token(grant_type="refresh_token"), "invalid_request")


@pytest.mark.spec("decision 6", "decision 5")
async def test_neither_token_leads_to_the_other_and_none_is_stored(server: Server, alexa: Asker, person: User) -> None:
    tokens = await alexa.linked(person)
    grant = await only_grant(server, person)
    claims = claims_of(tokens["access_token"])
    assert grant.grant_id in tokens["refresh_token"]
    assert grant.grant_id not in str(claims)
    assert claims["origin_jti"] not in tokens["refresh_token"]
    assert person.sub not in tokens["refresh_token"]
    assert tokens["refresh_token"].rsplit(".", 1)[1] not in str(grant.model_dump())
