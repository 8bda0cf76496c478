"""The hosted pages: what a person sees. One file for each page; rules are in `accounts` and `oauth`.

`Look`, `routes(settings)`, `busy_page`, `error_page`, `form_post_page` and `not_found` are all that `app` needs. Every
page is complete without JavaScript, passkeys apart, loads nothing from elsewhere and stores nothing in the browser but
cookies. Every form is checked by `forms` before anything else happens.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from authserver.pages import (
    account,
    choose_account,
    confirm,
    consent,
    device,
    language_menu,
    login,
    logos,
    logout,
    mailbox,
    mailed_link,
    recovery,
    replace_password,
    second_factor,
    signed_in,
    signup,
    static_files,
    still_linked,
    unlink,
    unlock,
)
from authserver.pages.errors import busy_page, error_page, hosted, not_found
from authserver.pages.form_post import form_post_page
from authserver.pages.look import Look
from authserver.pages.passkeys import options
from authserver.settings import Settings

__all__ = ["Look", "busy_page", "error_page", "form_post_page", "not_found", "routes"]

PAGES: dict[str, tuple[list[str], Callable[[Request], Awaitable[Response]]]] = {
    "/": (["GET"], signed_in.signed_in),
    "/login": (["GET", "POST"], login.login),
    "/signup": (["GET", "POST"], signup.signup),
    "/confirm": (["GET", "POST"], confirm.confirm),
    "/forgotPassword": (["GET", "POST"], recovery.forgot),
    "/confirmforgotPassword": (["GET", "POST"], recovery.new_password),
    "/confirmUser": (["GET", "POST"], mailed_link.mailed_link),
    "/unlock": (["GET", "POST"], unlock.unlock),
    "/new-password": (["GET", "POST"], replace_password.replace_password),
    "/still-linked": (["GET", "POST"], still_linked.still_linked),
    "/choose-account": (["GET", "POST"], choose_account.choose_account),
    "/second-factor": (["GET", "POST"], second_factor.second_factor_page),
    "/consent": (["GET", "POST"], consent.consent),
    "/device": (["GET", "POST"], device.device),
    "/device/done": (["GET"], device.done),
    "/device/qr": (["GET"], device.picture),
    "/oauth2/logout": (["GET", "POST"], logout.end_session),
    "/logout": (["GET"], logout.cognito_logout),
    "/signed-out": (["GET"], logout.signed_out),
    "/passkeys/options": (["POST"], options.options),
    "/signed-in": (["GET"], signed_in.signed_in),
    "/unlink": (["GET", "POST"], unlink.unlink),
    "/language": (["POST"], language_menu.choose),
    "/client-logo/{client_id:path}/{version}": (["GET"], logos.client_logo),
    "/static/{version}/{name}": (["GET"], static_files.static_file),
}

DEVELOPMENT: dict[str, tuple[list[str], Callable[[Request], Awaitable[Response]]]] = {
    "/dev/mailbox": (["GET"], mailbox.mailbox),
    "/dev/mailbox/{mail_id}": (["GET"], mailbox.letter),
}


def routes(settings: Settings) -> list[BaseRoute]:
    """Plain routes under the issuer's path; handlers find `request.app.state.services`."""
    pages = PAGES | account.PAGES | (DEVELOPMENT if settings.development else {})
    return [
        Route(settings.issuer_path + path, hosted(endpoint), methods=methods, name=path)
        for path, (methods, endpoint) in pages.items()
    ]
