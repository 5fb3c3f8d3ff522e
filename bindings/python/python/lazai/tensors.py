"""Tensors of safetensors files (datasets in POV form, adapters) as NumPy arrays, without copying: views of the mapped file.

NumPy is needed for this module alone.
"""

import json
import os

import numpy

_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8",
    # NumPy has none of its own; the bits are there.
    "BF16": "<u2",
}  # fmt: skip


def views(path: str | os.PathLike[str]) -> dict[str, numpy.ndarray]:
    """Every tensor of a safetensors file by its name, read-only."""
    mapped = numpy.memmap(path, dtype="u1", mode="r")
    length = int.from_bytes(mapped[:8].tobytes(), "little")
    if length > mapped.size - 8:
        raise ValueError(f"{os.fspath(path)}: a header of {length} bytes in a file of {mapped.size}")
    header = json.loads(mapped[8 : 8 + length].tobytes())
    found = {}
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in tensor["data_offsets"])
        found[name] = mapped[begin:end].view(_DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
    return found
