"""There is one way into the outbox, which sees to it that an action has one mail."""

import re

from tests.house.sources import below, name_of

LETTER = re.compile(r"\b\w+_mail\(")
ADDED = re.compile(r"\.add(_all)?\(\s*\[?\s*(letters?\b|mail\b|\w*mail\()")


def test_letters_are_posted_and_never_added_to_a_session() -> None:
    found = [name_of(path) for path in below("authserver") if ADDED.search(path.read_text())]
    assert found == []


def test_whoever_writes_a_letter_posts_it() -> None:
    """`outbox.post` in units of work, `for_action` on the hot path; `trial` sends its own."""
    writers = [
        path
        for path in below("authserver")
        if "letters." in path.read_text() and LETTER.search(path.read_text()) and "/mail/" not in name_of(path)
    ]
    assert writers, "nobody writes letters"
    unposted = [path for path in writers if not re.search(r"outbox\.post\(|hot_row\(for_action\(", path.read_text())]
    assert [name_of(path) for path in unposted] == []
