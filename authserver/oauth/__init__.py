"""The protocol: Authlib bound to Starlette, grants, clients, tokens, keys, interactions.

It owns what RFCs rule. People (`accounts`) and what they see (`pages`) are elsewhere; `endpoints/` is its HTTP.
"""
