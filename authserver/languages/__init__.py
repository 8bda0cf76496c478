"""In which language somebody is spoken to: the languages, their catalogues, and which of them is wanted.

`speaking(language)` says it for all that is then done on the way of one request; `_` and `_n` look a text up in it, and
`moments` writes dates. English stands in the source; every other language is a catalogue in `authserver/locales`, which
`make catalogues` keeps in step with the source. Texts of the operator's own go before ours.

Who is asking, and how a choice is kept, is not here: `pages.language`.
"""

from authserver.languages.catalogues import CatalogueError
from authserver.languages.choosing import match, preferred
from authserver.languages.spoken import (
    ENGLISH,
    N_,
    TAGS,
    Language,
    current,
    languages,
    ngettext,
    read_own,
    speaking,
    spoken,
)
from authserver.languages.spoken import gettext as _
from authserver.languages.spoken import ngettext as _n

__all__ = [
    "ENGLISH",
    "N_",
    "TAGS",
    "CatalogueError",
    "Language",
    "_",
    "_n",
    "current",
    "languages",
    "match",
    "ngettext",
    "preferred",
    "read_own",
    "speaking",
    "spoken",
]
