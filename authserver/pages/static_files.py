"""Style, script, pictures and fonts of the pages: read once, named by their content, kept by browsers for a year."""

import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path, PurePath

from starlette.requests import Request
from starlette.responses import Response

OURS = {path.name: path.read_bytes() for path in Path(__file__).with_name("static").iterdir()}
#: of a picture or a page that is opened by itself: an SVG may have styles of its own and does nothing
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
#: what not every machine's table of kinds has
KINDS = {
    ".avif": "image/avif",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


class Files:
    """`contents` by name: ours, or the operator's in their place (`own`: the names of those).

    An operator's style names fonts and pictures as they lie beside it (`url("paper.webp")`), so all of theirs are in
    one folder, whose name changes with whatever is in it; ours are found there too."""

    def __init__(self, contents: Mapping[str, bytes], own: frozenset[str] = frozenset()) -> None:
        self._files = {name: (_digest(content), content) for name, content in contents.items()}
        self._own = own
        self._folder = _digest("".join(f"{name}/{self._files[name][0]}/" for name in sorted(self._files)).encode())

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def url(self, name: str) -> str:
        """The path under the issuer's."""
        version = self._folder if name in self._own else self._files[name][0]
        return f"/static/{version}/{name}"

    def answer(self, version: str, name: str) -> Response:
        """A file under an address that changes with its content; any other version is not there."""
        present, content = self._files.get(name, ("", b""))
        if not present or version not in (present, self._folder):
            return Response(status_code=404, headers={"Cache-Control": "no-store"})
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": POLICY,
        }
        kind = KINDS.get(PurePath(name).suffix.lower()) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(content, media_type=kind, headers=headers)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


async def static_file(request: Request) -> Response:
    """Style, script, pictures and fonts of the pages, the operator's among them."""
    files: Files = request.app.state.look.files
    return files.answer(request.path_params["version"], request.path_params["name"])
