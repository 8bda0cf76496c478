"""A small MMDB file (MaxMind DB file format 2.0), so that no test needs a database of somebody's."""

import ipaddress
from pathlib import Path
from typing import Any

MARK = b"\xab\xcd\xefMaxMind.com"


def _control(kind: int, size: int) -> bytes:
    small, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    assert size < 29 + 256
    return bytes([kind << 5 | small]) + rest if kind < 8 else bytes([small, kind - 7]) + rest


#: kinds of the numbers that the format demands: 16, 32 or 64 bits
NUMBERS = {"node_count": 6, "build_epoch": 9}


def _value(value: Any, number: int = 5) -> bytes:
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(
            _value(name) + _value(one, NUMBERS.get(name, 5)) for name, one in value.items()
        )
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(_value, value))
    if isinstance(value, str):
        text = value.encode()
        return _control(2, len(text)) + text
    assert isinstance(value, int)
    digits = value.to_bytes((value.bit_length() + 7) // 8)
    return _control(number, len(digits)) + digits


def write(path: Path, networks: dict[str, Any]) -> None:
    """`networks`: IPv4 or IPv6 networks, none within another, with the record that each has."""
    tree: list[list[Any]] = [[None, None]]
    data, places = b"", {}
    for name, record in networks.items():
        places[name] = len(data)
        data += _value(record)
        network = ipaddress.ip_network(name)
        # IPv4 lies at ::/96
        bits = f"{int(network.network_address):0128b}"[: network.prefixlen + (96 if network.version == 4 else 0)]
        node = 0
        for bit in map(int, bits[:-1]):
            if tree[node][bit] is None:
                tree.append([None, None])
                tree[node][bit] = len(tree) - 1
            node = tree[node][bit]
        tree[node][int(bits[-1])] = name
    count = len(tree)

    def pointer(entry: Any) -> bytes:
        number = count if entry is None else entry if isinstance(entry, int) else count + 16 + places[entry]
        return int(number).to_bytes(4)

    about = {
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1, "database_type": "Test",
        "description": {"en": "for tests"}, "ip_version": 6, "languages": ["en"], "node_count": count,
        "record_size": 32,
    }  # fmt: skip
    nodes = b"".join(pointer(left) + pointer(right) for left, right in tree)
    path.write_bytes(nodes + bytes(16) + data + MARK + _value(about))
