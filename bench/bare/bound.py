"""`python -m bench.bare.bound TOKENS SECONDS`: answers of TOKENS RS256 signatures each, one thread, no server."""

import json
import sys
import time

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

PAYLOAD = b"x" * 560  # about as long as the header and the claims of an access token


def main() -> None:
    tokens, seconds = int(sys.argv[1]), float(sys.argv[2])
    key = rsa.generate_private_key(65537, 2048)
    scheme, digest = padding.PKCS1v15(), SHA256()
    for _ in range(50):
        key.sign(PAYLOAD, scheme, digest)
    answers = 0
    begun, cpu = time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - begun) < seconds:
        for _ in range(tokens):
            key.sign(PAYLOAD, scheme, digest)
        answers += 1
    print(json.dumps({"answers": answers, "seconds": passed, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
