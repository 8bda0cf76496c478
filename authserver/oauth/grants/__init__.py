"""The grants: Authlib's classes with the answers to their storage questions. One file each."""
