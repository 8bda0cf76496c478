"""The statements of the hot path about people who sign in or sign up, as in `statements`."""

from sqlalchemy import (
    bindparam,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from authserver.storage.hot import KeyedRead, KeyedWrite, Statement
from authserver.storage.statements import ACTIVITIES, AT, INTERACTIONS, KNOWN_DEVICES, ONE, SIGN_UPS, TYPED, USERS, ZERO

#: an interaction by its id
FIND_INTERACTION = KeyedRead(select(*INTERACTIONS.c), INTERACTIONS.c.interaction_id)

#: an account by its address, as compared
FIND_USER = KeyedRead(select(*USERS.c), USERS.c.email_canonical)

#: an account by its user name, as compared
FIND_USER_BY_NAME = KeyedRead(select(*USERS.c), USERS.c.username_canonical)

#: the newest sign-up that waits for its code, by address or user name, none of which can be the other; parameters:
#: typed, at
FIND_SIGN_UP = Statement(
    select(SIGN_UPS.c.sign_up_id, SIGN_UPS.c.password_hash)
    .where(
        or_(SIGN_UPS.c.email_canonical == TYPED, SIGN_UPS.c.username_canonical == TYPED),
        SIGN_UPS.c.completed_at.is_(None),
        SIGN_UPS.c.expires_at > AT,
    )
    .order_by(SIGN_UPS.c.created_at.desc(), SIGN_UPS.c.sign_up_id)
    .limit(ONE)
    .offset(ZERO)  # SQLAlchemy would write it for SQLite with a hidden parameter
)


#: a browser in which somebody has signed in, by the digest of its cookie's value, with the names of the account
FIND_DEVICE = KeyedRead(
    select(*KNOWN_DEVICES.c, USERS.c.email_canonical, USERS.c.username_canonical).join(
        USERS, USERS.c.sub == KNOWN_DEVICES.c.sub
    ),
    KNOWN_DEVICES.c.digest,
)

#: one more failure at this device; parameters: device (its digest), at, most. No row: it has had as many.
COUNT_AT_DEVICE = Statement(
    update(KNOWN_DEVICES)
    .where(
        KNOWN_DEVICES.c.digest == bindparam("device"),
        KNOWN_DEVICES.c.failures < bindparam("most"),
        KNOWN_DEVICES.c.expires_at > AT,
    )
    .values(failures=KNOWN_DEVICES.c.failures + ONE)
    .returning(KNOWN_DEVICES.c.digest)
)

#: something that happened to the account of this name (canonical), if there is one; parameters: activity_id, kind,
#: name, address, at
NOTE_ACTIVITY = KeyedWrite(
    lambda given: (
        insert(ACTIVITIES)
        .from_select(
            ["activity_id", "sub", "kind", "at", "address", "user_agent", "details"],
            select(
                given["activity_id"],
                USERS.c.sub,
                given["kind"],
                given["at"],
                given["address"],
                literal_column("''"),
                literal_column("'{}'"),
            ).where(or_(USERS.c.email_canonical == given["name"], USERS.c.username_canonical == given["name"])),
            include_defaults=False,
        )
        .returning(ACTIVITIES.c.activity_id)
    ),
    ACTIVITIES.c.activity_id,
    "activity_id",
    {
        "activity_id": ACTIVITIES.c.activity_id.type,
        "kind": ACTIVITIES.c.kind.type,
        "name": USERS.c.email_canonical.type,
        "address": ACTIVITIES.c.address.type,
        "at": AT.type,
    },
)
