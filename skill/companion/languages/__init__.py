"""In which language a page speaks: the languages, their catalogues, and which of them a browser wants.

English stands in the source; every other language is a catalogue in `skill/companion/locales`, which `make catalogues`
keeps in step with it. `speaking(language)` says it for all that is then done for one request; `_` and `_n` look a text
up in it, `moments` writes dates, numbers and lists. Nothing outside the companion loads this, nor Babel.
"""

from skill.companion.languages.spoken import (
    LANGUAGES,
    N_,
    TAGS,
    Language,
    current,
    speaking,
)
from skill.companion.languages.spoken import gettext as _
from skill.companion.languages.spoken import ngettext as _n

__all__ = ["LANGUAGES", "N_", "TAGS", "Language", "_", "_n", "current", "speaking"]
