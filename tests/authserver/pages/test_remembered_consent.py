"""What a remembered consent covers."""

from typing import Any

import pytest

from authserver.models import Client, User
from authserver.oauth.consents import Remembered

SCOPES = ["openid", "email", "lamps", "profile"]


@pytest.mark.parametrize(
    ("another", "covered"),
    [
        ({}, True),
        ({"sub": "somebody else"}, False),
        ({"client_id": "another"}, False),
        ({"epoch": 6}, False),
        ({"epoch": 8}, False),
        ({"scope": "openid"}, False),
        ({"scope": ""}, False),
        ({"scope": "openid email lamps"}, True),
        ({"scope": "openidemail"}, False),
    ],
    ids=str,
)
def test_a_remembered_consent_covers_one_person_one_client_one_epoch_and_its_scopes(
    another: dict[str, Any], covered: bool
) -> None:
    """Whatever was looked up: the rule itself compares."""
    user = User(sub="me", username="me", email="", email_canonical="", epoch=7, created_at=0, updated_at=0)
    client = Client(client_id="app", client_name="App", created_at=0, updated_at=0)
    known: dict[str, Any] = {"sub": "me", "client_id": "app", "scope": "email openid", "epoch": 7} | another
    assert Remembered(**known).covers(user, client, "openid email") is covered
