"""Types of columns: how SQL spells them, and a column as one of a type that holds its values."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructType

from medallion.bronze.typed import widened
from medallion.layout import quoted
from medallion.schema import Array, Struct, Type


def spelled(kind: DataType) -> str:
    """The type as DDL has it, any name of a part in quotes: Spark's own spelling has none."""
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{quoted(field.name)}:{spelled(field.dataType)}' for field in kind.fields)}>"
    if isinstance(kind, ArrayType):
        return f"array<{spelled(kind.elementType)}>"
    return kind.simpleString()


def as_type(name: str, old: Type, new: Type) -> Column:
    """A column of the type *old* as the wider *new*: what has parts as it would have landed, of the rest what does not fit is null."""
    if old == new:
        return F.col(quoted(name))
    return F.expr(widened(old, new, quoted(name))) if isinstance(old, (Struct, Array)) else F.col(quoted(name)).try_cast(str(new))
