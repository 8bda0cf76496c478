"""What OpenID's certification suite checks, module by module: Basic OP, also with posted answers, Config, logout, and
dynamic registration."""

BASIC_OP = {
    "oidcc every-module": "Whatever the flow: sane metadata, keys of distinct ids, a way of authentication that is "
    "advertised, `state` and `iss` as they must be, a token answer with a positive `expires_in`, an ID token of which "
    "signature and every claim hold, and UserInfo that answers.",
    "oidcc error-shapes": "An error's description is printable ASCII without quotes and backslashes, and nothing comes "
    "with an error that does not belong there: no code, no parameter of our own.",
    "oidcc server": "The whole flow; codes of 128 bits and more, `at_hash` right, no claim in the ID token that nobody "
    "asked for.",
    "oidcc response-type-missing": "A request without `response_type` goes back to the client as an error.",
    "oidcc idtoken-signature": "ID tokens are signed with RS256 by default and name their key.",
    "oidcc idtoken-unsigned": "An ID token with `alg` `none` only where client and server have agreed on it.",
    "oidcc userinfo-get": "UserInfo by GET is JSON with `sub`, and `updated_at` a number.",
    "oidcc userinfo-post-header": "The same by POST with the token in the header.",
    "oidcc userinfo-post-body": "The same by POST with the token in a form.",
    "oidcc ensure-request-without-nonce-succeeds": "Without a nonce the flow works and none is in the ID token.",
    "oidcc scope-profile": "`profile` opens its claims at UserInfo, in their types.",
    "oidcc scope-email": "So does `email`.",
    "oidcc scope-address": "So does `address`.",
    "oidcc scope-phone": "So does `phone`, with `phone_number_verified`.",
    "oidcc scope-all": "So do all of them at once.",
    "oidcc scope-claims-at-userinfo-alone": "What a scope opens is at UserInfo and not in the ID token of a code flow.",
    "oidcc alternate-happy-flow": "Scopes and parameters may come in any order.",
    "oidcc display-page": "`display=page` stands in nobody's way.",
    "oidcc display-popup": "Nor does `display=popup`.",
    "oidcc prompt-login": "`prompt=login` asks for the password though somebody is signed in, and `auth_time` moves.",
    "oidcc prompt-none-not-logged-in": "`prompt=none` without a session goes back with the right error.",
    "oidcc prompt-none-logged-in": "`prompt=none` with one is silent, with the same `sub` and `auth_time`.",
    "oidcc max-age-1": "A sign-in that is older than `max_age` is asked for again, and `auth_time` tells of the new.",
    "oidcc max-age-10000": "A younger one is not, and `auth_time` is told.",
    "oidcc unknown-parameter": "An unknown parameter is ignored.",
    "oidcc id-token-hint": "`prompt=none` with a hint of the signed-in person is silent, with the same `sub`.",
    "oidcc login-hint": "`login_hint` is accepted.",
    "oidcc ui-locales": "`ui_locales` chooses the language of the sign-in page.",
    "oidcc claims-locales": "`claims_locales` is accepted.",
    "oidcc acr-values": "`acr_values` is accepted, and of those that can be reached the ID token's `acr` is one.",
    "oidcc codereuse": "A code's second use is `invalid_grant`.",
    "oidcc codereuse-30seconds": "So it is half a minute later, and then the first access token is dead.",
    "oidcc ensure-registered-redirect-uri": "A redirect URI that is not registered is a page, no redirect.",
    "oidcc ensure-post-request-succeeds": "An authorization request may come by POST.",
    "oidcc server-client-secret-post": "The whole flow works with `client_secret_post`.",
    "oidcc request-uri-unsigned": "`request_uri` is refused with `request_uri_not_supported`, never ignored.",
    "oidcc unsigned-request-object": "So is an unsigned `request`, with `request_not_supported`.",
    "oidcc claims-essential": "An essential claim is given at UserInfo.",
    "oidcc ensure-request-object-with-redirect-uri": "Of two redirect URIs the signed one counts.",
    "oidcc refresh-token": "A refresh answers in full, its ID token tells of the same sign-in, tokens are long and of "
    "the right characters, and another client's refresh token is `invalid_grant`.",
    "oidcc ensure-request-with-valid-pkce-succeeds": "A request with S256 never fails for it.",
    "oidcc formpost": "With `response_mode=form_post` the code is posted with state and `iss`,",
    "oidcc formpost-errors": "and so are errors, what somebody put into a state among them, and none of it is markup.",
    "oidcc formpost-steps": "So it is at the end of sign-in and consent.",
    "oidcc 3rd-party-init-login": "A sign-in begins at the client's `initiate_login_uri`.",
    "oidcc session-cookie-lax": "The session's cookie comes along from a client's page: `SameSite=Lax`, not `Strict`.",
}

CONFIG = {
    "oidcc config": "The metadata are JSON of the known members, each in its form; the issuer is the URL that they "
    "were asked at; every address is https and answers, and the key set loads.",
    "oidcc config-locales": "Languages are told as canonical BCP 47 tags.",
}

LOGOUT = {
    "oidcc frontchannel-logout": "Clients are told by frames in a page of ours.",
    "oidcc session-management": "Clients watch the session from a frame of ours.",
    "oidcc rp-initiated-logout": "With a hint and a registered address the person is signed out and led there with the "
    "state; then `prompt=none` fails.",
    "oidcc rp-initiated-logout-discovery": "The metadata name the endpoint.",
    "oidcc rp-initiated-logout-bad-uri": "An address that is not registered is never gone to.",
    "oidcc rp-initiated-logout-query-added": "Nor is a registered one with a query added.",
    "oidcc rp-initiated-logout-modified-hint": "Nor is any with a changed or unsigned hint.",
    "oidcc rp-initiated-logout-foreign-hint": "Nor with one that somebody else has signed.",
    "oidcc rp-initiated-logout-no-hint": "Nor without a hint.",
    "oidcc rp-initiated-logout-no-params": "Without any parameter the person is asked, and sees that it is done.",
    "oidcc rp-initiated-logout-only-state": "So with a state alone.",
    "oidcc rp-initiated-logout-no-uri": "With a hint and no address a page of ours says that it is done.",
    "oidcc rp-initiated-logout-no-state": "No state comes back where none was sent.",
    "oidcc backchannel-logout": "The client gets a signed logout token with `events`, `sub` and `sid`, without "
    "`nonce`, as the only parameter.",
    "oidcc backchannel-logout-rp-initiated": "So it does where the client itself has asked: then comes the redirect, "
    "and `prompt=none` fails.",
    "oidcc backchannel-logout-discovery": "The metadata tell that clients are told, and of which session.",
}

#: for clients that have registered themselves
DYNAMIC: dict[str, str] = {
    "OIDC Dynamic id-token-rs256": "ID tokens are signed as the client has registered it.",
    "OIDC Dynamic id-token-none": "An unsigned ID token cannot be registered.",
    "OIDC Dynamic userinfo-rs256": "UserInfo is signed where the client has registered that.",
    "OIDC Dynamic redirect-uri-missing": "With two registered redirect URIs a request without one is a page.",
    "OIDC Dynamic redirect-uri-query": "A query in a registered redirect URI belongs to it: with another, or one that "
    "is added, it is another address.",
    "OIDC Dynamic redirect-uri-fragment": "A redirect URI with a fragment is refused with `invalid_redirect_uri`.",
    "OIDC Dynamic logo-uri": "A client's picture is kept as it said it,",
    "OIDC Dynamic policy-uri": "so is its policy,",
    "OIDC Dynamic tos-uri": "and so are its terms.",
    "OIDC Dynamic jwks-uri": "Its keys are read from its `jwks_uri`.",
    "OIDC Dynamic client-key-rotation": "It changes them as it likes, and what it has goes on.",
    "OIDC Dynamic private-key-jwt": "It authenticates with them, and names the issuer as audience.",
    "OIDC Dynamic sector-identifier": "A sector that lists every redirect URI is one for all its clients.",
    "OIDC Dynamic sector-identifier-bad": "One that does not is refused.",
    "OIDC Dynamic request-uri-unsigned": "No `request_uri` of its own is fetched.",
    "OIDC Dynamic request-uri-rs256": "Nor one with a signed request.",
    "OIDC Dynamic without-pkce": "It asks for codes without PKCE, as every module of this plan does.",
    "OIDC Dynamic request-object-rs256": "A request object that it has signed counts.",
    "oidcc server-key-rotation": "After a rotation the new key is published, and the old one still is.",
}
