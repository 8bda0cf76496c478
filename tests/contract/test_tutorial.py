"""The tutorial's own code, run as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running.home import add_alexa, add_person
from tests.running.service import Service

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"


def python_of_the_tutorial(issuer: str, client_id: str) -> str:
    """The reader's two changes: where the server is, and which client."""
    [code] = re.findall(r"^```python\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    for name, value in (("ISSUER", f'"{issuer}"'), ("CLIENT_IDS", f'{{"{client_id}"}}')):
        code, changed = re.subn(rf"^{name} = \S+", f"{name} = {value}", code, count=1, flags=re.MULTILINE)
        assert changed == 1
    return str(code)


@pytest.mark.spec("A27", "security 6.51")
async def test_the_verifier_of_the_tutorial_accepts_access_tokens_and_nothing_else(authserver: Service) -> None:
    alexa, other = add_alexa(authserver), add_alexa(authserver)
    person = add_person(authserver)
    linked, elsewhere = await alexa.link(person), await other.link(person)
    code = python_of_the_tutorial(authserver.settings["AUTHSERVER_ISSUER"], alexa.client_id)

    def verify(token: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", code], input=token, capture_output=True, text=True, timeout=30)

    accepted = verify(linked.access_token)
    assert (accepted.returncode, accepted.stdout.strip()) == (0, person.sub), accepted.stderr
    for token in (linked.tokens["id_token"], linked.refresh_token, elsewhere.access_token, linked.access_token[:-8]):
        refused = verify(token)
        assert (refused.returncode, refused.stdout) == (1, "")


def test_every_link_between_the_documents_leads_somewhere() -> None:
    root = TUTORIAL.parents[1]
    for document in [root / "README.md", root / "CHANGELOG.md", *root.glob("docs/*.md"), *root.glob("docs/adr/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
