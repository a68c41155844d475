# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The weights that are trained, their running average, and what a run needs to go on."""

import os
from pathlib import Path
from typing import Any

import torch
from lerobot.policies.act.modeling_act import ACTPolicy

from vla_ros.core.errors import ConfigError
from vla_ros.train.act import calibrate_frozen_batch_norm, thaw_batch_norm, training_loss
from vla_ros.train.plan import TrainingPlan


class Learner:
    """
    Trains a copy of ``average``, a plain LeRobot ACT that follows the copy as its average.

    The average is what is worth saving: it imitates better than any single step's weights.
    """

    def __init__(self, average: ACTPolicy, plan: TrainingPlan) -> None:
        """Start from the weights of ``average``."""
        self.average = average.eval()
        self.plan = plan
        self.step = 0
        self.seconds = 0.0  # that the run has taken so far
        self._thawed = average.config.pretrained_backbone_weights is None
        self._policy = ACTPolicy(average.config).to(average.config.device).train()
        self._policy.load_state_dict(average.state_dict())
        if self._thawed:
            thaw_batch_norm(self._policy.model.backbone)
        self._policy.model.backbone.to(memory_format=torch.channels_last)
        self._parameters = list(self._policy.parameters())
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )

    def learn(self, batch: dict[str, torch.Tensor], rate: float) -> float:
        """Take one step with the learning rate ``rate`` on a normalised batch; return its loss."""
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)  # dropout goes on as it was
        for group in self._optimizer.param_groups:
            group['lr'] = rate
        device = self.average.config.device
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=self.plan.bf16):
            loss = training_loss(self._policy, batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, self.plan.gradient_limit)
        self._optimizer.step()
        self._follow(self.plan.decay(self.step))
        self.step += 1
        return loss.item()

    def calibrate(self, batch: dict[str, torch.Tensor]) -> None:
        """Set the average's normalisation to what its own weights make of a normalised batch."""
        images = [batch[key] for key in self.average.config.image_features]
        if self._thawed and len({image.shape for image in images}) == 1:
            calibrate_frozen_batch_norm(self.average.model.backbone, torch.cat(images))

    def save(self, path: Path, **facts: Any) -> None:
        """Write all that a run needs to go on, and ``facts``; whole or not at all."""
        state = {
            'step': self.step,
            'seconds': self.seconds,
            'policy': self._policy.state_dict(),
            'average': self.average.state_dict(),
            'optimizer': self._optimizer.state_dict(),
            **facts,
        }
        partial = path.with_suffix('.partial')
        torch.save(state, partial)
        os.replace(partial, path)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state that `load_state` returned."""
        self.step, self.seconds = state['step'], state['seconds']
        self._policy.load_state_dict(state['policy'])
        self.average.load_state_dict(state['average'])
        self._optimizer.load_state_dict(state['optimizer'])

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        new = self._policy.state_dict()
        pairs = [
            (value, new[name])
            for name, value in self.average.state_dict().items()
            if value.is_floating_point()
        ]
        torch._foreach_lerp_([old for old, _ in pairs], [now for _, now in pairs], 1 - decay)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `Learner.save` wrote; raise ConfigError where there is nothing to go on from."""
    if not path.is_file():
        raise ConfigError(f'{path}: not there, so there is no training to resume; start one anew')
    return torch.load(path, map_location='cpu', weights_only=True)
