"""Flows of devices that wait, and of applications that sign people out; as those in `flows`."""

from tests.authserver.accounts.factors import with_app
from tests.authserver.pages.flow_harness import Flow, Run, Step
from tests.authserver.pages.flows import ALLOW, FLOWS, SECOND_STEP, SIGN_IN, at_home
from tests.authserver.protocol.devices import GRANTS, waiting
from tests.running.reading import Page


async def at_a_device(run: Run) -> Page:
    """A television shows a code; the person sits before it with a telephone."""
    await run.has_account()
    client = await run.people.server.add_client("public", **GRANTS)
    run.keep["user_code"] = (await waiting(client))["user_code"]
    return await run.linking.browser.open(run.linking.url("/device"))


async def at_a_device_with_an_app(run: Run) -> Page:
    page = await at_a_device(run)
    app, _ = await with_app(run.people, run.owner)
    run.keep["secret"] = app.secret.hex()
    return page


async def user_code(run: Run) -> str:
    return run.keep["user_code"]


async def device_denied(run: Run) -> None:
    """Before the code is typed there is nothing to deny: the code is let be until it is too old."""
    if run.page.asks_for("user_code"):
        run.people.clock.advance(600)
    else:
        await run.linking.browser.press(run.page, "deny" if run.page.has_button("deny") else "cancel")


async def asked_to_sign_out(run: Run) -> Page:
    await run.has_account()
    await at_home(run, "/account")
    return await run.linking.browser.open(run.linking.url("/oauth2/logout?client_id=" + run.linking.client.client_id))


TYPE_CODE = Step("/device", {"action": "continue", "user_code": user_code})

ALL_FLOWS: dict[str, Flow] = FLOWS | {
    flow.name: flow
    for flow in (
        Flow("approve a device", at_a_device, (TYPE_CODE, SIGN_IN, ALLOW), device_denied),
        Flow(
            "approve a device with a second step",
            at_a_device_with_an_app,
            (TYPE_CODE, SIGN_IN, SECOND_STEP, ALLOW),
            device_denied,
        ),
        Flow(
            "sign out for an application",
            asked_to_sign_out,
            (Step("/oauth2/logout", {"action": "sign_out"}),),
        ),
    )
}
