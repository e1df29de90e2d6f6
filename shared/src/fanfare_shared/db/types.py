"""Column types said once."""

from sqlalchemy import ARRAY, BigInteger, DateTime, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB


class Timestamp(DateTime):
    """`timestamptz`: every moment in the ledger knows its zone."""

    def __init__(self) -> None:
        super().__init__(timezone=True)


class TextArray(ARRAY[str]):
    def __init__(self) -> None:
        super().__init__(Text())


class BigIntArray(ARRAY[int]):
    def __init__(self) -> None:
        super().__init__(BigInteger())


class IntArray(ARRAY[int]):
    def __init__(self) -> None:
        super().__init__(Integer())


class Json(JSONB):
    """`jsonb`, with Python's None stored as SQL's NULL."""

    def __init__(self) -> None:
        super().__init__(none_as_null=True)
