"""The skill's own database: the cold path of commands, the hot path of directives. COMMIT happens only here."""
