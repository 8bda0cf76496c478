"""`skill simulate …`: lamps to try a broker with, and an Alexa to try a skill with."""

import typer

from skill.simulator.commands.alexa import alexa_app
from skill.simulator.commands.lamp import simulate_lamp

__all__ = ["simulate_app"]

simulate_app = typer.Typer(rich_markup_mode=None)
simulate_app.command("lamp")(simulate_lamp)
simulate_app.add_typer(alexa_app, name="alexa")
