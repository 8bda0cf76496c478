"""Settings from the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from authserver.settings.database import PREFIX, DatabaseSettings, SettingsError
from authserver.settings.server import Settings

#: settings that may also be given as `AUTHSERVER_<NAME>_FILE`, the path of a file that holds the value
SECRET_FIELDS = ("database_url", "secret_key", "secret_key_previous", "smtp_url")

SettingsKind = TypeVar("SettingsKind", bound=DatabaseSettings)


def read_settings(kind: type[SettingsKind], environ: Mapping[str, str] | None = None) -> SettingsKind:
    """Settings from the environment.

    Read here and not by pydantic-settings, which does not see a misspelt variable. Raises `SettingsError` with one line
    for each thing that is wrong; no value of a secret is in it.
    """
    environ = os.environ if environ is None else environ
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    files = {f"{PREFIX}{name.upper()}_FILE": name for name in SECRET_FIELDS}
    problems = [
        f"{name} is not a setting; see docs/reference/settings.md"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and name not in files
    ]
    values: dict[str, Any] = {
        name.lower().removeprefix(PREFIX.lower()): value
        for name, value in environ.items()
        if name in known and value != "" and name.lower().removeprefix(PREFIX.lower()) in kind.model_fields
    }
    for variable, name in files.items():
        if variable in environ and environ[variable] and name in kind.model_fields:
            if name in values:
                problems.append(f"{variable} and {PREFIX}{name.upper()} are both set; keep one")
            try:
                values[name] = Path(environ[variable]).read_text().strip()
            except OSError as error:
                problems.append(f"{variable}: cannot read {environ[variable]}: {error.strerror}")
    if not problems:
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            problems = [_problem(item) for item in error.errors(include_input=False, include_url=False)]
    raise SettingsError("\n".join(problems))


def _problem(item: Any) -> str:
    where = "".join(f"{PREFIX}{str(part).upper()}: " for part in item["loc"][:1])
    reason = "is required" if item["type"] == "missing" else str(item["msg"]).removeprefix("Value error, ")
    return where + reason
