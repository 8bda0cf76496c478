"""The issuer's keys: fetched, kept, used while it is away, and never the reason to unlink anybody by mistake."""

import asyncio

import pytest
from joserfc.jwk import ECKey

from skill.jwks import STRANGER_PATIENCE
from skill.storage.store import Store
from tests.skill.issuer import PERSON, Issuer, public, rsa_key
from tests.skill.verifier import INVALID, OURS, Clock, Verifier


@pytest.mark.spec("alexa 2.7", "S17", "security 6.52")
@pytest.mark.parametrize("kid", ["key-9", "../../../dev/null", ""])
async def test_S17_an_unknown_kid_is_invalid_only_by_a_key_set_fetched_after_it_came(
    verifier: Verifier, kid: str
) -> None:
    stranger = verifier.issuer.token({"kid": kid}, rsa_key(1))
    start, before = verifier.clock.now, verifier.issuer.requests
    # the first fetch proves nothing yet: another replica of the issuer may have made the key this very moment
    assert await verifier(stranger) == OURS
    assert verifier.issuer.requests == before + 1
    # within the cool-down nobody asks again, and nobody is unlinked
    assert await verifier(stranger) == OURS
    assert verifier.issuer.requests == before + 1
    verifier.clock.now = start + STRANGER_PATIENCE - 1
    assert await verifier(stranger) == OURS
    assert verifier.issuer.requests == before + 2
    verifier.clock.now = start + STRANGER_PATIENCE + 1
    assert await verifier(stranger) == OURS  # the cool-down again
    verifier.clock.now += 31
    verifier.issuer.status = 500
    assert await verifier(stranger) == OURS
    verifier.clock.now += 31
    verifier.issuer.status = 200
    assert await verifier(stranger) == INVALID
    assert await verifier(stranger) == OURS


@pytest.mark.spec("alexa 2.7", "S17")
async def test_S17_a_key_that_one_replica_of_the_issuer_publishes_late_unlinks_nobody(verifier: Verifier) -> None:
    early = verifier.issuer.token({"kid": "key-2"}, rsa_key(1))
    assert await verifier(early) == OURS
    verifier.issuer.keys["key-2"] = rsa_key(1)
    verifier.clock.now += 31
    assert await verifier(early) == PERSON


@pytest.mark.spec("alexa 2.7", "S17")
async def test_S17_what_is_remembered_of_strange_kids_is_bounded(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skill.jwks.MOST_STRANGERS", 3)
    first, *_, last = (verifier.issuer.token({"kid": f"key-{n}"}, rsa_key(1)) for n in range(10, 15))
    for n in range(10, 15):
        assert await verifier(verifier.issuer.token({"kid": f"key-{n}"}, rsa_key(1))) == OURS
    verifier.clock.now += STRANGER_PATIENCE + 1
    assert await verifier(last) == INVALID
    verifier.clock.now += 31
    assert await verifier(first) == OURS


@pytest.mark.spec("alexa 2.7")
async def test_a_new_key_is_found_at_its_first_token(verifier: Verifier) -> None:
    verifier.issuer.keys["key-2"] = rsa_key(1)
    assert await verifier(verifier.issuer.token({"kid": "key-2"})) == PERSON


@pytest.mark.spec("alexa 2.7")
async def test_many_tokens_with_a_new_key_share_one_fetch_and_none_is_unlinked(verifier: Verifier) -> None:
    verifier.issuer.keys["key-2"] = rsa_key(1)
    before = verifier.issuer.requests
    tokens = [verifier.issuer.token({"kid": "key-2"}) for _ in range(10)]
    tokens += [verifier.issuer.token({"kid": "key-9"}, rsa_key(1)) for _ in range(3)]
    results = await asyncio.gather(*(verifier(token) for token in tokens))
    assert set(results[:10]) == {PERSON}
    # the fetch was under way when these came: it proves nothing about them
    assert set(results[10:]) == {OURS}
    assert verifier.issuer.requests == before + 1


@pytest.mark.spec("alexa 2.7")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>please sign in</html>",
        b"[]",
        b'{"keys":[]}',
        b'{"keys":"none"}',
        b'{"keys":[1]}',
        b'{"keys":[{"kid":"key-1","kty":"oct","k":"AAAA"}]}',
        b'{"keys":[{"kid":"key-1","kty":"RSA","n":"AQAB","e":"AQAB"}]}',
        b" " * 300_000,
    ],
    ids=[
        "empty",
        "page",
        "list",
        "no keys",
        "keys are text",
        "key is a number",
        "a secret",
        "RSA too short",
        "too long",
    ],
)
async def test_an_answer_that_is_no_key_set_kills_no_token(verifier: Verifier, body: bytes) -> None:
    good = verifier.issuer.token()
    assert await verifier(good) == PERSON
    verifier.issuer.body = body
    assert await verifier.keys.fetch() is False
    assert await verifier(good) == PERSON
    assert await verifier(verifier.issuer.token({"kid": "key-9"}, rsa_key(1))) == OURS


@pytest.mark.spec("alexa 2.7")
async def test_keys_of_a_server_that_calls_itself_another_issuer_kill_no_token(verifier: Verifier) -> None:
    verifier.issuer.metadata_issuer = "https://elsewhere.example"
    verifier.issuer.keys = {"key-7": rsa_key(1)}
    assert await verifier.keys.fetch() is False
    assert await verifier(verifier.issuer.token(key=rsa_key(0))) == PERSON


@pytest.mark.spec("alexa 2.7")
async def test_a_key_that_the_skill_cannot_use_is_its_own_fault(verifier: Verifier) -> None:
    curve = ECKey.generate_key("P-384")
    good = [public("key-1", rsa_key(0)), {**curve.as_dict(private=False), "kid": "key-2", "alg": "ES384"}]
    verifier.issuer.published = good
    assert await verifier.keys.fetch()
    assert await verifier(verifier.issuer.token({"alg": "ES384", "kid": "key-2"}, curve)) == OURS
    assert await verifier(verifier.issuer.token()) == PERSON


@pytest.mark.spec("alexa 2.7")
async def test_a_key_that_a_good_key_set_lacks_goes_and_its_verdicts_with_it(verifier: Verifier) -> None:
    token = verifier.issuer.token()
    assert await verifier(token) == PERSON
    verifier.issuer.keys = {"key-2": rsa_key(1)}
    assert await verifier.keys.fetch()
    assert await verifier(token) == OURS


async def asked_for_long(verifier: Verifier, token: str) -> set[str]:
    """What the token meets over minutes in which every question may lead to a fetch."""
    met = set()
    for _ in range(5):
        met.add(await verifier(token))
        verifier.clock.now += 31
    return met


@pytest.mark.spec("alexa 2.7", "S17")
async def test_S17_a_key_that_was_ever_published_unlinks_nobody_when_it_goes(verifier: Verifier) -> None:
    """`authserver key revoke`, a restored backup: the refresh token is still good, so the link must stay."""
    token = verifier.issuer.token()
    verifier.issuer.keys = {"key-2": rsa_key(1)}
    verifier.clock.now += 24 * 3600 + 60  # the skill hears of it by the token itself
    token = verifier.issuer.token(key=rsa_key(0), exp=verifier.clock.now + 3600)
    assert await asked_for_long(verifier, token) == {OURS}
    # a copy of ours that starts now, and one that starts when the set has changed once more
    assert await asked_for_long(await verifier.again(), token) == {OURS}
    verifier.issuer.keys = {"key-3": rsa_key(1)}
    again = await verifier.again()
    assert await asked_for_long(again, token) == {OURS}
    assert await asked_for_long(await again.again(), token) == {OURS}
    # nothing is held against a key that comes back
    again.issuer.keys["key-1"] = rsa_key(0)
    assert await again(token) == PERSON


@pytest.mark.spec("alexa 2.7", "S17")
async def test_S17_a_key_that_only_another_replica_of_the_skill_saw_unlinks_nobody(verifier: Verifier) -> None:
    other = await verifier.again()
    verifier.issuer.keys["key-2"] = rsa_key(1)
    assert await other.keys.fetch()
    del verifier.issuer.keys["key-2"]
    assert await asked_for_long(verifier, verifier.issuer.token({"kid": "key-2"}, rsa_key(1))) == {OURS}
    # what was learnt of each other stays, whoever writes last
    assert await other.keys.fetch()
    assert await verifier.keys.fetch()
    newest = await verifier.again()
    assert await asked_for_long(newest, verifier.issuer.token({"kid": "key-2"}, rsa_key(1))) == {OURS}


@pytest.mark.spec("alexa 2.7")
async def test_the_memory_of_former_keys_is_bounded_and_loses_the_oldest(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skill.jwks.MOST_FORMER", 2)
    for number in range(2, 6):
        verifier.issuer.keys = {f"key-{number}": rsa_key(1)}
        assert await verifier.keys.fetch()
    restarted = await verifier.again()
    assert INVALID in await asked_for_long(restarted, verifier.issuer.token({"kid": "key-1"}, rsa_key(0)))
    for kid in ("key-3", "key-4"):
        assert await asked_for_long(restarted, verifier.issuer.token({"kid": kid}, rsa_key(1))) == {OURS}


@pytest.mark.spec("alexa 2.7")
async def test_another_key_under_the_same_id_voids_the_verdicts_of_the_first(verifier: Verifier) -> None:
    token = verifier.issuer.token()
    assert await verifier(token) == PERSON
    verifier.issuer.keys = {"key-1": rsa_key(1)}
    assert await verifier.keys.fetch()
    assert await verifier(token) == INVALID


@pytest.mark.spec("alexa 2.7", "S18")
async def test_S18_without_any_key_the_fault_is_ours(fresh_issuer: Issuer, store: Store, clock: Clock) -> None:
    fresh_issuer.status = 503
    verifier = Verifier(fresh_issuer, store, clock)
    await verifier.keys.load()
    assert not verifier.keys.loaded
    for token in (fresh_issuer.token(), fresh_issuer.token(exp=1), fresh_issuer.token({"kid": "key-9"}, rsa_key(1))):
        assert await verifier(token) == OURS


@pytest.mark.spec("alexa 2.7", "S18")
async def test_S18_keys_outlive_a_restart_while_the_issuer_is_away(verifier: Verifier) -> None:
    verifier.issuer.status = 503
    restarted = await verifier.again()
    assert restarted.keys.loaded
    assert await restarted(verifier.issuer.token()) == PERSON


@pytest.mark.spec("alexa 2.7", "S18")
async def test_S18_stale_keys_are_used_for_a_day(verifier: Verifier) -> None:
    verifier.issuer.status = 503
    start = verifier.clock.now
    verifier.clock.now = start + 24 * 3600 - 60
    assert await verifier(verifier.issuer.token(exp=start + 10**6)) == PERSON
    verifier.clock.now = start + 24 * 3600 + 60
    assert await verifier(verifier.issuer.token(exp=start + 10**6)) == OURS
    verifier.issuer.status = 200
    verifier.clock.now += 31
    assert await verifier(verifier.issuer.token(exp=start + 10**6)) == PERSON
