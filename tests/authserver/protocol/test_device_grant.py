"""The device authorization grant at its two endpoints (RFC 8628)."""

import asyncio
import re
from collections import Counter

import pytest
import pytest_asyncio
from sqlmodel import col, select, update

from authserver.accounts import administration
from authserver.models import Client, DeviceCode, Mail, User
from authserver.oauth import consents, device_codes, granted, registration, user_codes
from authserver.secret_values import SecretKey
from tests.authserver.protocol.devices import GRANTS, ask, decide, poll, refused, row, waiting
from tests.authserver.protocol.harness import Asker, Clock, Server, claims_of
from tests.authserver.protocol.signing import Holder
from tests.authserver.protocol.test_races import at, replicas

__all__ = ["replicas"]
AT_ONCE = 20


@pytest_asyncio.fixture(loop_scope="session")
async def device(server: Server) -> Asker:
    return await server.add_client("public", **GRANTS)


@pytest.mark.spec("RFC 8628 §3.2", "RFC 8628 §6.1", "decision 5")
@pytest.mark.parametrize("preset", ["public", "confidential"])
async def test_a_device_gets_a_code_to_wait_with_and_one_to_show(server: Server, preset: str) -> None:
    client = await server.add_client(preset, **GRANTS)
    answer = await ask(client, scope="openid")
    told = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", told["user_code"])
    assert len(told["device_code"]) >= 43
    assert told["verification_uri"] == f"{server.settings.issuer}/device"
    assert told["verification_uri_complete"] == f"{server.settings.issuer}/device?user_code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)
    stored = (await row(server, told["device_code"])).model_dump()
    for secret in (told["device_code"], told["user_code"], told["user_code"].replace("-", "")):
        assert secret not in repr(stored)


@pytest.mark.spec("RFC 8628 §3.1", "RFC 6749 §5.2", "security 6.36", "security 4.duplicates-token")
async def test_who_may_not_ask_is_told_in_the_words_of_the_token_endpoint(server: Server, device: Asker) -> None:
    without, secretive = await server.add_client("public"), await server.add_client("confidential", **GRANTS)
    assert refused(await ask(without)) == (400, "unauthorized_client")
    assert refused(await ask(device, scope="openid other")) == (400, "invalid_scope")
    assert refused(await ask(device, resource="not a target")) == (400, "invalid_target")
    wrong = await ask(Asker(server, secretive.client_id, "wrong", ""))
    assert refused(wrong) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert refused(await ask(Asker(server, "nobody", "", "", "none"))) == (401, "invalid_client")
    assert refused(await server.post("/oauth2/device_authorization", b"client_id=a&client_id=b")) == (
        400,
        "invalid_request",
    )
    assert (await server.http.get(f"{server.path}/oauth2/device_authorization")).status_code == 405


async def test_one_network_can_have_kept_so_much_in_the_name_of_a_public_client(
    server: Server, device: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server.services.settings.__dict__, "address_visits", 1)
    codes = [(await ask(device)).status_code for _ in range(3)]
    assert codes[-1] == 429
    data = {"client_id": device.client_id}
    bearer = await server.post("/oauth2/device_authorization", data, {"authorization": "Bearer x"})
    assert (bearer.status_code, bearer.headers["retry-after"]) == (429, "600")
    confidential = await server.add_client(**GRANTS)
    assert (await ask(confidential)).status_code == 200


@pytest.mark.spec("RFC 8628 §3.1", "RFC 7523 §2.2")
async def test_a_client_with_a_key_asks_and_polls_with_it(server: Server, person: User) -> None:
    client = await Holder.add(server, **GRANTS)
    told = await server.post("/oauth2/device_authorization", client.proof())
    assert told.status_code == 200, told.text
    device_code = told.json()["device_code"]
    await decide(server, device_code, person)
    form = {"grant_type": GRANTS["grant_types"][-1], "device_code": device_code} | client.proof()
    assert (await server.post("/oauth2/token", form)).status_code == 200


@pytest.mark.spec("RFC 8628 §6.1")
def test_a_user_code_is_the_same_however_it_is_typed() -> None:
    for typed in ("WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "wdjb\u2013mjht", "ＷＤＪＢ－ＭＪＨＴ", "W.D.J.B/M_J_H_T"):
        assert user_codes.read(typed) == "WDJBMJHT", typed
    for typed in ("", "WDJB-MJH", "WDJB-MJHTB", "WDJB-MJHA", "12345678", "WDJB-MJH0", "W" * 100, "ı" * 8):
        assert user_codes.read(typed) is None, typed


def test_a_user_code_is_found_also_after_the_secret_key_has_changed() -> None:
    old, new = SecretKey.of("o" * 32), SecretKey.of("n" * 32)
    assert user_codes.digest(old, "WDJBMJHT") != user_codes.digest(new, "WDJBMJHT")


@pytest.mark.spec("RFC 8628 §3.5", "security 4.device")
async def test_polling_too_fast_costs_five_seconds_each_time_and_this_is_kept(
    server: Server, device: Asker, clock: Clock
) -> None:
    code = (await waiting(device))["device_code"]
    assert refused(await poll(device, code)) == (400, "authorization_pending")
    for interval in (10, 15, 20):
        assert refused(await poll(device, code)) == (400, "slow_down")
        assert (await row(server, code)).interval == interval
    clock.advance(10)
    assert refused(await poll(device, code)) == (400, "slow_down")
    clock.advance(25)
    assert refused(await poll(device, code)) == (400, "authorization_pending")
    clock.advance(25)
    assert refused(await poll(device, code)) == (400, "authorization_pending")
    assert (await row(server, code)).interval == 25


@pytest.mark.spec("RFC 8628 §3.5")
async def test_an_honest_device_is_never_slowed_down(server: Server, device: Asker, clock: Clock) -> None:
    code = (await waiting(device))["device_code"]
    for _ in range(5):
        assert refused(await poll(device, code)) == (400, "authorization_pending")
        clock.advance(5)


@pytest.mark.spec("RFC 8628 §3.5", "RFC 8628 §5.2", "security 4.device")
async def test_the_end_of_waiting(server: Server, device: Asker, person: User, clock: Clock) -> None:
    denied, late, approved_late = [(await waiting(device))["device_code"] for _ in range(3)]
    await decide(server, denied, person, "denied")
    for _ in range(2):
        assert refused(await poll(device, denied)) == (400, "access_denied")
    await decide(server, approved_late, person)
    clock.advance(600)
    assert refused(await poll(device, late)) == (400, "expired_token")
    assert refused(await poll(device, approved_late)) == (400, "expired_token")
    for wrong in ("unknown", "x" * 5000):
        assert refused(await poll(device, wrong)) == (400, "invalid_grant")
    assert refused(await device.token(grant_type=GRANTS["grant_types"][-1])) == (400, "invalid_request")


@pytest.mark.spec("RFC 8628 §3.5", "RFC 6749 §5.1", "decision 8", "OpenID Connect Core §3.1.3.3")
async def test_an_approved_device_gets_the_tokens_of_a_grant_like_any_other(server: Server, person: User) -> None:
    client = await server.add_client(**GRANTS, scopes=["openid", "email"], audience="https://api.example.org")
    code = (await waiting(client, scope="openid"))["device_code"]
    await decide(server, code, person)
    answer = await poll(client, code)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    assert (access["sub"], access["scope"], access["aud"]) == (person.sub, "openid", "https://api.example.org")
    assert (identity["sub"], identity["aud"]) == (person.sub, client.client_id)
    assert "sid" not in identity  # it is in no browser's session
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200
    assert (await server.userinfo(tokens["access_token"])).json()["sub"] == person.sub
    [grant] = await server.grants_of(person)
    assert ((await row(server, code)).grant_id, grant.sid) == (grant.grant_id, None)
    async with server.services.database.unit() as session:
        mails = (await session.exec(select(Mail.kind).where(Mail.recipient == person.email))).all()
    assert len(mails) == 1


@pytest.mark.spec("RFC 8707 §2")
async def test_a_device_may_name_the_resource(server: Server, device: Asker, person: User) -> None:
    api = await server.add_resource()
    code = (await waiting(device, resource=api))["device_code"]
    await decide(server, code, person)
    tokens = (await poll(device, code)).json()
    assert claims_of(tokens["access_token"])["aud"] == api
    again = (await device.refresh(tokens["refresh_token"])).json()
    assert claims_of(again["access_token"])["aud"] == api


@pytest.mark.spec("security 6.24", "security 6.26", "RFC 8628 §3.4", "security 4.device")
async def test_a_device_code_is_good_once_and_for_its_own_client(
    server: Server, device: Asker, person: User, caplog: pytest.LogCaptureFixture
) -> None:
    other = await server.add_client("public", **GRANTS)
    code = (await waiting(device))["device_code"]
    assert refused(await poll(other, code)) == (400, "invalid_grant")
    await decide(server, code, person)
    assert refused(await poll(other, code)) == (400, "invalid_grant")
    assert "attack?" in caplog.text
    assert code not in caplog.text
    tokens = await poll(device, code)
    assert tokens.status_code == 200
    assert refused(await poll(device, code)) == (400, "invalid_grant")
    # a device that asks again, since it took an answer for lost, loses nothing
    assert (await device.refresh(tokens.json()["refresh_token"])).status_code == 200


@pytest.mark.spec("security 6.26", "RFC 8628 §3.5")
async def test_of_twenty_polls_at_once_one_gets_tokens_that_live(replicas: list[Server], person: User) -> None:
    client = await replicas[0].add_client("public", **GRANTS)
    for number in range(5):
        code = (await waiting(client))["device_code"]
        await decide(replicas[0], code, person)
        answers = await asyncio.gather(*(poll(at(replicas[which % 2], client), code) for which in range(AT_ONCE)))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 400: AT_ONCE - 1}
        assert {answer.json().get("error") for answer in answers} == {None, "invalid_grant"}
        [winner] = [answer.json() for answer in answers if answer.status_code == 200]
        assert (await client.refresh(winner["refresh_token"])).status_code == 200
        assert len(await replicas[0].grants_of(person)) == number + 1


@pytest.mark.spec("RFC 8628 §3.5")
async def test_twenty_polls_at_once_before_the_decision_are_all_told_to_wait(replicas: list[Server]) -> None:
    client = await replicas[0].add_client("public", **GRANTS)
    code = (await waiting(client))["device_code"]
    answers = await asyncio.gather(*(poll(at(replicas[which % 2], client), code) for which in range(AT_ONCE)))
    told = Counter(answer.json()["error"] for answer in answers)
    assert told == {"authorization_pending": 1, "slow_down": AT_ONCE - 1}
    assert (await row(replicas[0], code)).interval == 5 + 5 * (AT_ONCE - 1)


@pytest.mark.spec("security 6.32", "security 6.74")
@pytest.mark.parametrize("how", ["disabled", "deleted", "password", "revoked", "consent", "client"])
async def test_what_ends_between_the_decision_and_the_poll_gives_no_tokens(
    replicas: list[Server], person: User, how: str
) -> None:
    server = replicas[0]
    client = await server.add_client("public", **GRANTS)
    code = (await waiting(client))["device_code"]
    await decide(server, code, person)

    async def end() -> None:
        now = server.clock()
        async with server.services.database.unit() as session:
            user, row = await session.get_one(User, person.sub), await session.get_one(Client, client.client_id)
            if how == "disabled":
                await administration.disable(session, user, now)
            elif how == "deleted":
                await administration.remove(session, user, now)
            elif how == "password":
                await administration.set_password(session, user, "$argon2id$new", now)
            elif how == "revoked":
                await granted.revoke(session, now, sub=user.sub)
            elif how == "consent":
                await device_codes.end(session, now, sub=user.sub, client_id=client.client_id)
                await consents.forget(session, now, sub=user.sub, client_id=client.client_id)
            else:
                await registration.remove(session, row)

    *answers, ended = await asyncio.gather(
        *(poll(at(replicas[which % 2], client), code) for which in range(AT_ONCE)), end(), return_exceptions=True
    )
    assert ended is None
    assert {answer.status_code for answer in answers} <= {200, 400, 401}
    won = [answer.json() for answer in answers if answer.status_code == 200]
    for tokens in won if how != "consent" else []:
        assert (await client.refresh(tokens["refresh_token"])).status_code in (400, 401)
    second = await poll(client, code)
    assert refused(second)[1] in ("invalid_grant", "invalid_client", "access_denied")


@pytest.mark.spec("decision 7", "A23")
async def test_a_code_that_was_approved_is_not_burnt_by_trouble_of_ours(
    server: Server, device: Asker, person: User
) -> None:
    code = (await waiting(device))["device_code"]
    await decide(server, code, person)
    ring, server.services.oauth.keys = server.services.oauth.keys, type(server.services.oauth.keys)((), b"", "")
    try:
        assert (await poll(device, code)).status_code == 503
    finally:
        server.services.oauth.keys = ring
    assert (await poll(device, code)).status_code == 200


async def test_two_devices_never_show_the_same_code(
    server: Server, device: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = iter(["BBBB-BBBB", "BBBB-BBBB", "CCCC-CCCC"])
    monkeypatch.setattr(user_codes, "new", lambda: next(shown))
    first, second = await waiting(device), await waiting(device)
    assert (first["user_code"], second["user_code"]) == ("BBBB-BBBB", "CCCC-CCCC")
    assert second["verification_uri_complete"].endswith("=CCCC-CCCC")
    async with server.services.database.unit() as session:
        await session.exec(
            update(DeviceCode)
            .where(col(DeviceCode.client_id) == device.client_id)
            .values(expires_at=server.clock() - 100_000)
        )
