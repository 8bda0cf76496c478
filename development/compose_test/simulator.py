"""The simulator page with the demo account, as a newcomer's browser without JavaScript uses it."""

import json
from urllib.parse import urljoin, urlsplit

from development.compose_test.alexa import check
from development.compose_test.reach import Reach
from development.compose_test.stack import Stack, say
from tests.running.linking import Person, walk
from tests.running.reading import Browser, Page


async def press(browser: Browser, page: Page, action: str) -> str:
    """Send the form with this action; returns where the answer points."""
    form = next((form for form in page.forms if form.action == action), None)
    check(form is not None, f"the simulator has no form {action!r}: {page!r}")
    assert form is not None
    own = urlsplit(page.url)
    answer = await browser.client.post(
        urljoin(page.url, action), data=form.hidden | form.fields, headers={"origin": f"{own.scheme}://{own.netloc}"}
    )
    check(answer.status_code == 303, f"the simulator answered {answer.status_code} to {action}")
    return urljoin(page.url, answer.headers["location"])


async def link_and_discover(stack: Stack, reach: Reach, skill: str) -> None:
    demo = json.loads(stack.inside("skill", "cat", "/secrets/simulator.json"))
    url = f"{skill}/simulator/"
    async with reach.browser() as browser:
        asked = await press(browser, await browser.open(url), "link")
        person = Person("demo@example.com", demo["password"], demo["owner"])
        left = await walk(browser, await browser.open(asked), person)
        check(str(left.left_to).startswith(f"{url}callback?"), f"the linking ended on {left!r}")
        linked = await browser.open(str(left.left_to))
        check(any(form.action == "discover" for form in linked.forms), f"the simulator is not linked: {linked!r}")
        await press(browser, linked, "discover")
        lamps = await browser.open(url)
        check("Desk lamp" in lamps.text, f"the simulator shows no lamp: {lamps!r}")
    say("the simulator: linked the demo account and discovered its lamps")
