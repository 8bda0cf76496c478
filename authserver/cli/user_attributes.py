"""`authserver user set-attribute`, `… remove-attribute`: what claims say of a person."""

from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attributes
from authserver.cli import printing
from authserver.cli.printing import Json
from authserver.cli.running import NotFoundError, on_database
from authserver.cli.users import Name, app, named, shown

Attribute = Annotated[
    str,
    typer.Argument(
        metavar="ATTRIBUTE", help=f"{', '.join(attributes.STANDARD)}; or custom:… as `attribute add` made it."
    ),
]


@app.command("set-attribute", context_settings={"ignore_unknown_options": True})  # a value may begin with a dash
def set_attribute(
    user: Name,
    attribute: Attribute,
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help='An address: text, or JSON such as {"locality": "Berlin"}.')
    ],
    json: Json = False,
) -> None:
    """Say something of a person that tokens and userInfo tell. A new phone number is not verified."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        await attributes.give(session, found, {attribute: await attributes.read(session, attribute, value)}, now)
        return shown(found, now)

    printing.record(on_database(work), json)


@app.command("remove-attribute")
def remove_attribute(user: Name, attribute: Attribute, json: Json = False) -> None:
    """Take away what was said of a person."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        known = attribute in attributes.STANDARD or attribute.startswith(attributes.CUSTOM)
        if not known or attribute not in found.attributes:
            raise NotFoundError(f"{found.email} has no {attribute}")
        await attributes.give(session, found, {attribute: None}, now)
        return shown(found, now)

    printing.record(on_database(work), json)
