"""Fixtures for everybody: databases, services, mail, a broker and a browser, each real and on loopback."""

import contextlib
import gc
import os
import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import playwright.async_api
import pytest
import pytest_asyncio

from tests.running import hashing, ports
from tests.running.alone import Room
from tests.running.amazon import Amazon
from tests.running.bridge import CHECKS
from tests.running.broker import Broker
from tests.running.chromium import Pages, launch
from tests.running.companion import Companion, companion_service
from tests.running.home import Home, add_alexa, authserver_settings, skill_settings
from tests.running.mail import Mailbox
from tests.running.postgres import Postgres, new_folder
from tests.running.service import Service, as_installed, start_forked
from tests.skill.alexa_rules import check_answer

NewDatabase = Callable[[str], str]
MigratedDatabase = Callable[[str, str], str]
RUN_FOLDER = pytest.StashKey[Path]()
ROOM = pytest.StashKey[Room]()


def pytest_configure(config: pytest.Config) -> None:
    """The process that leads the run owns the folder of the one PostgreSQL, and passes it on to its workers."""
    start_forked()
    CHECKS.append(check_answer)
    if _is_worker(config):
        config.stash[RUN_FOLDER] = Path(config.workerinput["run_folder"])
    else:
        config.stash[RUN_FOLDER] = new_folder()
        config.pluginmanager.register(LeadsWorkers(config), "leads-workers")
    config.stash[ROOM] = Room(config.stash[RUN_FOLDER])


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Outside of the time that a test may take: who waits does not hang."""
    room = item.config.stash[ROOM]
    with room.alone() if item.get_closest_marker("alone") else room.shared():
        return (yield)


#: modules that take longest begin first, so that no worker is left with one of them at the end
LONG = (
    "tests/browser/test_accessibility.py",
    "tests/test_make_run.py",
    "tests/authserver/pages/test_flows.py",
    "tests/browser/",
    "tests/test_linking_as_alexa.py",
    "tests/authserver/accounts/",
    "tests/authserver/test_under_load.py",
    "tests/contract/",
    "tests/authserver/cli/",
    "tests/skill/events/",
    "tests/skill/test_killed.py",
    "tests/companion/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every worker sorts alike; within a module the order stays. Those that want to be alone come when others end."""

    def rank(item: pytest.Item) -> int:
        if item.get_closest_marker("alone"):
            return len(LONG) + 1
        return next((at for at, beginning in enumerate(LONG) if item.nodeid.startswith(beginning)), len(LONG))

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Twelve thousand tests stay to the end: the collector need not look through them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config) and RUN_FOLDER in config.stash:
        Postgres(config.stash[RUN_FOLDER]).stop()


class LeadsWorkers:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: object) -> None:
        node.workerinput["run_folder"] = str(self.config.stash[RUN_FOLDER])  # type: ignore[attr-defined]
        node.workerinput["run_pid"] = os.getpid()  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    """The one PostgreSQL of this run; every worker takes databases of its own from it."""
    given = getattr(pytestconfig, "workerinput", None)
    server = Postgres(pytestconfig.stash[RUN_FOLDER])
    server.ensure_running(given["run_pid"] if given else os.getpid())
    return server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL for one test that breaks it: `interrupt()` and `start(os.getpid(), keep_folder=True)`."""
    server = Postgres(new_folder())
    server.start(os.getpid(), keep_folder=True)
    yield server
    with contextlib.suppress(FileNotFoundError):
        server.interrupt()
    server.stop()


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewDatabase:
    """Gives the URL of a new, empty database: `new_database("sqlite")`, `new_database("postgresql")`."""

    def make(kind: str) -> str:
        if kind == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            return server.new_database()
        file = tmp_path_factory.mktemp("database") / "test.db"
        file.touch()
        return f"sqlite:///{file}"

    return make


@pytest.fixture(scope="session")
def migrated_database(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> MigratedDatabase:
    """Gives the URL of a new database at a service's schema: `migrated_database("skill", "sqlite")`.

    The service migrates one database in each worker; the others are its copies.
    """
    originals: dict[tuple[str, str], str] = {}

    def make(service: str, kind: str) -> str:
        if (service, kind) not in originals:
            url = originals[service, kind] = new_database(kind)
            folder = tmp_path_factory.mktemp("migrate")
            Service(service, {f"{service.upper()}_DATABASE_URL": url}, folder).migrate()
        original = urlsplit(originals[service, kind]).path
        if kind == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            return server.new_database(like=original.lstrip("/"))
        url = new_database(kind)
        shutil.copy(original, urlsplit(url).path)
        return url

    return make


@pytest.fixture(scope="module")
def in_production() -> Iterator[None]:
    """The services of this module are the installed programs, and a password costs what it costs in production: where
    starting, ending, memory, time or the hash itself is the matter. Named first, by `pytestmark`."""
    with as_installed():
        yield


@pytest.fixture
def hashed_in_full() -> Iterator[None]:
    """In this test, passwords cost what they cost in production."""
    with hashing.in_full():
        yield


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, new_database: NewDatabase) -> str:
    """A new, empty database for each test, on SQLite and on PostgreSQL."""
    return new_database(database_kind)


@pytest.fixture
def sqlite_url(new_database: NewDatabase) -> str:
    return new_database("sqlite")


@pytest.fixture
def postgres_url(new_database: NewDatabase) -> str:
    return new_database("postgresql")


@pytest.fixture
def free_port() -> int:
    return ports.free_port()


@pytest.fixture
def smtp_server() -> Iterator[Mailbox]:
    """A mail server of this test; `AUTHSERVER_SMTP_URL=smtp://127.0.0.1:{port}`."""
    mailbox = Mailbox()
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("mosquitto"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("running")


@pytest.fixture(scope="module")
def authserver(database_kind: str, migrated_database: MigratedDatabase, module_folder: Path) -> Iterator[Service]:
    """A running authserver in development mode, once for each test module and database."""
    port = ports.free_port()
    settings = authserver_settings(migrated_database("authserver", database_kind), port)
    server = Service("authserver", settings, module_folder, port)
    server.must_not_log(settings["AUTHSERVER_SECRET_KEY"])
    with server:
        yield server


@pytest.fixture(scope="module")
def companion(
    authserver: Service,
    database_kind: str,
    migrated_database: MigratedDatabase,
    module_folder: Path,
    mosquitto: Broker,
) -> Iterator[Companion]:
    """skill with its companion, beside authserver."""
    database = migrated_database("skill", database_kind)
    with companion_service(
        authserver, database, module_folder, ports.free_port(), SKILL_MQTT_URL=mosquitto.url
    ) as skill:
        yield Companion(authserver, skill)


@pytest.fixture(scope="module")
def home(
    authserver: Service, database_kind: str, migrated_database: MigratedDatabase, module_folder: Path
) -> Iterator[Home]:
    """authserver and skill, linked by one Alexa client, once for each test module and database."""
    alexa = add_alexa(authserver)
    port = ports.free_port()
    issuer = authserver.settings["AUTHSERVER_ISSUER"]
    settings = skill_settings(migrated_database("skill", database_kind), port, issuer, alexa.client_id)
    skill = Service("skill", settings, module_folder, port)
    skill.must_not_log(settings["SKILL_BRIDGE_SECRET"])
    with skill:
        yield Home(authserver, skill, alexa)


@pytest.fixture(scope="session")
def amazon_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    amazon = Amazon(tmp_path_factory.mktemp("amazon"))
    amazon.start()
    yield amazon
    amazon.stop()


@pytest.fixture
def amazon(amazon_end: Amazon) -> Amazon:
    """Amazon's redirect URLs for the browser, with the requests of this test alone."""
    amazon_end.requests.clear()
    return amazon_end


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(amazon_end: Amazon) -> AsyncIterator[playwright.async_api.Browser]:
    """One browser for each worker; the network beyond loopback does not exist for it."""
    async with playwright.async_api.async_playwright() as driver:
        browser = await launch(driver, amazon_end.port)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def new_page(chromium: playwright.async_api.Browser) -> AsyncIterator[Pages]:
    """Makes pages: `page = await new_page("phone", javascript=False)`. Policy violations fail the test at its end."""
    pages = Pages(chromium)
    yield pages
    await pages.close()
    assert not pages.complaints, pages.complaints


@pytest_asyncio.fixture(
    loop_scope="session",
    params=[("phone", True), ("phone", False), ("desktop", True)],
    ids=["phone", "phone-without-javascript", "desktop"],
)
async def browser_page(request: pytest.FixtureRequest, new_page: Pages) -> playwright.async_api.Page:
    """A page in each shape in which the hosted pages must work."""
    view, javascript = request.param
    return await new_page(view, javascript=javascript)
