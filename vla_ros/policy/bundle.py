# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A policy bundle: a folder with policy.json and one ONNX model for each block."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vla_ros.core.errors import ConfigError
from vla_ros.policy.family import check_family
from vla_ros.policy.spec import BLOCKS, BlockSpec, FileSpec, PolicySpec, policy_spec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Session, TensorSpec, load


@dataclass(frozen=True)
class Bundle:
    """A policy on disk whose files are the ones that its policy.json was written for."""

    path: Path
    spec: PolicySpec
    load: Callable[..., Session] = load  # takes what vla_ros.runtime.session.load does

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

        What the placement leaves open, back end and precision, is as the bundle was made for.
        Raise ConfigError where it does not load there, and where the model's arrays are not the
        ones of policy.json.
        """
        wanted = self.spec.blocks[block]
        path = self.path / wanted.file
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
        _check_tensors(f'{path}: inputs', session.inputs, wanted.inputs)
        _check_tensors(f'{path}: outputs', session.outputs, wanted.outputs)
        return session


def load_bundle(path: Path, blocks: Sequence[str] = BLOCKS) -> Bundle:
    """
    Read the bundle in the folder ``path`` and check the files of ``blocks``.

    Raise ConfigError naming the file where one is missing, was altered, or makes no sense.
    """
    file = path / 'policy.json'
    if not file.is_file():
        raise ConfigError(
            f'{path}: got a folder without policy.json, expected a policy bundle; '
            'make one with: vla_ros export'
        )
    try:
        spec = policy_spec(json.loads(file.read_text(encoding='utf-8')))
        check_family(spec)
    except ValueError as error:  # of JSON, of Unicode and our own
        raise ConfigError(f'{file}: {error}') from None
    needed: list[BlockSpec | FileSpec] = [spec.blocks[block] for block in blocks]
    if spec.language and 'llm_backbone' in blocks:
        needed += spec.language.files
    for item in needed:
        _check_file(path / item.file, item.sha256)
    return Bundle(path, spec)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _check_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ConfigError(f'{path}: not there; copy the whole bundle, or export it again')
    got = file_sha256(path)
    if got != expected:
        raise ConfigError(
            f'{path}: got sha256 {got[:12]}..., expected {expected[:12]}...; the file was altered '
            'or copied in part: copy the bundle again, or export it again'
        )


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
