"""The statements of the hot path about devices that wait (RFC 8628), as in `statements`."""

from sqlalchemy import bindparam, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.expression import ColumnElement

from authserver.models import DeviceCode
from authserver.storage.hot import KeyedRead, Statement
from authserver.storage.statements import AT, ONE, PERSON, USERS, table_of, user_stands

DEVICE_CODES = table_of(DeviceCode)
FIVE: ColumnElement[int] = literal_column("5")
APPROVED: ColumnElement[str] = literal_column("'approved'")

#: nothing where another device has just got the same user code
INSERT_DEVICE_CODE = Statement(
    postgresql.insert(DEVICE_CODES)
    .on_conflict_do_nothing(index_elements=["user_code_digest"])
    .returning(DEVICE_CODES.c.digest)
)

#: a device code by its digest, with the person who has decided, as they are now; without one nothing of a person
FIND_DEVICE_CODE = KeyedRead(
    select(*DEVICE_CODES.c, *PERSON).outerjoin(USERS, USERS.c.sub == DEVICE_CODES.c.sub),
    DEVICE_CODES.c.digest,
)

#: parameters: code_digest, at. No row: it came before its interval was over (RFC 8628 §3.5), less a second on the way.
POLL_IN_TIME = Statement(
    update(DEVICE_CODES)
    .where(
        DEVICE_CODES.c.digest == bindparam("code_digest"),
        or_(DEVICE_CODES.c.polled_at.is_(None), DEVICE_CODES.c.polled_at + DEVICE_CODES.c.interval - ONE <= AT),
    )
    .values(polled_at=AT)
    .returning(DEVICE_CODES.c.digest)
)

#: five seconds more from now on; parameters: code_digest, at
POLL_TOO_SOON = Statement(
    update(DEVICE_CODES)
    .where(DEVICE_CODES.c.digest == bindparam("code_digest"))
    .values(polled_at=AT, interval=DEVICE_CODES.c.interval + FIVE)
)

#: parameters: code_digest, asking (the client), at, new_grant
CONSUME_DEVICE_CODE = Statement(
    update(DEVICE_CODES)
    .where(
        DEVICE_CODES.c.digest == bindparam("code_digest"),
        DEVICE_CODES.c.client_id == bindparam("asking"),
        DEVICE_CODES.c.decision == APPROVED,
        DEVICE_CODES.c.used_at.is_(None),
        DEVICE_CODES.c.expires_at > AT,
        user_stands(DEVICE_CODES),
    )
    .values(used_at=AT, grant_id=bindparam("new_grant"))
    .returning(DEVICE_CODES.c.digest)
)
