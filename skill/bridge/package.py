"""What is brought to AWS: the zip, the template, and the settings that belong to both."""

import io
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parent
MODULE = "lambda_function"

RUNTIME = "python3.13"
MEMORY = 256  # MB; the share of a processor goes with it, and with 128 TLS takes half a second
TIMEOUT = 8  # seconds, all that Alexa waits
ENVIRONMENT = {
    "SKILL_URL": "where skill is reached: https://skill.example.org",
    "BRIDGE_SECRET": "what SKILL_BRIDGE_SECRET is at skill",
}
REGIONS = {
    "us-east-1": "English (US, CA), French (CA), Spanish (MX, US), Portuguese (BR)",
    "eu-west-1": "English (UK, IN), German, Spanish (ES), French (FR), Italian, Dutch, Hindi, Arabic",
    "us-west-2": "Japanese, English (AU)",
}
"""Alexa calls only the function in the region of the customer's language."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name
_CODE = "@CODE@"


def code() -> str:
    return (FOLDER / f"{MODULE}.py").read_text("utf-8")


def zipped() -> bytes:
    """The same bytes wherever and whenever it is made: nothing of time or machine, and stored rather than compressed,
    since compressors differ."""
    target = io.BytesIO()
    entry = zipfile.ZipInfo(f"{MODULE}.py", _LONG_AGO)
    entry.create_system = 3  # Unix, wherever this runs
    entry.external_attr = 0o100644 << 16  # Lambda must be able to read it
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, code().encode())
    return target.getvalue()


def settings() -> dict[str, object]:
    """What to type in where the zip is uploaded by hand."""
    return {
        "handler": f"{MODULE}.lambda_handler",
        "runtime": RUNTIME,
        "memory_mb": MEMORY,
        "timeout_seconds": TIMEOUT,
        "environment": ENVIRONMENT,
        "regions": REGIONS,
    }


def template() -> str:
    """A CloudFormation template that holds the code, so that it needs neither the zip nor a bucket."""
    lines = []
    for line in (FOLDER / "template.yaml").read_text("utf-8").splitlines():
        indent = line.removesuffix(_CODE)
        lines += [indent + own if own else "" for own in code().splitlines()] if indent != line else [line]
    return "\n".join(lines) + "\n"
