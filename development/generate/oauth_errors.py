"""OAuth errors in our words: the classes are Authlib's, and their docstrings speak of all that a server may do."""

OAUTH_ERRORS = {
    "access_denied": "The person pressed Cancel or refused consent.",
    "account_selection_required": "`prompt=none`, and the person would have to choose an account.",
    "authorization_pending": "Nobody has decided yet about this device: ask again after `interval` seconds.",
    "consent_required": "`prompt=none`, and the person would have to agree first.",
    "expired_token": "Nobody has decided about this device in time: it may begin anew.",
    "insufficient_scope": "403. The access token lacks the scope that this endpoint needs (RFC 6750 §3.1).",
    "interaction_required": "`prompt=none`, and a page would have to be shown.",
    "invalid_client": "401. The client is unknown, its secret is wrong, or it may not authenticate in this way.",
    "invalid_client_metadata": "What a client wants to be registered with is malformed, not allowed, or more than its "
    "initial access token gives leave to (RFC 7591 §3.2.2).",
    "invalid_dpop_proof": "The proof of possession is missing, malformed, too old, used before or for another request "
    "(RFC 9449 §5).",
    "invalid_grant": "The code or refresh token is unknown, expired, used, revoked, or of another client, redirect URI"
    " or verifier. For Alexa this ends the link: it is never the answer to trouble of the server's own.",
    "invalid_redirect_uri": "A redirect URI that cannot be registered (RFC 7591 §3.2.2).",
    "invalid_request": "A parameter is missing, malformed or there twice; or a subject token cannot be exchanged "
    "(RFC 8693 §2.2.2).",
    "invalid_request_object": "`request` is not signed by the client, not for this server, expired, or malformed; the"
    " log says which (RFC 9101 §6).",
    "invalid_request_uri": "`request_uri` was pushed here but is expired, used, or of another client (RFC 9126 §4).",
    "invalid_scope": "A scope that does not exist or that the client may not ask for.",
    "invalid_target": "`resource` is no registered resource server that the client may name, was not granted, or "
    "names two where a token is for one (RFC 8707 §2).",
    "invalid_token": "401. The access token is missing, expired, revoked or none of ours (RFC 6750 §3.1); or "
    "the token of a registration is.",
    "login_required": "`prompt=none`, and nobody is signed in, or not recently enough.",
    "request_not_supported": "A request object (`request`) without a signature, or of a client without keys.",
    "request_uri_not_supported": "`request_uri` names something that was not pushed here; it is never fetched.",
    "server_error": "500. A fault of the server; the log has it.",
    "slow_down": "As `authorization_pending`, and from now on five seconds more between two questions.",
    "temporarily_unavailable": "503 with `Retry-After`. Trouble of the server's own: try again, nothing is lost.",
    "unapproved_software_statement": "Software statements are not taken (RFC 7591 §3.2.2).",
    "unauthorized_client": "The client may not use this grant or response type.",
    "unmet_authentication_requirements": "The person has nothing that reaches a level of `acr_values` (RFC 9470 §5).",
    "unsupported_grant_type": "A grant type that this server does not have, such as `password`.",
    "unsupported_response_type": "A response type other than `code`.",
    "unsupported_token_type": "An access token at the revocation endpoint: revoke the refresh token.",
    "use_dpop_nonce": "The next proof must carry the nonce of the header `DPoP-Nonce` (RFC 9449 §8).",
}
