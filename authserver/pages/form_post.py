"""The way back to an application that wants its answer posted (OAuth 2.0 Form Post Response Mode).

The page posts by itself where scripts run, and has a button where they do not. It has no address of its own: it is the
answer to the last step, since what it holds must not be stored anywhere.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from authserver.languages import speaking
from authserver.oauth.redirects import FormPost
from authserver.pages.language import language_of
from authserver.pages.render import page


def form_post_page(request: Request, answer: FormPost) -> Response:
    """A form to the registered redirect URI; every value is escaped, and its policy lets it go there and no further."""
    with speaking(language_of(request)):
        return page(
            request,
            "form_post.html",
            redirect_uri=answer.redirect_uri,
            action=answer.redirect_uri,
            parameters=answer.parameters,
            returns_to=urlsplit(answer.redirect_uri).netloc,
        )
