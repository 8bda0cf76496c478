"""The browser that somebody is at."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Browser:
    """What is known of the browser that somebody is at. `cookies` it came with; `address`: of the network."""

    cookies: Mapping[str, str]
    user_agent: str
    address: str
