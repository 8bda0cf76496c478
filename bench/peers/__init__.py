"""Other projects that can be run here, each installed under var/bench/ from its own registry."""
