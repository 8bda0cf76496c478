"""What Alexa sends when it links an account."""

import hashlib

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def state_of(length: int, seed: str = "state") -> str:
    """A `state` as Alexa's: `[A-Za-z0-9_-]`, prefix `A2SAAEAE`, always the same for one length and seed."""
    noise = hashlib.shake_256(seed.encode()).digest(length)
    return ("A2SAAEAE" + "".join(ALPHABET[byte % 64] for byte in noise))[:length]


#: the two lengths that were captured
STATE_609 = state_of(609)
STATE_737 = state_of(737)

VENDOR_ID = "M2EXAMPLEVENDR"
OTHER_VENDOR_ID = "M3EXAMPLEOTHER"

#: where Amazon takes the browser back, by the region of the customer's marketplace
REDIRECT_URIS = {
    "north-america": f"https://pitangui.amazon.com/api/skill/link/{VENDOR_ID}",
    "europe": f"https://layla.amazon.com/api/skill/link/{VENDOR_ID}",
    "far-east": f"https://alexa.amazon.co.jp/api/skill/link/{VENDOR_ID}",
}

#: what must be refused with a page and never with a redirect (A03), by what is wrong with it
FOREIGN_REDIRECT_URIS = {
    "other-vendor": f"https://pitangui.amazon.com/api/skill/link/{OTHER_VENDOR_ID}",
    "http": f"http://pitangui.amazon.com/api/skill/link/{VENDOR_ID}",
    "trailing-slash": f"https://pitangui.amazon.com/api/skill/link/{VENDOR_ID}/",
    "extra-query": f"https://pitangui.amazon.com/api/skill/link/{VENDOR_ID}?next=1",
    "fragment": f"https://pitangui.amazon.com/api/skill/link/{VENDOR_ID}#here",
    "host-case": f"https://Pitangui.amazon.com/api/skill/link/{VENDOR_ID}",
    "default-port": f"https://pitangui.amazon.com:443/api/skill/link/{VENDOR_ID}",
    "percent-encoded": f"https://pitangui.amazon.com/api/skill/%6cink/{VENDOR_ID}",
    "dot-segments": f"https://pitangui.amazon.com/api/skill/x/../link/{VENDOR_ID}",
    "dot-segments-semicolon": f"https://pitangui.amazon.com/api/skill/x/..;/link/{VENDOR_ID}",
    "dot-segments-encoded": f"https://pitangui.amazon.com/api/skill/x/%2e%2e/link/{VENDOR_ID}",
    "dot-segments-double-encoded": f"https://pitangui.amazon.com/api/skill/x/%252e%252e/link/{VENDOR_ID}",
    "user-info": f"https://pitangui.amazon.com@evil.example/api/skill/link/{VENDOR_ID}",
    "longer-host": f"https://pitangui.amazon.com.evil.example/api/skill/link/{VENDOR_ID}",
    "backslash": f"https://evil.example\\pitangui.amazon.com/api/skill/link/{VENDOR_ID}",
    "leading-tab": f"\thttps://pitangui.amazon.com/api/skill/link/{VENDOR_ID}",
    "javascript": "javascript:alert(1)",
}

#: the headers of Alexa's token requests
TOKEN_HEADERS = {
    "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
    "accept": "application/json",
    "user-agent": "Apache-HttpClient/4.5.13 (Java/11.0.22)",
}
