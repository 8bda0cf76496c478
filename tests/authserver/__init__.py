"""authserver, seen from outside and from within."""
