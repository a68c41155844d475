# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The weights that are trained, their running average, and what a run needs to go on."""

import copy
import os
import time
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lerobot.policies.pretrained import PreTrainedPolicy

from vla_ros.core.errors import ConfigError
from vla_ros.train.families.family import FlowSampling, family_of, trained
from vla_ros.train.training_plan import TrainingPlan

_REHEARSALS = 2  # the first one allocates memory


class Learner:
    """
    Trains a copy of ``average``, a plain LeRobot policy that follows the copy as its average.

    The average is what is worth saving: it imitates better than any single step's weights. The
    two share the weights that are frozen.
    """

    def __init__(self, average: PreTrainedPolicy, plan: TrainingPlan, things: int = 0) -> None:
        """Start from the weights of ``average``; the labels of pictures are of ``things``."""
        self.average = average.eval()
        self.plan = plan
        self.step = 0
        self.seconds = 0.0  # that the run has taken so far
        self._family = family_of(average.config.type)
        self._flow = FlowSampling(plan.flow_samples, plan.held_rows)
        self._family.thaw(average)
        if plan.freeze_vision:
            self._maps = self._family.freeze_vision(average)
        self._policy = _copy(average).train()
        self._family.prepare(self._policy)
        if plan.place_weight:
            self._family.ask_places(self._policy, things, plan)
        self._frozen = plan.freeze_vision or plan.freeze_normalisation
        by_batch = plan.freeze_vision and self._family.normalises_by_batch
        if plan.freeze_normalisation or by_batch:
            self._family.freeze_normalisation(self._policy)
        self._parameters = trained(self._policy)
        self._optimizer = self._family.optimizer(self._policy, plan)

    def rehearse(self, batch: dict[str, Any]) -> float:
        """Return the seconds that a step on a normalised batch takes; nothing is learned."""
        seconds = []
        for _ in range(_REHEARSALS):
            began = time.perf_counter()
            self._differentiate(batch)
            seconds.append(time.perf_counter() - began)
        self._optimizer.zero_grad(set_to_none=True)
        return min(seconds)

    def learn(self, batch: dict[str, Any], rate: float) -> float:
        """Take one step with the learning rate ``rate`` on a normalised batch; return its loss."""
        for group in self._optimizer.param_groups:
            group['lr'] = rate * group.get('times', 1.0)
        loss = self._differentiate(batch)
        torch.nn.utils.clip_grad_norm_(self._parameters, self.plan.gradient_limit)
        self._optimizer.step()
        self._follow(self.plan.decay(self.step))
        self.step += 1
        return loss

    def feature_maps(self, batch: dict[str, Any]) -> torch.Tensor:
        """Return what the frozen vision encoder makes of the pictures of a normalised batch."""
        with self._autocast():
            return self._maps(self._policy, batch)

    def finish(self, batch: dict[str, Any]) -> None:
        """Make the average fit to be saved, with a normalised batch at hand."""
        if not self._frozen:
            self._family.finish(self.average, batch)

    def save(self, path: Path, **facts: Any) -> None:
        """Write all that a run needs to go on, and ``facts``; whole or not at all."""
        state = {
            'step': self.step,
            'seconds': self.seconds,
            'policy': _learned(self._policy),
            'average': _learned(self.average),
            'optimizer': self._optimizer.state_dict(),
            **facts,
        }
        partial = path.with_suffix('.partial')
        torch.save(state, partial)
        os.replace(partial, path)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state that `load_state` returned."""
        self.step, self.seconds = state['step'], state['seconds']
        _restore(self._policy, state['policy'])
        _restore(self.average, state['average'])
        self._optimizer.load_state_dict(state['optimizer'])

    def _differentiate(self, batch: dict[str, Any]) -> float:
        """Compute the gradient, and return the loss, of the step that is next."""
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)  # dropout goes on as it was
        with self._autocast():
            loss = self._family.loss(self._policy, batch, self._flow)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return loss.item()

    def _autocast(self) -> torch.autocast:
        kind = torch.device(self.average.config.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.plan.bf16)

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        new = _learned(self._policy)
        pairs = [
            (value, new[name])
            for name, value in _learned(self.average).items()
            if value.is_floating_point()
        ]
        torch._foreach_lerp_([old for old, _ in pairs], [now for _, now in pairs], 1 - decay)


def _copy(policy: PreTrainedPolicy) -> PreTrainedPolicy:
    """Return a copy that shares the frozen weights."""
    frozen = {id(value): value for value in policy.parameters() if not value.requires_grad}
    return copy.deepcopy(policy, frozen)


def _learned(policy: PreTrainedPolicy) -> dict[str, torch.Tensor]:
    """Return the state but for the frozen weights; those are in every checkpoint."""
    frozen = {name for name, value in policy.named_parameters() if not value.requires_grad}
    return {name: value for name, value in policy.state_dict().items() if name not in frozen}


def _restore(policy: PreTrainedPolicy, state: dict[str, torch.Tensor]) -> None:
    policy.load_state_dict({**policy.state_dict(), **state})


def load_state(path: Path) -> dict[str, Any]:
    """Read what `Learner.save` wrote; raise ConfigError where there is nothing to go on from."""
    if not path.is_file():
        raise ConfigError(f'{path}: not there, so there is no training to resume; start one anew')
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, OSError) as error:
        raise ConfigError(
            f'{path}: is damaged ({str(error).partition(chr(10))[0]}); copy it again, or go on '
            'from the newest checkpoint beside it: --start'
        ) from None
