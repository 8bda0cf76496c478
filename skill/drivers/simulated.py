"""A lamp that exists in the database alone, with the strict semantics of contract 2.3."""

from skill.canonical import Change, Lamp, LampState, Sample
from skill.errors import EndpointUnreachable, InternalError
from skill.news import Cause, Happening, News
from skill.storage.store import Clock, Store


class SimulatedDriver:
    """Its state is sampled at the moment of asking, so a sample is never old."""

    def __init__(self, store: Store, clock: Clock, news: News | None = None) -> None:
        self._store, self._clock, self._news = store, clock, news or News()

    async def sample(self, lamp: Lamp, stored: LampState | None) -> Sample:
        return self._sampled(stored)

    async def apply(
        self, lamp: Lamp, change: Change, stored: LampState | None = None, cause: Cause = Cause.alexa
    ) -> Sample:
        def step(state: LampState) -> LampState:
            if state.online is False:
                raise EndpointUnreachable("The lamp is offline.")
            return change.applied_to(state)

        sample = self._sampled(await self._store.change_simulated_lamp(lamp.endpoint_id, step, stored))
        if sample.state != stored:
            self._news.tell(Happening(lamp.endpoint_id, stored, sample.state, sample.at, cause))
        return sample

    def _sampled(self, state: LampState | None) -> Sample:
        if state is None:
            raise InternalError("The simulated lamp has no state.")
        return Sample(state, self._clock(), 0)
