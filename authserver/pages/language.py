"""In which language a browser is answered.

In this order: what the request itself names (`lang`, which Cognito has, or `ui_locales`), the same of the authorization
request that this browser is on its way with, a choice that was made in this browser before, the account's own, and what
the browser asks for by itself.
"""

from collections.abc import Iterator
from urllib.parse import urlencode

from starlette.requests import Request

from authserver.languages import TAGS, Language, match, preferred
from authserver.languages.choosing import first_of
from authserver.languages.spoken import speak
from authserver.models import Interaction, User
from authserver.settings import Settings

NAMES = ("lang", "ui_locales")
_SCOPE = "authserver.language"


def cookie_name(settings: Settings) -> str:
    return f"{'__Host-' if settings.secure else ''}authserver_language"


def language_of(request: Request) -> Language:
    """As far as is known of this request: `settle` knows more."""
    found: Language | None = request.scope.get(_SCOPE)
    return found if found is not None else _decide(request, None, None)


def settle(request: Request, interaction: Interaction | None, user: User | None) -> None:
    """From here on this request is answered in the language of what it belongs to."""
    speak(_decide(request, interaction, user))


def asked(request: Request) -> dict[str, str]:
    """What the address itself says about the language, to be kept in an interaction."""
    return {name: request.query_params[name][:1000] for name in NAMES if request.query_params.get(name)}


def _decide(request: Request, interaction: Interaction | None, user: User | None) -> Language:
    settings: Settings = request.app.state.settings
    tag = next(filter(None, _wishes(request, settings, interaction, user)), settings.language)
    language: Language = request.app.state.look.languages[tag]
    request.scope[_SCOPE] = language
    return language


def _wishes(
    request: Request, settings: Settings, interaction: Interaction | None, user: User | None
) -> Iterator[str | None]:
    kept = interaction.request if interaction is not None else {}
    for said in (request.query_params, kept):
        yield first_of(str(said.get("ui_locales", "")), TAGS)
        yield match(str(said.get("lang", "")), TAGS)
    yield match(request.cookies.get(cookie_name(settings), ""), TAGS)
    yield match(user.locale, TAGS) if user is not None else None
    yield preferred(request.headers.get("accept-language", ""), TAGS, settings.language)


def here(request: Request) -> str:
    """This page's own address, for the menu to return to: path and query, without what named a language."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name not in NAMES]
    return str(request.scope["path"]) + (f"?{urlencode(query)}" if query else "")
