"""Codes by mail as a second factor: neither strangers nor their own habits keep somebody from them."""

import pytest

from authserver.accounts import recovery
from authserver.models import Recovery
from tests.authserver.accounts.factors import mail_code, with_mail_code
from tests.authserver.accounts.people import People
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.second_step import verify

HOUR = 3600


@pytest.mark.spec("security 6.63")
async def test_strangers_who_use_up_the_mails_of_an_address_keep_nobody_from_the_code(
    people: People, new_linking: Linkings
) -> None:
    user = await people.add()
    await with_mail_code(people, user)
    refused = 0
    for _network in range(6):
        stranger = People(people.server)
        for _ in range(6):
            refused += not isinstance(await recovery.begin(people.services, user.email, stranger.network), Recovery)
            people.clock.advance(31)
    assert refused > 6, "the mails of this address are used up, over all networks"
    linking = new_linking()
    page = await linking.signed_in(user.email)
    assert (await verify(linking, page, await mail_code(people, user.email))).has_button("allow")


@pytest.mark.spec("security 6.59")
async def test_right_codes_do_not_count_as_guesses(people: People, new_linking: Linkings) -> None:
    user = await people.add()
    await with_mail_code(people, user)
    for _ in range(22):
        linking = new_linking()
        page = await linking.signed_in(user.email)
        assert (await verify(linking, page, await mail_code(people, user.email))).has_button("allow")
        people.clock.advance(HOUR)
