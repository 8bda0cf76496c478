"""Demonstrating Proof of Possession (RFC 9449): tokens that are of use only with the client's own key.

`proof` reads what the DPoP header holds, `nonces` are the server's, `binding` stands at the token endpoint in front of
every grant, `resource` where an access token is presented to us. docs/adr/0033 tells what was left to us.
"""
