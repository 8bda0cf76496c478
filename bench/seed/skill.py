"""Lamps in skill's database."""

import time
import uuid
from dataclasses import dataclass

from bench.seed import bulk
from skill.models import LampRow, SimulatedLampRow


@dataclass(frozen=True)
class Owner:
    """A person with one simulated lamp."""

    sub: str
    endpoint_id: str


def owners(count: int) -> list[Owner]:
    return [Owner(str(uuid.uuid4()), f"lamp-{uuid.uuid4().hex}") for _ in range(count)]


async def seed(url: str, people: list[Owner]) -> None:
    now = int(time.time())
    lamps, states = [], []
    for owner in people:
        lamp = LampRow(
            endpoint_id=owner.endpoint_id,
            owner=owner.sub,
            name="Desk lamp",
            driver="simulated",
            options={},
            created_at=now,
        )
        lamps.append(bulk.row(LampRow, **lamp.model_dump()))
        states.append(bulk.row(SimulatedLampRow, **SimulatedLampRow(endpoint_id=owner.endpoint_id).model_dump()))
    await bulk.write(url, [(LampRow, lamps), (SimulatedLampRow, states)])
