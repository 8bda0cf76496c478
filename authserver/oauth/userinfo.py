"""Which claims about a person a scope opens (OpenID Connect Core §5.4), and in what order their groups stand."""

from collections.abc import Collection
from typing import Any

PROFILE_CLAIMS = (
    "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
    "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
)  # fmt: skip

CUSTOM = (
    "custom:"  # how the names of the operator's own attributes begin, as in Cognito; the scope `profile` opens them
)
#: claim -> the scope that opens it
SCOPE_OF_CLAIM = dict.fromkeys(PROFILE_CLAIMS, "profile") | {
    "email": "email",
    "email_verified": "email",
    "phone_number": "phone",
    "phone_number_verified": "phone",
    "address": "address",
}


#: the scopes that are about people
SCOPES = frozenset({"openid", *SCOPE_OF_CLAIM.values()})


def scope_of(claim: str) -> str | None:
    """The scope that opens this claim; None for one that is not ours to give."""
    return "profile" if claim.startswith(CUSTOM) else SCOPE_OF_CLAIM.get(claim)


def claims_of_scope(
    email: str,
    email_verified: bool,
    attributes: dict[str, Any],
    scope: str,
    *,
    everything: bool = False,
    singly: Collection[str] = (),
) -> dict[str, Any]:
    """Only what the scope names and the account has, and what is named `singly`; `everything` is Cognito's way with
    `openid` alone."""
    if singly:
        every = claims_of_scope(email, email_verified, attributes, scope, everything=True)
        alone = {name: value for name, value in every.items() if name in singly}
        return claims_of_scope(email, email_verified, attributes, scope, everything=everything) | alone
    scopes = scope.split()
    claims: dict[str, Any] = {}
    if everything or "profile" in scopes:
        claims |= {
            name: value for name, value in attributes.items() if name in PROFILE_CLAIMS or name.startswith(CUSTOM)
        }
    if everything or "email" in scopes:
        claims |= {"email": email, "email_verified": email_verified}
    if (everything or "phone" in scopes) and "phone_number" in attributes:
        claims |= {
            "phone_number": attributes["phone_number"],
            "phone_number_verified": bool(attributes.get("phone_number_verified", False)),
        }
    if (everything or "address" in scopes) and "address" in attributes:
        claims["address"] = attributes["address"]
    return claims


def groups_of(found: str | None) -> tuple[str, ...]:
    """Names of groups in the order of tokens: the lowest precedence first, those without one last, then by name.

    `found` is what the statements of the hot path read: `3:admins :guests`; None for none.
    """
    if not found:
        return ()
    pairs = [one.partition(":") for one in found.split(" ")]
    ordered = sorted((precedence == "", int(precedence or 0), name) for precedence, _, name in pairs)
    return tuple(name for _, _, name in ordered)
