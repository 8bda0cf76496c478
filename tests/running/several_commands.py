"""`python several_commands.py SERVICE`: runs commands of one service one after another in one process.

Standard input holds a JSON list of `[arguments, standard input]`, standard output gets the list of what they printed.
A command of its own process spends a second on imports, which a test that registers ten clients need not wait for.
"""

import contextlib
import importlib
import io
import json
import sys


def main() -> None:
    app = importlib.import_module(f"{sys.argv[1]}.cli").app
    printed = []
    for arguments, given in json.load(sys.stdin):
        sys.stdin = io.StringIO(given)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            app(arguments, standalone_mode=False)
        printed.append(out.getvalue())
    json.dump(printed, sys.stdout)


if __name__ == "__main__":
    main()
