"""Lamps that were registered before there were claims keep their owners, and their topics as far as they can."""

from typing import Any

import orjson
import pytest
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from alembic import command
from skill.storage.engine import open_engine
from skill.storage.migrations import SCRIPTS, migrate
from skill.storage.registry import TopicTaken, open_registry

LAMPS = [
    ("lamp-2", "ben", 200, {"command_topic": "a/set", "state_topic": "b"}),
    ("lamp-1", "anna", 100, {"command_topic": "a/set", "state_topic": "a"}),
    ("lamp-3", "anna", 300, {"dialect": "tasmota", "topic": "desk"}),
    ("lamp-4", "anna", 400, {"dialect": "unheard of"}),
    ("lamp-5", "anna", 500, None),
]


def to(revision: str, down: bool = False) -> Any:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)

    return run


async def test_lamps_of_before_are_claimed_and_the_older_of_two_has_their_topic(database_url: str) -> None:
    engine = open_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(to("0001"))
        for endpoint_id, owner, at, options in LAMPS:
            await connection.execute(
                text(
                    "INSERT INTO lamp (endpoint_id, owner, name, driver, options, created_at)"
                    " VALUES (:endpoint_id, :owner, 'Lamp', :driver, :options, :at)"
                ),
                {
                    "endpoint_id": endpoint_id,
                    "owner": owner,
                    "driver": "mqtt" if options else "simulated",
                    "options": orjson.dumps(options or {}).decode(),
                    "at": at,
                },
            )
    assert await migrate(database_url) == ("0001", "0003")
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT topic, endpoint_id FROM lamp_topic"))
        topics = dict(rows.all())
    assert topics == {
        **{"a/set": "lamp-1", "a": "lamp-1", "b": "lamp-2"},
        **{f"{prefix}/desk/#": "lamp-3" for prefix in ("cmnd", "stat", "tele")},
    }
    async with open_registry(database_url) as registry:
        lamps = {lamp.endpoint_id: lamp for lamp in await registry.lamps()}
        assert [lamp.claimed_at for lamp in lamps.values()] == [100, 200, 300, 400, 500]
        assert (
            {lamp.claim_digest for lamp in lamps.values()} == {lamp.claimed_with for lamp in lamps.values()} == {None}
        )
        await registry.change("lamp-2", lamps["lamp-2"].options | {"capabilities": ["power"]})
        with pytest.raises(TopicTaken) as taken:
            await registry.add("eve", "Lamp", "mqtt", {"command_topic": "a/set"})
        assert taken.value.endpoint_id == "lamp-1"
        await registry.remove("lamp-1")
    async with engine.begin() as connection:
        await connection.run_sync(to("0001", down=True))
        assert "lamp_topic" not in await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        names = await connection.run_sync(lambda sync: {column["name"] for column in inspect(sync).get_columns("lamp")})
        assert names == {"endpoint_id", "owner", "name", "driver", "options", "created_at"}
        left = (await connection.execute(text("SELECT count(*) FROM lamp"))).scalar_one()
        assert left == 4
    assert await migrate(database_url) == ("0001", "0003")
    await engine.dispose()
