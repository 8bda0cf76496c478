"""My lamps: seen, commanded, named, and nobody else's."""

import html
import json
import re

import pytest

from skill.canonical import Lamp, LampState, Sample
from skill.companion.choosing import PAGE, order
from skill.companion.home import not_off
from skill.companion.languages import LANGUAGES, speaking
from skill.companion.showing import shown
from skill.lamps import MOST_LAMPS, view_of
from skill.storage.registry import open_registry
from tests.running.companion import Companion, Visitor
from tests.running.linking import Person

JSON = {"accept": "application/json"}


async def test_lamps_stand_in_their_rooms_with_the_controls_that_they_have(companion: Companion, anna: Person) -> None:
    full = await companion.lamp(anna.sub, "Floor lamp", room="Living room")
    plain = await companion.lamp(anna.sub, "Hall light", capabilities=["power"])
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        assert visitor.page.index("Living room") < visitor.page.index("Elsewhere")
        assert 'aria-label="Brightness of Floor lamp"' in visitor.page
        assert 'aria-label="Brightness of Hall light"' not in visitor.page
        await visitor.get(f"/lamps/{full}")
        assert "data-wheel" in visitor.page
        assert "data-kelvin" in visitor.page
        await visitor.get(f"/lamps/{plain}")
        assert "data-wheel" not in visitor.page
        assert "data-kelvin" not in visitor.page


async def test_more_lamps_than_a_page_takes_are_found_page_by_page_and_by_name_or_room(companion: Companion) -> None:
    """All of them, past what Alexa takes, too; the stream of a page tells of what it shows."""
    person, count = companion.person(), MOST_LAMPS + 5
    async with open_registry(companion.skill.settings["SKILL_DATABASE_URL"]) as registry:
        for number in range(count):
            row = await registry.add(person.sub, f"Lamp {number}", "simulated", {})
            row.room = "Attic" if number == 0 else "Cellar" if number < PAGE else None
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(person)
        seen: list[str] = []
        while True:
            assert f"of {count}." in visitor.page
            assert f"Alexa takes {MOST_LAMPS} lamps" in visitor.page
            shown = re.findall('data-lamp="([^"]+)"', visitor.page)
            assert 0 < len(shown) <= PAGE
            seen += shown
            later = re.search('rel="next" href="([^"]+)"', visitor.page)
            if later is None:
                break
            await visitor.get(html.unescape(later[1]))
        assert len(seen) == len(set(seen)) == count
        assert 'rel="prev"' in visitor.page
        assert f"of {count}." in (await visitor.get("/?page=999")).text
        await visitor.get("/")
        assert visitor.page.count('action="/rooms/off"') == 2, "of rooms that stand there whole"
        await visitor.get("/?page=2")
        assert 'action="/rooms/off"' not in visitor.page
        await visitor.get("/?find=ATTIC")
        assert re.findall("data-name><bdi>([^<]+)<", visitor.page) == ["Lamp 0"]
        lamp = re.findall('data-lamp="([^"]+)"', visitor.page)[0]
        assert 'name="back" value="/?find=ATTIC"' in visitor.page
        await visitor.act(f"/lamps/{lamp}", do="on", back="/?find=ATTIC")
        assert 'aria-checked="true"' in visitor.page
        assert 'value="/rooms' not in visitor.page
        await visitor.act("/rooms/off", room="Attic", back="/?find=ATTIC")
        assert 'aria-checked="false"' in visitor.page
        page = (await visitor.get("/?find=%3Cb%3Enowhere")).text
        assert "data-lamp" not in page
        assert "Show all lamps" in page
        assert "<b>nowhere" not in page


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (LampState(power=None, last_brightness=None, online=True), "unknown"),  # there, and silent so far
        (LampState(power=None, last_brightness=None, online=None), "unknown"),
        (LampState(power=None, last_brightness=None, online=False), "offline"),
        (LampState(power=False, last_brightness=40, online=None), "off"),
        (LampState(power=True, last_brightness=40, online=True), "on"),
    ],
)
def test_a_lamp_that_never_said_how_it_stands_is_not_called_off(state: LampState, said: str) -> None:
    lamp = Lamp("lamp-1", "anna", "Silent lamp", "mqtt", {})
    assert shown(view_of(lamp, Sample(state, 1_800_000_000.0, 0)))["state"] == said


def test_rooms_stand_in_the_order_in_which_people_count() -> None:
    rooms = ["Room 10", None, "attic", "Room 9", "2nd floor", "10th floor", "Room", "Küche", "Room ٣"]
    assert sorted(rooms, key=order) == [
        "2nd floor", "10th floor", "attic", "Küche", "Room", "Room ٣", "Room 9", "Room 10", None,
    ]  # fmt: skip


async def test_forms_command_without_a_script(companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Desk lamp")
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        here = f"/lamps/{lamp}"
        page = await visitor.act(here, do="on", back=here)
        assert 'aria-checked="true"' in page
        assert "40%" in await visitor.act(here, do="brightness", brightness="40", back=here)
        await visitor.act(here, do="color", hue="240", saturation="50", back=here)
        assert 'aria-valuenow="240"' in visitor.page
        await visitor.act(here, do="white", kelvin="9000", back=here)
        assert 'value="7000"' in visitor.page  # the nearest that it can
        assert 'aria-checked="false"' in await visitor.act(here, do="off", back=here)


@pytest.mark.parametrize("path", ["/lamps/%00", "/lamps/a%0Ab", "/lamps/%00/unclaim", "/history?lamp=%00"])
async def test_what_can_be_no_lamp_is_not_there(companion: Companion, anna: Person, path: str) -> None:
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        assert (await visitor.get(path)).status_code == 404
        if path.startswith("/lamps/") and "/unclaim" not in path:
            assert (await visitor.post(path, JSON, do="on")).status_code == 404


@pytest.mark.parametrize("names", [["One"], ["x" * 128] * 300, ["\U0001f4a1" * 128] * 6])
def test_lamps_that_did_not_obey_are_named_in_a_cookie(names: list[str]) -> None:
    """A browser keeps 4,096 bytes of one, and it is sealed and written in hexadecimal."""
    for language in LANGUAGES.values():
        with speaking(language):
            said = not_off(names)
        assert names[0][:39] in said
        assert len(said.encode()) < 1500
        assert said.count(names[0][:39]) == min(len(names), 5)


async def test_a_script_gets_the_state_after_the_command(companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Script lamp")
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        answer = await visitor.post(f"/lamps/{lamp}", JSON, do="brightness", brightness="25")
        assert answer.status_code == 200
        state = json.loads(answer.text)["lamp"]
        assert (state["on"], state["brightness"], state["name"]) == (True, 25, "Script lamp")


@pytest.mark.parametrize(
    "form",
    [
        {"do": "explode"},
        {"do": "brightness", "brightness": "-1"},
        {"do": "brightness", "brightness": "٣"},
        {"do": "color", "hue": "12"},
        {"do": "brightness", "brightness": "50"},
        {},
    ],
)
async def test_what_a_lamp_has_no_control_for_is_refused(
    companion: Companion, anna: Person, form: dict[str, str]
) -> None:
    lamp = await companion.lamp(anna.sub, "Switch", capabilities=["power"])
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        assert (await visitor.post(f"/lamps/{lamp}", JSON, **form)).status_code == 422


async def test_a_lamp_that_is_away_says_so_at_the_lamp(companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Lost lamp")
    await companion.unplug(lamp)
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        assert "Offline" in visitor.page
        answer = await visitor.post(f"/lamps/{lamp}", JSON, do="on")
        assert answer.status_code == 409
        assert json.loads(answer.text)["lamp"]["on"] is False
        page = await visitor.act(f"/lamps/{lamp}", do="on", back="/")
        assert "does not answer" in page
        assert "does not answer" not in (await visitor.get("/")).text  # said once


async def test_all_lamps_of_a_room_go_off_and_no_others(companion: Companion, anna: Person) -> None:
    one, two, other = [
        await companion.lamp(anna.sub, f"{room} {number}", room=room)
        for number, room in enumerate(("Cellar", "Cellar", "Attic"))
    ]
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        for lamp in (one, two, other):
            await visitor.post(f"/lamps/{lamp}", JSON, do="on")
        await visitor.act("/rooms/off", room="Cellar")
        for lamp, on in ((one, False), (two, False), (other, True)):
            page = (await visitor.get(f"/lamps/{lamp}")).text
            assert f'aria-checked="{str(on).lower()}"' in page


async def test_name_and_room_are_changed_and_alexa_must_be_able_to_say_the_name(
    companion: Companion, anna: Person
) -> None:
    lamp = await companion.lamp(anna.sub, "Lamp 7")
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        page = await visitor.act(f"/lamps/{lamp}/name", name="Anna's  lamp", room=" Study ")
        assert "Saved." in page
        assert "Annas lamp" in page  # as Alexa calls it
        row = await companion.row(lamp)
        assert (row.name, row.room) == ("Anna's lamp", "Study")
        for name, room in (("?!", "Study"), ("x" * 129, "Study"), ("Lamp", "y" * 65), ("a\0b", "Study")):
            answer = await visitor.post(f"/lamps/{lamp}/name", name=name, room=room)
            assert answer.status_code == 422
            assert 'aria-invalid="true"' in answer.text
        row = await companion.row(lamp)
        assert (row.name, row.room) == ("Anna's lamp", "Study")


async def test_anothers_lamp_is_as_none(companion: Companion, anna: Person, ben: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Secret lamp")
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(ben)
        assert "Secret lamp" not in visitor.page
        asked = [("get", ""), ("get", "/unclaim"), ("post", ""), ("post", "/name"), ("post", "/unclaim")]
        for method, path in [*asked, ("post", "/offer"), ("post", "/withdraw")]:
            answers = []
            for name in (lamp, "lamp-" + "0" * 32):
                if method == "get":
                    answers.append(await visitor.client.get(f"{companion.url}/lamps/{name}{path}"))
                else:
                    answers.append(await visitor.post(f"/lamps/{name}{path}", do="on", name="Mine", room=""))
            assert [answer.status_code for answer in answers] == [404, 404], path
            assert answers[0].text == answers[1].text
    row = await companion.row(lamp)
    assert (row.owner, row.name, row.claim_digest) == (anna.sub, "Secret lamp", None)


async def test_pages_are_strict(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        answer = await visitor.sign_in(anna)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await visitor.client.get(f"{companion.url}/static/companion.js")).status_code == 200
        assert (await visitor.client.get(f"{companion.url}/static/../pages.py")).status_code == 404
