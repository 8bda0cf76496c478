"""Commands of the operator: one file for each noun, options and printing. What a command does is decided below, in
`accounts` and `oauth`; here it is only asked for."""

import sys

from authserver.cli import (
    attributes,
    client_logos,
    client_secrets,
    clients,
    grants,
    groups,
    keys,
    mails,
    registration_tokens,
    resources,
    second_factors,
    users,
)
from authserver.cli.alexa import add_alexa
from authserver.cli.running import commands
from authserver.cli.service import migrate, serve
from authserver.cli.user_attributes import remove_attribute, set_attribute

app = commands("A self-hosted OAuth 2.0 / OpenID Connect server in Amazon Cognito's place.")
app.command()(serve)
app.command()(migrate)
clients.app.command("add-alexa")(add_alexa)
clients.app.add_typer(client_secrets.app, name="secret")
clients.app.add_typer(client_logos.app, name="logo")
# a value may begin with a dash
users.app.command("set-attribute", context_settings={"ignore_unknown_options": True})(set_attribute)
users.app.command("remove-attribute")(remove_attribute)
users.app.add_typer(second_factors.app, name="second-factor")
app.add_typer(users.app, name="user")
app.add_typer(clients.app, name="client")
app.add_typer(grants.app, name="grant")
app.add_typer(registration_tokens.app, name="registration-token")
app.add_typer(resources.app, name="resource")
app.add_typer(groups.app, name="group")
app.add_typer(attributes.app, name="attribute")
app.add_typer(keys.app, name="key")
app.add_typer(mails.app, name="mail")


def main() -> None:
    """The entry point of `authserver`."""
    sys.exit(app())
