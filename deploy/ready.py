#!/usr/bin/env python3
"""The images' health check: exit status 0 when the service on this container's PORT answers 200 at /readyz.

Prints the answer's body, which gives the reason while it is not ready (503); `docker inspect` shows it.
"""

import http.client
import sys


def main() -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        print(answer.status, answer.read(500).decode(errors="replace").strip())
    except OSError as error:
        print(f"no answer: {error}")
        return 1
    return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
