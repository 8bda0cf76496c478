"""One directive in, one Alexa message out, whatever fails, within five seconds (contract 0, row 5)."""

import asyncio
import logging

from skill import responses
from skill.access_token import AccessTokens, Moment
from skill.directives import addressing, loads, read
from skill.errors import AlexaError, InternalError, InvalidDirective
from skill.handlers import HANDLERS
from skill.lamps import Lamps
from skill.responses import Message

log = logging.getLogger(__name__)

BUDGET = 5.0  # seconds, of the eight that Alexa gives to the bridge and us


class Boundary:
    def __init__(self, tokens: AccessTokens, lamps: Lamps) -> None:
        self._tokens, self._lamps = tokens, lamps

    async def answer(self, body: bytes, moment: Moment) -> Message:
        """Never raises. What was unexpected is InternalError, which is harmless to the link, and in the log."""
        document = loads(body)
        try:
            async with asyncio.timeout(BUDGET):
                directive = read(document)
                if (handler := HANDLERS.get(directive.kind)) is None:
                    raise InvalidDirective("This directive is not one that the skill obeys.")
                caller = await self._tokens.verify(directive.token, moment)
                return await handler(directive, caller, self._lamps)
        except Exception as failure:
            return refusal(document, failure)


def refusal(document: object, failure: Exception) -> Message:
    """The ErrorResponse to a directive; the log says what it was."""
    address = addressing(document)
    if not isinstance(failure, AlexaError):
        log.error("directive failed", exc_info=failure)
        late = isinstance(failure, TimeoutError)
        failure = InternalError("It took too long." if late else "Something went wrong on our side.")
    log.info("%.80r %.80r refused: %s: %s", address.namespace, address.name, failure.type, failure)
    return responses.error(address, failure)
