"""Templates, and the small words that they share."""

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
_templates.filters["day"] = lambda at: datetime.fromtimestamp(at).astimezone().strftime("%-d %B %Y")


def path_of(endpoint_id: str) -> str:
    """The page of a lamp: its id may hold what means something in a path."""
    return f"/lamps/{quote(endpoint_id, safe='')}"


_templates.filters["path"] = path_of


def render(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """`person` is the session of who looks, None where nobody is signed in."""
    person = values.get("person")
    token = Markup('<input type="hidden" name="form_token" value="{}">').format(person.form_token if person else "")
    values = {"person": person, "here": "", "title": "", "notice": None, "token": lambda: token} | values
    return HTMLResponse(_templates.get_template(template).render(**values), status)
