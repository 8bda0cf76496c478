"""What could be reached at all: the signature alone, and servers that do nothing but sign or verify one token.

They import nothing of the services: a bound that shares their code would share their slowness.
"""
