"""Every address of the companion, and what runs beside it."""

import asyncio
import logging

from starlette.routing import BaseRoute

from skill.companion.claim import ClaimPages
from skill.companion.cookies import Cookies
from skill.companion.history import History
from skill.companion.home import Home
from skill.companion.lamp import LampPages
from skill.companion.language_menu import choose
from skill.companion.past import PastPages
from skill.companion.sessions import Sessions
from skill.companion.signing_in import CALLBACK, SIGNED_OUT, SigningIn
from skill.companion.stream import Live
from skill.companion.strict import Strict, static_files
from skill.companion.visit import Page, Visits
from skill.service import Service
from skill.settings import Settings
from skill.storage.cold import Cold

log = logging.getLogger(__name__)

PURGE_EVERY = 3600.0  # seconds


def companion_routes(settings: Settings, service: Service) -> list[BaseRoute]:
    """Only where nothing of `settings.missing_for_companion` is missing."""
    assert settings.public_url is not None
    cold = Cold(settings.database_url.get_secret_value())
    sessions = Sessions(cold, settings.secret_keys, service.clock)
    cookies = Cookies(settings.public_url, settings.secret_keys)
    live = Live(service, sessions)
    history = History(service, cold)
    home = Home(service, cold, live)
    lamps = LampPages(service, cold, home, history, settings.public_url)
    claims = ClaimPages(service, cold)
    past = PastPages(service, cold, history)
    signing_in = SigningIn(settings, service, sessions, live)

    async def tidy() -> None:
        """Ends last: what the history still had to write is written before the database is closed."""
        writing = asyncio.create_task(history.run())
        try:
            while True:
                try:
                    await sessions.purge()
                except Exception as error:
                    log.warning("sessions that are over were not purged: %s", type(error).__name__)
                await asyncio.sleep(PURGE_EVERY)
        finally:
            writing.cancel()
            await asyncio.wait([writing])
            await cold.close()

    service.beside += [live.run, tidy]

    pages: list[tuple[str, str, Page]] = [
        ("GET", "/", home.show),
        ("GET", "/live", home.live),
        ("POST", "/rooms/off", home.room_off),
        ("GET", "/lamps/{lamp}", lamps.show),
        ("POST", "/lamps/{lamp}", home.set),
        ("POST", "/lamps/{lamp}/name", lamps.rename),
        ("GET", "/lamps/{lamp}/unclaim", lamps.ask_unclaim),
        ("POST", "/lamps/{lamp}/unclaim", lamps.unclaim),
        ("POST", "/lamps/{lamp}/offer", lamps.offer),
        ("POST", "/lamps/{lamp}/withdraw", lamps.withdraw),
        ("GET", "/unclaimed", lamps.unclaimed),
        ("GET", "/claim", claims.show),
        ("POST", "/claim", claims.claim),
        ("GET", "/history", past.show),
        ("POST", "/history/delete", past.delete),
        ("POST", "/language", choose),
        ("GET", "/sign-in", signing_in.sign_in),
        ("GET", CALLBACK, signing_in.signed_in),
        ("POST", "/sign-out", signing_in.sign_out),
        ("GET", SIGNED_OUT, signing_in.signed_out),
    ]
    strict, visits = Strict(settings), Visits(sessions, cookies, settings.public_url)
    return [
        *(strict.route(path, visits.endpoint(page), method) for method, path, page in pages),
        strict.route("/backchannel-logout", signing_in.left, "POST"),
        static_files(strict),
    ]
