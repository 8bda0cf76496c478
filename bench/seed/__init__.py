"""Rows for a measurement, written in bulk with the services' own models: what people would take years to cause."""
