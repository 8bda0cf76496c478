"""The tables, one file for each thing that is stored. Times are Unix seconds in UTC; digests are 32 bytes.

Construction of a `table=True` model does not validate (SQLModel): callers give valid values. No relationships: what
belongs together is joined where it is read.
"""

from sqlmodel import SQLModel

from authserver.models.activity import Activity
from authserver.models.attempt import Attempt
from authserver.models.authorization_code import AuthorizationCode
from authserver.models.client import Client, ClientSecret
from authserver.models.client_logo import ClientLogo
from authserver.models.client_registration import ClientRegistration, InitialAccessToken
from authserver.models.consent import Consent
from authserver.models.device_code import DeviceCode
from authserver.models.email_change import EmailChange
from authserver.models.grant import Grant
from authserver.models.group import CustomAttribute, Group, GroupMember
from authserver.models.interaction import Interaction
from authserver.models.known_device import KnownDevice
from authserver.models.logout_notice import LogoutNotice
from authserver.models.mail import Mail
from authserver.models.passkey import Challenge, Passkey
from authserver.models.pushed_request import PushedRequest
from authserver.models.recovery import Recovery
from authserver.models.resource_server import ResourceScope, ResourceServer
from authserver.models.second_factor import RecoveryCode, Totp
from authserver.models.server_state import ServerState
from authserver.models.session import Session
from authserver.models.sign_up import SignUp
from authserver.models.signing_key import SigningKey
from authserver.models.spent_token import RevokedAccessToken, SpentToken
from authserver.models.user import User
from authserver.models.verification import VerificationCode

metadata = SQLModel.metadata

__all__ = [
    "Activity",
    "Attempt",
    "AuthorizationCode",
    "Challenge",
    "Client",
    "ClientLogo",
    "ClientRegistration",
    "ClientSecret",
    "Consent",
    "CustomAttribute",
    "DeviceCode",
    "EmailChange",
    "Grant",
    "Group",
    "GroupMember",
    "InitialAccessToken",
    "Interaction",
    "KnownDevice",
    "LogoutNotice",
    "Mail",
    "Passkey",
    "PushedRequest",
    "Recovery",
    "RecoveryCode",
    "ResourceScope",
    "ResourceServer",
    "RevokedAccessToken",
    "ServerState",
    "Session",
    "SignUp",
    "SigningKey",
    "SpentToken",
    "Totp",
    "User",
    "VerificationCode",
    "metadata",
]
