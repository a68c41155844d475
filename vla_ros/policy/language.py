# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The words of an instruction as a language model reads them: rows of its embedding table.

The tokenizer is the file that the model came with. The table stays on disk, mapped into memory: of
its hundreds of megabytes only the pages of the words that are used are read.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.policy.spec import LanguageSpec


def _newline(instruction: str) -> str:
    return instruction if instruction.endswith('\n') else f'{instruction}\n'


PROMPTS: dict[str, Callable[[str], str]] = {'newline': _newline}  # instruction -> prompt


class Words:
    """Turns an instruction into what the language model takes; keeps the last one."""

    def __init__(self, folder: Path, spec: LanguageSpec) -> None:
        """Open the files of a bundle in ``folder``; raise ConfigError where they don't fit."""
        self._length, self._prompt = spec.words, PROMPTS[spec.prompt]
        file = folder / spec.embedding.file
        self._tokenizer = _open_tokenizer(folder / spec.tokenizer.file)
        self._table = _open_table(file)
        known = self._tokenizer.get_vocab_size(with_added_tokens=True)
        if known > len(self._table):
            raise ConfigError(
                f'{file}: got {len(self._table)} rows, expected one for each of the {known} '
                'tokens of the tokenizer; export the policy again'
            )
        self._last = ('', *self._embed(''))

    @property
    def width(self) -> int:
        """Return the size of a token."""
        return int(self._table.shape[1])

    def embed(self, instruction: str) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the tokens, (1, words, width), and which of them are any, (1, words); float32.

        They hold until the next call. What is longer than ``words`` is cut off, which is logged.
        """
        if self._last[0] != instruction:
            self._last = (instruction, *self._embed(instruction))
        return self._last[1:]

    def _embed(self, instruction: str) -> tuple[np.ndarray, np.ndarray]:
        ids = self._tokenizer.encode(self._prompt(instruction)).ids
        if len(ids) > self._length:
            logging.getLogger(__name__).warning(
                'instruction %.40r...: %d tokens, of which the policy reads the first %d',
                instruction,
                len(ids),
                self._length,
            )
        kept = ids[: self._length]
        tokens = np.zeros((1, self._length, self.width), np.float32)
        mask = np.zeros((1, self._length), np.float32)
        tokens[0, : len(kept)], mask[0, : len(kept)] = self._table[kept], 1.0
        return tokens, mask


def _open_tokenizer(file: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError:
        raise ConfigError(
            f'{file}: tokenizers is not installed, expected it for a policy that reads language; '
            'pip install tokenizers'
        ) from None
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _open_table(file: Path) -> np.ndarray:
    table: np.ndarray = np.load(file, mmap_mode='r')
    if table.ndim != 2 or table.dtype != np.float32:
        raise ConfigError(
            f'{file}: got {table.dtype} {table.shape}, expected float32 (rows, size)'
        )
    return table
