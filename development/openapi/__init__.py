"""The machine endpoints of authserver as an OpenAPI 3.1 document: `docs/reference/openapi.json`.

One file for each endpoint, `document` puts them together. That every route is here and that the server answers as it is
written is held by `tests/house/test_openapi.py` and `tests/fuzz`. The hosted pages are for people and not in it.
"""

from development.openapi.document import document

__all__ = ["document"]
