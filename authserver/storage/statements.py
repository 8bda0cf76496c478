"""Every statement of the hot path, written once over the models' tables."""

from typing import Any, TypeVar, cast

import orjson
from sqlalchemy import (
    JSON,
    Boolean,
    String,
    Table,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    true,
    update,
)
from sqlalchemy import cast as as_type
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.expression import ColumnElement, Exists
from sqlmodel import SQLModel

from authserver.models import (
    Activity,
    AuthorizationCode,
    ClientRegistration,
    Grant,
    Group,
    GroupMember,
    Interaction,
    KnownDevice,
    LogoutNotice,
    Mail,
    PushedRequest,
    RevokedAccessToken,
    Session,
    SignUp,
    SpentToken,
    User,
)
from authserver.storage.hot import KeyedRead, KeyedWrite, Row, Statement

Model = TypeVar("Model", bound=SQLModel)


def table_of(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


CODES = table_of(AuthorizationCode)
GRANTS = table_of(Grant)
REGISTRATIONS = table_of(ClientRegistration)
SESSIONS = table_of(Session)
USERS = table_of(User)
MAILS = table_of(Mail)
NOTICES = table_of(LogoutNotice)
INTERACTIONS = table_of(Interaction)
SIGN_UPS = table_of(SignUp)
KNOWN_DEVICES = table_of(KnownDevice)
ACTIVITIES = table_of(Activity)
GROUPS = table_of(Group)
MEMBERS = table_of(GroupMember)
REVOKED_TOKENS = table_of(RevokedAccessToken)
SPENT = table_of(SpentToken)
PUSHED_REQUESTS = table_of(PushedRequest)

ONE: ColumnElement[int] = literal_column("1")
ZERO: ColumnElement[int] = literal_column("0")
TYPED = bindparam("typed", type_=SIGN_UPS.c.email_canonical.type)
AT = bindparam("at", type_=GRANTS.c.created_at.type)


def user_stands(owned: Table) -> Exists:
    """The user may sign in and nothing issued since this row's birth was called back: disabling a user cannot race an
    exchange in flight (contracts/security.md 6.74)."""
    return exists(
        select(ONE).where(USERS.c.sub == owned.c.sub, USERS.c.active.is_(true()), USERS.c.epoch == owned.c.epoch)
    )


#: The user's groups as `oauth.userinfo.groups_of` reads them: `3:admins :guests`; NULL for none, which is one probe of
#: an index. They are put in order there: not every SQLite orders within an aggregate.
GROUPS_OF_USER = (
    select(
        func.aggregate_strings(
            func.coalesce(as_type(GROUPS.c.precedence, String), literal_column("''"))
            + literal_column("':'", String)
            + GROUPS.c.name,
            literal_column("' '"),  # type: ignore[arg-type]
        )
    )
    .select_from(MEMBERS.join(GROUPS, GROUPS.c.name == MEMBERS.c.group_name))
    .where(MEMBERS.c.sub == USERS.c.sub)
    .correlate(USERS)
    .scalar_subquery()
    .label("groups")
)

#: the person of a code or a grant as they are now: what `oauth.tokens.Subject.of_row` reads besides the row's own
PERSON = (USERS.c.username, USERS.c.email, USERS.c.email_verified, USERS.c.attributes, GROUPS_OF_USER)

#: an authorization code by its digest, with the user as it is now
FIND_CODE = KeyedRead(
    select(*CODES.c, *PERSON).join(USERS, USERS.c.sub == CODES.c.sub),
    CODES.c.digest,
)

#: parameters: code_digest, at, new_grant, most (failures that a code bears)
CONSUME_CODE = Statement(
    update(CODES)
    .where(
        CODES.c.digest == bindparam("code_digest"),
        CODES.c.used_at.is_(None),
        CODES.c.expires_at > AT,
        CODES.c.failures < bindparam("most"),
        user_stands(CODES),
    )
    .values(used_at=AT, grant_id=bindparam("new_grant"))
    .returning(CODES.c.digest)
)

#: what a second use finds; parameter: code_digest
USE_OF_CODE = Statement(select(CODES.c.used_at, CODES.c.grant_id).where(CODES.c.digest == bindparam("code_digest")))

#: parameter: code_digest
COUNT_CODE_FAILURE = Statement(
    update(CODES).where(CODES.c.digest == bindparam("code_digest")).values(failures=CODES.c.failures + ONE)
)

#: the browser's session that clients know by this name, while it is alive; parameters: which (`sid`), at, idle (its
#: idle lifetime, seconds)
FIND_SESSION = Statement(
    select(SESSIONS.c.digest, SESSIONS.c.last_seen_at).where(
        SESSIONS.c.sid == bindparam("which"),
        SESSIONS.c.expires_at > AT,
        SESSIONS.c.last_seen_at + bindparam("idle", type_=SESSIONS.c.created_at.type) > AT,
    )
)

#: its application was used, and so was the session; parameters: which (its digest), at
NOTE_SESSION_USE = Statement(
    update(SESSIONS)
    .where(SESSIONS.c.digest == bindparam("which"), SESSIONS.c.last_seen_at < AT)
    .values(last_seen_at=AT)
)

INSERT_GRANT = Statement(insert(GRANTS))
#: nothing where there is a mail of this action already; compiled for either database, as in `accounts.attempts`
INSERT_MAIL = Statement(postgresql.insert(MAILS).on_conflict_do_nothing(index_elements=["action"]))

#: how long the mails of one rank that are due have waited; parameters: rank, at
OLDEST_DUE_MAIL = Statement(
    select(func.min(MAILS.c.due_at).label("due_at")).where(MAILS.c.rank == bindparam("rank"), MAILS.c.due_at <= AT)
)

#: when the first logout notice that is due was due; parameter: at
OLDEST_DUE_NOTICE = Statement(select(func.min(NOTICES.c.due_at).label("due_at")).where(NOTICES.c.due_at <= AT))

#: parameters: which, sent_at, kept_until, error, details
SETTLE_MAIL = Statement(
    update(MAILS)
    .where(MAILS.c.mail_id == bindparam("which"))
    .values(
        due_at=null(),
        sent_at=bindparam("sent_at"),
        kept_until=bindparam("kept_until"),
        error=bindparam("error"),
        details=bindparam("details"),
    )
)

#: only while the claim stands; parameters: which, claimed, due_at, attempts, error
POSTPONE_MAIL = Statement(
    update(MAILS)
    .where(MAILS.c.mail_id == bindparam("which"), MAILS.c.due_at == bindparam("claimed", type_=MAILS.c.created_at.type))
    .values(due_at=bindparam("due_at"), attempts=bindparam("attempts"), error=bindparam("error"))
)

_GRANT_WITH_USER = select(
    *GRANTS.c,
    *PERSON,
    and_(USERS.c.active.is_(true()), USERS.c.epoch == GRANTS.c.epoch).label("user_stands"),
).join(USERS, USERS.c.sub == GRANTS.c.sub)

#: a grant with its user, by the id in refresh tokens
FIND_GRANT = KeyedRead(_GRANT_WITH_USER, GRANTS.c.grant_id)

#: the same, by the id in access tokens
FIND_GRANT_OF_ACCESS_TOKEN = KeyedRead(_GRANT_WITH_USER, GRANTS.c.origin_jti)

#: an access token that was revoked alone, by its `jti`
FIND_REVOKED_ACCESS_TOKEN = KeyedRead(select(REVOKED_TOKENS.c.jti), REVOKED_TOKENS.c.jti)

#: parameters: jti, expires_at
REVOKE_ACCESS_TOKEN = Statement(postgresql.insert(REVOKED_TOKENS).on_conflict_do_nothing(index_elements=["jti"]))

#: parameters: which, presented, successor, at. No row: another refresh was first, or the grant has ended.
ROTATE_GRANT = KeyedWrite(
    lambda given: (
        update(GRANTS)
        .where(
            GRANTS.c.grant_id == given["which"],
            GRANTS.c.generation <= given["presented"],
            GRANTS.c.revoked_at.is_(None),
            GRANTS.c.expires_at > given["at"],
            user_stands(GRANTS),
        )
        .values(generation=given["successor"], rotated_at=given["at"], last_used_at=given["at"])
        .returning(GRANTS.c.grant_id, GRANTS.c.generation)
    ),
    GRANTS.c.grant_id,
    "which",
    {
        "which": GRANTS.c.grant_id.type,
        "presented": GRANTS.c.generation.type,
        "successor": GRANTS.c.generation.type,
        "at": AT.type,
    },
)

#: parameters: which, at
REVOKE_GRANT = Statement(
    update(GRANTS)
    .where(GRANTS.c.grant_id == bindparam("which"), GRANTS.c.revoked_at.is_(None))
    .values(revoked_at=AT)
    .returning(GRANTS.c.grant_id)
)

#: the key that this grant's refreshes have to prove from now on (RFC 9449 §5); parameters: which, jkt. No row: it has
#: one already.
BIND_GRANT = Statement(
    update(GRANTS)
    .where(GRANTS.c.grant_id == bindparam("which"), GRANTS.c.dpop_jkt.is_(None))
    .values(dpop_jkt=bindparam("jkt"))
    .returning(GRANTS.c.grant_id)
)

#: what may be used once; parameters: digest, expires_at. No row: it was used before. Compiled for either database.
SPEND = Statement(
    postgresql.insert(SPENT).on_conflict_do_nothing(index_elements=["digest"]).returning(SPENT.c.expires_at)
)

#: parameters: which, at
NOTE_USE = KeyedWrite(
    lambda given: (
        update(GRANTS)
        .where(GRANTS.c.grant_id == given["which"], GRANTS.c.last_used_at < given["at"])
        .values(last_used_at=given["at"])
        .returning(GRANTS.c.grant_id)
    ),
    GRANTS.c.grant_id,
    "which",
    {"which": GRANTS.c.grant_id.type, "at": AT.type},
)

#: the first tokens of a client that registered itself; parameters: which, at
NOTE_FIRST_TOKENS = Statement(
    update(REGISTRATIONS)
    .where(REGISTRATIONS.c.client_id == bindparam("which"), REGISTRATIONS.c.used_at.is_(None))
    .values(used_at=bindparam("at"))
)

INSERT_PUSHED_REQUEST = Statement(insert(PUSHED_REQUESTS))

#: a pushed request by the digest of its reference
FIND_PUSHED_REQUEST = KeyedRead(select(*PUSHED_REQUESTS.c), PUSHED_REQUESTS.c.digest)


def model_of(kind: type[Model], row: Row) -> Model:
    """The row as its model, in no session: for those who only read it. The raw drivers give JSON as text, and SQLite's
    truth values are numbers."""
    values: dict[str, Any] = dict(row)
    for column in table_of(kind).c:
        if values[column.name] is None:
            continue
        if isinstance(column.type, JSON):
            values[column.name] = orjson.loads(values[column.name])
        elif isinstance(column.type, Boolean):
            values[column.name] = bool(values[column.name])
    return kind(**values)
