"""`python -m development.generate.describe SERVICE`: what one service says of itself, as JSON.

Each service is read in a process of its own: no module imports both.
"""

import ast
import importlib
import json
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from development.generate.oauth_errors import OAUTH_ERRORS

#: enough to build the service without serving it; the database is never opened
ENVIRONMENT = {
    "authserver": {
        "issuer": "http://localhost:8000",
        "development": "1",
        "secret_key": "x" * 32,
        "database_url": "sqlite:///nowhere.db",
    },
    "skill": {
        "issuer": "http://localhost:8000",
        "development": "1",
        "client_ids": "nobody",
        "database_url": "sqlite:///nowhere.db",
        "simulator_client_id": "nobody",
        "simulator_client_secret": "x" * 32,
        "bridge_secret": "x" * 32,
    },
}
#: "`POST /oauth2/token` (RFC 6749 §3.2): what it is."
ABOUT_A_PATH = re.compile(r"(?:`[A-Z]+` and )?`(?:[A-Z]+ )?/[^`]*`(?: \([^)]*\))?: (.*)")
CODE = re.compile(r"[a-z_]+")  # of an error, and not what is said about it
#: where the names of the fields that may come from a file are kept
SECRET_FIELDS = {"authserver": "SECRET_FIELDS", "skill": "SECRETS"}


def describe(service: str) -> dict[str, Any]:
    return {
        "settings": list(settings(service)),
        "commands": list(commands(service)),
        "routes": list(routes(service)),
        "errors": list(errors(service)),
        "pages": list(page_errors(service)),
    }


def settings(service: str) -> Iterator[dict[str, Any]]:
    module = importlib.import_module(f"{service}.settings")
    with_file = getattr(module, SECRET_FIELDS[service])
    for name, field in module.Settings.model_fields.items():
        yield {
            "name": f"{service.upper()}_{name.upper()}",
            "kind": kind_of(field),
            "default": default_of(field),
            "required": field.is_required(),
            "file": name in with_file,
            "description": field.description or "",
        }


def kind_of(field: FieldInfo) -> str:
    """The type and its limits in words: `integer, at least 1, at most 65535`."""
    words = [_words(field.annotation)]
    for constraint in field.metadata:
        for limit, name in (("at least", "ge"), ("above", "gt"), ("at most", "le"), ("below", "lt")):
            if getattr(constraint, name, None) is not None:
                words.append(f"{limit} {value_of(getattr(constraint, name))}")
    return ", ".join(words)


def _words(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_words(part) for part in arguments if part is not type(None))
    if origin is typing.Annotated:
        return _words(arguments[0])
    if origin in (tuple, list):
        return f"{_words(arguments[0])}, comma separated"
    names = {str: "text", int: "integer", bool: "`1` or `0`", SecretStr: "secret", timedelta: "seconds", Path: "path"}
    return names.get(annotation) or str(getattr(annotation, "__name__", annotation))


def default_of(field: FieldInfo) -> str:
    """The default as it would stand in the environment; empty where there is none."""
    given = field.get_default(call_default_factory=True, validated_data={})
    return "" if given is PydanticUndefined else value_of(given)


def value_of(given: Any) -> str:
    if given is None:
        return ""
    if isinstance(given, bool):
        return "1" if given else "0"
    if isinstance(given, timedelta):
        return f"{given.total_seconds():g}"
    if isinstance(given, SecretStr):
        return given.get_secret_value()
    if isinstance(given, tuple | list | frozenset):
        return ",".join(value_of(part) for part in given)
    return str(given)


def commands(service: str) -> Iterator[dict[str, Any]]:
    module = importlib.import_module(f"{service}.cli")
    apps = [value for value in vars(module).values() if isinstance(value, typer.Typer)]
    below = [group.typer_instance for app in apps for group in app.registered_groups]
    [program] = [app for app in apps if app not in below]
    yield from _walk(typer.main.get_command(program), service)


def _walk(command: Any, path: str) -> Iterator[dict[str, Any]]:
    context = command.context_class(command, info_name=path)
    options = []
    for parameter in command.params:
        if parameter.name == "help" or getattr(parameter, "hidden", False):
            continue
        record = parameter.get_help_record(context)
        options.append(list(record) if record else [parameter.make_metavar(context), parameter.help or ""])
    group = hasattr(command, "commands")
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield {"path": path, "usage": usage, "help": (command.help or "").strip(), "group": group, "options": options}
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _walk(below, f"{path} {name}")


def routes(service: str) -> Iterator[dict[str, Any]]:
    settings_class = importlib.import_module(f"{service}.settings").Settings
    app = importlib.import_module(f"{service}.app").build(settings_class(**ENVIRONMENT[service]))
    yield from _routes_of(app, "")


def _routes_of(app: Any, prefix: str) -> Iterator[dict[str, Any]]:
    """Every route below the middleware; a mount's own routes follow with its path before them."""
    for route in _unwrapped(app).routes:
        path = prefix + route.path
        if getattr(route, "methods", None):
            methods = [method for method in sorted(route.methods) if method not in ("HEAD", "OPTIONS")]
            if methods:  # what answers a browser's CORS question alone is no route of its own
                yield {"path": path, "methods": methods, "summary": summary_of(route.endpoint)}
        elif hasattr(_unwrapped(route.app), "routes"):
            yield from _routes_of(route.app, path)
        else:
            yield {"path": path + "/*", "methods": ["GET"], "summary": "Files."}


def _unwrapped(app: Any) -> Any:
    """What is below pure ASGI middleware, which keeps it as `app` or `_app`."""
    while not hasattr(app, "routes"):
        below = getattr(app, "app", None) or getattr(app, "_app", None)
        if below is None:
            return app
        app = below
    return app


def summary_of(endpoint: Any) -> str:
    """What a route is: the module's docstring where it is about this one path, otherwise the function's own."""
    kind = endpoint if hasattr(endpoint, "__name__") else type(endpoint)
    module = sys.modules[kind.__module__]
    about = ABOUT_A_PATH.match(first_paragraph(module))
    own = first_sentence(first_paragraph(endpoint))
    if about and (kind.__name__ == module.__name__.rpartition(".")[2] or len(own) < 20):
        return first_sentence(about.group(1)[:1].upper() + about.group(1)[1:])
    return own


def first_paragraph(documented: Any) -> str:
    words = " ".join((getattr(documented, "__doc__", None) or "").strip().partition("\n\n")[0].split())
    return re.sub(r" \((?:contracts?|design)\b[^)]*\)", "", words)


def first_sentence(text: str) -> str:
    return re.split(r"(?<=[^.\d]\.) (?=[A-Z`])", text)[0]


def errors(service: str) -> Iterator[dict[str, Any]]:
    """The codes of error classes that the service's own source names, and of errors that it answers by name."""
    package = importlib.import_module(service)
    found: dict[str, str] = {}
    named: set[str] = set()
    for _, tree in sources(package):
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                named.add(node.id)
            elif isinstance(node, ast.Attribute):
                named.add(node.attr)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("error_response", "_refused"):
                words = [str(word.value) for word in node.args[:1] if isinstance(word, ast.Constant)]
                found |= {word: "" for word in words if CODE.fullmatch(word)}
    for module in pkgutil.walk_packages(package.__path__, f"{service}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for kind in _errors_below(_root_error(service)):
        code = str(getattr(kind, "error", None) or getattr(kind, "type", ""))
        if code and kind.__name__ in named:
            found[code] = first_paragraph(kind)
    for code in sorted(found):
        yield {"code": code, "words": OAUTH_ERRORS.get(code, "") if service == "authserver" else found[code]}


def _root_error(service: str) -> type[Exception]:
    if service == "authserver":
        return _class("authlib.oauth2", "OAuth2Error")
    return _class("skill.errors", "AlexaError")


def _class(module: str, name: str) -> type[Exception]:
    found: type[Exception] = getattr(importlib.import_module(module), name)
    return found


def _errors_below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for below in kind.__subclasses__():
        yield below
        yield from _errors_below(below)


def page_errors(service: str) -> Iterator[dict[str, Any]]:
    """What people are shown on a page of its own: every `PageError(reason, message, status)` in the source."""
    found = {}
    said: dict[str, str] = {}  # messages that have a name; one of the same file goes before one of another
    trees = [tree for _, tree in sources(importlib.import_module(service))]
    for tree in trees:
        said |= _named(tree)
    for tree in trees:
        said |= _named(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PageError" and len(node.args) >= 2:
                given = [*node.args[2:3], *(word.value for word in node.keywords if word.arg == "status")]
                status = given[0].value if given and isinstance(given[0], ast.Constant) else 400
                if isinstance(node.args[0], ast.Constant):
                    found[str(node.args[0].value)] = (status, _text(node.args[1], said))
    for reason, (status, message) in sorted(found.items()):
        yield {"reason": reason, "status": status, "message": message}


def _named(tree: ast.Module) -> dict[str, str]:
    named = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named[node.targets[0].id] = _text(node.value, {})
        elif isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Return) and node.body[-1].value:
            named[node.name] = _text(node.body[-1].value, {})
    return named


def _text(node: ast.expr, said: Mapping[str, str]) -> str:
    """A message as written; what is filled in is shown as `…`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.Call):
        return _text(node.args[0] if node.args else node.func, said)
    return said.get(node.id, "…") if isinstance(node, ast.Name) else "…"


def sources(package: types.ModuleType) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(Path(package.__path__[0]).rglob("*.py")):
        yield path, ast.parse(path.read_text())


def main() -> None:
    json.dump(describe(sys.argv[1]), sys.stdout)


if __name__ == "__main__":
    main()
