"""The nouns of the command line. Each is loaded when it is named: a list of them, `serve` and `migrate` need nothing of
what their commands rest on."""

from collections.abc import MutableMapping, Sequence
from importlib import import_module
from typing import Any

from typer.core import TyperGroup
from typer.main import get_group

#: noun -> what it is about, and the modules with its commands: the first has the `NOUN_app` that others add theirs to
NOUNS: dict[str, tuple[str, Sequence[str]]] = {
    "lamp": (
        "Register, show, change and give away lamps.",
        ("skill.commands.lamps", "skill.commands.broker", "skill.commands.claims", "skill.commands.discover"),
    ),
    "broker": ("Accounts of lamps at a mosquitto: its password_file and acl_file.", ("skill.commands.broker",)),
    "bridge": ("The AWS Lambda function that forwards Alexa's directives.", ("skill.bridge.commands",)),
    "events": ("Events to Alexa: users' grants, and what waits to be sent.", ("skill.events.commands",)),
    "simulate": ("Lamps and an Alexa to develop and to try out with.", ("skill.simulator.commands",)),
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
            self._commands = get_group(getattr(first, f"{self.name}_app")).commands
        return self._commands

    @commands.setter
    def commands(self, given: MutableMapping[str, Any]) -> None:
        """Typer's constructor gives none."""


class Program(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name, (words, modules) in NOUNS.items():
            self.add_command(Noun(name, words, modules))
