"""Dates, spans of time, lists and sentences as the reader's language writes them (CLDR). Times are Unix seconds; dates
are UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from babel.dates import format_date, format_time, format_timedelta
from babel.lists import format_list

from authserver.languages.spoken import current
from authserver.languages.spoken import gettext as _


def day(moment: int) -> str:
    """A date."""
    return format_date(datetime.fromtimestamp(moment, UTC).date(), "long", locale=current().locale)


def minute(moment: int) -> str:
    """A date and a time of day, which says that it is UTC: no time zone of the reader is known."""
    locale = current().locale
    at = datetime.fromtimestamp(moment, UTC)
    time = f"{format_time(at, 'short', locale=locale)} UTC"
    together = str(locale.datetime_formats["long"]).replace("'", "")  # in this language's order
    return together.replace("{0}", time).replace("{1}", format_date(at.date(), "long", locale=locale))


def time_of_day(moment: int) -> str:
    """A time of day, which says that it is UTC."""
    return f"{format_time(datetime.fromtimestamp(moment, UTC), 'short', locale=current().locale)} UTC"


def ago(seconds: int) -> str:
    """How long something is past, in whole units: no time zone of the reader is known."""
    if seconds < 120:
        return _("just now")
    unit = next(size for size in (86_400, 3600, 60) if seconds >= 2 * size)
    past = timedelta(seconds=-(seconds // unit * unit))
    return format_timedelta(past, threshold=2, add_direction=True, locale=current().locale)


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    return format_list(list(names), locale=current().locale)


def sentences(*said: str) -> str:
    """One after the other: a wide full stop brings its own space along."""
    return " ".join(said).replace("。 ", "。")
