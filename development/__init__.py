"""What developers run: the supervisor of `make run`, generators of reference pages, the system packages of tests."""
