# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Train LeRobot's ACT on one or more LeRobotDatasets, from top to bottom.

The folder of a run holds step_<number>/ (checkpoints that LeRobot loads), best/ (a copy of the
one that succeeded most often), losses.csv, success.csv, and training_state.pt to go on from.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.policies.act.modeling_act import ACTPolicy

from vla_ros.core.errors import ConfigError
from vla_ros.train.act import ActSize
from vla_ros.train.batches import Batches
from vla_ros.train.checkpoint import (
    dataset_facts,
    load_checkpoint,
    new_checkpoint,
    replace_folder,
)
from vla_ros.train.frames import Progress, load_frames, open_dataset
from vla_ros.train.learner import Learner, load_state
from vla_ros.train.plan import TrainingPlan
from vla_ros.train.table import Table

Evaluate = Callable[[Path], Mapping[str, float]]  # checkpoint -> success rates: test, validation

_STATE = 'training_state.pt'
_CALIBRATION_FRAMES = 128


def train(
    roots: Sequence[Path],
    output: Path,
    plan: TrainingPlan,
    size: ActSize,
    device: str = 'cpu',
    evaluate: Evaluate | None = None,
    resume: bool = False,
    start: Path | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """
    Train as ``plan`` says and return the best checkpoint (the last one without ``evaluate``).

    A run starts from nothing, from the checkpoint ``start`` (and its normalisation), or, with
    ``resume``, from where it was interrupted. Raises ConfigError where ``output`` holds a run
    already and ``resume`` is not asked for.
    """
    if (output / 'losses.csv').exists() and not resume:
        raise ConfigError(f'{output}: holds a training run; resume it, or name another folder')
    state = load_state(output / _STATE) if resume else None
    output.mkdir(parents=True, exist_ok=True)
    if plan.threads:
        torch.set_num_threads(plan.threads)
    datasets = [open_dataset(root) for root in roots]
    facts = dataset_facts([dataset.meta for dataset in datasets])

    source = output / state['checkpoint'] if state else start
    checkpoint = (
        load_checkpoint(source, device)
        if source
        else new_checkpoint([dataset.meta for dataset in datasets], size, device, plan.seed)
    )
    learner = Learner(checkpoint.policy, plan)
    if state:
        learner.restore(state)
    frames = [load_frames(d, plan.stride, _progress(report, d)) for d in datasets]
    chunk_size = checkpoint.policy.config.chunk_size
    batches = Batches(frames, plan.batch_size, chunk_size, plan.seed, plan.augmentation)
    losses = Table(output / 'losses.csv', ('step', 'seconds', 'loss', 'rate'), learner.step)
    success = Table(output / 'success.csv', ('step', 'test', 'validation'), learner.step)
    report(f'{batches.frame_count} frames, {_millions(checkpoint.policy)} M parameters')

    began = time.monotonic() - learner.seconds
    recent, since, best = [], (learner.step, time.monotonic()), None
    while (progress := plan.progress(learner.step, learner.seconds)) < 1:
        rate = plan.rate(learner.step, progress)
        loss = learner.learn(checkpoint.preprocess(batches.batch(learner.step)), rate)
        learner.seconds = time.monotonic() - began
        recent.append(loss)
        progress = plan.progress(learner.step, learner.seconds)

        if learner.step % plan.report_every == 0:
            mean = sum(recent) / len(recent)
            losses.append(learner.step, learner.seconds, mean, rate)
            report(_line(learner, mean, rate, progress, since, plan))
            recent, since = [], (learner.step, time.monotonic())

        if learner.step % plan.evaluate_every == 0 or progress >= 1:
            path = output / f'step_{learner.step:06d}'
            learner.calibrate(checkpoint.preprocess(_calibration_batch(batches)))
            checkpoint.save(path, facts)
            learner.save(output / _STATE, checkpoint=path.name)
            if evaluate:
                rates = evaluate(path)
                success.append(learner.step, rates['test'], rates['validation'])
                report(
                    f'{path.name}: success {rates["test"]:.2f} test, '
                    f'{rates["validation"]:.2f} validation'
                )
                best = _keep_best(output, success)
            learner.seconds = time.monotonic() - began
            since = (learner.step, time.monotonic())
    return best or max(output.glob('step_*[0-9]'))


def _calibration_batch(batches: Batches) -> dict:
    count = min(_CALIBRATION_FRAMES, batches.frame_count)
    return batches.gather(np.linspace(0, batches.frame_count - 1, count).astype(int))


def _keep_best(output: Path, success: Table) -> Path:
    """Copy the checkpoint that succeeded most often to best/, of equals the latest."""
    score = max((row['test'] + row['validation'], row['step']) for row in success.rows)
    partial, best = output / 'best.partial', output / 'best'
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(output / f'step_{int(score[1]):06d}', partial)
    replace_folder(partial, best)
    return best


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


def _progress(report: Callable[[str], None], dataset: LeRobotDataset) -> Progress:
    name = Path(dataset.root).name

    def progress(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            report(f'{name}: decoded {done} of {total} episodes')

    return progress


def _millions(policy: ACTPolicy) -> float:
    return round(sum(p.numel() for p in policy.parameters()) / 1e6, 1)
