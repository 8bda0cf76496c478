"""What must not be in the tree."""

import json
import re
from collections.abc import Iterator

from tests.house.sources import ROOT, name_of, tracked

REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
#: the home or work folder of whoever wrote a file; folders of an image or of any Linux are fine
MACHINE_PATH = re.compile(r"(?<![\w./-])/(home|Users|work|workspace|mnt|root)/[\w.-]+")
KEYS = re.compile(r"-----BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY-----")


def texts() -> Iterator[tuple[str, str]]:
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content[:4096]:
            yield name_of(path), content.decode(errors="replace")


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in texts()
        if name != "tests/house/test_tree.py"
        for match in MACHINE_PATH.finditer(text)
    ]
    assert found == []


def test_no_file_holds_a_private_key() -> None:
    assert [name for name, text in texts() if name != "tests/house/test_tree.py" and KEYS.search(text)] == []


def test_no_database_environment_or_cache_is_kept() -> None:
    unwanted = re.compile(
        r"\.(db|sqlite3?|pyc|log|pem|key|whl|tgz|gz|zip)$|(^|/)(\.env|\.venv|var|node_modules|__pycache__)(/|$)"
    )
    assert [name_of(path) for path in tracked() if unwanted.search(name_of(path))] == []


def test_no_file_is_larger_than_half_a_megabyte() -> None:
    assert [name_of(path) for path in tracked() if path.stat().st_size > 500_000] == []


def test_every_requirement_is_pinned_with_hashes_and_names_no_address() -> None:
    for name in REQUIREMENTS:
        text = (ROOT / name).read_text()
        for address in ("://", "--index", "--find-links"):
            assert address not in text, f"{name} holds {address}"
        lines = text.replace("\\\n", " ").splitlines()
        logical = [line for line in lines if line.strip() and not line.startswith((" ", "#"))]
        assert logical
        for line in logical:
            assert re.match(r"[\w.\[\],-]+==[\w.!+-]+\s", line), f"{name}: {line[:80]}"
            assert "--hash=sha256:" in line, f"{name}: {line[:80]}"


def test_what_services_need_is_pinned_alike_for_tests() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.\[\],-]+==\S+)", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_every_package_from_npm_is_pinned_by_its_hash_and_names_no_registry() -> None:
    """Each installation takes them from where it takes its packages."""
    folder = ROOT / "tests" / "foreign" / "node"
    pinned = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert set(json.loads((folder / "package.json").read_text())["dependencies"]) <= {
        name.removeprefix("node_modules/") for name in pinned
    }
    for name, package in pinned.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    for written in folder.glob("*.json"):
        assert "registry" not in written.read_text(), written.name
    assert not any(path.name == ".npmrc" for path in tracked())
