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
from torch import nn

from vla_ros.core.errors import ConfigError
from vla_ros.train.array_data import open_data
from vla_ros.train.batches import Batches
from vla_ros.train.checkpoint import (
    DatasetFacts,
    dataset_facts,
    holds_facts,
    load_checkpoint,
    load_facts,
    new_checkpoint,
    start_checkpoint,
)
from vla_ros.train.families.family import Size
from vla_ros.train.frames import Progress
from vla_ros.train.interrupts import Interrupts
from vla_ros.train.learner import Learner, load_state
from vla_ros.train.maps import FeatureMaps
from vla_ros.train.preflight import check_start
from vla_ros.train.run_folder import LOSSES, STATE, RunFolder
from vla_ros.train.training_plan import TrainingPlan

Evaluate = Callable[[Path], Mapping[str, float]]  # checkpoint -> success rates: test, validation

_CALIBRATION_FRAMES = 128
_NAMED = 5  # of the frozen parts


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

    At Ctrl-C what was learned is saved, for ``resume``, before KeyboardInterrupt is raised. With
    the plan's minutes, time is left for the last evaluation to end in, as far as one was measured:
    that is why there is one after half of them at the latest.
    """
    if (output / STATE).exists() and not resume:
        raise ConfigError(
            f'{output}: holds a training run; go on with it (--resume), or name another folder'
        )
    state = _find_state(output, report) if resume else None
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
    check_start(checkpoint, metas, _facts_of(start) if start and not state else None)
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
    if plan.progress(learner.step, learner.seconds) < 1:
        seconds = learner.rehearse(draw(learner.step))
        report(_forecast(seconds, learner, batches.frame_count))

    began = time.monotonic() - learner.seconds
    judging = float(state['judging']) if state and 'judging' in state else 0.0  # s it takes
    interrupts = Interrupts()

    def judge() -> None:
        nonlocal judging
        if evaluate and not folder.is_judged(learner.step):
            path, since = folder.checkpoint(learner.step), time.monotonic()
            with interrupts.let_through():  # resuming begins with this evaluation
                rates = evaluate(path)
            judging = max(judging, time.monotonic() - since)
            folder.judge(learner.step, rates)
            shown = ', '.join(f'{rate:.2f} {name}' for name, rate in rates.items())
            report(f'{path.name}: success {shown}')
        folder.draw()

    def progress_now() -> float:
        return plan.progress(learner.step, learner.seconds + (judging if evaluate else 0.0))

    def is_due(progress: float) -> bool:
        first = evaluate and plan.minutes and progress >= 0.5 and not folder.success.rows
        return bool(first) or progress >= 1 or learner.step % plan.evaluate_every == 0

    with interrupts:
        if state:
            judge()  # the checkpoint that an interruption left without
            report(_describe_rest(plan, learner))
        recent, since = [], (learner.step, time.monotonic())
        while (progress := progress_now()) < 1:
            rate = plan.rate(learner.step, progress)
            loss = learner.learn(draw(learner.step), rate)
            learner.seconds = time.monotonic() - began
            recent.append(loss)
            progress = progress_now()
            mean = sum(recent) / len(recent)

            whole = learner.step % plan.report_every == 0
            if whole or time.monotonic() - since[1] >= plan.report_seconds:
                report(_line(learner, mean, rate, progress, since, plan))
                since = (learner.step, time.monotonic())
            if whole:
                folder.losses.append(learner.step, learner.seconds, mean, rate)
                recent = []

            if interrupts.asked or is_due(progress):
                path = folder.checkpoint(learner.step)
                learner.finish(checkpoint.preprocess(_calibration_batch(batches)))
                checkpoint.save(path, facts)
                folder.point_to(learner.step)
                learner.save(output / STATE, checkpoint=path.name, judging=judging)
                if interrupts.asked:
                    report(f'{path}: saved; go on with --resume')
                    raise KeyboardInterrupt
                judge()
                learner.seconds = time.monotonic() - began
                since = (learner.step, time.monotonic())
    return folder.result


def _facts_of(start: Path) -> DatasetFacts | None:
    """Return what a checkpoint was trained on; None for one that does not say."""
    return load_facts(start) if holds_facts(start) else None


def _find_state(output: Path, report: Callable[[str], None]) -> dict[str, Any] | None:
    """Return what to go on from; None where a run ended before anything was saved."""
    if not (output / STATE).exists() and (output / LOSSES).exists():
        report(f'{output}: nothing was saved before the run ended, so it begins anew')
        return None
    return load_state(output / STATE)


def _describe_rest(plan: TrainingPlan, learner: Learner) -> str:
    """Say how far a resumed run is; its plan counts from its first beginning."""
    done = f'{learner.step} steps and {learner.seconds / 60:.1f} minutes'
    limits = {'--steps': plan.steps, '--minutes': plan.minutes}
    asked = ', '.join(f'{name} {value:g}' for name, value in limits.items() if value)
    if plan.progress(learner.step, learner.seconds) < 1:
        return f'the run goes on after {done}, up to {asked} in all'
    return (
        f'the run is over: it has taken {done}, and {asked} counts from its first beginning; give '
        'more to go on'
    )


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
    total = sum(p.numel() for p in policy.parameters())
    frozen = sorted(find_frozen(policy).items(), key=lambda item: -item[1])
    if not frozen:
        return f'{policy.config.type} of {_millions(total)} parameters, all of them trained'
    parts = [f'{name} ({_millions(count)})' for name, count in frozen[:_NAMED]]
    if len(frozen) > _NAMED:
        rest = sum(count for _, count in frozen[_NAMED:])
        parts.append(f'{len(frozen) - _NAMED} smaller parts ({_millions(rest)})')
    learned = total - sum(count for _, count in frozen)
    return (
        f'{policy.config.type} of {_millions(total)} parameters, {_millions(learned)} of them '
        f'trained; frozen: {", ".join(parts)}'
    )


def find_frozen(module: nn.Module, name: str = '') -> dict[str, int]:
    """Return the numbers of parameters of the largest parts that are frozen, by their names."""
    parameters = [*module.parameters()]
    if not parameters or all(p.requires_grad for p in parameters):
        return {}
    if not any(p.requires_grad for p in parameters):
        return {name: sum(p.numel() for p in parameters)}
    own = {
        f'{name}.{key}'.lstrip('.'): value.numel()
        for key, value in module.named_parameters(recurse=False)
        if not value.requires_grad
    }
    for key, child in module.named_children():
        own |= find_frozen(child, f'{name}.{key}'.lstrip('.'))
    return own


def _millions(count: int) -> str:
    return f'{count / 1e6:.1f} M' if count >= 1e6 else f'{count / 1e6:.3f} M'


def _forecast(seconds: float, learner: Learner, frames: int) -> str:
    """Say what the plan comes to where a step takes so many seconds."""
    plan = learner.plan
    ends = [60 * plan.minutes - learner.seconds] if plan.minutes else []
    ends += [seconds * (plan.steps - learner.step)] if plan.steps else []
    steps = min(ends) / seconds
    epochs = steps * plan.batch_size / frames
    return (
        f'{seconds:.2f} s a step: about {min(ends) / 60:.1f} min for {steps:.0f} steps, in which '
        f'every frame comes {epochs:.1f} times'
    )
