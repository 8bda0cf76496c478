"""The owner's pages against both real services, over HTTP."""
