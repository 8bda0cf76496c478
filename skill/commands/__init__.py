"""The operator's commands on lamps and the broker, one file for each group; `skill.cli` puts them together."""
