"""Clients that register themselves (RFC 7591), and change and remove what they registered (RFC 7592), with the
operator's leave: an initial access token. docs/adr/0040.

`initial_access` is that leave, `document` the JSON, `metadata` what may stand in it, `sector` the file that pairwise
subjects rest on, `registrations` the rows. The endpoint is `oauth.endpoints.register`; what may stand in the registry
at all is `oauth.client_rules`, the same for everybody.
"""
