"""What is sealed in the database."""

import pytest

from skill.sealing import CannotOpen, Sealing

OLD, NEW = b"o" * 32, b"n" * 32


def test_what_was_sealed_opens_in_its_own_place_alone() -> None:
    sealing = Sealing([NEW], "grants")
    sealed = sealing.seal(b"token", "u1 NA")
    assert b"token" not in sealed
    assert sealing.open(sealed, "u1 NA") == b"token"
    for other, place in (
        (sealing, "u2 NA"),
        (Sealing([NEW], "sessions"), "u1 NA"),
        (Sealing([OLD], "grants"), "u1 NA"),
    ):
        with pytest.raises(CannotOpen):
            other.open(sealed, place)
    for broken in (b"", sealed[:5], sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(CannotOpen):
            sealing.open(broken, "u1 NA")


def test_the_key_before_opens_and_the_new_one_seals() -> None:
    sealed = Sealing([OLD], "grants").seal(b"token", "u1")
    both = Sealing([NEW, OLD], "grants")
    assert both.open(sealed, "u1") == b"token"
    assert Sealing([NEW], "grants").open(both.seal(b"token", "u1"), "u1") == b"token"
