"""Hashing, and which passwords are taken."""

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable

import argon2
import bcrypt
import pytest

from authserver.accounts.password_policy import Policy, Weak, Weakness, common_passwords, weakness
from authserver.accounts.passwords import Busy, Passwords, UnusableHashError, check_foreign
from tests.authserver.accounts.people import PASSWORD
from tests.running.timing import apart

pytestmark = pytest.mark.usefixtures("in_production")


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


def ab64(value: bytes) -> str:
    """Base64 as passlib's formats have it."""
    return base64.b64encode(value, b"./").decode().rstrip("=")


def by_bcrypt(password: str, prefix: str = "$2b$") -> str:
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    return prefix + made[4:]


def by_pbkdf2(password: str, name: str) -> str:
    made = hashlib.pbkdf2_hmac(name, password.encode(), b"a salt of theirs", 1000)
    return f"${'pbkdf2' if name == 'sha1' else 'pbkdf2-' + name}$1000${ab64(b'a salt of theirs')}${ab64(made)}"


def by_scrypt(password: str) -> str:
    made = hashlib.scrypt(password.encode(), salt=b"a salt of theirs", n=16, r=8, p=1, dklen=32)
    salt, checksum = (base64.b64encode(value).decode().rstrip("=") for value in (b"a salt of theirs", made))
    return f"$scrypt$ln=4,r=8,p=1${salt}${checksum}"


def by_django(password: str) -> str:
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000)
    return f"pbkdf2_sha256$1000$salt${base64.b64encode(made).decode()}"


def by_argon2(password: str, kind: argon2.Type = argon2.Type.I) -> str:
    return argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, type=kind).hash(password)


#: hashes as other implementations make them
FOREIGN: dict[str, Callable[[str], str]] = {
    "bcrypt": by_bcrypt,
    "bcrypt of PHP": lambda password: by_bcrypt(password, "$2y$"),
    "old bcrypt": lambda password: by_bcrypt(password, "$2a$"),
    "scrypt": by_scrypt,
    "PBKDF2 with SHA-1": lambda password: by_pbkdf2(password, "sha1"),
    "PBKDF2 with SHA-256": lambda password: by_pbkdf2(password, "sha256"),
    "PBKDF2 with SHA-512": lambda password: by_pbkdf2(password, "sha512"),
    "PBKDF2 of Django": by_django,
    "argon2i": by_argon2,
    "argon2id of less cost": lambda password: by_argon2(password, argon2.Type.ID),
}


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_hash_of_another_system_is_verified_and_replaced(passwords: Passwords, kind: str) -> None:
    stored = FOREIGN[kind](PASSWORD)
    check_foreign(stored)
    verified = await passwords.verify(PASSWORD, stored)
    assert verified.ok
    assert verified.new_hash is not None
    assert verified.new_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await passwords.verify(PASSWORD, verified.new_hash)) == type(verified)(True, None)
    assert not (await passwords.verify("another one", stored)).ok


async def test_bcrypt_reads_seventy_two_bytes_and_the_new_hash_all(passwords: Passwords) -> None:
    long = "\u00e9" * 40 + " and then some more"
    verified = await passwords.verify(long, by_bcrypt(long))
    assert verified.ok
    assert verified.new_hash is not None
    assert (await passwords.verify(long, verified.new_hash)).ok
    assert not (await passwords.verify(long[:-1], verified.new_hash)).ok


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("typed", ["a\0b", "\0", "", "\ud800", "x" * 256])
async def test_no_password_breaks_a_foreign_hash(passwords: Passwords, kind: str, typed: str) -> None:
    assert not (await passwords.verify(typed, FOREIGN[kind](PASSWORD))).ok


async def test_a_foreign_hash_is_of_what_was_typed_not_of_its_normal_form(passwords: Passwords) -> None:
    typed = "cafe\u0301 \ufb01rst \uff21"
    verified = await passwords.verify(typed, by_bcrypt(typed))
    assert verified.ok
    assert verified.new_hash is not None
    assert (await passwords.verify("caf\u00e9 first A", verified.new_hash)).ok


ABSURD = {
    "bcrypt of an hour": by_bcrypt(PASSWORD).replace("$04$", "$31$"),
    "scrypt of a gibibyte": by_scrypt(PASSWORD).replace("ln=4", "ln=20"),
    "scrypt of many rounds": by_scrypt(PASSWORD).replace("p=1", "p=5000").replace("ln=4", "ln=14"),
    "PBKDF2 of an hour": by_pbkdf2(PASSWORD, "sha256").replace("$1000$", "$4000000000$"),
    "PBKDF2 of Django, of an hour": by_django(PASSWORD).replace("$1000$", "$1000000000$"),
    "argon2 of four gibibytes": by_argon2(PASSWORD).replace("m=64", "m=4194304"),
    "argon2 of many passes": by_argon2(PASSWORD).replace("t=1", "t=4000000000"),
    "no hash": "correct horse",
    "half a hash": by_bcrypt(PASSWORD)[:30],
    "a kind that is broken": "5f4dcc3b5aa765d61d8327deb882cf99",
    "without its end": by_scrypt(PASSWORD).rpartition("$")[0],
}


@pytest.mark.parametrize("case", ABSURD)
async def test_a_hash_that_would_stop_the_server_is_not_taken_and_never_computed(
    passwords: Passwords, case: str
) -> None:
    with pytest.raises(UnusableHashError):
        check_foreign(ABSURD[case])
    begun = time.perf_counter()
    assert not (await passwords.verify(PASSWORD, ABSURD[case])).ok
    assert time.perf_counter() - begun < 3


@pytest.mark.parametrize("stored", [None, "", "!", "$unknown$kind$"])
async def test_without_a_hash_nothing_is_right(passwords: Passwords, stored: str | None) -> None:
    assert not (await passwords.verify("nobody has this password", stored)).ok


@pytest.mark.alone
class TestTheClock:
    @pytest.mark.spec("security 6.58")
    async def test_no_account_costs_as_much_as_a_wrong_password(self, passwords: Passwords) -> None:
        stored = await passwords.hash(PASSWORD)

        async def once(known: bool) -> float:
            begun = time.process_time()
            await passwords.verify("wrong", stored if known else None)
            return time.process_time() - begun

        assert await apart(once, 15, 0.34) <= 0.34


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
        ("\u00fcbermut", Weakness.TOO_SHORT),
        ("x7 " * 86, Weakness.TOO_LONG),
        ("password", Weakness.COMMON),
        ("PassWord", Weakness.COMMON),
        ("Password123!", Weakness.COMMON),
        ("qwertyui", Weakness.COMMON),
        ("12345678", Weakness.COMMON),
        ("hgfedcba", Weakness.COMMON),
        ("aaaaaaaaaaaa", Weakness.COMMON),
        ("abcabcabcabc", Weakness.COMMON),
        ("P@ssw0rd!", Weakness.COMMON),
        ("dragon2026!", Weakness.COMMON),
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
    assert weakness(password, OWN) == (Weak((expected,)) if expected else None)


def test_the_list_of_common_passwords_is_there() -> None:
    assert len(common_passwords()) >= 9000
    assert all(word == word.casefold() and len(word) >= 6 for word in common_passwords())


RULES = Policy(12, frozenset({"upper", "lower", "number", "symbol"}))


@pytest.mark.spec("cognito 3.2")
@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("kettle", [Weakness.TOO_SHORT, Weakness.NO_UPPER, Weakness.NO_NUMBER, Weakness.NO_SYMBOL]),
        ("KETTLE ON FIRE", [Weakness.NO_LOWER, Weakness.NO_NUMBER]),
        ("Kettleonfire7 ", [Weakness.NO_SYMBOL]),
        ("\u00c4ber-kettle-7", [Weakness.NO_UPPER]),
        ("Password-1", [Weakness.TOO_SHORT]),
        ("Password1!", [Weakness.TOO_SHORT, Weakness.COMMON]),
        ("Kettle on fire 7", []),
    ],
)
def test_the_operators_rules_hold_and_all_that_is_missing_is_named(password: str, expected: list[Weakness]) -> None:
    found = weakness(password, OWN, RULES)
    assert (list(found.reasons) if found else []) == expected


@pytest.mark.spec("cognito 3.2")
@pytest.mark.parametrize("symbol", "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-")
def test_each_of_cognitos_symbols_is_one(symbol: str) -> None:
    assert weakness(f"Kettleonfire7{symbol}x", (), RULES) is None
