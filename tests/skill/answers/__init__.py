"""Every message that skill may send to Alexa, as models: written from contract section 2, and stricter than Amazon's
published schema where section 3 of the contract says that it is loose.

`envelope` holds what all share, `lamp` answers about one lamp, `discovery`, `errors`, `events` the rest; `answer` holds
an answer against the directive that it answers.
"""
