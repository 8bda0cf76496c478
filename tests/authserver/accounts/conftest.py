from tests.authserver.accounts.people import given_settings, people, people_servers, server

__all__ = ["given_settings", "people", "people_servers", "server"]
