"""Names that say what a thing is."""

from tests.house.sources import ROOT, below, name_of

EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "shared", "manager", "misc", "base"}


def test_no_module_is_named_with_an_empty_word() -> None:
    for path in below("authserver", "skill", "tests", "development", "bench"):
        parts = set(path.relative_to(ROOT).with_suffix("").parts)
        assert not parts & EMPTY_WORDS, name_of(path)


def test_files_stay_small() -> None:
    """A file that passes about 300 lines becomes a folder of its name; tables, and tests as tables, may be longer."""
    tables = {"development/generate/checks.py"}
    most = {"authserver": 330, "skill": 330, "development": 330, "tests": 500}
    long = {
        name_of(path): lines
        for path in below(*most)
        if name_of(path) not in tables
        and (lines := len(path.read_text().splitlines())) > most[path.relative_to(ROOT).parts[0]]
    }
    assert long == {}


def test_every_folder_of_code_is_a_package() -> None:
    """Without its `__init__.py` a folder is invisible to the tool that checks the layers."""
    for path in below("authserver", "skill"):
        assert (path.parent / "__init__.py").exists(), f"{name_of(path.parent)} has no __init__.py"


def test_every_package_says_what_it_owns() -> None:
    for path in below("authserver", "skill"):
        if path.name == "__init__.py":
            assert path.read_text().lstrip().startswith(('"""', '#: "')), f"{name_of(path)} has no docstring"
