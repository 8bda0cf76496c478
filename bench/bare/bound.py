"""`python -m bench.bare.bound TOKENS SECONDS [ES256]`: answers of TOKENS signatures each, RS256 or ES256; no server."""

import json
import sys
import time
from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

PAYLOAD = b"x" * 560  # about as long as the header and the claims of an access token


def rs256() -> Callable[[], bytes]:
    key = rsa.generate_private_key(65537, 2048)
    return partial(key.sign, PAYLOAD, padding.PKCS1v15(), SHA256())


def es256() -> Callable[[], bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    return partial(key.sign, PAYLOAD, ec.ECDSA(SHA256()))


def main() -> None:
    tokens, seconds = int(sys.argv[1]), float(sys.argv[2])
    sign = es256() if sys.argv[3:] == ["ES256"] else rs256()
    for _ in range(50):
        sign()
    answers = 0
    begun, cpu = time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - begun) < seconds:
        for _ in range(tokens):
            sign()
        answers += 1
    print(json.dumps({"answers": answers, "seconds": passed, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
