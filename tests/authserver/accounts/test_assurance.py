"""From what was proved to the levels that tokens tell."""

import pytest

from authserver.accounts import assurance


@pytest.mark.spec("cognito 2", "RFC 8176")
@pytest.mark.parametrize(
    ("amr", "acr"),
    [
        (["pwd"], "loa:1"),
        (["otp"], "loa:2"),
        (["email_otp"], "loa:2"),
        (["swk"], "loa:3"),
        (["hwk", "mfa"], "loa:3"),
        (["pwd", "email_otp", "mfa"], "loa:3"),
        (["pwd", "mfa"], "loa:3"),
        (["pwd", "swk", "mfa"], "loa:3"),
        (["pwd", "otp", "mfa"], "loa:4"),
        (["swk", "otp", "mfa"], "loa:4"),
        ([], None),
        (["something"], None),
    ],
    ids=str,
)
def test_the_level_follows_from_what_was_proved(amr: list[str], acr: str | None) -> None:
    assert assurance.acr_of(amr) == acr
    assert assurance.is_strong(amr) is (acr in ("loa:3", "loa:4"))


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
@pytest.mark.parametrize(
    ("amr", "wanted", "reached", "acr"),
    [
        (["pwd"], "", True, "loa:1"),
        (["pwd"], "loa:1", True, "loa:1"),
        (["pwd"], "loa:2", False, "loa:1"),
        (["pwd"], "loa:4 loa:1", True, "loa:1"),
        (["pwd", "otp", "mfa"], "loa:3 loa:4", True, "loa:3"),
        (["pwd", "otp", "mfa"], "loa:4 loa:3", True, "loa:4"),
        (["pwd", "email_otp", "mfa"], "loa:4 loa:3", True, "loa:3"),
        (["pwd", "email_otp", "mfa"], "loa:4", False, "loa:3"),
        (["pwd"], "urn:of:another:server 1 2", True, "loa:1"),
        (["pwd"], "urn:of:another:server loa:3", False, "loa:1"),
        ([], "loa:1", False, None),
    ],
    ids=str,
)
def test_a_wish_is_met_by_its_level_or_a_higher_one_and_told_in_the_order_of_preference(
    amr: list[str], wanted: str, reached: bool, acr: str | None
) -> None:
    assert assurance.reaches(amr, wanted) is reached
    assert assurance.acr_of(amr, wanted) == acr


def test_what_is_proved_twice_is_told_once_and_mfa_last() -> None:
    assert assurance.joined(["pwd", "mfa"], ["otp", "mfa"]) == ["pwd", "otp", "mfa"]
    assert assurance.joined(["pwd"], []) == ["pwd"]
