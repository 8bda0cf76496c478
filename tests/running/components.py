"""Programs that do not come from PyPI, and what to do when one is missing."""

import os
import shutil
from typing import NoReturn

import pytest

#: the first is the same browser without windows, menus and profiles: a page takes it a quarter of the time
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MOSQUITTO = ("mosquitto",)


def missing(component: str, how: str) -> NoReturn:
    """Skip the test loudly; under REQUIRE_COMPONENTS=1 (`.ci/run`) fail it: a green run there means that all ran."""
    message = f"{component} is missing: {how}"
    if os.environ.get("REQUIRE_COMPONENTS") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def executable(component: str, names: tuple[str, ...]) -> str:
    """The path of the first of `names` that is installed; /usr/sbin is searched too, where mosquitto lives."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin"
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    missing(component, "`make system` as root installs it on Debian and Ubuntu")
