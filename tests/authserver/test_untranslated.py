"""What nobody has translated yet is shown in English, in every language."""

import pytest

from authserver.languages import languages, ngettext, speaking

KNOWN = languages(None)


@pytest.mark.parametrize("tag", KNOWN)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 12, 100])
def test_a_plural_without_translation_has_the_two_forms_of_english(tag: str, count: int) -> None:
    with speaking(KNOWN[tag]):
        assert ngettext("a thing of this test", "{count} things of this test", count) == (
            "a thing of this test" if count == 1 else "{count} things of this test"
        )
