"""`skill bridge …`: what an operator needs to deploy the bridge. Reads no settings: it runs anywhere."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from skill.bridge import package

bridge_app = typer.Typer(rich_markup_mode=None)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        typer.echo(f"skill: {path} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(1) from error


@bridge_app.command("package")
def write_package(
    output: Annotated[Path, typer.Option(help="Where the zip goes.")] = Path("alexa-bridge.zip"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the function as a zip, the same bytes every time, and print the settings to deploy it with."""
    _write(output, package.zipped())
    if as_json:
        typer.echo(orjson.dumps({"file": str(output), **package.settings()}, option=orjson.OPT_INDENT_2).decode())
        return
    typer.echo(f"{output}\n")
    for name, value in package.settings().items():
        if isinstance(value, dict):
            typer.echo(name)
            for key, meaning in value.items():
                typer.echo(f"  {key:<15} {meaning}")
        else:
            typer.echo(f"{name:<17} {value}")
    typer.echo("\nTrigger: Alexa Smart Home, with the skill's id. Role: the basic one, which may write logs. No VPC.")
    typer.echo("Deploy it in each region whose languages you serve.")


@bridge_app.command("template")
def write_template(
    output: Annotated[Path | None, typer.Option(help="A file to write; without it, standard output.")] = None,
) -> None:
    """Write a CloudFormation template of the function, its role, its log and Alexa's leave to call it."""
    if output is None:
        typer.echo(package.template(), nl=False)
    else:
        _write(output, package.template().encode())
