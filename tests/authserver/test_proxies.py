"""Whose address counts in rate limits and logs (contracts/security.md 6.56)."""

import pytest

from authserver.proxies import client_address, parse_networks
from authserver.settings import Settings, SettingsError, read_settings

TRUSTED = parse_networks("10.0.0.0/8, 127.0.0.1, fd00::/8")

CASES = {
    "no proxy is trusted by default": ("203.0.113.9", ["198.51.100.1"], (), "203.0.113.9"),
    "a stranger's header is not believed": ("203.0.113.9", ["198.51.100.1"], TRUSTED, "203.0.113.9"),
    "the proxy says who came": ("10.0.0.2", ["198.51.100.1"], TRUSTED, "198.51.100.1"),
    "what the sender wrote further left does not count": (
        "10.0.0.2",
        ["6.6.6.6, 198.51.100.1"],
        TRUSTED,
        "198.51.100.1",
    ),
    "two proxies": ("10.0.0.2", ["198.51.100.1, 10.9.9.9"], TRUSTED, "198.51.100.1"),
    "two headers": ("10.0.0.2", ["6.6.6.6", "198.51.100.1"], TRUSTED, "198.51.100.1"),
    "junk is not believed": ("10.0.0.2", ["198.51.100.1, <script>"], TRUSTED, "10.0.0.2"),
    "without the header the proxy itself": ("10.0.0.2", [], TRUSTED, "10.0.0.2"),
    "IPv6": ("fd00::1", ["2001:db8::7"], TRUSTED, "2001:db8::7"),
    "IPv4 written as IPv6": ("::ffff:10.0.0.2", ["198.51.100.1"], TRUSTED, "198.51.100.1"),
}


@pytest.mark.spec("security 6.56")
@pytest.mark.parametrize(("peer", "forwarded", "trusted", "expected"), CASES.values(), ids=CASES)
def test_address_is_the_nearest_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], trusted: tuple, expected: str
) -> None:
    assert client_address(peer, forwarded, trusted) == expected


def test_a_proxy_that_is_no_network_stops_the_start() -> None:
    environ = {
        "AUTHSERVER_ISSUER": "https://auth.example.org",
        "AUTHSERVER_SECRET_KEY": "x" * 40,
        "AUTHSERVER_TRUSTED_PROXIES": "10.0.0.0/8, caddy",
    }
    with pytest.raises(SettingsError, match="'caddy' is no address or network"):
        read_settings(Settings, environ)
