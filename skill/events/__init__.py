"""Events to Alexa: what changed without it, which lamps came and went (contract 1.8, 2.5).

`grants` are the users' leave, kept fresh at Login with Amazon; `watching` hears what happens to lamps and decides, in
the database, what Alexa has to be told; `skill.storage.outbox` keeps it until `sending` has brought it to the gateway.
`amazon` speaks HTTP to Amazon, `messages` and `comparing` are pure. `running` is all of it in a service that is set up
for events; one that is not loads nothing of it.
"""
