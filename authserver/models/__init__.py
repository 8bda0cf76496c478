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
from authserver.models.consent import Consent
from authserver.models.email_change import EmailChange
from authserver.models.grant import Grant
from authserver.models.interaction import Interaction
from authserver.models.known_device import KnownDevice
from authserver.models.mail import Mail
from authserver.models.passkey import Challenge, Passkey
from authserver.models.recovery import Recovery
from authserver.models.second_factor import RecoveryCode, Totp
from authserver.models.server_state import ServerState
from authserver.models.session import Session
from authserver.models.sign_up import SignUp
from authserver.models.signing_key import SigningKey
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
    "ClientSecret",
    "Consent",
    "EmailChange",
    "Grant",
    "Interaction",
    "KnownDevice",
    "Mail",
    "Passkey",
    "Recovery",
    "RecoveryCode",
    "ServerState",
    "Session",
    "SignUp",
    "SigningKey",
    "Totp",
    "User",
    "VerificationCode",
    "metadata",
]
