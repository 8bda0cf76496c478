"""Builds the service from settings; decides nothing."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from sqlmodel import select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from authserver import pages
from authserver.accounts.mail import for_action, hot_row, letters, linked_mail, run_outbox, watch_outbox
from authserver.accounts.passwords import Passwords, spare_cores
from authserver.accounts.places import Places, PlacesError
from authserver.admission import Admission
from authserver.background import end, together
from authserver.boundary import Boundary
from authserver.health import healthz, readyz
from authserver.housekeeping import run_housekeeping
from authserver.models import Client
from authserver.oauth import keys
from authserver.oauth.backchannel import worker
from authserver.oauth.clients import Clients, RegisteredClient, registered
from authserver.oauth.dynamic import initial_access
from authserver.oauth.endpoints.routes import machine_paths, method_not_allowed, oauth_routes
from authserver.oauth.endpoints.token import token_endpoint
from authserver.oauth.presets import ALEXA_SHORTEST_ACCESS_TOKEN
from authserver.oauth.resources import Resources
from authserver.oauth.server import OAuthServer
from authserver.oauth.tokens import Subject
from authserver.oauth.unlink import unlink_token
from authserver.proxies import TrustedProxies, parse_networks
from authserver.secret_values import SecretKey, SecretKeys
from authserver.services import Services
from authserver.settings import Settings, SettingsError
from authserver.storage import schema
from authserver.storage.changes import Changes
from authserver.storage.database import Database, DatabaseUrl, StorageError
from authserver.storage.hot import open_store
from authserver.turns import Turns

log = logging.getLogger(__name__)

AHEAD = 2  # sign-ins that have begun when a thread for hashes becomes free; the others wait before anything is done
Clock = Callable[[], int]  # Unix seconds, UTC


def unix_now() -> int:
    return int(time.time())


def secret_keys_of(settings: Settings) -> SecretKeys:
    previous = settings.secret_key_previous
    return SecretKeys(
        SecretKey.of(settings.secret_key.get_secret_value()),
        SecretKey.of(previous.get_secret_value()) if previous else None,
    )


async def refuse_short_alexa_lifetimes(database: Database, settings: Settings) -> None:
    """contracts/alexa.md A30. Raises `SettingsError`."""
    async with database.unit() as session:
        clients = (await session.exec(select(Client).where(Client.preset == "alexa"))).all()
    for client in clients:
        lifetime = registered(client, (), settings).access_token_lifetime
        if lifetime < ALEXA_SHORTEST_ACCESS_TOKEN:
            raise SettingsError(
                f"access tokens of the Alexa client {client.client_id} would live {lifetime} s; Alexa demands at least "
                f"{ALEXA_SHORTEST_ACCESS_TOKEN}. Raise AUTHSERVER_ACCESS_TOKEN_LIFETIME or the client's own lifetime"
            )


def look_of(settings: Settings) -> pages.Look:
    """The operator's templates, texts and pictures, of pages and of mails. Raises `SettingsError` for what is broken:
    before anything is served, and not when somebody opens the page."""
    letters.check(settings)
    return pages.Look.of(settings)


def places_of(settings: Settings) -> Places:
    """Raises `SettingsError`."""
    try:
        return Places(settings.places)
    except PlacesError as error:
        raise SettingsError(f"AUTHSERVER_PLACES: {error}") from error


async def prepare(settings: Settings, clock: Clock) -> Services:
    """Everything that requests need. Raises `StorageError` (try again) and `SettingsError` (give up)."""
    places = places_of(settings)
    url = DatabaseUrl.parse(settings.database_url.get_secret_value())
    at = await schema.revision_of(url)
    if at != schema.REVISION:
        raise StorageError(
            f"the database is at schema {at or 'none'}, {schema.REVISION} is needed: run `authserver migrate`"
        )
    secret_keys = secret_keys_of(settings)
    database = Database(url)
    async with database.unit() as session:
        await keys.prepare(session, settings, secret_keys, clock())
    async with database.unit() as session:
        ring = await keys.load(session, secret_keys, clock())
        registration_until = await initial_access.open_until(session, clock())
    await refuse_short_alexa_lifetimes(database, settings)
    hot = await open_store(url)
    clients = Clients(database, settings)

    def mail_of_linking(client: RegisteredClient, subject: Subject, now: int) -> dict[str, object] | None:
        if client.row.first_party:
            return None
        link = f"{settings.issuer}/unlink?link={unlink_token(secret_keys, subject.origin_jti)}"
        locale = str(subject.attributes.get("locale") or "")
        mail = linked_mail(settings, subject.email, client.row.client_name, link, now, locale=locale)
        return hot_row(for_action(mail, subject.origin_jti))

    oauth = OAuthServer(settings, secret_keys, clock, clients, hot, ring, mail_of_linking, Resources(database))
    passwords = Passwords(settings.argon2_queue)
    return Services(settings, secret_keys, clock, database, hot, clients, passwords, oauth, places, registration_until)


async def prepare_patiently(settings: Settings, app: FastAPI, clock: Clock) -> Services:
    """Waits for the database, and says so; for ever, since an orchestrator may start it hours later."""
    said = 0.0
    while True:
        try:
            return await prepare(settings, clock)
        except SettingsError:
            raise
        except Exception as error:
            known = isinstance(error, StorageError)
            app.state.ready_problem = f"waiting for the database: {error if known else type(error).__name__}"
            if time.monotonic() - said > 5:
                said = time.monotonic()
                log.warning("waiting for the database: %s", error, exc_info=not known)
            await asyncio.sleep(0.5)


async def _not_allowed(request: Request, error: Exception) -> Response:
    """For a program as it reads errors, for a person as a page that is not there."""
    allowed = str((getattr(error, "headers", None) or {}).get("Allow", ""))
    if request.url.path in machine_paths(request.app.state.settings.issuer_path):
        return method_not_allowed(allowed)
    answer = await pages.not_found(request)
    answer.status_code, answer.headers["Allow"] = 405, allowed
    return answer


class Application(FastAPI):
    """Token requests take the short way past what pages need (FastAPI's middleware, matching, wrapping): an eighth of a
    refresh. The boundary stands on that way too, and the endpoint is the same."""

    def take_short_way(self, path: str, way: ASGIApp) -> None:
        self._short_path, self._short_way = path, way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self._short_path and scope["method"] == "POST":
            scope["app"] = self
            await self._short_way(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def build(settings: Settings, clock: Clock = unix_now) -> Application:
    """The ASGI application. Its start never waits: until it is ready `/readyz` says why not, and all else is 503."""

    async def live(app: FastAPI) -> None:
        try:
            services = await prepare_patiently(settings, app, clock)
        except SettingsError as error:
            log.critical("refusing to serve: %s", error)
            app.state.refused = True
            os.kill(os.getpid(), signal.SIGTERM)
            return

        async def changed() -> None:
            try:
                async with services.database.unit() as session:
                    services.registration_until = await initial_access.open_until(session, services.clock())
                    services.oauth.keys = await keys.load(
                        session, services.secret_keys, services.clock(), services.keys.keys
                    )
            except SettingsError as error:
                log.critical("the signing keys stay as they are: %s", error)
            services.oauth.resources.forget()
            services.clients.forget()  # after the keys: a client may name an algorithm that is new

        app.state.services = services
        app.state.ready_problem = None
        log.info("ready: issuer %s", settings.issuer)
        try:
            await together(
                Changes(services.database, changed).run,
                lambda: run_housekeeping(services),
                lambda: run_outbox(services),
                lambda: watch_outbox(services),
                lambda: worker.run(services.database, services.oauth, services.clients),
            )
        finally:
            services.passwords.close()
            services.oauth.egress.close()
            with suppress(StorageError):
                await services.hot.close()
            await services.database.close()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        life = asyncio.create_task(live(app))
        for _ in range(40):  # the ordinary start: ready when the port opens, or within two seconds
            if life.done() or app.state.ready_problem is None:
                break
            await asyncio.sleep(0.05)
        yield
        await end(life)

    look = look_of(settings)
    token_path = f"{settings.issuer_path}/oauth2/token"
    turns = Turns(waiting=settings.page_queue, heavy=spare_cores() + min(AHEAD, settings.argon2_queue))
    app = Application(
        title=settings.name,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,  # that redirect's host is the request's own: whatever the sender says
    )
    app.state.services = None
    app.state.settings = settings
    app.state.look = look
    app.state.busy_pages = {}
    app.state.form_post_page = pages.form_post_page
    app.state.ready_problem = "starting"
    app.state.refused = False
    app.state.turns = turns
    app.router.routes[:] = [
        *oauth_routes(settings.issuer_path),
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        *pages.routes(settings),
    ]
    app.add_exception_handler(404, pages.not_found)
    app.add_exception_handler(405, _not_allowed)
    free_paths = ("/healthz", "/readyz", f"{settings.issuer_path}/static/")
    admission = partial(
        Admission,
        turns=turns,
        machine_paths=machine_paths(settings.issuer_path),
        free_paths=free_paths,
        busy_page=pages.busy_page,
    )
    boundary = partial(
        Boundary,
        ready=lambda: app.state.services is not None,
        error_page=pages.error_page,
        machine_paths=machine_paths(settings.issuer_path),
        free_paths=free_paths,
    )
    app.add_middleware(admission)
    app.add_middleware(boundary)
    app.take_short_way(token_path, boundary(token_endpoint))
    if trusted := parse_networks(settings.trusted_proxies):
        app.add_middleware(TrustedProxies, trusted=trusted)
    return app
