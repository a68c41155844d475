# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A policy bundle: a folder with policy.json and one ONNX model for each block."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import read_json
from vla_ros.policy.family import check_family
from vla_ros.policy.integrity import Seal, check_seal, seal
from vla_ros.policy.known_answer import answer_error, read_answer
from vla_ros.policy.spec import BLOCKS, BlockSpec, FileSpec, PolicySpec, policy_spec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Session, TensorSpec, load


@dataclass(frozen=True)
class Bundle:
    """A policy on disk whose files are the ones that its policy.json was written for."""

    path: Path
    spec: PolicySpec
    load: Callable[..., Session] = load  # takes what vla_ros.runtime.session.load does
    seals: Mapping[str, Seal] = field(default_factory=dict)  # of the files that were checked

    def open(
        self,
        block: str,
        placement: NodePlacement,
        sizes: Mapping[str, int] | None = None,
        streams: int = 1,
        profiling: bool = False,
    ) -> Session:
        """
        Load one block where ``placement`` says; ``sizes`` fixes named dimensions.

        What the placement leaves open, back end and precision, is as the bundle was made for. How
        far it is from what the block is known to answer is noted in the session's `answer_error`.
        Raise ConfigError where it does not load there, where the model's arrays are not the ones
        of policy.json, and where the file was not the one that was checked while it was loaded.
        """
        wanted = self.spec.blocks[block]
        path, checked = self._checked(wanted)
        made_for = '' if placement.providers else self.spec.recipe.get('target', '')
        backend = placement.backend or made_for
        session = self.load(
            path,
            replace(placement, backend=backend),
            sizes,
            wanted.inputs,
            wanted.precision,
            streams,
            profiling,
        )
        check_seal(path, checked)
        _check_tensors(f'{path}: inputs', session.inputs, wanted.inputs)
        _check_tensors(f'{path}: outputs', session.outputs, wanted.outputs)
        session.answer_error = self._answer_error(wanted, session)
        return session

    def _answer_error(self, block: BlockSpec, session: Session) -> float | None:
        """Return how far a session is from what the block is known to answer; None: unknown."""
        if block.answer is None:
            return None
        path, checked = self._checked(block.answer)
        answer = read_answer(path, block.inputs, block.outputs)
        check_seal(path, checked)
        return answer_error(session, answer, block.inputs, block.outputs)

    def _checked(self, item: BlockSpec | FileSpec) -> tuple[Path, Seal]:
        """Return where a file is, and its seal: it is still the one that was checked."""
        path = self.path / item.file
        checked = self.seals.get(item.file) or seal(path, item.sha256)
        check_seal(path, checked)
        return path, checked


def load_bundle(path: Path, blocks: Sequence[str] = BLOCKS) -> Bundle:
    """
    Read the bundle in the folder ``path`` and check the files of ``blocks``.

    Raise ConfigError naming the file where one is missing, was altered, or makes no sense.
    """
    file = path / 'policy.json'
    if not file.is_file():
        found = 'a folder without policy.json' if path.is_dir() else 'a file'
        raise ConfigError(
            f'{path}: got {found if path.exists() else "nothing there"}, expected a policy '
            'bundle, a folder; make one with: vla_ros export'
        )
    content = read_json(file)
    try:
        spec = policy_spec(content)
        check_family(spec)
    except ConfigError as error:
        raise ConfigError(f'{file}: {error}') from None
    needed = [file for block in blocks for file in spec.blocks[block].files]
    if spec.language and 'llm_backbone' in blocks:
        needed += spec.language.files
    seals = {item.file: seal(path / item.file, item.sha256) for item in needed}
    return Bundle(path, spec, seals=seals)


def write_policy_json(folder: Path, content: Mapping[str, Any]) -> None:
    """Write what `load_bundle` reads beside the files of the blocks."""
    text = json.dumps(content, indent=2) + '\n'
    (folder / 'policy.json').write_text(text, encoding='utf-8')


def _check_tensors(
    where: str,
    got: Mapping[str, TensorSpec],
    expected: Mapping[str, TensorSpec],
) -> None:
    mend = 'as in policy.json, made for another model; copy the whole bundle, or export again'
    if got.keys() != expected.keys():
        raise ConfigError(f'{where}: got {list(got)}, expected {list(expected)} {mend}')
    for name, spec in expected.items():
        if not got[name].agrees(spec):
            raise ConfigError(f'{where}: {name}: got {got[name]}, expected {spec} {mend}')
