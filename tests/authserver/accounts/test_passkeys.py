"""Passkeys that sign in: what is taken, and everything that is not."""

import asyncio
import json
import time
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlmodel import select
from webauthn.helpers import base64url_to_bytes

from authserver.accounts import administration, sign_in
from authserver.accounts.activity import Kind
from authserver.accounts.entry import Proof
from authserver.accounts.passkeys import PasskeyRefusal, Reason, assertions, own
from authserver.accounts.passkeys.assertions import RightPasskey, SignIn
from authserver.accounts.passkeys.challenges import LIFETIME
from authserver.accounts.sign_in import Refusal
from authserver.models import Challenge, User
from authserver.secret_values import random_token
from tests.authserver.accounts.authenticator import (
    BACKED_UP,
    EDDSA,
    ELIGIBLE,
    ES256,
    PRESENT,
    RS256,
    VERIFIED,
)
from tests.authserver.accounts.holder import Holder, holder_of
from tests.authserver.accounts.people import OTHER, PASSWORD, People
from tests.running.timing import apart

WRONG, OUTDATED, NOTHING = (PasskeyRefusal(reason) for reason in (Reason.WRONG, Reason.OUTDATED, Reason.NOTHING))


@pytest_asyncio.fixture(loop_scope="session")
async def holder(people: People) -> Holder:
    return await holder_of(people)


@pytest.mark.spec("WebAuthn §5.4", "WebAuthn §14.6.1")
async def test_what_a_browser_is_asked_to_make(holder: Holder) -> None:
    first = await holder.register()
    asked = await holder.creation()
    assert asked["rp"] == {"name": holder.people.server.settings.name, "id": "auth.example.test"}
    assert base64url_to_bytes(asked["user"]["id"]) == UUID(holder.user.sub).bytes
    assert [one["alg"] for one in asked["pubKeyCredParams"]] == [ES256, EDDSA, RS256]
    selection = asked["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    assert asked["attestation"] == "none"
    assert [base64url_to_bytes(one["id"]) for one in asked["excludeCredentials"]] == [first.credential_id]
    assert asked["excludeCredentials"][0]["transports"] == ["internal", "hybrid"]
    assert len(base64url_to_bytes(asked["challenge"])) == 32


async def test_what_a_browser_is_asked_to_sign_names_nobody_until_the_password_was_right(holder: Holder) -> None:
    passkey = await holder.register()
    asked = await holder.request()
    assert asked["allowCredentials"] == []
    assert asked["userVerification"] == "required"
    assert asked["rpId"] == "auth.example.test"
    second = await holder.second()
    assert [base64url_to_bytes(one["id"]) for one in second["allowCredentials"]] == [passkey.credential_id]
    assert second["challenge"] != asked["challenge"]


@pytest.mark.spec("cognito 2.2", "RFC 8176")
@pytest.mark.parametrize(("synced", "method"), [(True, "swk"), (False, "hwk")], ids=["synced", "on one device"])
@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256], ids=["ES256", "EdDSA", "RS256"])
async def test_a_passkey_signs_in_without_a_name_and_says_what_it_is(
    people: People, synced: bool, method: str, algorithm: int
) -> None:
    holder = await holder_of(people, synced=synced)
    passkey = await holder.register(algorithm)
    assert passkey.backup_eligible is passkey.backed_up is synced
    people.clock.advance(60)
    proof = await holder.sign_in()
    assert isinstance(proof, Proof), proof
    assert proof.user.sub == holder.user.sub
    assert proof.amr == [method, "mfa"]
    assert proof.at == people.clock()
    opened = await people.enter(proof)
    assert opened is not None, "a passkey whose holder was verified needs nothing more"
    async with people.services.database.unit() as session:
        (stored,) = await own.every(session, holder.user.sub)
    assert stored.last_used_at == people.clock()


@pytest.mark.spec("WebAuthn §7.2", "security 6.63")
@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://auth.example.test.evil.example"},
        {"origin": "http://auth.example.test"},
        {"rp_id": "example.test"},
        {"rp_id": "evil.example"},
        {"type": "webauthn.create"},
        {"cross_origin": True},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": PRESENT | VERIFIED | BACKED_UP},
        {"flags": PRESENT | VERIFIED | ELIGIBLE},
        {"user_handle": None},
        {"user_handle": b""},
        {"user_handle": bytes(16)},
        {"signature": bytes(70)},
        {"signature": b""},
        {"credential_id": bytes(32)},
        {"credential_id": b""},
    ],
    ids=str,
)
async def test_one_thing_that_is_wrong_is_enough(holder: Holder, wrong: dict[str, Any]) -> None:
    await holder.register()
    assert await holder.sign_in(**wrong) == WRONG
    assert isinstance(await holder.sign_in(), Proof)


@pytest.mark.parametrize(
    "posted",
    ["", "null", "[]", "{}", "passkey", '{"id": 1}', "[" * 30_000, '{"id":"a","rawId":"a","type":"public-key"}'],
    ids=lambda text: text[:20],
)
async def test_nonsense_is_nothing_and_consumes_nothing(holder: Holder, posted: str) -> None:
    await holder.register()
    asked = await holder.request()
    assert await holder.check(posted) == NOTHING
    assert await holder.post_new(posted) == NOTHING
    assert isinstance(await holder.check(holder.authenticator.get(asked)), SignIn)


async def test_each_part_of_an_answer_may_be_anything(holder: Holder) -> None:
    await holder.register()
    for part in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        for value in (None, 1, "", "!", "\u00e4", "AAAA", "A" * 4000):
            posted = json.loads(holder.authenticator.get(await holder.request()))
            posted["response"][part] = value
            if part == "userHandle" and value is None:
                continue
            assert isinstance(await holder.check(json.dumps(posted)), PasskeyRefusal), (part, value)


async def test_a_challenge_counts_once(holder: Holder) -> None:
    await holder.register()
    posted = holder.authenticator.get(await holder.request())
    signed = await holder.check(posted)
    assert isinstance(signed, SignIn)
    assert await holder.check(posted) == OUTDATED
    assert isinstance(await holder.accept(signed), Proof)


async def test_a_challenge_whose_answer_was_wrong_is_used_all_the_same(holder: Holder) -> None:
    await holder.register()
    asked = await holder.request()
    assert await holder.check(holder.authenticator.get(asked, signature=bytes(70))) == WRONG
    assert await holder.check(holder.authenticator.get(asked)) == OUTDATED


async def test_of_many_uses_of_one_challenge_at_once_one_wins(holder: Holder) -> None:
    await holder.register()
    posted = holder.authenticator.get(await holder.request())
    answers = await asyncio.gather(*(holder.check(posted) for _ in range(8)))
    assert sum(isinstance(answer, SignIn) for answer in answers) == 1
    assert [answer for answer in answers if not isinstance(answer, SignIn)] == [OUTDATED] * 7


async def test_a_challenge_is_of_one_browser_one_purpose_five_minutes_and_the_last_one(holder: Holder) -> None:
    await holder.register()
    get = holder.authenticator.get
    asked = await holder.request("another-interaction")
    assert await holder.check(get(asked)) == OUTDATED
    assert await holder.check_second(get(await holder.request())) == OUTDATED
    assert await holder.check(get(await holder.second())) == OUTDATED
    assert await holder.check(get({"challenge": (await holder.creation())["challenge"]})) == OUTDATED
    assert await holder.check(get({"challenge": "AAAA"})) == OUTDATED
    asked = await holder.request()
    await holder.request()
    assert await holder.check(get(asked)) == OUTDATED
    asked = await holder.request()
    holder.people.clock.advance(LIFETIME)
    assert await holder.check(get(asked)) == OUTDATED


async def test_a_challenge_is_kept_as_a_digest(holder: Holder) -> None:
    challenge = base64url_to_bytes((await holder.request())["challenge"])
    async with holder.people.services.database.unit() as session:
        (kept,) = (await session.exec(select(Challenge).where(Challenge.owner == holder.interaction))).all()
    assert kept.digest != challenge
    assert kept.expires_at == holder.people.clock() + LIFETIME


async def test_unknown_removed_disabled_and_badly_signed_look_the_same(people: People, holder: Holder) -> None:
    await holder.register()
    stranger = await holder_of(people)
    stranger.authenticator.create(await stranger.creation())
    answers = [await holder.sign_in(signature=bytes(70)), await stranger.sign_in()]
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, holder.user.sub)
        await administration.disable(session, stored, people.clock())
    answers.append(await holder.sign_in())
    assert answers == [WRONG] * 3


@pytest.mark.alone
class TestTheClock:
    @pytest.mark.spec("security 6.58")
    async def test_known_and_unknown_passkeys_take_the_same_time(self, people: People, holder: Holder) -> None:
        await holder.register()

        async def once(known: bool) -> float:
            asked = await holder.request()
            wrong = {"signature": holder.authenticator.held[0].sign(b"something else")}
            posted = holder.authenticator.get(asked, **wrong, **({} if known else {"credential_id": bytes(32)}))
            begun = time.process_time()  # what else runs does not count
            assert await holder.check(posted) == WRONG
            taken = time.process_time() - begun
            people.clock.advance(700)
            return taken

        assert await apart(once, 25, 0.34) <= 0.34


@pytest.mark.spec("WebAuthn §6.1.1")
@pytest.mark.parametrize("back", [0, 1, 2], ids=["to nothing", "back", "still"])
async def test_a_counter_that_does_not_rise_is_refused_and_its_owner_reads_of_it(people: People, back: int) -> None:
    holder = await holder_of(people, counts=True)
    await holder.register()
    assert isinstance(await holder.sign_in(), Proof)
    assert await holder.sign_in(count=back) == WRONG
    assert Kind.PASSKEY_REFUSED in await holder.kinds()
    assert isinstance(await holder.sign_in(), Proof)


async def test_a_counter_that_went_back_without_a_signature_is_noted_nowhere(people: People) -> None:
    holder = await holder_of(people, counts=True)
    await holder.register()
    assert await holder.sign_in(count=0, signature=bytes(70)) == WRONG
    assert Kind.PASSKEY_REFUSED not in await holder.kinds()


async def test_two_answers_with_the_same_counter_open_one_session(people: People) -> None:
    """Each has a challenge of its own: the copy of a passkey, faster than its owner."""
    holder = await holder_of(people, counts=True)
    await holder.register()
    other = random_token(16)
    first = await holder.check(holder.authenticator.get(await holder.request()))
    second = await holder.check(
        holder.authenticator.get(await holder.request(other), count=holder.authenticator.held[0].count),
        interaction=other,
    )
    assert isinstance(first, SignIn)
    assert isinstance(second, SignIn)
    answers = await asyncio.gather(holder.accept(first), holder.accept(second))
    assert sorted(isinstance(answer, Proof) for answer in answers) == [False, True]


@pytest.mark.spec("security 6.74")
@pytest.mark.parametrize("change", ["disabled", "removed", "called back"])
async def test_what_was_signed_is_worth_nothing_once_passkey_or_account_are_gone(
    people: People, holder: Holder, change: str
) -> None:
    passkey = await holder.register()
    signed = await holder.check(holder.authenticator.get(await holder.request()))
    assert isinstance(signed, SignIn)
    async with people.services.database.unit() as session:
        user = await session.get_one(User, holder.user.sub)
        if change == "disabled":
            await administration.disable(session, user, people.clock())
        elif change == "removed":
            await own.remove(people.services, session, user, own.key_of(passkey), holder.browser)
        else:
            user.epoch += 1
            session.add(user)
    assert await holder.accept(signed) == WRONG


@pytest.mark.spec("security 6.63", "cognito 9.48")
async def test_a_passkey_signs_in_past_the_lock_and_buys_nobody_new_guesses(people: People, holder: Holder) -> None:
    await holder.register()
    for _ in range(7):
        await people.sign_in(holder.user.email, OTHER)
    locked = await people.sign_in(holder.user.email, PASSWORD)
    assert isinstance(locked, Refusal)
    assert locked.reason is sign_in.Reason.LOCKED
    assert isinstance(await holder.sign_in(), Proof)
    still = await people.sign_in(holder.user.email, PASSWORD)
    assert isinstance(still, Refusal)
    assert still.reason is sign_in.Reason.LOCKED


@pytest.mark.spec("security 6.63")
async def test_a_network_over_its_limit_for_passwords_may_still_use_passkeys_and_has_a_limit_for_them(
    people: People, holder: Holder
) -> None:
    await holder.register()
    await people.use_up_network()
    assert isinstance(await people.sign_in(holder.user.email), Refusal)
    asked = await holder.request()
    assert isinstance(await holder.check(holder.authenticator.get(asked)), SignIn)
    for _ in range(people.server.settings.address_attempts - 1):
        await holder.check(holder.authenticator.get(asked))
    asked = await holder.request()
    refused = await holder.check(holder.authenticator.get(asked))
    assert isinstance(refused, PasskeyRefusal)
    assert refused.reason is Reason.TOO_MANY
    assert 0 < refused.wait <= 600


async def test_after_the_password_the_passkey_of_this_person_counts_and_no_other(people: People) -> None:
    holder, other = await holder_of(people, synced=True), await holder_of(people)
    await holder.register()
    await other.register()
    assert await holder.check_second(other.authenticator.get(await holder.second())) == WRONG
    held = {"flags": PRESENT | ELIGIBLE, "user_handle": None}  # a key that is held, and asks for nothing more
    right = await holder.check_second(holder.authenticator.get(await holder.second(), **held))
    assert isinstance(right, RightPasskey), right
    assert (right.method, right.amr) == ("passkey", ("swk", "mfa"))
    async with people.services.database.unit() as session:
        assert await right.consume(session, people.clock())
    assert await holder.check(holder.authenticator.get(await holder.request(), **held)) == WRONG


async def test_a_second_factor_that_was_removed_meanwhile_is_none(people: People, holder: Holder) -> None:
    key = own.key_of(await holder.register())
    right = await holder.check_second(holder.authenticator.get(await holder.second()))
    assert isinstance(right, RightPasskey)
    async with people.services.database.unit() as session:
        await own.remove(people.services, session, holder.user, key, holder.browser)
        assert not await right.consume(session, people.clock())


async def test_who_has_no_passkey_is_not_asked_for_one(holder: Holder) -> None:
    services = holder.people.services
    async with services.database.unit() as session:
        assert await assertions.second_factor_options(services, session, holder.interaction, holder.user) is None
