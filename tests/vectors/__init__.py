"""Requests as they come from outside, written from the contracts' text and from public captures' measures."""
