"""Dates, times of day, per cent and lists as the reader's language writes them (CLDR)."""

from collections.abc import Iterable
from datetime import date, datetime

from babel.dates import format_date, format_skeleton, format_time
from babel.lists import format_list
from babel.numbers import format_percent

from skill.companion.languages.spoken import current


def day(on: date) -> str:
    return format_date(on, "long", locale=current().locale)


def day_of_week(on: date) -> str:
    """The date, with the day of the week."""
    return format_date(on, "full", locale=current().locale)


def short_day(on: date) -> str:
    """Without the year."""
    return format_skeleton("MMMd", on, locale=current().locale)


def clock(at: datetime) -> str:
    """The time of day as `at` has it, in whatever time zone."""
    return format_time(at.replace(tzinfo=None), "short", locale=current().locale)


def percent(number: int) -> str:
    return format_percent(number / 100, locale=current().locale)


def percent_pattern() -> str:
    """As `percent`, with `{number}` where the number stands."""
    return percent(42).replace("42", "{number}")


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    return format_list(list(names), locale=current().locale)
