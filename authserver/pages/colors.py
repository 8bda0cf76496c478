"""What an accent colour means on light and on dark pages: always told from its surroundings, its text always readable
(WCAG 2.2, contrast (minimum) and non-text contrast). Colours are `#rrggbb`."""

import colorsys

#: page, card and raised places of `pages.css`
LIGHT = ("#f5efe6", "#fffdf9", "#f5ede1")
DARK = ("#100d0b", "#1a1511", "#241c15")
READABLE = 4.6  # of text against what is behind it; WCAG demands 4.5
VISIBLE = 1.7  # of a button against the card: its text is what tells it, its edge helps
BLACK, WHITE = "#000000", "#ffffff"


def _channels(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _channels(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def moved(color: str, grounds: tuple[str, ...], ratio: float, lighter: bool) -> str:
    """The same hue, as much lighter or darker as the contrast with every ground demands."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(color))
    for step in range(101):
        to = lightness + (1 - lightness if lighter else -lightness) * step / 100
        red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, to, saturation))
        found = f"#{red:02x}{green:02x}{blue:02x}"
        if all(contrast(found, ground) >= ratio for ground in grounds):
            return found
    return WHITE if lighter else BLACK


def text_on(color: str) -> str:
    """Black or white, whichever is read better: one of them always is readable."""
    return max(BLACK, WHITE, key=lambda text: contrast(text, color))


def _scheme(accent: str, grounds: tuple[str, ...], *, dark: bool) -> str:
    button = moved(accent, grounds[1:2], VISIBLE, lighter=dark)
    text = text_on(button)
    over = moved(button, (text,), contrast(text, button) + 0.8, lighter=text == BLACK)
    values = {
        "accent": button,
        "accent-over": over,
        "on-accent": text,
        "accent-text": moved(accent, grounds, READABLE, lighter=dark),
        "cone": button,
        "shade-dim": button,
        "shade-lit": over,
        "shadow": "0 1px 2px rgb(0 0 0/.06),0 18px 50px -18px color-mix(in srgb,var(--accent) 34%,transparent)",
    }
    return ":root{" + "".join(f"--{name}:{value};" for name, value in values.items()) + "}"


def style(accent: str) -> str:
    """A style sheet that comes after `pages.css`."""
    light, dark = _scheme(accent, LIGHT, dark=False), _scheme(accent, DARK, dark=True)
    return f"{light}\n@media (prefers-color-scheme: dark){{{dark}}}\n"
