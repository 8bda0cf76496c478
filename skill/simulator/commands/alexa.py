"""`skill simulate alexa`: directives from the command line to a running skill."""

import asyncio
import signal
import time
import webbrowser
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from pydantic import SecretStr

from skill.settings import SettingsError, read_one
from skill.simulator.colours import colour_of, kelvin_of
from skill.simulator.commands.given import FAR, a_text, an_http_url, read
from skill.simulator.printable import printable
from skill.simulator.speech import Adjust, Brightness, Colour, Intent, Power, Question, White, Whiter

if TYPE_CHECKING:
    from skill.simulator.voice import Said, Voice

alexa_app = typer.Typer(
    no_args_is_help=True,
    help="Send directives as Alexa does. LAMP is a friendly name or an endpoint id. Exit status: 0 OK, 1 it did not go "
    "well, 2 the command is wrong or there is no token.",
)

LampName = Annotated[str, typer.Argument(metavar="LAMP", help="Friendly name or endpoint id.", callback=a_text)]
Url = Annotated[str, typer.Option(help="Where the skill is.", callback=an_http_url)]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        help="A file with an access token, - is standard input. Else SKILL_SIMULATE_TOKEN, else the link kept."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the messages as JSON, tokens shortened.")]
HERE = "http://localhost:8001"


def _say_failed(text: str, status: int) -> typer.Exit:
    typer.echo(f"skill: {text}", err=True)
    return typer.Exit(status)


def _setting(name: str) -> str | None:
    try:
        return read_one(name)
    except SettingsError as error:
        raise _say_failed(str(error), 2) from error


def _token(file: Path | None) -> SecretStr | None:
    if file is None:
        given = (_setting("simulate_token") or "").strip()
        return SecretStr(given) if given else None
    return SecretStr(read(file, "--token-file", "token"))


def _with_voice(url: str, token_file: Path | None, work: Callable[["Voice"], Awaitable[int]]) -> None:
    from skill.simulator.calling import SkillAway  # only here: the other commands have no use for an HTTP client
    from skill.simulator.keeping import NotKept
    from skill.simulator.voice import NoToken, Voice

    secret = (_setting("bridge_secret") or "").partition(",")[0].strip()
    voice = Voice(url.rstrip("/"), SecretStr(secret) if secret else None, _token(token_file))

    async def run() -> int:
        async with voice:
            return await work(voice)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
    try:
        status = asyncio.run(run())
    except KeyboardInterrupt:
        status = 0
    except (NoToken, NotKept) as error:
        raise _say_failed(str(error), 2) from error
    except SkillAway as error:
        raise _say_failed(str(error), 1) from error
    raise typer.Exit(status)


def _print(said: "Said", as_json: bool, lines: Sequence[str] = ()) -> int:
    if as_json:
        typer.echo(orjson.dumps(said.facts(), option=orjson.OPT_INDENT_2).decode())
        return 0 if said.well else 1
    why = f"  ({said.detail})" if said.detail else ""
    for line in (f"Alexa: {said.reply}{why}  [{said.milliseconds:.0f} ms]", *lines):
        typer.echo(printable(line))
    return 0 if said.well else 1


def _order(lamp: str, make: Callable[[str], Intent], url: str, token_file: Path | None, as_json: bool) -> None:
    async def work(voice: "Voice") -> int:
        return _print(await voice.order(lamp, make), as_json)

    _with_voice(url, token_file, work)


@alexa_app.command()
def discover(url: Url = HERE, token_file: TokenFile = None, as_json: Json = False) -> None:
    """Discover, and list what was found."""

    async def work(voice: "Voice") -> int:
        said = await voice.discover()
        lines = [f"  {each.name:<24} {each.endpoint_id}  {voice.abilities(each)}" for each in voice.devices]
        return _print(said, as_json, lines)

    _with_voice(url, token_file, work)


@alexa_app.command()
def on(lamp: LampName, url: Url = HERE, token_file: TokenFile = None, as_json: Json = False) -> None:
    """TurnOn."""
    _order(lamp, lambda name: Power((name,), True), url, token_file, as_json)


@alexa_app.command()
def off(lamp: LampName, url: Url = HERE, token_file: TokenFile = None, as_json: Json = False) -> None:
    """TurnOff."""
    _order(lamp, lambda name: Power((name,), False), url, token_file, as_json)


@alexa_app.command()
def brightness(
    lamp: LampName,
    percent: Annotated[
        int, typer.Argument(min=-FAR, max=FAR, help="0-100. Others are sent, too, to see them refused.")
    ],
    url: Url = HERE,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """SetBrightness."""
    _order(lamp, lambda name: Brightness((name,), percent), url, token_file, as_json)


@alexa_app.command()
def brighten(
    lamp: LampName,
    by: Annotated[int, typer.Argument(min=0, max=FAR, help="Percent points.")] = 25,
    url: Url = HERE,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """AdjustBrightness, up."""
    _order(lamp, lambda name: Adjust((name,), by), url, token_file, as_json)


@alexa_app.command()
def dim(
    lamp: LampName,
    by: Annotated[int, typer.Argument(min=0, max=FAR, help="Percent points.")] = 25,
    url: Url = HERE,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """AdjustBrightness, down."""
    _order(lamp, lambda name: Adjust((name,), -by), url, token_file, as_json)


@alexa_app.command()
def color(
    lamp: LampName,
    colour: Annotated[
        list[str], typer.Argument(metavar="COLOR", help="red, #ff8800, or hue 0-360 and saturation 0-1.")
    ],
    url: Url = HERE,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """SetColor."""
    try:
        exactly = colour_of(" ".join(colour))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="COLOR") from error
    _order(lamp, lambda name: Colour((name,), " ".join(colour), exactly), url, token_file, as_json)


@alexa_app.command()
def white(
    lamp: LampName,
    shade: Annotated[list[str], typer.Argument(metavar="WHITE", help="Kelvin, or warm, soft white, daylight, cool …")],
    url: Url = HERE,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """SetColorTemperature."""
    try:
        kelvin = kelvin_of(" ".join(shade))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="WHITE") from error
    _order(lamp, lambda name: White((name,), kelvin), url, token_file, as_json)


@alexa_app.command()
def warmer(lamp: LampName, url: Url = HERE, token_file: TokenFile = None, as_json: Json = False) -> None:
    """DecreaseColorTemperature."""
    _order(lamp, lambda name: Whiter((name,), cooler=False), url, token_file, as_json)


@alexa_app.command()
def cooler(lamp: LampName, url: Url = HERE, token_file: TokenFile = None, as_json: Json = False) -> None:
    """IncreaseColorTemperature."""
    _order(lamp, lambda name: Whiter((name,), cooler=True), url, token_file, as_json)


@alexa_app.command()
def report(
    lamp: LampName,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again and again, printing what changed; Ctrl-C ends it.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.05, max=3600, help="Seconds between two questions.")] = 1.0,
    url: Url = HERE,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """ReportState."""

    async def work(voice: "Voice") -> int:
        shown: object = None
        while True:
            said = await voice.order(lamp, lambda name: Question((name,), "state"))
            state = (said.reply, said.properties)
            if state != shown:
                shown = state
                if as_json and watch:
                    typer.echo(orjson.dumps(said.facts()).decode())
                else:
                    _print(said, as_json, [f"  {name:<26} {value}" for name, value in said.properties.items()])
            if not watch or voice.unlinked:
                return 0 if said.well else 1
            await asyncio.sleep(every)

    _with_voice(url, token_file, work)


@alexa_app.command()
def say(
    sentence: Annotated[list[str], typer.Argument(help='"turn on the desk lamp"', callback=a_text)],
    url: Url = HERE,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """A sentence, understood as the simulator page understands it."""

    async def work(voice: "Voice") -> int:
        return _print(await voice.hear(" ".join(sentence)), as_json)

    _with_voice(url, token_file, work)


@alexa_app.command()
def link(
    client_id: Annotated[
        str, typer.Option(help="A client whose redirect URI is http://127.0.0.1/callback.", callback=a_text)
    ],
    issuer: Annotated[
        str | None,
        typer.Option(
            help="The authorization server. [SKILL_ISSUER, default http://localhost:8000]", callback=an_http_url
        ),
    ] = None,
    client_secret_file: Annotated[
        Path | None, typer.Option(help="A file with its secret; a public client has none.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the address by itself.")] = True,
    timeout: Annotated[float, typer.Option(min=1, max=3600, help="Seconds that the person may take.")] = 300.0,
) -> None:
    """Link an account: code and PKCE in your browser. The tokens are kept for the other commands."""
    from skill.simulator import keeping, loopback
    from skill.simulator.keeping import Kept, NotKept
    from skill.simulator.linking import LinkingFailed

    where = (issuer or _setting("issuer") or "http://localhost:8000").rstrip("/")
    secret = None if client_secret_file is None else read(client_secret_file, "--client-secret-file", "secret")

    def show(address: str) -> None:
        typer.echo(f"Open this address, sign in, and allow:\n\n{address}\n")
        if open_browser:
            webbrowser.open(address)

    try:
        made = asyncio.run(loopback.link(where, client_id, SecretStr(secret) if secret else None, show, timeout))
        keeping.keep(Kept(where, client_id, secret, made))
    except LinkingFailed as failed:
        raise _say_failed(f"{failed.notice.title}. {failed.notice.text} [{failed.notice.code}]", 1) from failed
    except TimeoutError as error:
        raise _say_failed(f"nobody came back within {timeout:g} s", 1) from error
    except NotKept as error:
        raise _say_failed(str(error), 1) from error
    seconds = made.expires_at - time.time()
    typer.echo(f"Linked {made.account}. Kept in {keeping.place()}; renewed by itself, first in {seconds:.0f} s.")


@alexa_app.command()
def unlink() -> None:
    """Forget the tokens, as the Alexa app does: the authorization server is not told."""
    from skill.simulator import keeping

    try:
        typer.echo("Forgotten." if keeping.forget() else "Nothing was linked.")
    except keeping.NotKept as error:
        raise _say_failed(str(error), 1) from error
