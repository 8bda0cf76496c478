"""What is generated is as it would be generated now, and tells the truth."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from development.generate.checks import DOES_NOT_APPLY, KNOWN, NOT_YET
from development.generate.markers import MarkerError, markers
from tests.house.sources import ROOT

SECTION = re.compile(
    r"(RFC \d{4}|OpenID Connect (Core|Discovery|(RP-Initiated|Back-Channel) Logout|Dynamic Registration)"
    r"|NIST SP 800-63B|WebAuthn)"
    r"( §[\w.]+)?"
    r"|Cognito|OWASP [\w ]+|CSP|HTML|Fetch|(CVE-\d{4}-\d+|GHSA-[a-z0-9-]+|PYSEC-[\d-]+)"
    r"|OAuth 2.0 Form Post Response Mode §2|ASVS 10[.\d]+"
    r"|WCAG 2.2|(alexa|performance) [0-6](\.\d+)?|cognito [0-8](\.\d+)?|(design|decision) \d+a?"
)


@cache
def described(service: str) -> Any:
    command = [sys.executable, "-m", "development.generate.describe", service]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)


def test_generated_files_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "development.generate", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_spec_marker_names_a_known_check_or_a_published_section() -> None:
    unknown = [section for section in markers() if not (section in KNOWN or SECTION.fullmatch(section))]
    assert unknown == []


def test_every_marker_that_pytest_sees_is_in_the_conformance_list(request: pytest.FixtureRequest) -> None:
    """The list is read from the source; a marker made in another way would be lost silently."""
    held = markers()
    for item in request.session.items:
        path = Path(item.path).relative_to(ROOT).as_posix()
        name = item.nodeid.split("::", 1)[1].split("[")[0]
        for marker in item.iter_markers("spec"):
            for section in marker.args:
                assert f"{path}::{name}" in held.get(section, []), f"{section} of {item.nodeid}"


def test_a_section_that_is_not_a_literal_is_refused(tmp_path: Path) -> None:
    written = tmp_path / "test_it.py"
    written.write_text("import pytest\nX = 'A01'\n@pytest.mark.spec(X)\ndef test_it(): pass\n")
    with pytest.raises(MarkerError):
        markers(tmp_path)


def test_what_is_promised_for_later_is_a_check() -> None:
    assert set(NOT_YET) <= KNOWN


def test_what_does_not_apply_is_a_check_that_no_test_holds_and_says_why() -> None:
    assert set(DOES_NOT_APPLY) <= KNOWN - set(NOT_YET)
    assert sorted(set(DOES_NOT_APPLY) & set(markers())) == []
    assert all(len(reason.split()) > 5 for reason in DOES_NOT_APPLY.values())


def test_every_check_of_what_is_built_is_held_by_a_test() -> None:
    assert sorted(KNOWN - set(NOT_YET) - set(DOES_NOT_APPLY) - set(markers())) == []


@pytest.mark.parametrize("service", ["authserver", "skill"])
def test_every_setting_and_route_is_described(service: str) -> None:
    for setting in described(service)["settings"]:
        assert setting["description"], setting["name"]
    for route in described(service)["routes"]:
        assert route["summary"], route["path"]
    for command in described(service)["commands"]:
        assert command["help"], command["path"]
    for error in described(service)["errors"]:
        assert error["words"], error["code"]


def test_the_example_environment_names_exactly_the_settings() -> None:
    named = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    settings = [setting["name"] for service in ("authserver", "skill") for setting in described(service)["settings"]]
    assert named == settings


def test_compose_and_image_name_only_settings_that_exist() -> None:
    """A misspelt one would stop the container at its start."""
    both = [setting for service in ("authserver", "skill") for setting in described(service)["settings"]]
    known = {setting["name"] for setting in both} | {f"{setting['name']}_FILE" for setting in both if setting["file"]}
    of_other_programs = {"AUTHSERVER_DOMAIN", "SKILL_DOMAIN"}  # read by Caddy
    for name in ("docker-compose.yml", "Dockerfile"):
        set_there = re.findall(r"^\s*(?:ENV )?((?:AUTHSERVER|SKILL)_\w+)[:=]", (ROOT / name).read_text(), re.MULTILINE)
        assert set(set_there) - known - of_other_programs == set(), name
