"""The nouns of the command line. Each is loaded when it is named: a list of them, `serve` and `migrate` need nothing of
what their commands rest on, which takes a second to load."""

from collections.abc import MutableMapping, Sequence
from importlib import import_module
from typing import Any

from typer.core import TyperGroup
from typer.main import get_group

#: noun -> what it is about, and the modules with its commands: the first has the `app` that the others add theirs to
NOUNS: dict[str, tuple[str, Sequence[str]]] = {
    "user": (
        "Accounts of people.",
        ("authserver.cli.users", "authserver.cli.user_attributes", "authserver.cli.second_factors"),
    ),
    "client": (
        "Applications: Alexa, your own, other people's.",
        (
            "authserver.cli.clients",
            "authserver.cli.alexa",
            "authserver.cli.client_secrets",
            "authserver.cli.client_logos",
        ),
    ),
    "grant": ("Linked applications: who granted what to whom.", ("authserver.cli.grants",)),
    "registration-token": (
        "Leave for applications to register themselves. Without a token that holds, none can.",
        ("authserver.cli.registration_tokens",),
    ),
    "resource": (
        "Resource servers: programs that take access tokens, and the scopes that clients may have there.",
        ("authserver.cli.resources",),
    ),
    "group": ("Groups of people: `cognito:groups` of their tokens.", ("authserver.cli.groups",)),
    "attribute": (
        "Attributes of your own: `custom:<name>` in claims, by the scope `profile`.",
        ("authserver.cli.attributes",),
    ),
    "key": ("Signing keys.", ("authserver.cli.keys",)),
    "mail": ("Mails: what waits to be sent, and whether the mail server takes them.", ("authserver.cli.mails",)),
}


class Noun(TyperGroup):
    def __init__(self, name: str, words: str, modules: Sequence[str]) -> None:
        super().__init__(name=name, help=words, no_args_is_help=True, rich_markup_mode=None)
        self._modules = modules
        self._commands: MutableMapping[str, Any] = {}

    @property
    def commands(self) -> MutableMapping[str, Any]:
        if not self._commands:
            first, *_ = [import_module(module) for module in self._modules]
            self._commands = get_group(first.app).commands
        return self._commands

    @commands.setter
    def commands(self, given: MutableMapping[str, Any]) -> None:
        """Typer's constructor gives none."""


class Program(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name, (words, modules) in NOUNS.items():
            self.add_command(Noun(name, words, modules))
