"""Changes of a simulated lamp: each is applied to what the lamp is, whoever changed it meanwhile."""

import asyncio

import asyncpg

from skill.canonical import BrightnessStep, LampState
from skill.storage.migrations import migrate
from skill.storage.registry import open_registry
from skill.storage.store import Store, open_store


async def add(url: str, owner: str = "u1", name: str = "Desk lamp") -> str:
    async with open_registry(url) as registry:
        return (await registry.add(owner, name, "simulated", {})).endpoint_id


async def test_a_changed_state_is_read_back_whole(database_url: str, store: Store) -> None:
    lamp = await add(database_url)
    state = LampState(True, 42, "color", 120.5, 0.25, 0.75, 4000, online=True)
    assert await store.change_simulated_lamp(lamp, lambda _: state) == state
    assert await store.simulated_lamp(lamp) == state
    found = await store.lamp(lamp)
    assert found is not None
    assert found[1] == state
    assert (found[0].endpoint_id, found[0].owner, found[0].options) == (lamp, "u1", {})


async def test_steps_from_two_replicas_are_all_counted(database_url: str, store: Store) -> None:
    lamps = [await add(database_url) for _ in range(3)]
    other = await open_store(database_url)
    for lamp in lamps:
        await store.change_simulated_lamp(lamp, lambda state: state._replace(power=True, last_brightness=10))
    await asyncio.gather(
        *(
            each.change_simulated_lamp(lamp, BrightnessStep(1).applied_to)
            for _ in range(20)
            for lamp in lamps
            for each in (store, other)
        )
    )
    assert [(await store.simulated_lamp(lamp)).brightness for lamp in lamps] == [50, 50, 50]  # type: ignore[union-attr]
    await other.close()


async def test_what_was_read_before_another_replica_wrote_is_read_again(database_url: str, store: Store) -> None:
    lamp, other = await add(database_url), await open_store(database_url)
    before = await store.simulated_lamp(lamp)
    await other.change_simulated_lamp(lamp, BrightnessStep(10).applied_to)
    changed = await store.change_simulated_lamp(lamp, BrightnessStep(1).applied_to, before)
    assert changed is not None
    assert changed.brightness == 11
    assert await other.simulated_lamp(lamp) == changed
    await other.close()


async def test_steps_that_began_with_different_views_of_a_lamp_are_all_counted(database_url: str, store: Store) -> None:
    """In one batch: one knows the lamp as it is, one as it was, one not at all."""
    lamp = await add(database_url)
    before = await store.simulated_lamp(lamp)
    now = await store.change_simulated_lamp(lamp, BrightnessStep(10).applied_to, before)
    await asyncio.gather(
        *(store.change_simulated_lamp(lamp, BrightnessStep(1).applied_to, seen) for seen in (now, before, None))
    )
    assert (await store.simulated_lamp(lamp)).brightness == 13  # type: ignore[union-attr]


async def test_a_lamp_that_is_gone_meanwhile_is_none(database_url: str, store: Store) -> None:
    gone, there = await add(database_url), await add(database_url)
    before = await store.simulated_lamp(gone)
    async with open_registry(database_url) as registry:
        await registry.remove(gone)
    changes = [store.change_simulated_lamp(each, BrightnessStep(5).applied_to, before) for each in (gone, there)]
    first, second = await asyncio.gather(*changes)
    assert first is None
    assert second is not None
    assert second.brightness == 5


async def test_replicas_that_write_the_same_lamps_in_another_order_both_succeed(postgres_url: str) -> None:
    """PostgreSQL ends one of two that wait for each other: what it ended is done again."""
    await migrate(postgres_url)
    store, lamps = await open_store(postgres_url), sorted([await add(postgres_url), await add(postgres_url)])
    before = await store.simulated_lamp(lamps[0])
    connection = await asyncpg.connect(postgres_url)
    switch = "UPDATE simulated_lamp SET power = true WHERE endpoint_id = $1"
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(switch, lamps[1])
    changing = asyncio.gather(
        *(store.change_simulated_lamp(lamp, BrightnessStep(5).applied_to, before) for lamp in lamps)
    )
    await asyncio.sleep(0.2)
    await connection.execute(switch, lamps[0])
    await transaction.commit()
    await connection.close()
    assert all(changed is not None and changed.power for changed in await changing)
    await store.close()


async def test_a_step_that_fails_fails_alone(database_url: str, store: Store) -> None:
    good, bad = await add(database_url), await add(database_url)

    def fail(_: LampState) -> LampState:
        raise ValueError("no")

    results = await asyncio.gather(
        store.change_simulated_lamp(good, BrightnessStep(7).applied_to),
        store.change_simulated_lamp(bad, fail),
        store.change_simulated_lamp(good, BrightnessStep(7).applied_to),
        return_exceptions=True,
    )
    assert isinstance(results[1], ValueError)
    assert (await store.simulated_lamp(good)).brightness == 14  # type: ignore[union-attr]
