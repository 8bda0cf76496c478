"""Hashing, and which passwords are taken."""

import asyncio
import statistics
import time

import pytest
from passlib.hash import pbkdf2_sha256, scrypt  # noqa: TID251 - hashes as another system made them

from authserver.accounts.password_policy import Weakness, common_passwords, weakness
from authserver.accounts.passwords import Busy, Passwords
from tests.authserver.accounts.people import PASSWORD


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(queue=16)


@pytest.mark.spec("OWASP Password Storage", "design 5")
async def test_a_new_hash_is_argon2id_that_cognito_could_import(passwords: Passwords) -> None:
    assert (await passwords.hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_the_same_password_is_hashed_differently_each_time(passwords: Passwords) -> None:
    assert await passwords.hash(PASSWORD) != await passwords.hash(PASSWORD)


@pytest.mark.spec("NIST SP 800-63B §3.1.1.2")
async def test_a_password_is_the_same_however_the_keyboard_composes_it(passwords: Passwords) -> None:
    stored = await passwords.hash("caf\u00e9 \ufb01rst \uff21")
    assert (await passwords.verify("cafe\u0301 first A", stored)).ok


@pytest.mark.parametrize("kind", [pbkdf2_sha256, scrypt], ids=["pbkdf2", "scrypt"])
async def test_a_hash_of_an_older_kind_is_verified_and_replaced(passwords: Passwords, kind: type) -> None:
    stored = kind.using(rounds=4).hash(PASSWORD)  # type: ignore[attr-defined]
    verified = await passwords.verify(PASSWORD, stored)
    assert verified.ok
    assert verified.new_hash is not None
    assert (await passwords.verify(PASSWORD, verified.new_hash)) == type(verified)(True, None)
    assert not (await passwords.verify("another one", stored)).ok


@pytest.mark.parametrize("stored", [None, "", "!", "$unknown$kind$"])
async def test_without_a_hash_nothing_is_right(passwords: Passwords, stored: str | None) -> None:
    assert not (await passwords.verify("nobody has this password", stored)).ok


@pytest.mark.spec("security 6.58")
async def test_no_account_costs_as_much_as_a_wrong_password(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    times: dict[bool, list[float]] = {True: [], False: []}
    for known in [True, False] * 15:
        begun = time.perf_counter()
        await passwords.verify("wrong", stored if known else None)
        times[known].append(time.perf_counter() - begun)
    ratio = statistics.median(times[True]) / statistics.median(times[False])
    assert 0.75 < ratio < 1.34, ratio


async def test_more_than_the_queue_bears_is_sent_away_at_once() -> None:
    small = Passwords(queue=2, threads=1)
    answers = await asyncio.gather(*(small.hash(PASSWORD) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in answers) == 3
    assert sum(isinstance(answer, Busy) for answer in answers) == 5
    assert (await small.hash(PASSWORD)).startswith("$argon2id$")
    small.close()


async def test_a_very_long_password_costs_no_more_and_is_wrong(passwords: Passwords) -> None:
    stored = await passwords.hash("")
    assert not (await passwords.verify("x" * 100_000, stored)).ok


OWN = ("ada.lovelace@example.org", "Glowworms")


@pytest.mark.spec("NIST SP 800-63B §3.1.1.2")
@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("seven77", Weakness.TOO_SHORT),
        ("", Weakness.TOO_SHORT),
        ("\u00fc" * 7, Weakness.TOO_SHORT),
        ("x7 " * 86, Weakness.TOO_LONG),
        ("password", Weakness.COMMON),
        ("PassWord", Weakness.COMMON),
        ("Password123!", Weakness.COMMON),
        ("qwertyui", Weakness.COMMON),
        ("12345678", Weakness.COMMON),
        ("hgfedcba", Weakness.COMMON),
        ("aaaaaaaaaaaa", Weakness.COMMON),
        ("abcabcabcabc", Weakness.COMMON),
        ("ada.lovelace", Weakness.OWN_WORDS),
        ("Lovelace42", Weakness.OWN_WORDS),
        ("ecalevol!1", Weakness.OWN_WORDS),
        ("glowworms7", Weakness.OWN_WORDS),
        ("ada.lovelace@example.org", Weakness.OWN_WORDS),
        ("eight ch", None),
        ("correct horse battery staple 7", None),
        ("\u706f\u5854\u306e\u5149\u306f\u9060\u304f\u307e\u3067", None),
        ("lovelace was the first one", None),
        ("x7!" * 85, Weakness.COMMON),
        ("8 little ducks " * 17, None),
    ],
    ids=lambda value: str(value)[:26],
)
def test_only_passwords_that_are_guessed_first_are_refused(password: str, expected: Weakness | None) -> None:
    assert weakness(password, OWN) == expected


def test_the_list_of_common_passwords_is_there() -> None:
    assert len(common_passwords()) >= 1000
    assert all(word == word.casefold() and len(word) >= 8 for word in common_passwords())
