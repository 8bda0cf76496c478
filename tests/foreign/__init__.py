"""Clients that others wrote, against the running server: they know nothing of us but what the specifications say."""
