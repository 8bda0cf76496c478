"""The broker itself: what lamps announce there, and who may say and hear what on it.

Lamps are commanded by `skill.drivers.mqtt`; nothing here runs while the service serves.
"""
