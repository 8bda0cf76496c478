"""An Alexa to develop against: the page `/simulator/`, in development mode only and only for a loopback `Host`.

Owns what Alexa's cloud does and keeps: linking (`linking`), the tokens of a browser's link (`browsers`), sentences
(`speech`), directives (`messages`), sending them and speaking the answer (`alexa`, `replies`), and showing all of it
(`journal`, `drawing`, `pages`, `stream`, `routes`). It does not own lamps or rules about tokens: a directive goes down
the same path as one from the bridge, and the simulator believes nothing that Alexa would not be told.
"""

from skill.simulator.routes import simulator_routes

__all__ = ["simulator_routes"]
