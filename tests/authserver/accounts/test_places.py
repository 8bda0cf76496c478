"""Where an address is: read from a file of this machine, and a guess at best."""

from pathlib import Path

import pytest

from authserver.accounts.places import NOWHERE, Place, Places, PlacesError
from authserver.app import places_of
from authserver.settings import Settings, SettingsError
from tests.vectors import mmdb

BERLIN = {
    "city": {"names": {"en": "Berlin", "ja": "ベルリン"}},
    "country": {"names": {"en": "Germany", "de": "Deutschland", "pt-BR": "Alemanha"}},
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("places") / "places.mmdb"
    records = {
        "203.0.113.0/24": BERLIN,
        "2001:db8::/32": {"country": {"names": {"en": "Japan"}}},
        "198.51.100.0/24": {"city": "no record", "country": {"names": ["x"]}},
    }
    mmdb.write(path, records)
    return path


@pytest.mark.parametrize(
    ("address", "language", "place"),
    [
        ("203.0.113.9", "en", Place("Berlin", "Germany")),
        ("203.0.113.9", "de", Place("Berlin", "Deutschland")),
        ("203.0.113.9", "pt-BR", Place("Berlin", "Alemanha")),
        ("203.0.113.9", "ja", Place("ベルリン", "Germany")),
        ("203.0.113.9", "de-AT", Place("Berlin", "Deutschland")),
        ("2001:db8::7", "en", Place("", "Japan")),
        ("198.51.100.1", "en", NOWHERE),
        ("192.0.2.1", "en", NOWHERE),
        ("", "en", NOWHERE),
        ("testclient", "en", NOWHERE),
        ("\x00", "en", NOWHERE),
    ],
)
def test_a_place_is_told_in_the_readers_language_or_not_at_all(
    file: Path, address: str, language: str, place: Place
) -> None:
    assert Places(str(file)).of(address, language) == place


def test_without_a_file_everything_is_nowhere() -> None:
    assert Places("").of("203.0.113.9") == NOWHERE


def test_a_file_that_is_none_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "places.mmdb"
    path.write_text("no database")
    for wrong in (path, tmp_path / "missing", tmp_path):
        with pytest.raises(PlacesError):
            Places(str(wrong))
        settings = Settings(issuer="https://auth.example.org", secret_key="x" * 40, places=str(wrong))
        with pytest.raises(SettingsError, match="AUTHSERVER_PLACES"):
            places_of(settings)
