"""Every flow of several steps, as data. To add one: how it is begun, and the forms that lead to its end."""

import base64
import re
import secrets
from dataclasses import replace
from typing import Any

from authserver.accounts.passkeys import own
from authserver.models import User
from tests.authserver.accounts.factors import App, mail_code, with_app, with_mail_code
from tests.authserver.accounts.holder import Holder, holder_of
from tests.authserver.accounts.people import PASSWORD, code_in, link_in
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.flow_harness import NAME, Flow, Run, Step, interaction_of, send
from tests.authserver.pages.test_invitations import invite
from tests.authserver.pages.test_lockout import locked
from tests.running.reading import Page

NEW = "a lantern nobody has lit before"


async def email(run: Run) -> str:
    return run.email


async def code(run: Run) -> str:
    """Of the last mail; `LookupError` before there is one."""
    texts = [
        mail.text for mail in await run.people.mails(run.email) if re.search(r"^\s+\d{6}$", mail.text, re.MULTILINE)
    ]
    if not texts:
        raise LookupError
    return code_in(texts[-1])


async def at_sign_in(run: Run) -> Page:
    """In the middle of a linking."""
    return await run.linking.start()


async def with_an_account(run: Run) -> Page:
    await run.has_account()
    return await at_sign_in(run)


async def with_an_unverified_account(run: Run) -> Page:
    await run.has_account(email_verified=False)
    return await at_sign_in(run)


async def with_a_link(run: Run) -> Page:
    """Something stays linked after a new password."""
    await run.linking.client.linked(await run.has_account())
    return await at_sign_in(run)


async def at_home(run: Run, path: str, user: User | None = None) -> Page:
    page = await run.linking.browser.open(run.linking.url(path))
    page = await run.linking.browser.press(page, "sign_in", username=run.email, password=PASSWORD)
    assert page.url == run.linking.url(path), page
    return page


async def at_the_password(run: Run) -> Page:
    await run.has_account()
    return await at_home(run, "/account/password")


async def at_the_end(run: Run) -> Page:
    await run.has_account()
    return await at_home(run, "/account/delete")


async def at_the_links(run: Run) -> Page:
    await run.linking.client.linked(await run.has_account())
    page = await at_home(run, "/account/applications")
    return await run.linking.browser.open(next(one for one in page.links if "unlink?link=" in one))


async def at_the_address(run: Run) -> Page:
    await run.has_account()
    run.keep["new"] = f"new.{run.email}"
    return await at_home(run, "/account/email")


async def new_address(run: Run) -> str:
    return run.keep["new"]


async def code_for_the_new_address(run: Run) -> str:
    """`LookupError` before it was sent."""
    return code_in((await run.people.mails(run.keep["new"]))[-1].text)


async def with_an_app(run: Run) -> Page:
    """Whoever has the account uses an authenticator app."""
    app, _ = await with_app(run.people, await run.has_account())
    run.keep["secret"] = app.secret.hex()
    return await at_sign_in(run)


async def with_a_code_by_mail(run: Run) -> Page:
    await with_mail_code(run.people, await run.has_account())
    return await at_sign_in(run)


async def code_of_the_app(run: Run) -> str:
    return App(run.people, bytes.fromhex(run.keep["secret"])).code()


async def second_code_by_mail(run: Run) -> str:
    """`LookupError` before it was sent."""
    return await mail_code(run.people, run.email)


async def at_a_new_app(run: Run) -> Page:
    """The key is on the page."""
    await run.has_account()
    page = await at_home(run, "/account/second-factor")
    page = await run.linking.browser.open(next(one for one in page.links if one.endswith("set_up=totp")))
    found = re.search(r'class="key"[^>]*>(.*?)</p>', page.answer.text, re.DOTALL)
    assert found is not None
    run.keep["secret"] = base64.b32decode(re.sub(r"<[^>]+>|\s", "", found.group(1))).hex()
    return page


async def origin_jti(run: Run) -> str:
    (grant,) = [grant for grant in await run.people.server.grants_of(run.owner) if grant.revoked_at is None]
    return grant.origin_jti


async def at_the_mailed_link(run: Run) -> Page:
    await run.linking.client.linked(await run.has_account())
    mail = (await run.people.mails(run.email))[-1]
    found = re.search(r"https://\S+/unlink\?link=(\S+)", mail.text)
    assert found is not None
    run.keep["link"] = found.group(1)
    return await run.linking.browser.open(found.group())


async def link(run: Run) -> str:
    return run.keep["link"]


async def link_secret(run: Run) -> str:
    """Of the last mail with a link that stands for a code; `LookupError` before there is one."""
    texts = [mail.text for mail in await run.people.mails(run.email) if "/confirmUser?link=" in mail.text]
    if not texts:
        raise LookupError
    return link_in(texts[-1]).rpartition("=")[2]


async def at_the_link(run: Run) -> Page:
    return await run.linking.browser.open(run.linking.url(f"/confirmUser?link={await link_secret(run)}"))


async def new_link_secret(run: Run) -> str:
    """As `link_secret`, in what the new address got."""
    return link_in((await run.people.mails(run.keep["new"]))[-1].text).rpartition("=")[2]


async def at_the_new_link(run: Run) -> Page:
    return await run.linking.browser.open(run.linking.url(f"/confirmUser?link={await new_link_secret(run)}"))


async def with_a_locked_account(run: Run) -> Page:
    """Strangers have failed as often as anybody may."""
    await run.has_account()
    await locked(run.people, run.email)
    return await at_sign_in(run)


async def with_an_invitation(run: Run) -> Page:
    invited = await invite(run.people, run.email)
    run.user, run.keep["temporary"] = invited.user, invited.password
    return await at_sign_in(run)


async def temporary(run: Run) -> str:
    return run.keep["temporary"]


async def at_the_choice(run: Run) -> Page:
    """Signed in, and an application without a consent page asks which account it is to be."""
    await run.has_account()
    await at_home(run, "/account")
    client = await run.people.server.add_client(first_party=True, scopes=["openid", "email"])
    browser, run.linking = run.linking.browser, Linking(run.people, client)
    run.linking.browser = browser
    run.new_linking = lambda: Linking(run.people, client)
    run.asked = {"prompt": "select_account"}
    return await run.linking.start(**run.asked)


async def sub(run: Run) -> str:
    return run.owner.sub


async def at_the_user_name(run: Run) -> Page:
    await run.has_account()
    run.keep["name"] = f"anna-{secrets.token_hex(6)}"
    return await at_home(run, "/account/username")


async def user_name(run: Run) -> str:
    return run.keep["name"]


async def at_what_was_allowed(run: Run) -> Page:
    """An application that would not ask again, and is not linked."""
    await run.has_account()
    other = Linking(run.people, await run.people.server.add_client())
    other.browser, run.keep["client"] = run.linking.browser, other.client.client_id
    other.returned(await other.browser.press(await other.signed_in(run.email), "allow"))
    return await other.browser.open(other.url("/account/applications"))


async def allowed_client(run: Run) -> str:
    return run.keep["client"]


async def cancelled(run: Run) -> None:
    """As the buttons of the sign-in page and of the consent page do it."""
    if run.page.has_button("deny"):
        await run.linking.browser.press(run.page, "deny")
    elif run.page.has_button("continue"):
        await run.linking.browser.press(run.page, "cancel")
    else:
        answer = await send(run, Step("/login", {"action": "cancel"}))
        assert "error=access_denied" in answer.headers["location"]


async def signed_out(run: Run) -> None:
    page = await run.linking.browser.open(run.linking.url("/account"))
    if page.has_button("sign_out"):
        await run.linking.browser.press(page, "sign_out")


async def asked_of(run: Run, query: str) -> dict[str, Any]:
    """What the page's script is told to have signed. `LookupError` where this browser is told nothing."""
    answer = await run.linking.browser.client.post(
        run.linking.url(f"/passkeys/options{query}"),
        data={"csrf_token": run.keep["csrf"]},
        headers={"origin": run.people.server.settings.origin},
    )
    if answer.status_code != 200:
        raise LookupError
    asked: dict[str, Any] = answer.json()
    return asked


async def with_a_passkey(run: Run) -> Page:
    holder = await holder_of(run.people, await run.has_account())
    await holder.register()
    HOLDERS[run.email] = holder
    page = await at_sign_in(run)
    run.keep["csrf"], run.keep["interaction"] = page.forms[0].hidden["csrf_token"], interaction_of(page)
    return page


async def with_an_app_and_a_passkey(run: Run) -> Page:
    page = await with_a_passkey(run)
    await with_app(run.people, run.owner)
    return page


async def at_a_new_passkey(run: Run) -> Page:
    HOLDERS[run.email] = await holder_of(run.people, await run.has_account())
    page = await at_home(run, "/account/passkeys/add")
    run.keep["csrf"] = page.forms[0].hidden["csrf_token"]
    return page


async def at_a_passkey(run: Run) -> Page:
    await with_a_passkey(run)
    return await at_home(run, f"/account/passkeys/change?passkey={await passkey(run)}")


async def signature(run: Run) -> str:
    asked = await asked_of(run, f"?interaction={run.keep['interaction']}")
    return HOLDERS[run.email].authenticator.get(asked)


async def new_passkey(run: Run) -> str:
    return HOLDERS[run.email].authenticator.create(await asked_of(run, ""))


async def passkey(run: Run) -> str:
    async with run.people.services.database.unit() as session:
        found = await own.every(session, run.owner.sub)
    if not found:
        raise LookupError
    return own.key_of(found[0])


#: who holds which authenticator, by the address of a run
HOLDERS: dict[str, Holder] = {}

SIGN_IN = Step("/login", {"action": "sign_in", "username": email, "password": PASSWORD}, begins=True)
SIGN_UP = Step("/signup", {"action": "sign_up", "email": email, "password": PASSWORD}, begins=True)
CONFIRM = Step("/confirm", {"action": "confirm", "code": code})
ALLOW = Step("/consent", {"action": "allow"})
FORGOT = Step("/forgotPassword", {"action": "send", "email": email}, begins=True)
SECOND_STEP = Step("/second-factor", {"action": "verify", "method": "totp", "code": code_of_the_app})
MAILED_STEP = Step("/second-factor", {"action": "verify", "method": "email", "code": second_code_by_mail})
#: after the code of an address that was never confirmed: somebody else may have chosen the password that there was
CHOOSE = Step("/confirmforgotPassword", {"action": "save", "password": NEW})
NEW_PASSWORD = Step("/confirmforgotPassword", {"action": "save", "code": code, "password": NEW})
#: the button of the page to which a mailed link leads, in the place of the code
PRESS = Step("/confirmUser", {"action": "confirm", "link": link_secret})
UNLOCK = Step("/unlock", {"action": "unlock", "username": email}, begins=True)
UNLOCKED = replace(SIGN_IN, only_here=True)
ASK = Step("/account/email", {"action": "ask", "email": new_address}, begins=True)

FLOWS: dict[str, Flow] = {
    flow.name: flow
    for flow in (
        Flow("sign in and link", with_an_account, (SIGN_IN, ALLOW), cancelled),
        Flow("sign up and link", at_sign_in, (SIGN_UP, CONFIRM, ALLOW), cancelled),
        Flow("verify the address and link", with_an_unverified_account, (SIGN_IN, CONFIRM, CHOOSE, ALLOW), cancelled),
        Flow("forgotten password", with_an_account, (FORGOT, NEW_PASSWORD, ALLOW), cancelled),
        Flow("sign in with an app and link", with_an_app, (SIGN_IN, SECOND_STEP, ALLOW), cancelled),
        Flow("sign in with a code by mail and link", with_a_code_by_mail, (SIGN_IN, MAILED_STEP, ALLOW), cancelled),
        Flow("forgotten password of an app", with_an_app, (FORGOT, NEW_PASSWORD, SECOND_STEP, ALLOW), cancelled),
        Flow(
            "set up an app",
            at_a_new_app,
            (Step("/account/second-factor", {"action": "set_up", "method": "totp", "code": code_of_the_app}),),
            signed_out,
        ),
        Flow(
            "forgotten password, still linked",
            with_a_link,
            (FORGOT, NEW_PASSWORD, Step("/still-linked", {"unlink": origin_jti}, any_tab=True)),
        ),
        Flow(
            "change the password",
            at_the_password,
            (Step("/account/password", {"present_password": PASSWORD, "password": NEW}),),
            signed_out,
        ),
        Flow(
            "delete the account",
            at_the_end,
            (Step("/account/delete", {"action": "delete", "password": PASSWORD}),),
            signed_out,
        ),
        Flow(
            "unlink at home",
            at_the_links,
            (Step("/account/applications/unlink", {"action": "unlink", "link": origin_jti}),),
            signed_out,
        ),
        Flow(
            "change the address",
            at_the_address,
            (
                ASK,
                Step("/account/email", {"action": "confirm", "code": code_for_the_new_address}),
            ),
            signed_out,
        ),
        Flow(
            "sign in with a passkey and link",
            with_a_passkey,
            (Step("/login", {"action": "passkey", "credential": signature}), ALLOW),
        ),
        Flow(
            "sign in with a passkey as second step and link",
            with_an_app_and_a_passkey,
            (
                SIGN_IN,
                Step("/second-factor", {"action": "verify", "method": "passkey", "credential": signature}),
                ALLOW,
            ),
        ),
        Flow(
            "add a passkey",
            at_a_new_passkey,
            (Step("/account/passkeys/add", {"credential": new_passkey}),),
            signed_out,
        ),
        Flow(
            "name a passkey",
            at_a_passkey,
            (Step("/account/passkeys/change", {"passkey": passkey, "name": NAME}),),
            signed_out,
        ),
        Flow(
            "remove a passkey",
            at_a_passkey,
            (Step("/account/passkeys/remove", {"passkey": passkey, "action": "remove"}),),
            signed_out,
        ),
        Flow("sign up by the mailed link", at_sign_in, (replace(SIGN_UP, then=at_the_link), PRESS, ALLOW), cancelled),
        Flow(
            "verify the address by the mailed link",
            with_an_unverified_account,
            (replace(SIGN_IN, then=at_the_link), PRESS, CHOOSE, ALLOW),
            cancelled,
        ),
        Flow(
            "forgotten password by the mailed link",
            with_an_account,
            (replace(FORGOT, then=at_the_link), PRESS, CHOOSE, ALLOW),
            cancelled,
        ),
        Flow(
            "change the address by the mailed link",
            at_the_address,
            (
                replace(ASK, then=at_the_new_link),
                Step("/confirmUser", {"action": "confirm", "link": new_link_secret}),
            ),
            signed_out,
        ),
        Flow(
            "past the lock by code",
            with_a_locked_account,
            (UNLOCK, Step("/unlock", {"action": "confirm", "code": code}), UNLOCKED, ALLOW),
            cancelled,
        ),
        Flow(
            "past the lock by the mailed link",
            with_a_locked_account,
            (replace(UNLOCK, then=at_the_link), PRESS, UNLOCKED, ALLOW),
            cancelled,
        ),
        Flow(
            "accept an invitation and link",
            with_an_invitation,
            (
                replace(SIGN_IN, fields={**SIGN_IN.fields, "password": temporary}),
                Step("/new-password", {"password": NEW}),
                ALLOW,
            ),
            cancelled,
        ),
        Flow(
            "choose the account",
            at_the_choice,
            (Step("/choose-account", {"action": "continue", "account": sub}),),
            cancelled,
        ),
        Flow(
            "change the user name",
            at_the_user_name,
            (Step("/account/username", {"username": user_name, "password": PASSWORD}, free=("username",)),),
            signed_out,
            settings={"sign_in_with": "email,username"},
        ),
        Flow(
            "be asked again",
            at_what_was_allowed,
            (Step("/account/applications", {"forget": allowed_client}),),
            signed_out,
        ),
        Flow("unlink by mail", at_the_mailed_link, (Step("/unlink", {"link": link}),), anywhere=True),
    )
}
