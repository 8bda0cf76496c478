"""One file for each dialect that lamps speak: pure functions between the canonical state and payloads."""
