# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What an ONNX model refers to outside of its own file, found without loading it.

A model may keep its weights in other files, by any path, and may hold a network that another tool
compiled, by any path too. Whoever checks the model's file alone has then checked next to nothing.
ONNX is a protocol buffer; only its structure is walked here, so that the weights cost nothing.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from vla_ros.core.errors import ConfigError

DEEPEST = 64  # of graphs in graphs, and of what lies in between
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers
# message type -> field number -> type of the message in it (see onnx.proto)
CHILDREN = {
    'Model': {7: 'Graph', 20: 'Training', 25: 'Function'},
    'Training': {1: 'Graph', 2: 'Graph'},
    'Graph': {1: 'Node', 5: 'Tensor', 15: 'SparseTensor'},
    'Function': {7: 'Node', 11: 'Attribute'},
    'Node': {5: 'Attribute'},
    'Attribute': {
        5: 'Tensor', 6: 'Graph', 10: 'Tensor', 11: 'Graph', 22: 'SparseTensor', 23: 'SparseTensor'
    },
    'SparseTensor': {1: 'Tensor', 2: 'Tensor'},
}  # fmt: skip
GRAPH, OPERATOR, LOCATION, EXTERNAL_DATA = 7, 4, 14, 13  # numbers of fields
Span = tuple[int, int]


def check_self_contained(path: Path) -> None:
    """Raise ConfigError where the file is no ONNX model, or one that needs other files."""
    with path.open('rb') as file:
        if not path.stat().st_size:
            raise ConfigError(f'{path}: got an empty file, expected an ONNX model')
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                reference = _first_reference(data)
            except (ValueError, IndexError):
                raise ConfigError(
                    f'{path}: got no ONNX model in it; copy it again, or export it again'
                ) from None
    if reference:
        raise ConfigError(
            f'{path}: got {reference}, expected a model with all of its weights in its own file, '
            'for nothing else is covered by its sha256; export it again, with the weights inside'
        )


def _first_reference(data: mmap.mmap) -> str:
    """Return what the model refers to first, '' for nothing; raise ValueError for no model."""
    whole = (0, len(data))
    if not any(number == GRAPH for number, _, _ in _fields(data, whole)):
        raise ValueError
    return next(_references(data, whole, 'Model', 0), '')


def _references(data: mmap.mmap, span: Span, kind: str, depth: int) -> Iterator[str]:
    """Yield what a message refers to outside of the file, in words."""
    if depth > DEEPEST:
        raise ValueError
    for number, wire, value in _fields(data, span):
        if kind == 'Tensor':
            if number == EXTERNAL_DATA or (number == LOCATION and value[0]):
                yield 'weights in another file'
        elif kind == 'Node' and number == OPERATOR and data[slice(*value)] == b'EPContext':
            yield 'an EPContext, a network that was compiled elsewhere'
        elif wire == BYTES and number in CHILDREN[kind]:
            yield from _references(data, value, CHILDREN[kind][number], depth + 1)


def _fields(data: mmap.mmap, span: Span) -> Iterator[tuple[int, int, Span]]:
    """Yield number, wire type, and where the value lies; of a varint it is the value twice."""
    at, end = span
    while at < end:
        tag, at = _varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = _varint(data, at, end)
            yield number, wire, (value, value)
            continue
        if wire == BYTES:
            length, at = _varint(data, at, end)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise ValueError
        if at + length > end:
            raise ValueError
        yield number, wire, (at, at + length)
        at += length


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """Return the number at a place and the place behind it."""
    number = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
    raise ValueError
