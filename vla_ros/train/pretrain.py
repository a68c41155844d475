# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teach the vision encoder of an ACT policy where the bag lies and how it is turned.

From demonstrations alone a policy finds out early where the bag is, and very late how it is
turned: in most frames the arm's own joints give that away, so little asks the pictures. Here
every picture is asked. The weights then serve as pretrained ones.
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from lerobot.policies.act.modeling_act import ACTPolicy
from torch import nn

from vla_ros.core.errors import ConfigError
from vla_ros.sim.glances import Glances, double_angle, yaw_error
from vla_ros.train.act import Act
from vla_ros.train.batches import Batches
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.frames import ACTION, STATE, Frames

MIDDLE, SPREAD = (0.15, 0.0), (0.08, 0.16)  # m, of the places where a bag may lie
REPORT_EVERY = 50  # steps
CALIBRATION = 128  # glances


@dataclass(frozen=True)
class PretrainingPlan:
    """How long and how fast to teach."""

    minutes: float = 10.0
    batch_size: int = 16  # glances
    learning_rate: float = 1e-3  # highest: a linear rise, then a cosine down to nothing
    warmup: int = 100  # steps
    seed: int = 0

    def rate(self, step: int, progress: float) -> float:
        """Return the learning rate."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * cosine


@dataclass(frozen=True)
class Errors:
    """Medians over glances that were not learned from."""

    place: float  # m
    yaw: float  # rad

    def __str__(self) -> str:
        """Return both, in mm and degrees."""
        return f'{1e3 * self.place:.1f} mm, {math.degrees(self.yaw):.1f} degrees'


def pretrain(
    checkpoint: Checkpoint,
    glances: Glances,
    test: Glances,
    plan: PretrainingPlan,
    report: Callable[[str], None] = print,
) -> Errors:
    """
    Train the ResNet of an ACT ``checkpoint`` in place; return how well it sees ``test``.

    Raise ConfigError where the glances are not of the policy's cameras.
    """
    batches = Batches([_frames(checkpoint.policy, glances)], plan.batch_size, 1, plan.seed)
    learner = _Learner(checkpoint, plan)
    tests = _frames(checkpoint.policy, test)
    began, step = time.monotonic(), 0
    while (progress := (time.monotonic() - began) / (60 * plan.minutes)) < 1:
        loss = learner.learn(batches.batch(step), plan.rate(step, progress))
        step += 1
        if step % REPORT_EVERY == 0:
            errors = learner.errors(tests, test)
            report(f'step {step}  loss {loss:.4f}  sees to {errors}  {progress:.0%} done')
    learner.hand_over(batches)
    return learner.errors(tests, test)


class _Learner:
    """A copy of the ResNet with layers that learn, and a head that tells the pose."""

    def __init__(self, checkpoint: Checkpoint, plan: PretrainingPlan) -> None:
        self._checkpoint = checkpoint
        self._keys = list(checkpoint.policy.config.image_features)
        self._policy = copy.deepcopy(checkpoint.policy)
        Act().prepare(self._policy)
        self._backbone = self._policy.model.backbone.train()
        torch.manual_seed(plan.seed)
        self._head = nn.LazyLinear(4)
        self._optimizer: torch.optim.Optimizer | None = None

    def learn(self, batch: dict[str, torch.Tensor], rate: float) -> float:
        """Take one step; return its loss."""
        pose = batch.pop(ACTION)[:, 0]
        loss = nn.functional.smooth_l1_loss(self._see(batch), pose, beta=0.1)
        if self._optimizer is None:  # the head knows its size now
            parameters = [*self._backbone.parameters(), *self._head.parameters()]
            self._optimizer = torch.optim.AdamW(parameters, weight_decay=1e-4, fused=True)
        for group in self._optimizer.param_groups:
            group['lr'] = rate
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return loss.item()

    @torch.no_grad()
    def errors(self, frames: Frames, glances: Glances) -> Errors:
        """Return the errors for pictures as they are."""
        self._backbone.eval()
        batches = Batches([frames], 1, 1)
        parts = np.array_split(np.arange(len(frames)), math.ceil(len(frames) / 64))
        seen = torch.cat([self._see(batches.gather(part)) for part in parts]).numpy()
        self._backbone.train()
        place = np.linalg.norm(seen[:, :2] * SPREAD + MIDDLE - glances.place, axis=1)
        return Errors(
            float(np.median(place)), float(np.median(yaw_error(seen[:, 2:], glances.yaw)))
        )

    def hand_over(self, batches: Batches) -> None:
        """Put what was learned into the checkpoint's policy."""
        policy = self._checkpoint.policy
        policy.load_state_dict(self._policy.state_dict(), strict=False)  # but for BN's counters
        indices = np.arange(min(CALIBRATION, batches.frame_count))
        Act().finish(policy, self._normalised(batches.gather(indices)))

    def _see(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the poses (n, 4) that the pictures of a batch seem to show."""
        normalised = self._normalised(batch)
        images = torch.cat([normalised[key] for key in self._keys])
        with torch.autocast(images.device.type, torch.bfloat16):
            maps = self._backbone(images)['feature_map'].flatten(1)
            return self._head(torch.cat(maps.chunk(len(self._keys)), dim=1)).float()

    def _normalised(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return self._checkpoint.preprocess(
            {key: batch[key] for key in (*self._keys, STATE)} | {'task': batch['task']}
        )


def _frames(policy: ACTPolicy, glances: Glances) -> Frames:
    """Return the glances as frames whose action is the pose, scaled to about -1 to 1."""
    cameras = {key: key.rpartition('.')[2] for key in policy.config.image_features}
    missing = sorted(set(cameras.values()) - set(glances.images))
    if missing:
        raise ConfigError(
            f'cameras: got a policy with {", ".join(missing)}, expected some of '
            f'{", ".join(glances.images)}; pretrain a policy for the simulated cameras'
        )
    rows = np.arange(len(glances.yaw))
    place = (glances.place - MIDDLE) / SPREAD
    return Frames(
        images={key: glances.images[camera] for key, camera in cameras.items()},
        rows=rows,
        state=np.zeros((len(rows), *policy.config.robot_state_feature.shape), np.float32),
        action=np.hstack([place, double_angle(glances.yaw)]).astype(np.float32),
        end=rows + 1,
        instruction=np.full(len(rows), ''),
    )
