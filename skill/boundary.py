"""One directive in, one Alexa message out, whatever fails, within five seconds (contract 0, row 5)."""

import logging
from collections.abc import Awaitable, Mapping

from skill import responses
from skill.access_token import AccessTokens, Moment
from skill.bridge_call import SignatureUsed
from skill.directives import ACCEPT_GRANT, addressing, loads, read
from skill.errors import AlexaError, InternalError, InvalidDirective
from skill.handlers import HANDLERS, Handler
from skill.lamps import Lamps
from skill.patience import Patience
from skill.responses import Message

log = logging.getLogger(__name__)

BUDGET = 5.0  # seconds from its call to an answer, of the eight that Alexa gives to the bridge and us


class Boundary:
    """`handlers`: all of `HANDLERS`, some of them perhaps with more behind them."""

    def __init__(
        self, tokens: AccessTokens, lamps: Lamps, handlers: Mapping[tuple[str, str], Handler] = HANDLERS
    ) -> None:
        self._tokens, self._lamps, self._handlers = tokens, lamps, handlers

    async def answer(
        self,
        body: bytes,
        moment: Moment,
        claim: Awaitable[bool] | None,
        region: str | None = None,
        spent: float = 0.0,
    ) -> Message | None:
        """Within `BUDGET`: `spent` of it is gone. None where `claim`, that of the call's signature, comes to
        nothing: then nothing was done either. Never raises: what was unexpected is InternalError, which is harmless to
        the link, and in the log."""
        document = loads(body)
        try:
            with Patience(BUDGET - spent):
                try:
                    message = await self._obey(document, moment, self._lamps.under(claim), region)
                except SignatureUsed:
                    return None
                except Exception as failure:
                    message = refusal(document, failure)
                # Whatever the answer is, it belongs to the first who asked.
                return message if claim is None or await claim else None
        except Exception as failure:
            return refusal(document, failure)

    async def _obey(self, document: object, moment: Moment, lamps: Lamps, region: str | None) -> Message:
        directive = read(document)
        if (handler := self._handlers.get(directive.kind)) is None:
            raise InvalidDirective("This directive is not one that the skill obeys.")
        if directive.kind == ACCEPT_GRANT:
            directive = directive._replace(region=region)
        caller = await self._tokens.verify(directive.token, moment)
        return await handler(directive, caller, lamps)


def refusal(document: object, failure: Exception) -> Message:
    """The ErrorResponse to a directive; the log says what it was."""
    address = addressing(document)
    if not isinstance(failure, AlexaError):
        log.error("directive failed", exc_info=failure)
        late = isinstance(failure, TimeoutError)
        failure = InternalError("It took too long." if late else "Something went wrong on our side.")
    log.info("%.80r %.80r refused: %s: %s", address.namespace, address.name, failure.type, failure)
    return responses.error(address, failure)
