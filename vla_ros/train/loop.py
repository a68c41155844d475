# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train one of LeRobot's policies on one or more LeRobotDatasets, from top to bottom."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.policies.pretrained import PreTrainedPolicy

from vla_ros.core.errors import ConfigError
from vla_ros.train.array_data import open_data
from vla_ros.train.batches import Batches
from vla_ros.train.checkpoint import (
    dataset_facts,
    load_checkpoint,
    new_checkpoint,
    start_checkpoint,
)
from vla_ros.train.families.family import Size
from vla_ros.train.frames import Progress
from vla_ros.train.learner import Learner, load_state
from vla_ros.train.maps import FeatureMaps
from vla_ros.train.run_folder import STATE, RunFolder
from vla_ros.train.training_plan import TrainingPlan

Evaluate = Callable[[Path], Mapping[str, float]]  # checkpoint -> success rates: test, validation

_CALIBRATION_FRAMES = 128


def train(
    roots: Sequence[Path],
    output: Path,
    plan: TrainingPlan,
    size: Size,
    device: str = 'cpu',
    evaluate: Evaluate | None = None,
    resume: bool = False,
    start: Path | None = None,
    report: Callable[[str], None] = print,
    vlm: str | None = None,
) -> Path:
    """
    Train as ``plan`` says and return the best checkpoint (the last one without ``evaluate``).

    A run starts from nothing with a policy of ``size``, from the checkpoint ``start``, or, with
    ``resume``, from where it was interrupted. ``vlm`` is the folder of the vision-language model
    of a checkpoint that names another. Raises ConfigError where ``output`` holds a run already
    and ``resume`` is not asked for.
    """
    if (output / 'losses.csv').exists() and not resume:
        raise ConfigError(f'{output}: holds a training run; resume it, or name another folder')
    state = load_state(output / STATE) if resume else None
    output.mkdir(parents=True, exist_ok=True)
    if plan.threads:
        torch.set_num_threads(plan.threads)
    datasets = [open_data(root) for root in roots]
    metas = [dataset.meta for dataset in datasets]
    facts = dataset_facts(metas)

    if state:
        checkpoint = load_checkpoint(output / state['checkpoint'], device, vlm)
    elif start:
        checkpoint = start_checkpoint(start, metas, device, vlm)
    else:
        checkpoint = new_checkpoint(metas, size, device, plan.seed)
    learner = Learner(checkpoint.policy, plan)
    if state:
        learner.restore(state)
    frames = [
        replace(part, times=plan.dataset_emphasis.get(Path(dataset.meta.root).name, 1))
        for dataset in datasets
        for part in dataset.frames(plan.stride, _progress(report, Path(dataset.meta.root)))
    ]
    chunk_size = checkpoint.policy.config.chunk_size
    batches = Batches(
        frames,
        plan.batch_size,
        chunk_size,
        plan.seed,
        plan.augmentation,
        plan.emphasis,
        plan.mask_end,
    )
    if plan.freeze_vision:
        see = learner.feature_maps
        draw = FeatureMaps(batches, checkpoint.preprocess, see, output / 'feature_maps').batch
    else:

        def draw(step: int) -> dict[str, Any]:
            return checkpoint.preprocess(batches.batch(step))

    folder = RunFolder(output, learner.step)
    report(f'{batches.frame_count} frames, {_describe(checkpoint.policy)}')

    began = time.monotonic() - learner.seconds

    def judge() -> None:
        if evaluate and not folder.is_judged(learner.step):
            path = folder.checkpoint(learner.step)
            rates = evaluate(path)
            folder.judge(learner.step, rates)
            shown = ', '.join(f'{rate:.2f} {name}' for name, rate in rates.items())
            report(f'{path.name}: success {shown}')
        folder.draw()

    if state:
        judge()  # the checkpoint that an interruption left without
    recent, since = [], (learner.step, time.monotonic())
    while (progress := plan.progress(learner.step, learner.seconds)) < 1:
        rate = plan.rate(learner.step, progress)
        loss = learner.learn(draw(learner.step), rate)
        learner.seconds = time.monotonic() - began
        recent.append(loss)
        progress = plan.progress(learner.step, learner.seconds)

        if learner.step % plan.report_every == 0:
            mean = sum(recent) / len(recent)
            folder.losses.append(learner.step, learner.seconds, mean, rate)
            report(_line(learner, mean, rate, progress, since, plan))
            recent, since = [], (learner.step, time.monotonic())

        if learner.step % plan.evaluate_every == 0 or progress >= 1:
            path = folder.checkpoint(learner.step)
            learner.finish(checkpoint.preprocess(_calibration_batch(batches)))
            checkpoint.save(path, facts)
            learner.save(output / STATE, checkpoint=path.name)
            judge()
            learner.seconds = time.monotonic() - began
            since = (learner.step, time.monotonic())
    return folder.result


def _calibration_batch(batches: Batches) -> dict:
    count = min(_CALIBRATION_FRAMES, batches.frame_count)
    return batches.gather(np.linspace(0, batches.frame_count - 1, count).astype(int))


def _line(
    learner: Learner,
    loss: float,
    rate: float,
    progress: float,
    since: tuple[int, float],
    plan: TrainingPlan,
) -> str:
    steps, seconds = learner.step - since[0], time.monotonic() - since[1]
    left = learner.seconds * (1 - progress) / max(progress, 1e-9) / 60
    return (
        f'step {learner.step}  loss {loss:.4f}  learning rate {rate:.1e}  '
        f'{steps * plan.batch_size / seconds:.1f} frames/s  {progress:.1%} done, '
        f'{max(left, 0):.0f} min left'
    )


def _progress(report: Callable[[str], None], root: Path) -> Progress:
    def progress(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            report(f'{root.name}: decoded {done} of {total} episodes')

    return progress


def _describe(policy: PreTrainedPolicy) -> str:
    """Return the kind of a policy and its numbers of parameters."""
    total = sum(p.numel() for p in policy.parameters()) / 1e6
    learned = sum(p.numel() for p in policy.parameters() if p.requires_grad) / 1e6
    some = f', {learned:.1f} M of them trained' if learned < total else ''
    return f'{policy.config.type} of {total:.1f} M parameters{some}'
