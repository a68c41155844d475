# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a block once made of what it was given, kept beside it, so that a back end can be tried.

Back ends exist that load a model and compute another one, without an error: angles in 16 bits, an
operator that a driver has wrong, weights that were converted badly. One run at the start shows it.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.policy.integrity import LARGEST_ARRAY, MEND
from vla_ros.runtime.session import Arrays, Session, TensorSpec

Specs = Mapping[str, TensorSpec]
FAR = 0.2  # of an answer: more than 8 bits cost
MOST_VALUES = 4096  # that are kept of an output
UNREADABLE = (OSError, EOFError, ValueError, KeyError, MemoryError, BadZipFile, zlib.error)


class KnownAnswer(NamedTuple):
    """One run of a block on the machine that wrote it; arrays over n pictures have one picture."""

    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]  # (values,), those that `_some` takes


def write_answer(path: Path, inputs: Arrays, outputs: Arrays) -> None:
    """Write what a block was given, of pictures one, and what it made of that."""
    arrays: dict[str, Any] = {f'inputs/{name}': array for name, array in inputs.items()}
    arrays.update((f'outputs/{name}', _some(array)) for name, array in outputs.items())
    np.savez_compressed(path, **arrays)


def read_answer(path: Path, inputs: Specs, outputs: Specs) -> KnownAnswer:
    """Return what `write_answer` wrote; raise ConfigError for what is no answer of the block."""
    try:
        with ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > LARGEST_ARRAY:
                raise ValueError(f'got more than {LARGEST_ARRAY} bytes')
        with np.load(path, allow_pickle=False) as arrays:
            return KnownAnswer(
                {name: arrays[f'inputs/{name}'] for name in inputs},
                {name: arrays[f'outputs/{name}'] for name in outputs},
            )
    except UNREADABLE as error:
        raise ConfigError(f'{path}: cannot be read: {error}; {MEND}') from None


def answer_error(
    session: Session, answer: KnownAnswer, inputs: Specs, outputs: Specs
) -> float | None:
    """
    Return how far ``session`` is from an answer: of the output where it is most.

    That is the root mean square of the difference over that of what is known; infinity where a
    value is not finite, None where the session takes other sizes, such as of another camera's
    pictures. ``inputs`` and ``outputs`` are the block's, in which the sizes that vary have names.
    Raise VlaError where the computation fails.
    """
    given = {
        name: _repeated(array, inputs[name], session.inputs[name])
        for name, array in answer.inputs.items()
    }
    if not all(session.inputs[name].takes(array) for name, array in given.items()):
        return None
    over = _sizes_of_one(answer.inputs, inputs)
    made = session.run(given)
    return max(
        _distance(_some(_first(array, outputs[name], over)), answer.outputs[name])
        for name, array in made.items()
    )


def find_other_model(session: Session, largest: float = FAR) -> str:
    """Return what a session seems to be wrong with, '' where it is within ``largest``."""
    if session.answer_error is None or session.answer_error <= largest:
        return ''
    where = ', '.join(f'{name} {value}' for name, value in session.facts.items())
    return (
        f'{session.path}: got an answer that differs by {session.answer_error:.2g} of its size '
        f'from the one that the bundle knows, expected at most {largest:g}: this back end '
        f'computes another model ({where}); place the block on another one, or give it another '
        'precision'
    )


def _repeated(array: np.ndarray, named: TensorSpec, wanted: TensorSpec) -> np.ndarray:
    """Return one picture's array as often as a session takes it."""
    if array.ndim != len(named.shape):
        return array
    counts = [
        size if isinstance(name, str) and isinstance(size, int) and known == 1 else 1
        for name, size, known in zip(named.shape, wanted.shape, array.shape, strict=True)
    ]
    return np.tile(array, counts)


def _sizes_of_one(known: Arrays, named: Specs) -> set[str]:
    """Return the names of the sizes that are 1 in what is known: those over pictures."""
    return {
        name
        for key, array in known.items()
        for name, size in zip(named[key].shape, array.shape, strict=True)
        if isinstance(name, str) and size == 1
    }


def _first(array: np.ndarray, named: TensorSpec, over: set[str]) -> np.ndarray:
    """Return the first entry along the sizes of these names."""
    return array[tuple(slice(1) if name in over else slice(None) for name in named.shape)]


def _some(array: np.ndarray) -> np.ndarray:
    """Return at most MOST_VALUES values from all over an array."""
    flat = np.ravel(array)
    return flat[:: -(-flat.size // MOST_VALUES)]


def _distance(made: np.ndarray, known: np.ndarray) -> float:
    if made.shape != known.shape:
        return float('inf')
    difference = np.linalg.norm(made.astype(float) - known)
    size = np.linalg.norm(known.astype(float))
    error = float(difference / size) if size else float(difference)
    return error if np.isfinite(error) else float('inf')
