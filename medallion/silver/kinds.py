"""Types of columns: how SQL spells them, and a value as one of a type that holds it."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructType

from medallion.layout import quoted
from medallion.schema import Array, Atom, Struct, Type


def spelled(kind: DataType) -> str:
    """The type as DDL has it, any name of a part in quotes: Spark's own spelling has none."""
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{quoted(field.name)}:{spelled(field.dataType)}' for field in kind.fields)}>"
    if isinstance(kind, ArrayType):
        return f"array<{spelled(kind.elementType)}>"
    return kind.simpleString()


def as_type(value: Column, old: Type, new: Type) -> Column:
    """A value of the type *old* as one of *new*; parts that *old* lacks are null, and what does not fit is.

    What has parts becomes the text of its JSON: that is how such a value lands in a column of text.
    """
    if old == new:
        return value
    match old, new:
        case Struct(), Struct():
            known = dict(old.fields)
            parts = [
                (as_type(value.getField(name), known[name], kind) if name in known else F.lit(None).cast(str(kind))).alias(name)
                for name, kind in new.fields
            ]
            return F.when(value.isNotNull(), F.struct(*parts))
        case Array(), Array():
            before, after = old.element, new.element
            return F.transform(value, lambda element: as_type(element, before, after))
        case ((Struct() | Array()), Atom(name="string")):
            return F.to_json(value)
        case _:
            return value.try_cast(str(new))
