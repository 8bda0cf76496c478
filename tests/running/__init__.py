"""What tests run against: the real thing on loopback, started when first needed and gone when the run ends.

Nothing here knows a rule of the services; it starts, stops, listens and fills in forms.
"""
