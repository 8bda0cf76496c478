"""The companion: the owner's web pages at `/`, an OpenID Connect client of the issuer.

Owns who is signed in here (`sessions`, `signing_in`, `backchannel`), what the pages show (`visit`, `home`, `lamp`,
`claim`, `past`), how they follow the lamps (`stream`), and the record of who switched what (`history`). Whose lamp it
is and what may be asked of it is not decided here: a command takes the same way as a directive, with another cause,
and whatever changes owners is `skill.storage.registry`'s.
"""

from skill.companion.routes import companion_routes

__all__ = ["companion_routes"]
