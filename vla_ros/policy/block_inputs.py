# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What each block of a policy is given: heard by sessions that pass everything on.

What the blocks make of one observation is kept with them, see known_answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vla_ros.core.files import read_json
from vla_ros.policy.bundle import Bundle, write_policy_json
from vla_ros.policy.integrity import file_sha256
from vla_ros.policy.known_answer import write_answer
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import BLOCKS
from vla_ros.runtime.backends.table import DEFAULT
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.runtime.session import Arrays, Layer, Session

Hear = Callable[[Arrays], None]
ONE_BY_ONE = Placement(
    default=NodePlacement(threads=1, backend=DEFAULT, precision='fp32', cameras='single')
)


class Seen(Protocol):
    """What a policy is shown and told at one time."""

    @property
    def images(self) -> Mapping[str, np.ndarray]:
        """Return the pictures by camera name, (height, width, 3) uint8."""

    @property
    def state(self) -> np.ndarray:
        """Return the joints' positions, (joints,) rad."""

    @property
    def instruction(self) -> str | None:
        """Return the task in words; None: the policy's own."""


class HeardSession(Session):
    """A session that tells what it is given before it computes."""

    def __init__(self, session: Session, hear: Hear) -> None:
        """Stand in for ``session``."""
        self.path, self.facts = session.path, session.facts
        self.inputs, self.outputs = session.inputs, session.outputs
        self._session, self._hear = session, hear

    def run(self, inputs: Arrays, outputs: Arrays | None = None) -> dict[str, np.ndarray]:
        """Tell ``inputs``; return what the session makes of them."""
        self._hear(inputs)
        return self._session.run(inputs, outputs)

    def fork(self) -> Session:
        """Return a session on the same weights that is heard, too."""
        return HeardSession(self._session.fork(), self._hear)

    def layers(self) -> list[Layer]:
        """Return the operators of the last run."""
        return self._session.layers()

    def _compute(self, inputs: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
        raise NotImplementedError  # run goes to the session itself


class Heard:
    """The inputs of one block, in their order; an array that repeats is kept once."""

    def __init__(self) -> None:
        """Begin with none."""
        self.inputs: list[Arrays] = []

    def hear(self, inputs: Arrays) -> None:
        """Keep a copy of ``inputs``."""
        last = self.inputs[-1] if self.inputs else {}
        self.inputs.append({name: _kept(last.get(name), new) for name, new in inputs.items()})


def heard(bundle: Bundle) -> tuple[Bundle, dict[str, Heard]]:
    """Return the bundle with sessions that are heard, and what they will have been given."""
    told = {block: Heard() for block in BLOCKS}
    blocks = {bundle.path / bundle.spec.blocks[block].file: block for block in BLOCKS}

    def load(path: Path, *wanted: Any) -> Session:
        return HeardSession(bundle.load(path, *wanted), told[blocks[path]].hear)

    return replace(bundle, load=load), told


def block_inputs(
    bundle: Bundle, samples: Sequence[Seen], open_policy: Callable[[Bundle], Any]
) -> dict[str, list[Arrays]]:
    """
    Return what each block of the policy is given on ``samples``, in their order.

    A block that runs several times for one answer has as many entries for each sample.
    """
    listening, told = heard(bundle)
    return _show(open_policy(listening), told, samples)


def _show(
    policy: Any, told: Mapping[str, Heard], samples: Sequence[Seen]
) -> dict[str, list[Arrays]]:
    """Have a policy answer; return what each of its blocks, which are heard, is given."""
    for block in told.values():
        block.inputs.clear()  # of the warm-up
    for number, sample in enumerate(samples):
        policy.predict(sample.images, sample.state, sample.instruction, number)
    return {block: told[block].inputs for block in BLOCKS}


def _kept(last: np.ndarray | None, new: np.ndarray) -> np.ndarray:
    """Return the last array where the new one is equal, else a copy."""
    return last if last is not None and np.array_equal(last, new) else np.array(new)


def write_answers(bundle: Bundle, seen: Seen, folder: Path) -> None:
    """
    Write what each block of ``bundle`` makes of ``seen`` for the bundle in ``folder``.

    Its policy.json names the files from then on. They are computed one picture at a time, in
    fp32, on ONNX Runtime's CPU provider: a quantized policy is held against the one at fp32.
    """
    listening, told = heard(bundle)
    policy = Policy(listening, ONE_BY_ONE)
    given = _show(policy, told, [seen])
    content = read_json(folder / 'policy.json')
    for block, facts in content['blocks'].items():
        path, inputs = folder / f'{block}_answer.npz', given[block][0]
        write_answer(path, inputs, getattr(policy, block).session.run(inputs))
        facts['answer'] = {'file': path.name, 'sha256': file_sha256(path)}
    write_policy_json(folder, content)
