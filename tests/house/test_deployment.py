"""What operators are told and given: TLS as Amazon's servers like it."""

import re

import pytest

from tests.house.sources import ROOT


@pytest.mark.spec("A33")
def test_the_guide_demands_the_full_chain_and_tls_1_2_with_common_ciphers() -> None:
    guide = (ROOT / "docs" / "tls.md").read_text()
    demands = [line for line in guide.splitlines() if line.startswith("|")]
    for demand in ("port \\*\\*443\\*\\*", "full chain", "publicly trusted", "TLS 1.2", "common cipher suites"):
        assert any(re.search(demand, line) for line in demands), demand
    for command in ("openssl s_client", "-showcerts", "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256"):
        assert command in guide, f"the guide does not show how to check: {command}"


@pytest.mark.spec("A33")
def test_the_proxy_that_we_deliver_speaks_tls_1_2_and_narrows_no_ciphers() -> None:
    caddyfile = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    assert re.search(r"^\s*protocols tls1\.2 tls1\.3$", caddyfile, re.MULTILINE)
    assert not re.search(r"^\s*(ciphers|curves|client_auth)\b", caddyfile, re.MULTILINE)


def test_the_proxy_lets_go_of_an_idle_connection_before_the_services_do() -> None:
    """uvicorn does after five seconds; a directive that crosses that end is lost, since nobody sends it twice."""
    caddyfile = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    assert re.search(r"transport http \{\s*keepalive 4s\s*\}", caddyfile)
    assert caddyfile.count("reverse_proxy") == caddyfile.count("import services")


def test_the_readme_names_every_command_and_every_guide() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in ("make run", "make test"):
        assert command in readme
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", readme):
        assert (ROOT / target).exists(), f"README.md leads to {target}, which is not there"


def test_every_link_between_the_pages_of_the_documentation_leads_somewhere() -> None:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:\s]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} leads to {target}, which is not there"
