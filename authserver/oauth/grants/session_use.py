"""Clients whose refresh tokens end with the browser's session (`refresh_with_session`): others never ask here.

Whoever ends a session ends their grants in the same unit of work (`accounts.sessions`); a session that merely grew old
is noticed here (contracts/security.md 6.33).
"""

from typing import TYPE_CHECKING

from sqlalchemy.util.concurrency import await_

from authserver.storage.statements import FIND_SESSION, NOTE_SESSION_USE

if TYPE_CHECKING:
    from authserver.oauth.server import OAuthServer

SEEN_EVERY = 60  # seconds; the session's last use is no more exact than this


def stands(server: "OAuthServer", sid: str | None, now: int) -> bool:
    """Whether that session is alive, in Authlib's greenlet; if so it was used: who works in the application is there,
    even where the browser has nothing to ask of this server. A grant that belongs to no session has none that lives."""
    if sid is None:
        return False
    found = await_(server.hot.read(FIND_SESSION, which=sid, at=now, idle=server.settings.session_idle_lifetime))
    if found is None:
        return False
    if found["last_seen_at"] <= now - SEEN_EVERY:
        await_(server.hot.execute(NOTE_SESSION_USE, which=found["digest"], at=now))
    return True
