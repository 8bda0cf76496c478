"""Clients' pictures: uploaded by the operator, shown beside the name, harmless whatever they hold."""

import re
import struct
from urllib.parse import urljoin

import pytest

from authserver.models import Client
from authserver.oauth import logos
from authserver.oauth.logos import Picture
from authserver.oauth.registration import RegistrationError
from tests.authserver.accounts.people import People
from tests.authserver.pages.browsing import Linking
from tests.authserver.protocol.harness import Asker
from tests.running.reading import Page
from tests.vectors.pictures import JPEG, WEBP, png

IMAGE = re.compile(r'<img [^>]*src="([^"]+)"[^>]*>')


async def give(people: People, asker: Asker, content: bytes) -> None:
    """As the operator's command does it; the cache of clients is told as in a running server."""
    async with people.services.database.unit() as session:
        await logos.put(session, await session.get_one(Client, asker.client_id), content, people.clock())
    people.services.clients.forget()


async def shown(linking: Linking, page: Page) -> bytes | None:
    """The picture on the page, as a browser loads it."""
    found = IMAGE.search(page.answer.text)
    if found is None:
        return None
    answer = await linking.browser.client.get(urljoin(page.url, found.group(1)))
    assert answer.status_code == 200
    return answer.content


@pytest.mark.spec("security 6.77")
@pytest.mark.parametrize(
    ("content", "picture"),
    [
        (png(), Picture("image/png", 64, 64)),
        (png(2048, 100), Picture("image/png", 2048, 100)),
        (JPEG, Picture("image/jpeg", 64, 64)),
        (WEBP, Picture("image/webp", 64, 64)),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 99 | 149 << 14) + b"\0" * 9,
         Picture("image/webp", 100, 150)),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x63\0\0\x95\0\0", Picture("image/webp", 100, 150)),
    ],
    ids=["png", "wide png", "jpeg", "webp", "lossless webp", "extended webp"],
)  # fmt: skip
def test_pictures_are_known_by_their_bytes(content: bytes, picture: Picture) -> None:
    assert logos.read(content) == picture


@pytest.mark.spec("security 6.77")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "no picture"),
        (b"<!doctype html><script>alert(1)</script>", "no picture"),
        (b"GIF89a" + b"\0" * 100, "no picture"),
        (png()[:20], "no picture"),
        (b"\x89PNG\r\n\x1a\n" + b"<script>" * 10, "no picture"),
        (JPEG[:4], "no picture"),
        (b"\xff\xd8\xff" + b"\xff" * 5000, "no picture"),
        (b"\xff\xd8\xff\xe0\x00\x00" * 100, "no picture"),
        (WEBP[:29], "no picture"),
        (b"RIFF\0\0\0\0WEBPVP9 " + b"\0" * 40, "no picture"),
        (png(63, 64), "63 x 64 pixels"),
        (png(64, 2049), "64 x 2049 pixels"),
        (png()[:16] + struct.pack(">II", 2**31, 2**31) + png()[24:], "pixels"),
        (png() + b"\0" * 262_144, "more than 262144 bytes"),
    ],
    ids=[
        "nothing", "svg", "html", "gif", "short png", "png in name only", "short jpeg", "jpeg of fill bytes",
        "jpeg that stands still", "short webp", "another riff", "small", "large", "huge by its own account", "heavy",
    ],
)  # fmt: skip
def test_what_is_no_logo_is_refused_with_a_reason(content: bytes, why: str) -> None:
    with pytest.raises(RegistrationError, match=why):
        logos.read(content)


@pytest.mark.spec("security 6.57")
async def test_the_picture_stands_beside_the_name_wherever_the_application_is_named(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    await give(people, linking.client, JPEG)
    page = await linking.start()
    assert await shown(linking, page) == JPEG
    link = next(link for link in page.links if "/signup" in link)
    assert await shown(linking, await linking.browser.open(link)) == JPEG
    page = await linking.signed_in(user.email)
    assert await shown(linking, page) == JPEG
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200
    assert await shown(linking, await linking.browser.open(linking.url("/account/applications"))) == JPEG


async def test_without_a_picture_the_first_letter_stands_in_its_place(people: People) -> None:
    linking = Linking(people, await people.server.add_client())
    page = await linking.start()
    assert await shown(linking, page) is None
    assert '<span class="letter emblem" aria-hidden="true">A</span>' in page.answer.text


@pytest.mark.spec("security 6.77", "security 6.43")
async def test_a_picture_is_kept_by_browsers_and_can_do_nothing_by_itself(people: People, linking: Linking) -> None:
    await give(people, linking.client, png())
    found = IMAGE.search((await linking.start()).answer.text)
    assert found is not None
    answer = await linking.browser.client.get(found.group(1))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "set-cookie" not in answer.headers


async def test_another_picture_has_another_address_and_the_old_one_is_gone(people: People, linking: Linking) -> None:
    await give(people, linking.client, png())
    first = IMAGE.search((await linking.start()).answer.text)
    await give(people, linking.client, WEBP)
    second = IMAGE.search((await linking.start()).answer.text)
    assert first is not None
    assert second is not None
    assert first.group(1) != second.group(1)
    assert (await linking.browser.client.get(first.group(1))).status_code == 404
    assert (await linking.browser.client.get(second.group(1))).content == WEBP


async def test_clients_whose_id_is_an_address_have_a_picture_too(people: People) -> None:
    """Alexa's console takes any text as client id."""
    name = f"https://lamps.example/skill?a=b&c={people.network}"
    linking = Linking(people, await people.server.add_client(client_id=name))
    await give(people, linking.client, png())
    assert await shown(linking, await linking.start()) == png()


@pytest.mark.parametrize(
    "path", ["x/0000000000000000", "x/", "/x", "%00/x", "a%2fb/x", "x" * 500 + "/x", "..%2f..%2fetc/passwd"]
)
async def test_what_is_no_picture_is_not_there(linking: Linking, path: str) -> None:
    assert (await linking.browser.client.get(linking.url(f"/client-logo/{path}"))).status_code == 404
