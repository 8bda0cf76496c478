"""py_webauthn and what it stands on are seven megabytes in each worker, and most of them never see a passkey."""

import asyncio
from importlib import import_module


async def rules_loaded() -> None:
    """After this `ceremonies` can be imported at once. The first time takes a tenth of a second, beside other work."""
    await asyncio.to_thread(import_module, "authserver.accounts.passkeys.ceremonies")
