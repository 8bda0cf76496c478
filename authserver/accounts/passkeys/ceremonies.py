"""The two ceremonies of WebAuthn Level 3, on plain values: what a browser is asked, and what its answer is worth.

py_webauthn holds the rules of §7.1 and §7.2. What it leaves to its caller is here: the answer must not come from a page
in a frame (`crossOrigin`), and must not be larger than what is stored. Who the passkey belongs to, its counter and its
backup flag are compared in `assertions`. Nothing imports this at the start of a worker (`loading`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    encode_cbor,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from authserver.accounts.passkeys import challenges, own
from authserver.models import Passkey, User
from authserver.settings import Settings

ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,  # Windows Hello on a TPM without elliptic curves
]
LONGEST_ID = 1023  # bytes, WebAuthn §5.8.3
LONGEST_KEY = 2048  # bytes of COSE; RSA with 4096 bits has about 530
PATIENCE = challenges.LIFETIME * 1000  # milliseconds that a browser waits for its user


def _nobodys_key() -> bytes:
    """COSE of a key whose private half nobody has."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return encode_cbor({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})


#: compared where there is no such passkey, so that the clock does not tell
NOBODYS_KEY = _nobodys_key()


def registration_options(
    settings: Settings, user: User, challenge: bytes, present: Sequence[Passkey]
) -> dict[str, Any]:
    """For `navigator.credentials.create`. The key can be found without a name, and its holder proves to be its owner:
    each passkey is good for either factor."""
    name = user.attributes.get("name")
    return options_to_json_dict(
        generate_registration_options(
            rp_id=settings.relying_party_id,
            rp_name=settings.name,
            user_id=own.user_handle(user),
            user_name=user.email,
            user_display_name=name if isinstance(name, str) and name else user.email,
            challenge=challenge,
            timeout=PATIENCE,
            attestation=AttestationConveyancePreference.NONE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(present),
            supported_pub_key_algs=ALGORITHMS,
        )
    )


def request_options(
    settings: Settings, challenge: bytes, *, verified: bool, allowed: Sequence[Passkey] = ()
) -> dict[str, Any]:
    """For `navigator.credentials.get`. `verified`: the holder must prove to be the owner (PIN, finger, face). Without
    `allowed` any passkey for this server will do, and nobody learns who has some."""
    asked = UserVerificationRequirement.REQUIRED if verified else UserVerificationRequirement.PREFERRED
    return options_to_json_dict(
        generate_authentication_options(
            rp_id=settings.relying_party_id,
            challenge=challenge,
            timeout=PATIENCE,
            allow_credentials=_descriptors(allowed),
            user_verification=asked,
        )
    )


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=passkey.credential_id, transports=[AuthenticatorTransport(name) for name in passkey.transports] or None
        )
        for passkey in passkeys
    ]


@dataclass(frozen=True)
class Presented:
    """An answer that could be read, and the challenge that it claims to answer. Nothing of it is proven."""

    credential: AuthenticationCredential
    challenge: bytes


@dataclass(frozen=True)
class NewlyMade:
    """As `Presented`, of a passkey to be added."""

    credential: RegistrationCredential
    challenge: bytes


def read_presented(posted: str) -> Presented | None:
    """`posted`: what the form holds, JSON as of `PublicKeyCredential.toJSON`."""
    try:
        credential = parse_authentication_credential_json(posted)
        return Presented(credential, parse_client_data_json(credential.response.client_data_json).challenge)
    except Exception:  # what anybody may send raises anything in the library's parsers
        return None


def read_newly_made(posted: str) -> NewlyMade | None:
    try:
        credential = parse_registration_credential_json(posted)
        return NewlyMade(credential, parse_client_data_json(credential.response.client_data_json).challenge)
    except Exception:
        return None


def verify_presented(
    settings: Settings, presented: Presented, public_key: bytes, *, verified: bool
) -> VerifiedAuthentication | None:
    """WebAuthn §7.2 but for the owner, the counter and the backup flag. The caller has consumed the challenge."""
    try:
        if parse_client_data_json(presented.credential.response.client_data_json).cross_origin:
            return None
        return verify_authentication_response(
            credential=presented.credential,
            expected_challenge=presented.challenge,
            expected_rp_id=settings.relying_party_id,
            expected_origin=settings.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=verified,
        )
    except Exception:
        return None


def verify_newly_made(settings: Settings, made: NewlyMade) -> VerifiedRegistration | None:
    """WebAuthn §7.1 but for whether the passkey is known. The caller has consumed the challenge."""
    try:
        if parse_client_data_json(made.credential.response.client_data_json).cross_origin:
            return None
        found = verify_registration_response(
            credential=made.credential,
            expected_challenge=made.challenge,
            expected_rp_id=settings.relying_party_id,
            expected_origin=settings.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
    except Exception:
        return None
    fits = len(found.credential_id) <= LONGEST_ID and len(found.credential_public_key) <= LONGEST_KEY
    return found if fits else None


def leaves_its_device(verified: VerifiedAuthentication | VerifiedRegistration) -> bool:
    """By the cloud of its maker (WebAuthn §6.1.3, backup eligibility)."""
    return verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
