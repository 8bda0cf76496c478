"""Templates, and the small words that they share."""

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from skill.companion.languages import LANGUAGES, _, current, moments
from skill.companion.languages.spoken import gettext, ngettext
from skill.companion.showing import STATES

FOLDER = Path(__file__).parent

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True, extensions=["jinja2.ext.i18n"],
)  # fmt: skip
_templates.policies["ext.i18n.trimmed"] = True
_templates.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
_templates.filters["day"] = lambda at: moments.day(datetime.fromtimestamp(at).date())
_templates.filters["percent"] = moments.percent
_templates.filters["state"] = lambda state: _(STATES[state])


def path_of(endpoint_id: str) -> str:
    """The page of a lamp: its id may hold what means something in a path."""
    return f"/lamps/{quote(endpoint_id, safe='')}"


_templates.filters["path"] = path_of


def words() -> dict[str, str]:
    """What the script shows: it has no text of its own."""
    said = {"trouble": _("That did not work. Is this device online?"), "percent": moments.percent_pattern()}
    return said | {state: _(text) for state, text in STATES.items()}


def render(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """`person` is the session of who looks, None where nobody is signed in; `back` where choosing a language leads,
    None where there is no choice."""
    person = values.get("person")
    token = Markup('<input type="hidden" name="form_token" value="{}">').format(person.form_token if person else "")
    values = {"person": person, "here": "", "title": "", "notice": None, "back": None, "token": lambda: token} | values
    values |= {"language": current(), "languages": LANGUAGES.values(), "words": words()}
    return HTMLResponse(_templates.get_template(template).render(**values), status)
