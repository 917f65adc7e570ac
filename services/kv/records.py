"""Writes as bytes: one code number and one payload each, the same in every log."""

from __future__ import annotations

import struct

from services.kv.model import Credit, Delete, Put, Settled, Write

#: The numbers are part of the stored formats and never change their meaning.
PUT, DELETE, CREDIT, SETTLED = 1, 2, 3, 4
_CREDIT = struct.Struct(">q")
_SETTLED = struct.Struct(">qq")


def encode(write: Write) -> tuple[int, str, bytes]:
    """Code, key and payload of ``write``."""
    match write:
        case Put(key, value):
            return PUT, key, value
        case Delete(key):
            return DELETE, key, b""
        case Credit(key, amount, transaction):
            return CREDIT, key, _CREDIT.pack(amount) + transaction.encode()
        case Settled(Credit(key, amount, transaction), balance):
            return SETTLED, key, _SETTLED.pack(amount, balance) + transaction.encode()


def decode(code: int, key: str, payload: bytes) -> Write:
    """The write that `encode` gave this for.

    Raises:
        ValueError: no write looks like this.
    """
    try:
        match code:
            case 1:
                return Put(key, payload)
            case 2:
                return Delete(key)
            case 3:
                (amount,) = _CREDIT.unpack_from(payload)
                return Credit(key, amount, payload[_CREDIT.size :].decode())
            case 4:
                amount, balance = _SETTLED.unpack_from(payload)
                return Settled(Credit(key, amount, payload[_SETTLED.size :].decode()), balance)
    except struct.error as error:
        raise ValueError(str(error)) from error
    raise ValueError(f"no write has the code {code}")
