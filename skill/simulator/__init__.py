"""An Alexa and lamps to develop against. Nothing of it is loaded where only a part is wanted.

The page `/simulator/` (`routes`), in development mode only and only for a loopback `Host`, owns what Alexa's cloud
does and keeps: linking (`linking`), the tokens of a browser's link (`browsers`), sentences (`speech`), directives
(`messages`), sending them and speaking the answer (`alexa`, `replies`), and showing all of it (`journal`, `drawing`,
`pages`, `stream`). It does not own lamps or rules about tokens: a directive goes down the same path as one from the
bridge, and the simulator believes nothing that Alexa would not be told.

`commands` are `skill simulate …`: the same Alexa from a command line, and lamps (`firmware`, `plugged`, `terminal`)
that speak every dialect over a real broker.
"""
