"""`authserver client logo …`."""

from pathlib import Path

import httpx2
import pytest

from tests.authserver.cli.test_changes import soon
from tests.running.service import Service
from tests.vectors.pictures import WEBP, png

CALLBACK = "https://app.example.org/callback"


def new_client(operator: Service) -> str:
    return str(operator.cli_json("client", "add", "App", "--redirect-uri", CALLBACK)["client_id"])


@pytest.mark.spec("security 6.77")
def test_a_picture_is_given_replaced_and_taken_away(operator: Service, tmp_path: Path) -> None:
    client_id = new_client(operator)
    (tmp_path / "logo.png").write_bytes(png(64, 96))
    (tmp_path / "logo.jpg").write_bytes(WEBP)  # a name says nothing
    show = ["client", "show", client_id]
    first, shown, second, replaced = operator.cli_json_of(
        [
            ["client", "logo", "set", client_id, str(tmp_path / "logo.png")],
            show,
            ["client", "logo", "set", client_id, str(tmp_path / "logo.jpg")],
            show,
        ]
    )
    assert (first["media_type"], first["width"], first["height"]) == ("image/png", 64, 96)
    assert shown["logo"] == {"media_type": "image/png", "version": first["version"]}
    assert second["media_type"] == "image/webp"
    assert replaced["logo"]["version"] == second["version"] != first["version"]
    gone, without = operator.cli_json_of([["client", "logo", "remove", client_id], show])
    assert gone["removed"] is True
    assert without["logo"] is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<svg/>", "no picture in PNG, JPEG or WebP"),
        (png(10, 10), "10 x 10 pixels"),
        (png() + b"\0" * 300_000, "more than 262144 bytes"),
    ],
    ids=["svg", "small", "heavy"],
)
def test_what_is_no_logo_is_refused_and_the_present_one_stays(
    operator: Service, tmp_path: Path, content: bytes, why: str
) -> None:
    client_id = new_client(operator)
    (tmp_path / "good").write_bytes(png())
    (tmp_path / "bad").write_bytes(content)
    good = operator.cli_json("client", "logo", "set", client_id, str(tmp_path / "good"))
    done = operator.cli("client", "logo", "set", client_id, str(tmp_path / "bad"))
    assert done.returncode == 1
    assert why in done.stderr
    assert operator.cli_json("client", "show", client_id)["logo"]["version"] == good["version"]


def test_a_missing_file_client_or_picture_is_named(operator: Service, tmp_path: Path) -> None:
    client_id = new_client(operator)
    (tmp_path / "logo.png").write_bytes(png())
    for arguments, why in (
        (["set", client_id, str(tmp_path / "nothing.png")], "cannot be read"),
        (["set", client_id, str(tmp_path)], "cannot be read"),
        (["set", "nobody", str(tmp_path / "logo.png")], "no client nobody"),
        (["remove", client_id], "has no picture"),
    ):
        done = operator.cli("client", "logo", *arguments)
        assert done.returncode == 1, arguments
        assert why in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.spec("decision 12")
async def test_a_picture_holds_in_a_running_server_within_a_second(authserver: Service, tmp_path: Path) -> None:
    client_id = new_client(authserver)
    (tmp_path / "logo.png").write_bytes(png())
    asked = {"response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "scope": "openid"}
    async with httpx2.AsyncClient(trust_env=False, verify=False, follow_redirects=True) as browser:

        async def pictured() -> bool:
            page = await browser.get(f"{authserver.url}/oauth2/authorize", params=asked)
            return f"/client-logo/{client_id}/" in page.text

        assert not await pictured()
        authserver.cli_json("client", "logo", "set", client_id, str(tmp_path / "logo.png"))
        assert await soon(pictured)
