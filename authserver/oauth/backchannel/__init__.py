"""Back-channel logout (OpenID Connect Back-Channel Logout 1.0): clients are told that a browser's session has ended.

`notices` writes what is to be told, in the unit of work that ends the session; `worker` sends it, with tokens of
`logout_token` through `egress`, and again until it arrived. Who ended the session waits for none of it.
"""
