from tests.authserver.accounts.people import people, people_servers, server

__all__ = ["people", "people_servers", "server"]
