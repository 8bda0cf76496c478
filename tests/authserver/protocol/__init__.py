"""The protocol, asked as an attacker would ask: redirects, codes, tokens, keys, races, outages, bad input."""
