"""The rules of the house, as tests: about the source as it stands, not about behaviour."""
