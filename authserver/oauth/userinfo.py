"""Which claims about a person a scope opens (OpenID Connect Core §5.4)."""

from typing import Any

PROFILE_CLAIMS = (
    "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
    "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
)  # fmt: skip

SCOPES = {
    "openid": "Know who you are here",
    "profile": "See your name and profile",
    "email": "See your e-mail address",
    "phone": "See your phone number",
    "aws.cognito.signin.user.admin": "Manage your account",
}


def claims_of_scope(
    email: str, email_verified: bool, attributes: dict[str, Any], scope: str, *, everything: bool = False
) -> dict[str, Any]:
    """Only what the scope names and the account has; `everything` is Cognito's way with `openid` alone."""
    scopes = scope.split()
    claims: dict[str, Any] = {}
    if everything or "profile" in scopes:
        claims |= {name: attributes[name] for name in PROFILE_CLAIMS if name in attributes}
    if everything or "email" in scopes:
        claims |= {"email": email, "email_verified": email_verified}
    if (everything or "phone" in scopes) and "phone_number" in attributes:
        claims |= {
            "phone_number": attributes["phone_number"],
            "phone_number_verified": bool(attributes.get("phone_number_verified", False)),
        }
    return claims
