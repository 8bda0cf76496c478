"""Style, script and picture of the pages: read once, named by their content, kept by browsers for a year."""

import hashlib
import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FILES = {
    path.name: (hashlib.sha256(path.read_bytes()).hexdigest()[:16], path.read_bytes())
    for path in Path(__file__).with_name("static").iterdir()
}


def url(name: str) -> str:
    """The path under the issuer's."""
    return f"/static/{_FILES[name][0]}/{name}"


async def static_file(request: Request) -> Response:
    """A file under an address that changes with its content; any other version is not there."""
    name = request.path_params["name"]
    version, content = _FILES.get(name, ("", b""))
    if not version or version != request.path_params["version"]:
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=kind, headers=headers)
