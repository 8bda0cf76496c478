"""What an operator says of people: the standard claims of OpenID Connect, and their own attributes (`custom:<name>`).

Names, addresses and user names are elsewhere (`administration`, `email_change`, `usernames`); nothing that the protocol
says of itself is read from attributes (contracts/security.md 6.66). Every function works in the caller's unit of work.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
from babel import Locale
from babel.core import UnknownLocaleError
from sqlalchemy import JSON, cast, func, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import profile
from authserver.accounts.administration import AccountError
from authserver.models import CustomAttribute, User

CUSTOM = "custom:"
KINDS = ("String", "Number", "Boolean", "DateTime")
LONGEST = 2048  # characters of a value, as in Cognito
ADDRESS = ("formatted", "street_address", "locality", "region", "postal_code", "country")  # OpenID Connect Core §5.1.1
NAME = re.compile(r"custom:[a-zA-Z0-9_.-]{1,20}")  # as in Cognito, of letters that a shell and JSONPath bear


def _line(text: str) -> str:
    return text


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise AccountError("is not a web address") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or " " in text:
        raise AccountError("is not a web address")
    return text


def _birthdate(text: str) -> str:
    """A day, a year, or a day of no year (`0000-…`)."""
    try:
        date.fromisoformat("2000" + text[4:] if text.startswith("0000-") else text + "-01-01" * (len(text) == 4))
    except ValueError as error:
        raise AccountError("is neither YYYY-MM-DD, nor YYYY, nor 0000-MM-DD") from error
    return text


def _zone(text: str) -> str:
    if text not in profile.zones():
        raise AccountError("is not a time zone such as Europe/Berlin")
    return text


def _language(text: str) -> str:
    try:
        Locale.parse(text, sep="-")
    except (ValueError, UnknownLocaleError) as error:
        raise AccountError("is not a language such as de or pt-BR") from error
    return text


def _phone(text: str) -> str:
    if not re.fullmatch(r"\+[1-9][0-9]{3,14}", text):
        raise AccountError("is not a number such as +4930123456 (E.164)")
    return text


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise AccountError("is true or false")
    return text == "true"


def _postal(text: str) -> dict[str, str]:
    """JSON of OpenID Connect's members; any other text is the whole address."""
    if not text.startswith("{"):
        return {"formatted": text}
    try:
        members = orjson.loads(text)
    except ValueError as error:
        raise AccountError("is not JSON") from error
    if not set(members) <= set(ADDRESS) or not all(isinstance(value, str) for value in members.values()):
        raise AccountError(f"has members of {', '.join(ADDRESS)}, each a text")
    return dict(members)


#: claims that an operator may set, and how each is read; the value is what tokens tell
STANDARD: dict[str, Callable[[str], Any]] = {
    "name": _line,
    "family_name": _line,
    "given_name": _line,
    "middle_name": _line,
    "nickname": _line,
    "profile": _web_address,
    "picture": _web_address,
    "website": _web_address,
    "gender": _line,
    "birthdate": _birthdate,
    "zoneinfo": _zone,
    "locale": _language,
    "phone_number": _phone,
    "phone_number_verified": _truth,
    "address": _postal,
}


def _custom(attribute: CustomAttribute, text: str) -> str:
    """Text whatever the kind, as Cognito tells it (contracts/cognito.md 2.1). Raises `AccountError`."""
    least, most = attribute.least, attribute.most
    if attribute.kind == "Boolean":
        return str(_truth(text)).lower()
    if attribute.kind == "DateTime":
        try:
            datetime.fromisoformat(text)
        except ValueError as error:
            raise AccountError("is not a time such as 2026-01-31T12:00:00Z") from error
        return text
    if attribute.kind == "Number":
        if not re.fullmatch(r"-?[0-9]{1,15}", text):
            raise AccountError("is not a whole number")
        size, of = int(text), "the number"
    else:
        size, of = len(text), "the length"
    if (least is not None and size < least) or (most is not None and size > most):
        raise AccountError(f"{of} must be {'…' if least is None else least} to {'…' if most is None else most}")
    return text


async def read(session: AsyncSession, name: str, text: str) -> Any:
    """The value as it is stored and told. Raises `AccountError` with the name in front."""
    try:
        if len(text) > LONGEST or any(not character.isprintable() for character in text.replace("\n", " ")):
            raise AccountError(f"has at most {LONGEST} printable characters")
        if not text.strip():
            raise AccountError("is empty; take it away with `user remove-attribute`")
        if name.startswith(CUSTOM):
            attribute = await find(session, name)
            if attribute is None:
                raise AccountError("is not defined; define it with `attribute add`")
            return _custom(attribute, text)
        if name not in STANDARD:
            raise AccountError(f"cannot be set; what can: {', '.join(STANDARD)}, and custom:… that you define")
        return STANDARD[name](text)
    except AccountError as error:
        raise AccountError(f"{name} {error}") from error


async def give(session: AsyncSession, user: User, values: Mapping[str, Any], now: int) -> None:
    """These hold from now on, and all others stay; None takes one away. A new phone number is not verified. Does not
    check them: `read`."""
    await session.exec(update(User).where(col(User.sub) == user.sub).values(updated_at=now))
    held = await session.get(User, user.sub, populate_existing=True)
    if held is None:
        raise AccountError("the account was deleted at this moment")
    merged = held.attributes | dict(values)
    if "phone_number" in values and values["phone_number"] != held.attributes.get("phone_number"):
        merged["phone_number_verified"] = values.get("phone_number_verified")
    held.attributes = {name: value for name, value in merged.items() if value is not None}
    session.add(held)


async def find(session: AsyncSession, name: str) -> CustomAttribute | None:
    return await session.get(CustomAttribute, name) if len(name) <= 64 else None


async def every(session: AsyncSession) -> Sequence[CustomAttribute]:
    """By name."""
    return (await session.exec(select(CustomAttribute).order_by(col(CustomAttribute.name)))).all()


def full_name(name: str) -> str:
    """With `custom:` in front, whether it was given or not. Raises `AccountError`."""
    full = name if name.startswith(CUSTOM) else CUSTOM + name
    if not NAME.fullmatch(full):
        raise AccountError("an attribute's name has 1 to 20 letters, digits, and _ . - after custom:")
    return full


def _check(attribute: CustomAttribute) -> None:
    if attribute.kind not in KINDS:
        raise AccountError(f"the kind of an attribute is one of {', '.join(KINDS)}")
    least, most = attribute.least, attribute.most
    if (least is not None or most is not None) and attribute.kind not in ("String", "Number"):
        raise AccountError("only a String (characters) and a Number (value) have bounds")
    if any(abs(bound or 0) >= 2**31 for bound in (least, most)):
        raise AccountError("a bound has 31 bits")
    if least is not None and most is not None and least > most:
        raise AccountError("the lower bound is above the upper one")
    if attribute.kind == "String" and not (0 <= (least or 0) <= LONGEST and 1 <= (most or LONGEST) <= LONGEST):
        raise AccountError(f"a String has 0 to {LONGEST} characters")


async def define(
    session: AsyncSession, name: str, kind: str, least: int | None, most: int | None, now: int
) -> CustomAttribute:
    """Raises `AccountError`."""
    attribute = CustomAttribute(name=full_name(name), kind=kind, least=least, most=most, created_at=now)
    _check(attribute)
    session.add(attribute)
    try:
        await session.flush()
    except IntegrityError as error:
        raise AccountError(f"there is an attribute {attribute.name} already") from error
    return attribute


async def change(session: AsyncSession, attribute: CustomAttribute, bounds: Mapping[str, int | None]) -> None:
    """Sets `least` or `most`, or both. Values that people have already stay as they are. Raises `AccountError`."""
    for name, value in bounds.items():
        setattr(attribute, name, value)
    _check(attribute)
    session.add(attribute)


async def remove(session: AsyncSession, attribute: CustomAttribute) -> None:
    """The attribute, and everybody's value of it."""
    column = col(User.attributes)
    if session.get_bind().dialect.name == "postgresql":
        changed: Any = cast(cast(column, JSONB).op("-")(attribute.name), JSON)
        holds: Any = cast(column, JSONB).has_key(attribute.name)
    else:
        path = f'$."{attribute.name}"'
        changed, holds = func.json_remove(column, path), func.json_type(column, path).is_not(None)
    await session.exec(
        update(User).where(holds).values(attributes=changed).execution_options(synchronize_session=False)
    )
    await session.exec(delete(CustomAttribute).where(col(CustomAttribute.name) == attribute.name))
