"""Style, script and pictures of the pages: read once, named by their content, kept by browsers for a year."""

import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

OURS = {path.name: path.read_bytes() for path in Path(__file__).with_name("static").iterdir()}
#: of a picture or a page that is opened by itself: an SVG may have styles of its own and does nothing
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


class Files:
    """`contents` by name: ours, or the operator's in their place."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._files = {name: (hashlib.sha256(content).hexdigest()[:16], content) for name, content in contents.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def url(self, name: str) -> str:
        """The path under the issuer's."""
        return f"/static/{self._files[name][0]}/{name}"

    def answer(self, version: str, name: str) -> Response:
        """A file under an address that changes with its content; any other version is not there."""
        present, content = self._files.get(name, ("", b""))
        if not present or version != present:
            return Response(status_code=404, headers={"Cache-Control": "no-store"})
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": POLICY,
        }
        return Response(
            content, media_type=mimetypes.guess_type(name)[0] or "application/octet-stream", headers=headers
        )


async def static_file(request: Request) -> Response:
    """Style, script and pictures of the pages, the operator's among them."""
    files: Files = request.app.state.look.files
    return files.answer(request.path_params["version"], request.path_params["name"])
