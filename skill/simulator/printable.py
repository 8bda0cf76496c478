"""What came over a wire, before it is printed."""


def printable(text: str) -> str:
    """Without what would command the terminal."""
    return "".join(character if character.isprintable() else "·" for character in text)
