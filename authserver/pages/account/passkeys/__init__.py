"""A person's own passkeys: their list, a new one, another name for one, the end of one."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from authserver.pages.account.passkeys import add, change, own

PAGES: dict[str, tuple[list[str], Callable[[Request], Awaitable[Response]]]] = {
    "/passkeys/add": (["GET"], add.cognitos_path),
    "/account/passkeys": (["GET"], own.passkeys),
    "/account/passkeys/add": (["GET", "POST"], add.add),
    "/account/passkeys/change": (["GET", "POST"], change.change),
    "/account/passkeys/remove": (["GET", "POST"], change.remove),
}
