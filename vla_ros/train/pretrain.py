# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teach the vision encoder of a policy to see, by dense supervision on labelled pictures.

From demonstrations alone a policy finds out early where a thing is, and very late how it is
turned: in most frames the arm's own joints give that away, so little asks the pictures. Here
every cell of every picture is asked, and the weights then serve as pretrained ones.
"""

import copy
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.policies.pretrained import PreTrainedPolicy
from torch import nn

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.feature_names import camera_name
from vla_ros.train.batches import Batches
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.dense import (
    CHANNELS,
    DenseErrors,
    PlaceHead,
    dense_errors,
    dense_loss,
    read,
)
from vla_ros.train.families.eye import Size
from vla_ros.train.families.family import family_of
from vla_ros.train.frames import STATE, Frames
from vla_ros.train.training_plan import TrainingPlan

AT_ONCE = 32  # pictures of a test that are seen at a time
CALIBRATION = 128  # frames
HEADS_LEARN = 3  # times as fast as the encoder
PLACE_COUNTS = 0.5  # beside what is told of the things

Errors = dict[str, list[DenseErrors]]  # camera key -> of each thing


def pretrain(
    checkpoint: Checkpoint,
    datasets: Sequence[Frames],
    tests: Mapping[str, Sequence[Frames]],
    plan: TrainingPlan,
    state: Path,
    report: Callable[[str], None] = print,
) -> dict[str, Errors]:
    """
    Train the vision encoder of ``checkpoint`` in place; return how well it sees each test.

    The run goes on from the file ``state`` where there is one. Raise ConfigError where pictures
    have no labels, or are of other cameras than the policy's. The normalisation is learned where
    all pictures are of one size and the plan does not freeze it.
    """
    if plan.threads:
        torch.set_num_threads(plan.threads)
    _check(checkpoint.policy, [*datasets, *(part for parts in tests.values() for part in parts)])
    batches = Batches(datasets, plan.batch_size, 1, plan.seed, plan.augmentation)
    pupil = _Pupil(
        checkpoint, plan, next(iter(batches.labels(np.zeros(1, int)).values())).shape[1]
    )
    pupil.restore(state)
    began = time.monotonic() - pupil.seconds
    while (progress := plan.progress(pupil.step, pupil.seconds)) < 1:
        loss = pupil.learn(batches, plan.rate(pupil.step, progress))
        pupil.seconds = time.monotonic() - began
        if pupil.step % plan.report_every == 0:
            report(f'step {pupil.step}  loss {loss:.3f}  {progress:.0%} done')
        if pupil.step % plan.evaluate_every == 0:
            pupil.save(state)
            _tell(pupil, tests, report)
    pupil.hand_over(batches)
    return _tell(pupil, tests, report)


_PLACE = 'place of a cell'


class _Pupil:
    """A copy of the policy's vision encoder that learns, with a head for each camera."""

    def __init__(self, checkpoint: Checkpoint, plan: TrainingPlan, things: int) -> None:
        self._checkpoint = checkpoint
        self._sizes: dict[str, Size] = {
            key: feature.shape[1:]
            for key, feature in checkpoint.policy.config.image_features.items()
        }
        self._family = family_of(checkpoint.policy.config.type)
        self._together = len({*self._sizes.values()}) == 1
        by_batch = self._family.normalises_by_batch
        self._learns_normalisation = by_batch and self._together and not plan.freeze_normalisation
        self._policy = copy.deepcopy(checkpoint.policy)
        self._family.prepare(self._policy)
        self._eye = self._family.eye(self._policy)
        self._encoder = self._eye.encoder.requires_grad_(True)
        torch.manual_seed(plan.seed)
        channels = self._eye.channels
        self._device = torch.device(self._policy.config.device)
        self._heads = nn.ModuleDict(
            {camera_name(key): nn.Conv2d(channels, things * CHANNELS, 1) for key in self._sizes}
        )
        if self._eye.cells:
            self._heads[_PLACE] = PlaceHead(channels, *self._eye.cells)
        self._heads.to(self._device)
        self._parameters = [*self._encoder.parameters(), *self._heads.parameters()]
        groups = [
            {'params': [*self._encoder.parameters()], 'times': 1},
            {'params': [*self._heads.parameters()], 'times': HEADS_LEARN},
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=plan.weight_decay, fused=True)
        self._bf16 = plan.bf16
        self.step, self.seconds = 0, 0.0

    def learn(self, batches: Batches, rate: float) -> float:
        """Take one step; return its loss."""
        self._encoder.train(self._learns_normalisation)
        for group in self._optimizer.param_groups:
            group['lr'] = rate * group['times']
        labels = batches.labels(batches.indices(self.step))
        batch, total = batches.batch(self.step), 0.0
        for keys in [[*self._sizes]] if self._together else [[key] for key in self._sizes]:
            maps = self._see(batch, keys)
            losses = [
                dense_loss(self._told(key, seen), *self._placed(key, labels[key]))
                for key, seen in maps.items()
            ]
            if _PLACE in self._heads:
                losses += [PLACE_COUNTS * self._heads[_PLACE].loss(seen) for seen in maps.values()]
            loss = torch.stack(losses).sum()
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(self._parameters, 10.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return total

    @torch.no_grad()
    def errors(self, tests: Batches) -> Errors:
        """Return the errors for pictures as they are."""
        self._encoder.eval()
        count = tests.frame_count
        seen: dict[str, list[torch.Tensor]] = {key: [] for key in self._sizes}
        for part in np.array_split(np.arange(count), math.ceil(count / AT_ONCE)):
            for key, maps in self._see(tests.gather(part), [*self._sizes]).items():
                size = self._eye.shown(self._sizes[key])
                seen[key].append(read(self._told(key, maps), size).cpu())
        true = tests.labels(np.arange(count))
        return {
            key: dense_errors(
                torch.cat(parts).numpy(), self._eye.place(true[key], self._sizes[key]).numpy()
            )
            for key, parts in seen.items()
        }

    def hand_over(self, batches: Batches) -> None:
        """Put what was learned into the checkpoint's policy."""
        policy = self._checkpoint.policy
        policy.load_state_dict(self._policy.state_dict(), strict=False)  # but for counters
        if self._learns_normalisation:
            indices = np.arange(min(CALIBRATION, batches.frame_count))
            self._family.finish(policy, self._normalised(batches.gather(indices), [*self._sizes]))

    def save(self, path: Path) -> None:
        """Write what the run needs to go on; whole or not at all."""
        partial = path.with_suffix('.partial')
        torch.save(
            {name: part.state_dict() for name, part in self._parts()} | self._times(), partial
        )
        os.replace(partial, path)

    def restore(self, path: Path) -> None:
        """Go on from what was saved, if there is any."""
        if not path.is_file():
            return
        state = torch.load(path, map_location=self._device)
        for name, part in self._parts():
            part.load_state_dict(state[name])
        self.step, self.seconds = state['step'], state['seconds']

    def _parts(self) -> Iterator[tuple[str, Any]]:
        yield from (
            ('encoder', self._encoder),
            ('heads', self._heads),
            ('optimizer', self._optimizer),
        )

    def _times(self) -> dict[str, float]:
        return {'step': self.step, 'seconds': self.seconds}

    def _see(self, batch: Mapping[str, Any], keys: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return the maps of some cameras' pictures in a batch."""
        normalised = self._normalised(batch, keys)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            maps = self._eye.see([normalised[key] for key in keys])
        return {key: each.float() for key, each in zip(keys, maps, strict=True)}

    def _told(self, key: str, seen: torch.Tensor) -> torch.Tensor:
        """Return what the camera's head tells of a map."""
        told: torch.Tensor = self._heads[camera_name(key)](seen)
        return told

    def _placed(self, key: str, labels: torch.Tensor) -> tuple[torch.Tensor, Size]:
        """Return labels where the encoder sees what they name, and the size of what it sees."""
        size = self._sizes[key]
        return self._eye.place(labels, size).to(self._device), self._eye.shown(size)

    def _normalised(self, batch: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
        wanted = {key: batch[key] for key in (*keys, STATE, 'task')}
        return self._checkpoint.preprocess(wanted)


def _tell(
    pupil: _Pupil, tests: Mapping[str, Sequence[Frames]], report: Callable[[str], None]
) -> dict[str, Errors]:
    """Report and return the errors on each test."""
    told = {name: pupil.errors(Batches(parts, AT_ONCE, 1)) for name, parts in tests.items()}
    for name, errors in told.items():
        for key, things in errors.items():
            report(f'  {name}, {camera_name(key)}: {"; ".join(map(str, things))}')
    return told


def _check(policy: PreTrainedPolicy, datasets: Sequence[Frames]) -> None:
    wanted = {
        key: (*feature.shape[1:], 3) for key, feature in policy.config.image_features.items()
    }
    for frames in datasets:
        if frames.labels is None:
            raise ConfigError(
                'dataset: got pictures without labels, expected those of: '
                'vla_ros generate --arrays'
            )
        found = {key: images.shape[1:] for key, images in frames.images.items()}
        if found != wanted:
            raise ConfigError(
                f'cameras: got a policy for {wanted}, expected {found} as in the pictures'
            )
