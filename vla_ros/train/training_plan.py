# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long and how fast to train."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from vla_ros.core.errors import ConfigError
from vla_ros.train.batches import Augmentation, Emphasis


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides a training run beside the policy's size and the data."""

    steps: int | None = None  # end after so many
    minutes: float | None = None  # end after so long, evaluations included
    batch_size: int = 8  # frames
    learning_rate: float = 3e-4  # highest; ACT's 1e-5 is meant for a pretrained ResNet
    warmup: int = 200  # steps over which the learning rate rises
    flow_samples: int = 1  # of noise and time for each frame, for policies that denoise
    held_rows: int = 0  # that a chunk may begin with, given: training-time real-time chunking
    weight_decay: float = 1e-4
    gradient_limit: float = 10.0  # largest norm
    average_decay: float = 0.999  # of the running average of the weights, which is what is saved
    evaluate_every: int = 1000  # steps between checkpoints
    report_every: int = 20  # steps between lines of progress
    report_seconds: float = 10.0  # after which there is one all the same
    seed: int = 0
    bf16: bool = True  # compute in bfloat16 where that is precise enough
    threads: int | None = None  # of the CPU; None: as many as torch takes
    freeze_vision: bool = False  # train all but the vision encoder
    freeze_normalisation: bool = False  # of the vision encoder: keep the checkpoint's values
    muon: bool = False  # for the matrices of transformer layers, instead of AdamW
    # of a loss by which ACT tells what its pictures show; and the share of the frames whose
    # actions are decoded from what it tells and its joints alone
    place_weight: float = 0.0
    place_alone: float = 0.5
    mask_end: bool = False  # learn nothing of the rows of a chunk beyond the end of an episode
    stride: int = 1  # keep the pictures of every so many rows
    augmentation: Augmentation = Augmentation()
    emphasis: Emphasis = field(default_factory=dict)  # label -> number -> times in an epoch
    dataset_emphasis: Mapping[str, int] = field(default_factory=dict)  # folder's name -> times

    def __post_init__(self) -> None:
        """Raise ConfigError for a plan without an end, or without a checkpoint."""
        if self.steps is None and self.minutes is None:
            raise ConfigError('steps and minutes: got neither, expected one of them as the end')
        for name in (
            'steps',
            'minutes',
            'batch_size',
            'flow_samples',
            'evaluate_every',
            'report_every',
            'threads',
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f'{name}: got {value}, expected above zero')

        if self.place_weight < 0 or not 0 <= self.place_alone <= 1:
            raise ConfigError(
                f'place_weight, place_alone: got {self.place_weight}, {self.place_alone}, '
                'expected 0 or more, 0 to 1'
            )
        if self.place_weight and self.augmentation.shift:
            raise ConfigError(
                f'shift: got {self.augmentation.shift} px beside place_weight, expected 0: labels '
                'are of pictures as they are; draw moved ones with: vla_ros generate --scenes N '
                '--move SHARE'
            )
        others = {name: getattr(self, name) for name in ('learning_rate', 'held_rows', 'seed')}
        for name, value in {**others, 'shift': self.augmentation.shift}.items():
            if not 0 <= value < math.inf:
                raise ConfigError(f'{name}: got {value}, expected 0 or more')

    def progress(self, step: int, seconds: float) -> float:
        """Return the part of the plan that is done after ``step`` steps; 1 or more is all."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return max(by_steps, by_time)

    def rate(self, step: int, progress: float) -> float:
        """Return the learning rate: a linear rise, then a cosine down to a hundredth."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * (0.01 + 0.99 * cosine)

    def decay(self, step: int) -> float:
        """Return the decay of the average, small while the first steps are still bad."""
        return min(self.average_decay, (1 + step) / (10 + step))
