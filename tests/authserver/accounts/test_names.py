"""E-mail addresses and user names."""

import pytest

from authserver.accounts.names import (
    NotAnAddressError,
    NotAUsernameError,
    compared,
    read_email,
    read_username,
)


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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna", " ANNA "),
        ("\u00c4nne", "\u00e4nne"),
        ("ren\u00e9", "rene\u0301"),
        ("\u042e\u043b\u0438\u044f.7", "\u044e\u043b\u0438\u044f.7"),
        ("\u30bf\u30ed\u30a6_\u592a\u90ce", "\u30bf\u30ed\u30a6_\u592a\u90ce"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),
        ("a" * 128, "A" * 128),
        ("7of9-b", "7OF9-B"),
    ],
)
def test_a_user_name_is_the_same_in_any_case_and_composition(one: str, other: str) -> None:
    assert read_username(one).canonical == read_username(other).canonical
    assert read_username(other).name == read_username(other.strip()).name


@pytest.mark.spec("security 6.64", "RFC 8265 §3.3")
@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", "-a", "_a", "a b", "a\tb", "a@b", "anna@example.org", "a/b", "a+b", "a" * 129, "a\0", "a\u200db",
        "7b0ec1f7-6c4f-4a53-9d6c-0f6f0d3c5b1e", "7B0EC1F76C4F4A539D6C0F6F0D3C5B1E", "7-b0ec1f76c4f4a539d6c0f6f0d3c5b1e",
        "\u212aim", "\uff4bim", "\ufb01fi", "\u017fam", "\u2460", "p\u0430ypal", "\u0391nna", "x\u0301\u0302\u0303",
        "\u0301a", "\u0663\u0664", "\u02bcx", "\U0001f600", "a\u2024b",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_user_name_is_refused(text: str) -> None:
    with pytest.raises(NotAUsernameError):
        read_username(text)


@pytest.mark.spec("security 6.64")
@pytest.mark.parametrize(
    ("real", "look_alike"),
    [
        ("kim", "k\u0131m"),
        ("kim", "K\u0130M"),
        ("kim", "\u212aim"),
        ("strasse", "stra\u00dfe"),
        ("anna", "\u0430nn\u0430"),
    ],
)
def test_a_look_alike_of_a_user_name_never_becomes_it(real: str, look_alike: str) -> None:
    assert compared(look_alike) != compared(real) == real


def test_no_user_name_is_compared_as_an_address() -> None:
    assert compared("Anna@Example.org") == "anna@example.org"
    assert compared("Anna") == "anna"
    assert compared("anna\uff20example.org") is None
