"""Every flow, walked by somebody who does not take the honest path: nothing but the honest path gets through."""

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from authserver.pages import PAGES, account
from tests.authserver.accounts.people import People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.flow_harness import at_once, attack, begun, effects, honestly, send
from tests.authserver.pages.flows_of_devices import ALL_FLOWS as FLOWS
from tests.authserver.protocol.harness import Server

#: What comes one after another is the same on either database: each flow is attacked on one. Races are on both.
HONEST = [pytest.param(("sqlite", "postgresql")[at % 2], name, id=name) for at, name in enumerate(FLOWS)]
STEPS = [
    pytest.param(name, number, id=f"{name}, {step.path}")
    for name, flow in FLOWS.items()
    for number, step in enumerate(flow.steps)
]
CANCELLED = [
    pytest.param(("sqlite", "postgresql")[(at + number) % 2], name, number, id=f"{name}, before {step.path}")
    for at, (name, flow) in enumerate(FLOWS.items())
    if flow.cancel is not None
    for number, step in enumerate(flow.steps)
]


#: forms that somebody who is signed in sends alone, each with tests of its own (`test_account`, `test_own_data`), and
#: the choice of a language, which anybody may make; `/passkeys/options` is what the scripts of other steps ask
IN_ONE_STEP = {
    "/account", "/account/profile", "/account/devices", "/account/data", "/language", "/passkeys/options",
}  # fmt: skip


@pytest.fixture
def given_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(FLOWS[request.node.callspec.params["name"]].settings)


@pytest_asyncio.fixture(loop_scope="session")
async def new_flow_linking(people: People) -> Linkings:
    """A client of this test's own: what was issued to it was issued here."""
    client = await people.server.add_client("alexa")
    return lambda: Linking(people, client)


@pytest.fixture
def unlimited(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attacks come from one network by the hundred; its limit has tests of its own."""
    monkeypatch.setitem(server.services.settings.__dict__, "address_attempts", 1_000_000)


@pytest.mark.spec("security 6.45", "security 6.48", "security 6.62", "CVE-2026-49448", "CVE-2026-18963")
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize(("database_kind", "name"), HONEST, indirect=["database_kind"], scope="module")
async def test_nothing_but_the_honest_path_gets_through(people: People, new_flow_linking: Linkings, name: str) -> None:
    flow = FLOWS[name]
    run = await begun(flow, people, new_flow_linking)
    first = await effects(run)
    for number, step in enumerate(flow.steps):
        await attack(flow, run, number)
        before, page, fields = await effects(run), run.page, await step.filled(run)
        await honestly(run, step)
        after = await effects(run)
        await send(run, step, page=page, fields=fields)
        await send(run, step, fields=fields)
        if step.then is not None:  # whoever asks a second time opens the link after that
            run.page = await step.then(run)
        again = await effects(run)
        if step.begins:  # a right password is one also for the second time: another session in the first one's place
            assert len(again.sessions) == len(after.sessions)
            again = replace(again, sessions=after.sessions)
        assert again == after, f"{name}: {step.path} sent twice"
        assert number + 1 < len(flow.steps) or after != before, "the last step does something"
    assert await effects(run) != first


@pytest.mark.spec("security 6.48", "security 6.62", "decision 4")
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize(("name", "number"), STEPS)
async def test_a_form_sent_twenty_times_at_once_does_once_what_it_does(
    people: People, new_flow_linking: Linkings, name: str, number: int
) -> None:
    flow = FLOWS[name]
    step = flow.steps[number]
    alone = await begun(flow, people, new_flow_linking, number)
    before = await effects(alone)
    await honestly(alone, step)
    expected = (await effects(alone)).shape(before)
    run = await begun(flow, people, new_flow_linking, number)
    before = await effects(run)
    answers = await at_once(run, step)
    found = (await effects(run)).shape(before)
    assert found == expected, sorted(answer.status_code for answer in answers)


@pytest.mark.spec("security 6.48", "A08")
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize(("database_kind", "name", "number"), CANCELLED, indirect=["database_kind"], scope="module")
async def test_what_was_cancelled_goes_no_further(
    people: People, new_flow_linking: Linkings, name: str, number: int
) -> None:
    flow = FLOWS[name]
    assert flow.cancel is not None
    run = await begun(flow, people, new_flow_linking, number)
    page = run.page
    await flow.cancel(run)
    after = await effects(run)
    for step in flow.steps[number:]:
        await send(run, step, page=page)
        assert await effects(run) == after, step.path


def test_every_form_of_the_pages_is_a_step_of_a_flow() -> None:
    """Whoever adds a page that takes a form describes the flow in `flows.FLOWS`."""
    posted = {path for path, (methods, _) in (PAGES | account.PAGES).items() if "POST" in methods}
    assert posted - {step.path for flow in FLOWS.values() for step in flow.steps} == IN_ONE_STEP
