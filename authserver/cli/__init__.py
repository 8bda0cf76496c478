"""Commands of the operator: one file for each noun, options and printing. What a command does is decided below, in
`accounts` and `oauth`; here it is only asked for."""

import sys

from authserver.cli.nouns import Program
from authserver.cli.running import commands
from authserver.cli.service import migrate, serve

app = commands("A self-hosted OAuth 2.0 / OpenID Connect server in Amazon Cognito's place.", cls=Program)
app.command()(serve)
app.command()(migrate)


def main() -> None:
    """The entry point of `authserver`."""
    sys.exit(app())
