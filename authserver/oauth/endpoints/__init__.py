"""The protocol's endpoints, one file each: plain Starlette routes that parse strictly and say what `oauth` decides."""
