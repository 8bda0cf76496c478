"""How long a run takes, and how much is written for it beforehand."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """`seconds` of one run. What may be used once (codes, signatures) is prepared for the fastest server to be hoped
    for; a run that comes to the end of it ends early, and its rate is that of the time it took."""

    rounds: int
    seconds: int
    storm_rounds: int
    size_rounds: int
    grants: int  # in the large database; 0: not measured
    timings: int  # of each request of a person, for known and for unknown addresses
    lamp_seconds: int  # of one part of the load on ten thousand lamps
    lamp_parts: int = 4

    @property
    def kept(self) -> int:
        """Grants that one run refreshes."""
        return 3500 * self.seconds

    @property
    def rotating(self) -> int:
        return 2000 * self.seconds

    @property
    def codes(self) -> int:
        return 2500 * self.seconds

    @property
    def directives(self) -> int:
        return 10_000 * self.seconds

    @property
    def proofs(self) -> int:
        """DPoP proofs of one run, and grants that are refreshed with them."""
        return 2000 * self.seconds

    @property
    def polls(self) -> int:
        """Devices that each ask once in one run."""
        return 2500 * self.seconds

    @property
    def new_tokens(self) -> int:
        return 1500 * self.seconds


WHOLE = Plan(rounds=4, seconds=3, storm_rounds=2, size_rounds=2, grants=1_000_000, timings=200, lamp_seconds=15)
QUICK = Plan(rounds=2, seconds=1, storm_rounds=1, size_rounds=1, grants=0, timings=30, lamp_seconds=3)
