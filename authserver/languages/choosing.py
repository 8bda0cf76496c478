"""Which of our languages somebody wants (RFC 4647 §3.4, look-up; RFC 9110 §12.5.4, `Accept-Language`)."""

from collections.abc import Iterable

LONGEST = 1000  # characters of a list of languages that are looked at


def match(tag: str, tags: Iterable[str]) -> str | None:
    """The one of `tags` that serves who asks for `tag`: the same, else one of the same language wherever it is spoken
    (`pt-PT` is served with `pt-BR`), else none (`zh`)."""
    wanted = tag.strip().replace("_", "-").lower()
    known = {one.lower(): one for one in tags}
    if wanted in known:
        return known[wanted]
    language = wanted.partition("-")[0]
    return next((one for lower, one in known.items() if lower.partition("-")[0] == language), None)


def first_of(text: str, tags: Iterable[str]) -> str | None:
    """Of a list in order of preference, separated by spaces (`ui_locales`, OpenID Connect Core §3.1.2.1)."""
    found = (match(tag, tags) for tag in text[:LONGEST].split())
    return next(filter(None, found), None)


def preferred(header: str, tags: Iterable[str], default: str) -> str | None:
    """Of an `Accept-Language`; equal weights in the order in which they came; weight 0 is "not that one". None where
    nothing of it is ours; `*` is `default`."""
    asked = []
    for place, part in enumerate(header[:LONGEST].split(",")):
        tag, *parameters = (word.strip() for word in part.split(";"))
        weight = _weight(parameters)
        if tag and weight > 0:
            asked.append((-weight, place, tag))
    for _weight_of, _place, tag in sorted(asked):
        found = default if tag == "*" else match(tag, tags)
        if found is not None:
            return found
    return None


def _weight(parameters: list[str]) -> float:
    """1 where none is given; 0, which is ignored, where it cannot be read."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0
            return weight if 0 <= weight <= 1 else 0
    return 1
