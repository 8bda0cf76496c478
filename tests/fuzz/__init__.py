"""What is drawn at random, against the running server: in `make test` the same small draw every time, in `make fuzz` as
much as there is time for.

No answer is a 5xx; nothing that was sent comes back as markup, as a header or as a redirect to an address that is not
registered; and no line of the log, at debug level, holds what opens a door.
"""
