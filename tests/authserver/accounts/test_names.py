"""E-mail addresses as names."""

import pytest

from authserver.accounts.names import NotAnAddressError, read_email


@pytest.mark.spec("cognito 9.49")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.org", "ADA@Example.ORG"),
        ("ada@example.org", "  ada@example.org "),
        ("ren\u00e9@example.org", "rene\u0301@example.org"),
        ("\u00c4nne@example.org", "\u00e4nne@example.org"),
        ("a@b\u00fccher.example", "a@xn--bcher-kva.example"),
    ],
)
def test_case_and_composition_do_not_make_another_person(one: str, other: str) -> None:
    assert read_email(one).canonical == read_email(other).canonical


@pytest.mark.spec("security 6.64")
@pytest.mark.parametrize(
    ("real", "look_alike"),
    [
        ("kim@example.org", "\u212aim@example.org"),
        ("kim@example.org", "\uff4bim@example.org"),
        ("kim@example.org", "kim@\uff45xample.org"),
        ("kim@example.org", "kim\uff20example.org"),
        ("fifi@example.org", "\ufb01fi@example.org"),
        ("iris@example.org", "\u0131ris@example.org"),
        ("iris@example.org", "\u0130ris@example.org"),
        ("strasse@example.org", "stra\u00dfe@example.org"),
        ("sam@example.org", "\u017fam@example.org"),
        ("a@example.org", "a@example.org\u200b"),
        ("a@example.org", "\u0430@example.org"),
    ],
)
def test_a_look_alike_never_becomes_another_account(real: str, look_alike: str) -> None:
    try:
        found = read_email(look_alike).canonical
    except NotAnAddressError:
        return
    assert found != read_email(real).canonical


@pytest.mark.parametrize(
    "text",
    ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@example.org\nBcc: x@example.org", "ada@[127.0.0.1]",
     "ada@example..org", "ada@example.org, bob@example.org", "x" * 250 + "@example.org",
     '"a b"@example.org', "a\0@b.org"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(NotAnAddressError):
        read_email(text)


def test_strangers_need_a_domain_of_the_internet_and_operators_do_not() -> None:
    assert read_email("ada@homeserver").canonical == "ada@homeserver"
    with pytest.raises(NotAnAddressError):
        read_email("ada@homeserver", public=True)
    with pytest.raises(NotAnAddressError):
        read_email("ada@nas.local", public=True)
