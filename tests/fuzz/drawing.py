"""What is sent: values that break parsers, databases, templates and headers, and fields with them."""

import string
from urllib.parse import urlencode

from hypothesis import strategies as st

#: stands in most of what is drawn, and in nothing of ours: where it comes back can be seen
MARK = "zq7zq7"
#: stands in what is sent as a secret; no line of the log holds it
HUSH = "hush9hush9hush"

#: parameters whose value opens a door, or is personal enough
SECRET = frozenset(
    {
        "access_token", "actor_token", "answer", "assertion", "client_assertion", "client_secret", "code",
        "code_verifier", "credential", "csrf_token", "device_code", "id_token_hint", "interaction", "link",
        "logout_token", "password", "present_password", "refresh_token", "request", "request_uri", "state",
        "subject_token", "token", "user_code",
    }
)  # fmt: skip

MARKUP = (
    f"<{MARK}>", f'"{MARK}', f"'{MARK}", f'"><script>{MARK}</script>', f"{MARK}&lt<", f"' onfocus={MARK} autofocus x='",
    f"javascript:{MARK}//", f"</textarea><img src=x onerror={MARK}>", f"<!--{MARK}-->", f"]]>{MARK}<", f"`{MARK}`<",
    f"\u2028{MARK}<", f"\x0b<{MARK}",
)  # fmt: skip
HEADERS = (
    f"{MARK}\r\nX-{MARK}: 1", f"{MARK}\nSet-Cookie: {MARK}=1", f"x\r\n\r\n<{MARK}>", f"\r{MARK}: 1",
    f"x\u560d\u560a{MARK}: 1",
    f"x%0d%0aX-{MARK}:%201", f"x\x85X-{MARK}: 1",
)  # fmt: skip
ELSEWHERE = (
    f"https://{MARK}.example/", f"//{MARK}.example", f"/\\{MARK}.example", f"https:{MARK}.example",
    f"https://client.example.org@{MARK}.example/callback", f"https://client.example.org.{MARK}.example/callback",
    f"https://client.example.org/callback/../{MARK}", f"https://client.example.org/callback?{MARK}=1",
    f"https://client.example.org:8443/callback#{MARK}", f"{MARK}:/callback", f"http://127.0.0.1:1/{MARK}",
    f"data:text/html,{MARK}", f"\t//{MARK}.example", f"https://client.example.org\\@{MARK}.example/callback",
)  # fmt: skip
BREAKING = (
    "", " ", "0", "-1", "1e9", "9" * 30, "9" * 400, "null", "None", "true", "NaN", "\x00", f"{MARK}\x00",
    "\x7f", "\u202e", "\ud83d", "\U0001f4a1", "\ufeff", "\u0130", "a" * 255, "a" * 3000, "%", "%00", "%ff%fe",
    "${7*7}", "{{7*7}}", "{%x%}", "%s%n", "'; DROP TABLE x; --", "' OR '1'='1", "../../etc/passwd", "a b",
    "a\tb", "a+b", "[]", "{}", "[1]", '{"a":1}', "\ud800\udc00", "\uffff", "\u0661", "\xb2", "١٢٣",
    "x@example.org", "+49", "v1.a.b.1.c", "v1....", ".....", "eyJhbGciOiJub25lIn0.e30.",
    "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.x", "eyJ.eyJ.eyJ", "S256", "plain", "code", "none", "login",
    "openid", "openid openid", "email", "refresh_token", "authorization_code", "query", "form_post",
    "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:request_uri:x", "1.5", "-0",
    "０",
)  # fmt: skip

READABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.one_of(
    st.sampled_from(MARKUP),
    st.sampled_from(HEADERS),
    st.sampled_from(ELSEWHERE),
    st.sampled_from(BREAKING),
    READABLE,
    READABLE.map(lambda drawn: f"{MARK}<{drawn}>"),
    st.text(string.printable, max_size=200).map(lambda drawn: f"{MARK}{drawn}"),
)

Fields = list[tuple[str, str]]


def fields(names: list[str], most: int = 6) -> st.SearchStrategy[Fields]:
    """Some of `names`, now and then one twice, with drawn values; what is secret is marked as such."""
    one = st.tuples(st.sampled_from(names), VALUES).map(
        lambda pair: (pair[0], HUSH + pair[1]) if pair[0] in SECRET and len(pair[1]) % 2 else pair
    )
    return st.lists(one, max_size=most)


def encoded(pairs: Fields) -> str:
    """As a form; what is no Unicode goes out as the bytes it would have."""
    return urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in pairs])
