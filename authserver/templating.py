"""Templates of ours, and the operator's in their place: what is broken stops the start, or gives way to ours."""

import logging
import traceback
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)

from authserver.languages import moments
from authserver.languages.spoken import gettext, ngettext
from authserver.settings import SettingsError

log = logging.getLogger(__name__)

#: what an operator's folder may hold (`AUTHSERVER_OVERRIDES`)
FOLDERS = ("templates", "mail", "static", "locales")
#: `{% extends "ours/layout.html" %}` in a template of the operator's that has the same name
OURS = "ours"
OPTIONS: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "extensions": ["jinja2.ext.i18n"]}


class Templates:
    """The templates of one folder of ours. `own`: the operator's, which go before ours where they have the name of one.
    `*.html` and `*.html.mail` are HTML, and what is filled in there is escaped."""

    def __init__(self, ours: Path, own: Path | None) -> None:
        self._names = {path.name for path in ours.iterdir() if path.is_file()}
        self._own_folder = own if own is not None and own.is_dir() else None
        self._ours = _environment(FileSystemLoader(ours))
        self._first = self._ours
        if self._own_folder is not None:
            loaders = [FileSystemLoader(self._own_folder), FileSystemLoader(ours)]
            self._first = _environment(ChoiceLoader([*loaders, PrefixLoader({OURS: FileSystemLoader(ours)})]))

    @property
    def own(self) -> list[str]:
        """The names of the operator's templates."""
        return sorted(self._first.list_templates(filter_func=self._is_own)) if self._own_folder else []

    def _is_own(self, name: str) -> bool:
        own = self._own_folder
        return own is not None and not Path(name).name.startswith(".") and (own / name).is_file()

    def check(self) -> None:
        """Compiles the operator's templates. Raises `SettingsError` with file and line of what cannot be read."""
        for path in sorted(self._own_folder.iterdir()) if self._own_folder else ():
            if path.name in self._names and not path.is_file():
                raise broken(path, "is no file")
        for name in self.own:
            try:
                self._first.get_template(name)
            except TemplateSyntaxError as error:
                raise broken(f"{error.filename}, line {error.lineno}:", error.message) from error
            except (TemplateError, OSError, UnicodeError) as error:
                raise broken(f"{self._own_folder}/{name}:", error) from error
            if name not in self._names:
                log.info("%s/%s stands in no template's place: it can only be used by others", self._own_folder, name)

    def render(self, name: str, values: dict[str, Any]) -> str:
        """In the language of this request. Where a template of the operator's fails, ours are taken, and the log says
        so."""
        if self._own_folder is not None:
            try:
                return self._first.get_template(name).render(values)
            except Exception as error:
                where = _line_of(error, self._own_folder)
                log.error("%s failed with the templates in %s; ours is shown: %s", name, where, error)
        return self._ours.get_template(name).render(values)


def _environment(loader: BaseLoader) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(["html", "html.mail"]),
        undefined=StrictUndefined,
        auto_reload=False,
        cache_size=-1,
        **OPTIONS,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters["listed"] = moments.listed
    return environment


def _line_of(error: Exception, folder: Path) -> str:
    """The line of the operator's at which it happened, as far as it is known."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        f"{frame.filename}, line {frame.lineno}" for frame in frames if Path(frame.filename).is_relative_to(folder)
    ]
    return lines[-1] if lines else str(folder)


def broken(where: Path | str, why: object) -> SettingsError:
    """Something in the operator's folder that cannot be used, and what to do."""
    return SettingsError(f"AUTHSERVER_OVERRIDES: {where} {why}. Mend it, or take it away: ours is used then")


@lru_cache(maxsize=16)
def folder_of(overrides: Path | None, name: str) -> Path | None:
    """One of `FOLDERS` in the operator's folder. Raises `SettingsError` when there is no such folder, or
    something in it that nobody reads: a misspelt name would be silently without effect."""
    if overrides is None:
        return None
    found = _in(overrides)
    if unknown := sorted(found - set(FOLDERS)):
        raise SettingsError(
            f"AUTHSERVER_OVERRIDES: nothing reads {overrides / unknown[0]}; the folder may hold {', '.join(FOLDERS)}"
        )
    if name not in found:
        return None
    _in(overrides / name)
    return overrides / name


def _in(folder: Path) -> set[str]:
    """The names in a folder of the operator's. Raises `SettingsError` where it is none, or may not be read."""
    try:
        return {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except OSError as error:
        reason = f"cannot read {folder}: {error.strerror}. It must be a folder that the server may read"
        raise SettingsError(f"AUTHSERVER_OVERRIDES: {reason}") from error
