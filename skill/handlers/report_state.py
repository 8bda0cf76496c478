"""`Alexa` `ReportState`, which also carries `Alexa.EndpointHealth` (contract 2.3)."""

from skill.access_token import Caller
from skill.directives import Directive
from skill.lamps import Lamps
from skill.responses import Message, state_report


async def report_state(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """A lamp that is offline reports its last known values and `UNREACHABLE`; that is no error."""
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    return state_report(directive, await lamp.sample(), lamp.abilities)
