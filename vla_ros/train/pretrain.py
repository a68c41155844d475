# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teach the vision encoder of an ACT policy where the bag lies and how it is turned.

From demonstrations alone a policy finds out early where the bag is, and very late how it is
turned: in most frames the arm's own joints give that away, so little asks the pictures. Here
every picture is asked, and the weights then serve as pretrained ones.
"""

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lerobot.policies.act.modeling_act import ACTPolicy
from torch import nn

from vla_ros.core.errors import ConfigError
from vla_ros.sim.labelled_pictures import Glances
from vla_ros.train.batches import Batches
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.families.act import Act
from vla_ros.train.frames import ACTION, STATE, Frames
from vla_ros.train.training_plan import TrainingPlan

MIDDLE, SPREAD = (0.15, 0.0), (0.08, 0.16)  # m, of the places where a bag may lie
REPORT_EVERY = 50  # steps
AT_ONCE = 64  # glances of a test that are seen at a time
CALIBRATION = 128  # glances


@dataclass(frozen=True)
class Errors:
    """Medians over glances that were not learned from."""

    place: float  # m
    yaw: float  # rad, as seen from the base of the arm

    def __str__(self) -> str:
        """Return both, in mm and degrees."""
        return f'{1e3 * self.place:.1f} mm, {math.degrees(self.yaw):.1f} degrees'


def pretrain(
    checkpoint: Checkpoint,
    glances: Glances,
    test: Glances,
    plan: TrainingPlan,
    report: Callable[[str], None] = print,
) -> Errors:
    """
    Train the ResNet of an ACT ``checkpoint`` in place; return how well it sees ``test``.

    Raise ConfigError where the glances are not of the policy's cameras.
    """
    if plan.threads:
        torch.set_num_threads(plan.threads)
    batches = Batches([_frames(checkpoint.policy, glances)], plan.batch_size, 1, plan.seed)
    tests = Batches([_frames(checkpoint.policy, test)], AT_ONCE, 1)
    pupil = _Pupil(checkpoint, plan)
    began, step = time.monotonic(), 0
    while (progress := plan.progress(step, time.monotonic() - began)) < 1:
        loss = pupil.learn(batches.batch(step), plan.rate(step, progress))
        step += 1
        if step % REPORT_EVERY == 0:
            report(
                f'step {step}  loss {loss:.4f}  errors {pupil.errors(tests)}  {progress:.0%} done'
            )
    pupil.hand_over(batches)
    return pupil.errors(tests)


class PoseHead(nn.Module):
    """
    Tells the pose from the ResNet's maps: for each camera, from the cells that it attends to.

    What a cell says must mean the same wherever the cell is, for that is how ACT's transformer
    reads it.
    """

    def __init__(self, cameras: int, channels: int) -> None:
        """Read maps of so many cameras and channels."""
        super().__init__()
        self._attention = nn.ModuleList(nn.Linear(channels, 1) for _ in range(cameras))
        self._pose = nn.Linear(cameras * (channels + 2), 4)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the poses (n, 4) for maps (cameras * n, channels, height, width)."""
        views = maps.chunk(len(self._attention))
        seen = [_attended(layer, view) for layer, view in zip(self._attention, views, strict=True)]
        return self._pose(torch.cat(seen, dim=-1))


class _Pupil:
    """A copy of the policy whose normalisation learns, with a head."""

    def __init__(self, checkpoint: Checkpoint, plan: TrainingPlan) -> None:
        self._checkpoint = checkpoint
        self._keys = list(checkpoint.policy.config.image_features)
        self._policy = copy.deepcopy(checkpoint.policy)
        Act().prepare(self._policy)
        self._backbone = self._policy.model.backbone.train()
        torch.manual_seed(plan.seed)
        channels = self._policy.model.encoder_img_feat_input_proj.in_channels
        self._device = torch.device(self._policy.config.device)
        self._head = PoseHead(len(self._keys), channels).to(self._device)
        self._parameters = [*self._backbone.parameters(), *self._head.parameters()]
        self._optimizer = torch.optim.AdamW(self._parameters, weight_decay=1e-4, fused=True)

    def learn(self, batch: dict[str, Any], rate: float) -> float:
        """Take one step; return its loss."""
        for group in self._optimizer.param_groups:
            group['lr'] = rate
        true = batch[ACTION][:, 0].to(self._device)
        loss = nn.functional.smooth_l1_loss(self._see(batch), true, beta=0.1)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 10.0)
        self._optimizer.step()
        return loss.item()

    @torch.no_grad()
    def errors(self, tests: Batches) -> Errors:
        """Return the errors for pictures as they are."""
        self._backbone.eval()
        count = tests.frame_count
        parts = np.array_split(np.arange(count), math.ceil(count / AT_ONCE))
        batches = [tests.gather(part) for part in parts]
        seen = torch.cat([self._see(batch) for batch in batches]).cpu().numpy()
        true = torch.cat([batch[ACTION][:, 0] for batch in batches]).numpy()
        self._backbone.train()
        place = np.linalg.norm((seen - true)[:, :2] * SPREAD, axis=1)
        return Errors(float(np.median(place)), float(np.median(yaw_error(seen, true))))

    def hand_over(self, batches: Batches) -> None:
        """Put what was learned into the checkpoint's policy."""
        policy = self._checkpoint.policy
        policy.load_state_dict(self._policy.state_dict(), strict=False)  # but for counters
        indices = np.arange(min(CALIBRATION, batches.frame_count))
        Act().finish(policy, self._normalised(batches.gather(indices)))

    def _see(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Return the poses (n, 4) that the pictures of a batch seem to show."""
        normalised = self._normalised(batch)
        images = torch.cat([normalised[key] for key in self._keys])
        with torch.autocast(self._device.type, torch.bfloat16):
            maps = self._backbone(images)['feature_map']
        return self._head(maps.float())

    def _normalised(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        pictures = {key: batch[key] for key in (*self._keys, STATE, 'task')}
        return self._checkpoint.preprocess(pictures)


def yaw_error(seen: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return how far (n,) the yaws of two poses (n, 4) are apart, rad."""
    angles = [np.arctan2(pose[:, 3], pose[:, 2]) for pose in (seen, true)]
    return np.abs((angles[0] - angles[1] + np.pi) % (2 * np.pi) - np.pi) / 2


def poses(glances: Glances) -> np.ndarray:
    """
    Return the poses (n, 4) float32: the place, scaled to about -1 to 1, and the yaw.

    The yaw is the bag's as the base of the arm sees it, which is what the wrist must turn to, as
    cosine and sine of twice the angle, for the bag looks the same after half a turn.
    """
    bearing = np.arctan2(glances.place[:, 1], glances.place[:, 0])
    angle = 2 * (glances.yaw - bearing)
    place = (glances.place - MIDDLE) / SPREAD
    return np.column_stack([place, np.cos(angle), np.sin(angle)]).astype(np.float32)


def _attended(attention: nn.Module, maps: torch.Tensor) -> torch.Tensor:
    """Return (n, channels + 2): what the attended cells say, and where they are."""
    cells = maps.flatten(2).transpose(1, 2)
    height, width = maps.shape[2:]
    rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    grid = torch.stack(torch.meshgrid(rows, columns, indexing='ij'), dim=-1).to(cells)
    where = grid.reshape(1, -1, 2).expand(len(cells), -1, -1)
    return (attention(cells).softmax(dim=1) * torch.cat([cells, where], dim=-1)).sum(dim=1)


def _frames(policy: ACTPolicy, glances: Glances) -> Frames:
    """Return the glances as frames whose only action is the pose."""
    cameras = {key: key.rpartition('.')[2] for key in policy.config.image_features}
    missing = sorted(set(cameras.values()) - set(glances.images))
    if missing:
        raise ConfigError(
            f'cameras: got a policy with {", ".join(missing)}, expected some of '
            f'{", ".join(glances.images)}; pretrain a policy for the simulated cameras'
        )
    rows = np.arange(len(glances.yaw))
    return Frames(
        images={key: glances.images[camera] for key, camera in cameras.items()},
        rows=rows,
        state=np.zeros((len(rows), *policy.config.robot_state_feature.shape), np.float32),
        action=poses(glances),
        end=rows + 1,
        instruction=np.full(len(rows), ''),
    )
