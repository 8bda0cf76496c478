"""The checks that `@pytest.mark.spec(...)` may name beside sections of published specifications, and what each demands.

`A` and `S`: the services as Alexa sees them. `security 6`: the server as an attacker sees it, after RFC 9700 and the
advisories of other servers. `NOT_YET` says which part of the plan brings what no test holds today.
"""

AUTHSERVER_AS_ALEXA_SEES_IT = {
    "A01": "An authorization URL with a state of 737 characters shows a sign-in page made for a phone: nothing from "
    "other hosts, no pop-up.",
    "A02": "After sign-in the browser goes to exactly the given redirect URI with `code` and the same `state`, byte by "
    "byte.",
    "A03": "Each of the vendor's three redirect URLs works; anything else is a page, never a redirect.",
    "A04": "An unknown client is a page, never a redirect.",
    "A05": "`response_type=token` is refused at the redirect URI with `unsupported_response_type` and the state.",
    "A06": "A missing state is allowed; a given one survives every wrong password, consent and detour.",
    "A07": "A wrong password shows the error on the same page, and the next try may succeed.",
    "A08": "Cancel returns `access_denied` with the state.",
    "A09": "Unknown parameters are ignored; equal repetitions pass at the authorization endpoint alone; different ones "
    "are refused.",
    "A10": "The pages work without JavaScript, without web storage and with a new cookie jar.",
    "A11": "The Content-Security-Policy lets the redirect after a POST through, along Amazon's whole chain; nobody may "
    "frame the pages.",
    "A12": "An unknown scope is `invalid_scope`; a scope that differs from the asked one is told with the tokens.",
    "A13": "PKCE with S256 is honoured: a wrong or missing verifier is `invalid_grant`, `plain` is refused, none is "
    "needed unless the client demands it.",
    "A14": "The token endpoint takes Basic credentials, percent-encoded ones too.",
    "A15": "It takes credentials in the body; both places only where they agree.",
    "A16": "A token response has both tokens, `Bearer`, an integer `expires_in` of at least 360, and is not stored.",
    "A17": "Tokens are answered fast (p99 under 1 s) also while 50 people sign in.",
    "A18": "A code works once, in time, for its client, redirect URI and verifier; a failed binding does not burn it "
    "before the fifth attempt.",
    "A19": "A refresh token works a thousand times in a row, and comes back each time.",
    "A20": "Twenty refreshes at once with one token all succeed.",
    "A21": "With rotation the predecessor works until its successor is used, and a short while longer; a later reuse "
    "does not harm the successor of the Alexa preset.",
    "A22": "A refresh after 90 idle days works by default.",
    "A23": "When storage fails the answer is 503 with `Retry-After`, never 400.",
    "A24": "A wrong client secret is 401 `invalid_client`.",
    "A25": "Linking again works while an older grant lives, and the older grant lives on.",
    "A26": "Revocation ends the grant, and no other client's.",
    "A27": "Access tokens: an allowed algorithm, a published `kid`, the configured issuer and Cognito's claims.",
    "A28": "After a rotation the old key stays published until its last token has expired.",
    "A29": "The metadata tells code, refresh tokens, S256 and both ways of client authentication.",
    "A30": "An access-token lifetime under 360 s for an Alexa client stops the start.",
    "A31": "The printed SMAPI document and console fields match the server's configuration.",
    "A32": "No secret, code, token or password reaches a log.",
    "A33": "The guide for operators demands the full certificate chain and TLS 1.2 with common ciphers.",
}

SKILL_AS_ALEXA_SEES_IT = {
    "S01": "Discovery lists exactly the user's lamps.",
    "S02": "Every endpoint keeps Alexa's limits; beyond 300 lamps the rest is left out and logged.",
    "S03": "A lamp that cannot be described is skipped, the others are listed.",
    "S04": "A user without lamps gets an empty list.",
    "S05": "An endpoint id survives renaming, restart and a new claim, and is unique across users.",
    "S06": "Each directive is answered with the changed property at the requested value.",
    "S07": "The simulated lamp passes the behavioural cases of Amazon's test plans.",
    "S08": "The correlation token comes back untouched; each message has a new UUID.",
    "S09": "A state report holds every retrievable property and the connectivity, with real sample times in Alexa's "
    "format.",
    "S10": "White and colour mode report what they must: no null, no 0 K.",
    "S11": "Another user's lamp is answered exactly like one that does not exist.",
    "S12": "Unknown directives, missing headers and other payload versions are `INVALID_DIRECTIVE` with status 200.",
    "S13": "Values out of range name the range, values of the wrong kind are `INVALID_VALUE`, a delta is clamped.",
    "S14": "A lamp known to be offline is `ENDPOINT_UNREACHABLE` at once.",
    "S15": "A broker that is away is `BRIDGE_UNREACHABLE`, and its return needs no restart.",
    "S16": "A lamp that stays silent is answered for within 5 s.",
    "S17": "Expired, forged and foreign tokens are told apart, and only provably bad ones unlink.",
    "S18": "While the key set cannot be fetched known keys serve on, and nothing is an authorization error.",
    "S19": "The token counts only in the place that its directive documents.",
    "S20": "A signed call without a token is `INVALID_AUTHORIZATION_CREDENTIAL`; an unsigned call is HTTP 401.",
    "S21": "A grant to send events is kept for the user; its failure has its own error; without configuration it is "
    "accepted.",
    "S22": "Changes are reported only when Alexa did not make them, and the gateway's refusals are obeyed.",
    "S23": "Claiming and giving up a lamp are reported.",
    "S24": "Directives for one lamp take turns, those for different lamps run side by side.",
    "S25": "Repeated and retained messages make no extra reports.",
    "S26": "Every percentage survives the way to the lamp's scale and back.",
    "S27": "The bridge changes nothing, tries once, and never makes an authorization error.",
}

AUTHSERVER_AS_AN_ATTACKER_SEES_IT = {
    1: "A redirect URI with one more or less trailing slash is a page, no redirect.",
    2: "So are variants of host case, default port and percent-encoding.",
    3: "So are extra queries, extra segments and dot segments in every encoding.",
    4: "So are user-info, longer hosts, backslashes and leading control characters.",
    5: "A fragment in a redirect URI is refused, at request and at registration.",
    6: "http redirect URIs are loopback only; a free loopback port is for native clients.",
    7: "The redirect URI may be omitted only where one is registered, and never with `openid`.",
    8: "An unknown client never causes a redirect.",
    9: "An unknown response type with an unregistered redirect URI never causes a redirect.",
    10: "Neither does a missing `openid` with an unregistered redirect URI.",
    11: "Implicit and hybrid response types are refused.",
    12: "The password grant is refused.",
    13: "Repeated parameters: refused where they differ, everywhere in a POST.",
    14: "Parameters in both query and body of the token endpoint are refused.",
    15: "Credentials in the token endpoint's query are refused, and so is GET.",
    16: "A client that must use PKCE is refused without a challenge.",
    17: "PKCE `plain` or without a method is refused.",
    18: "A challenge without a verifier is `invalid_grant`.",
    19: "A wrong verifier is `invalid_grant`; the fifth failed binding burns the code.",
    20: "A verifier without a challenge is `invalid_grant`.",
    21: "Verifiers that are too short, too long or of other characters are refused.",
    22: "A code's second use is refused and ends what the first one gave (Alexa preset: after ten seconds).",
    23: "An expired code is `invalid_grant`.",
    24: "A code of another client is `invalid_grant` and logged; its own client may still use it.",
    25: "A code with another redirect URI is `invalid_grant`.",
    26: "Of twenty uses of a code at once one succeeds and none is an error of ours.",
    27: "Twenty refreshes at once of a rotating client make one chain.",
    28: "An old refresh token of a public client ends its family after the grace period.",
    29: "With the Alexa preset it works on and revokes nothing.",
    30: "A refresh token of another client is `invalid_grant`.",
    31: "A refresh cannot widen its scope; a narrower one is honoured and does not stick.",
    32: "A refresh after the user, the consent or the group is gone is `invalid_grant`.",
    33: "After logout grants for offline use live on, others end.",
    34: "Idle and absolute lifetimes of refresh tokens are kept.",
    35: "Neither a restart nor a restored backup revives what was revoked.",
    36: "A wrong secret is 401 with `WWW-Authenticate`, and an unknown client takes as long.",
    37: "A way of authentication that is not registered for the client is `invalid_client`.",
    38: "Basic and body credentials that disagree are refused.",
    39: "Percent-encoded Basic credentials are decoded.",
    40: "Client assertions: replay, wrong audience, expiry and algorithm tricks are refused.",
    41: "Every authorization response carries `iss`, and the metadata says so.",
    42: "`state` returns byte by byte, Unicode and 2 kB of it too, and is absent where none was sent.",
    43: "No code or token leaves in a Referer.",
    44: "Nobody may frame sign-in and consent.",
    45: "A sign-in or consent without its own CSRF token is refused.",
    46: "A redirect after a POST is 302 or 303.",
    47: "The session id changes at sign-in and at sign-out.",
    48: "A sign-in begun in one browser cannot be finished in another.",
    49: "Answers with tokens or personal data are not stored.",
    50: "Access tokens: explicit type, an hour, client, scope and id, an audience only where one is set.",
    51: "An ID token is no access token, and the other way round.",
    52: "Algorithm tricks, embedded keys, unknown critical headers and strange key ids are refused by the skill.",
    53: "Introspection and revocation demand client authentication and tell nothing about others' tokens.",
    54: "A revoked refresh token takes its access tokens along at introspection.",
    55: "`request_uri` is never fetched.",
    56: "Host and forwarding headers never change the issuer, links in mails or redirects.",
    57: "Consent names the application, where it returns and what it may do.",
    58: "Sign-in answers alike, in time too, for unknown names and wrong passwords; locking out has an end.",
    59: "Second-factor codes: few guesses, single use.",
    60: "No parameter makes an open redirector.",
    61: "A link prepared by an attacker shows who links what before anything is issued, and a mail follows.",
    62: "Guesses of mailed codes are counted before they are compared, over parallel tries and new codes.",
    63: "An attacker cannot keep the owner out for ever.",
    64: "No name, however written, resolves to another account.",
    65: "A token of a machine is refused by the skill.",
    66: "Attributes never override protocol claims.",
    67: "An account registered in advance by another is worth nothing once the owner confirms the address.",
    68: "A mailed link does nothing by being fetched.",
    69: "A token that we sign for one purpose is refused for every other.",
    70: "A sender-constrained token is refused as plain Bearer.",
    71: "Dangerous redirect URIs are refused at registration; none reaches a header unchecked.",
    72: "A replayed bridge call is refused, on every replica.",
    73: "Neighbours on the same host or site can neither read nor plant a session.",
    74: "No grant survives a disable or unlink that races exchanges.",
    75: "A wrong secret key stops the start and changes nothing.",
    76: "Development mode is for loopback only.",
    77: "The server's own fetches go through one guarded way.",
    78: "Logout needs a navigation or a confirmation.",
    79: "Introspection tells a client only about its own tokens.",
    80: "Userinfo gives what the scopes allow.",
}

ACCOUNTS = "not yet: comes with accounts and hosted pages"
PROTOCOL = "not yet: comes with the complete protocol"
LAMPS = "not yet: comes with lamps over MQTT and events"

NOT_YET: dict[str, str] = {
    **{f"security 6.{row}": ACCOUNTS for row in (59, 62, 63, 64, 67, 68)},
    **{f"security 6.{row}": PROTOCOL for row in (31, 33, 34, 35, 40, 53, 54, 55, 60, 65, 66, 70, 71, 77, 78, 79, 80)},
    **dict.fromkeys(("S07", "S14", "S15", "S16", *(f"S{number}" for number in range(21, 28))), LAMPS),
}

CHECKS: dict[str, dict[str, str]] = {
    "authserver, as Alexa sees it": AUTHSERVER_AS_ALEXA_SEES_IT,
    "skill, as Alexa sees it": SKILL_AS_ALEXA_SEES_IT,
    "authserver and skill, as an attacker sees them": {
        f"security 6.{row}": words for row, words in AUTHSERVER_AS_AN_ATTACKER_SEES_IT.items()
    },
}

#: sections of our notes on Alexa and Cognito that tests may name, where no check of the lists above says the same
NOTES: dict[str, str] = {
    "alexa 0": "What must never unlink a user",
    "alexa 1.1": "The request to the authorization URI",
    "alexa 1.2": "Redirect URLs",
    "alexa 1.3": "Duties of the hosted pages",
    "alexa 1.4": "The exchange of the code",
    "alexa 1.5": "The refresh",
    "alexa 1.6": "Unlinking",
    "alexa 1.7": "The account-linking document of SMAPI",
    "alexa 1.8": "AcceptGrant",
    "alexa 2.1": "The envelope of directives and answers",
    "alexa 2.2": "Discovery",
    "alexa 2.3": "Directives of a lamp and their answers",
    "alexa 2.4": "The form of a response",
    "alexa 2.6": "The types of error responses",
    "alexa 2.7": "How the skill validates a token",
    "alexa 2.8": "The bridge",
    "cognito 1": "Hosted endpoints as Cognito has them",
    "cognito 2": "Tokens as Cognito makes them",
    "cognito 9": "What a client of Cognito relies on",
}

KNOWN: frozenset[str] = frozenset(check for group in CHECKS.values() for check in group)
