"""`make compose-test`: docker-compose.yml for real, one whole linking and some directives through it, down again.

Two rounds, each under a project name and on ports of its own: development mode as `docker compose up` gives it, and
production with TLS by Caddy under an internal authority. $COMPOSE is the command, by default `docker compose`.
"""
