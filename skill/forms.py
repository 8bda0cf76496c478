"""Forms that browsers send to pages of the skill: read strictly, and only from a page of the same origin."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from skill.patience import Patience

FORM_BYTES = 16_384
MOST_FIELDS = 20
BODY_PATIENCE = 5.0  # seconds for all of it

Form = dict[str, str]


class Forbidden(Exception):
    """The request does not come from the page that holds its form; the text is for the person."""


async def read_form(request: Request) -> Form:
    """The form's fields; the first of a repeated one. Raises Forbidden."""
    try:
        with Patience(BODY_PATIENCE):
            body = await _body(request)
    except TimeoutError as error:
        raise Forbidden("This form did not arrive in time.") from error
    fields: Form = {}
    try:
        for name, value in parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS):
            fields.setdefault(name, value)
    except (UnicodeDecodeError, ValueError) as error:
        raise Forbidden("This form could not be read.") from error
    return fields


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise Forbidden("This form is too long.")
    return bytes(body)


def same_origin(request: Request, own: str) -> None:
    """RFC 6749 §10.12 and Fetch metadata: a POST must come from a page of the origin `own`.

    Browsers send `Origin` with every POST; what sends neither is no browser, and has no cookie to misuse.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in ("same-origin", "none") or (origin is not None and origin.lower() != own.lower()):
        raise Forbidden("This form was not sent from the page that it belongs to.")
