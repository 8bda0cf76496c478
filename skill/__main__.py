"""`python -m skill`."""

from skill.cli import main

main()
