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
from vla_ros.dataset.arrays import ArrayDataset
from vla_ros.train import origins
from vla_ros.train.array_data import array_frames, open_data
from vla_ros.train.batches import Batches
from vla_ros.train.checkpoint import (
    Checkpoint,
    DatasetFacts,
    dataset_facts,
    holds_facts,
    load_checkpoint,
    load_facts,
    new_checkpoint,
)
from vla_ros.train.families.act_places import TOLD
from vla_ros.train.families.family import Size
from vla_ros.train.frames import Progress
from vla_ros.train.interrupts import Interrupts
from vla_ros.train.learner import Learner, load_state
from vla_ros.train.maps import FeatureMaps
from vla_ros.train.preflight import check_flow, check_start
from vla_ros.train.run_folder import LOSSES, STATE, RunFolder
from vla_ros.train.training_plan import TrainingPlan

Draw = Callable[[int], dict[str, Any]]  # step -> the batch that it learns from
Evaluate = Callable[[Path], Mapping[str, float]]  # checkpoint -> success rates: test, validation

_CALIBRATION_FRAMES = 128
_NAMED = 5  # of the frozen parts

SCENES = 0.75  # of them in a batch, beside each of its frames
OBSERVATION = 'observation.'  # before what a policy observes, in LeRobot's keys


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
    scenes: Sequence[Path] = (),
) -> Path:
    """
    Train as ``plan`` says and return the best checkpoint (the last one without ``evaluate``).

    A run starts from nothing with a policy of ``size``, from the checkpoint ``start``, or, with
    ``resume``, from where it was interrupted. ``vlm`` is the folder of the vision-language model
    of a checkpoint that names another. ``scenes`` are more labelled pictures that a plan with a
    ``place_weight`` asks about; nothing is acted in them. Raises ConfigError where ``output``
    holds a run already and ``resume`` is not asked for.

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
    earlier = _facts_of(start) if start else None
    facts = replace(dataset_facts(metas), held_rows=plan.held_rows).after(earlier)

    if state:
        checkpoint = load_checkpoint(output / state['checkpoint'], device, vlm)
    elif start:
        checkpoint = origins.start(start, metas, device, vlm)
    else:
        checkpoint = new_checkpoint(metas, size, device, plan.seed)
    check_start(checkpoint, metas, None if state else earlier)
    check_flow(checkpoint.policy.config, plan)
    batches = _gather(datasets, plan, checkpoint.policy.config.chunk_size, report)
    shown = _gather_scenes(scenes, batches, plan)
    learner = Learner(checkpoint.policy, plan, batches.things)
    if state:
        learner.restore(state)
    draw = _drawing(batches, shown, checkpoint, learner, plan, output)
    folder = RunFolder(output, learner.step)
    report(f'{batches.frame_count} frames, {_describe(checkpoint.policy)}')
    if plan.progress(learner.step, learner.seconds) < 1:
        seconds = learner.rehearse(draw(learner.step))
        report(_forecast(seconds, learner, batches.frame_count))

    judging = float(state['judging']) if state and 'judging' in state else 0.0
    run = _Run(learner, draw, folder, evaluate, report, judging)
    with run.interrupts:
        if state:
            run.judge()  # the checkpoint that an interruption left without
            report(_describe_rest(plan, learner))
        while run.progress < 1:
            run.learn()
            if run.is_due:
                learner.finish(checkpoint.preprocess(_calibration_batch(batches)))
                run.keep(lambda path: checkpoint.save(path, facts))
                run.judge()
    return folder.result


class _Run:
    """The loop of a training: its time, its figures, and what it keeps."""

    def __init__(
        self,
        learner: Learner,
        draw: Draw,
        folder: RunFolder,
        evaluate: Evaluate | None,
        report: Callable[[str], None],
        judging: float,
    ) -> None:
        """Go on from where ``learner`` is; an evaluation is known to take ``judging`` s."""
        self.interrupts = Interrupts()
        self._learner, self._plan, self._draw = learner, learner.plan, draw
        self._folder, self._evaluate, self._report = folder, evaluate, report
        self._judging = judging
        self._began = time.monotonic() - learner.seconds
        self._recent: list[float] = []  # losses since the last row
        self._told = (learner.step, time.monotonic())

    @property
    def progress(self) -> float:
        """Return the part of the plan that is done, the last evaluation's time left out."""
        kept = self._judging if self._evaluate else 0.0
        return self._plan.progress(self._learner.step, self._learner.seconds + kept)

    @property
    def is_due(self) -> bool:
        """Whether what was learned has to be kept now."""
        plan, progress = self._plan, self.progress
        first = self._evaluate and plan.minutes and progress >= 0.5
        return (
            self.interrupts.asked
            or bool(first and not self._folder.success.rows)
            or progress >= 1
            or self._learner.step % plan.evaluate_every == 0
        )

    def learn(self) -> None:
        """Take a step, and tell how it goes."""
        step, plan = self._learner.step, self._plan
        rate = plan.rate(step, self.progress)
        self._recent.append(self._learner.learn(self._draw(step), rate))
        self._learner.seconds = time.monotonic() - self._began
        loss = sum(self._recent) / len(self._recent)
        whole = self._learner.step % plan.report_every == 0
        if whole or time.monotonic() - self._told[1] >= plan.report_seconds:
            self._report(_line(self._learner, loss, rate, self.progress, self._told))
            self._told = (self._learner.step, time.monotonic())
        if whole:
            self._folder.losses.append(self._learner.step, self._learner.seconds, loss, rate)
            self._recent = []

    def keep(self, save: Callable[[Path], None]) -> None:
        """Save a checkpoint and what it takes to go on; raise KeyboardInterrupt if one came."""
        path = self._folder.checkpoint(self._learner.step)
        save(path)
        self._folder.point_to(self._learner.step)
        self._learner.save(self._folder.state, checkpoint=path.name, judging=self._judging)
        if self.interrupts.asked:
            self._report(f'{path}: saved; go on with --resume')
            raise KeyboardInterrupt

    def judge(self) -> None:
        """Evaluate the newest checkpoint, where that was not done yet."""
        step = self._learner.step
        if self._evaluate and not self._folder.is_judged(step):
            path, since = self._folder.checkpoint(step), time.monotonic()
            with self.interrupts.let_through():  # resuming begins with this evaluation
                rates = self._evaluate(path)
            self._judging = max(self._judging, time.monotonic() - since)
            self._folder.judge(step, rates)
            shown = ', '.join(f'{rate:.2f} {name}' for name, rate in rates.items())
            self._report(f'{path.name}: success {shown}')
        self._folder.draw()
        self._learner.seconds = time.monotonic() - self._began
        self._told = (step, time.monotonic())


def _gather(
    datasets: Sequence[Any], plan: TrainingPlan, chunk_size: int, report: Callable[[str], None]
) -> Batches:
    """Return the batches that the plan draws from the datasets."""
    frames = [
        replace(part, times=plan.dataset_emphasis.get(Path(dataset.meta.root).name, 1))
        for dataset in datasets
        for part in dataset.frames(plan.stride, _progress(report, Path(dataset.meta.root)))
    ]
    return Batches(
        frames,
        plan.batch_size,
        chunk_size,
        plan.seed,
        plan.augmentation,
        plan.emphasis,
        plan.mask_end,
    )


def _gather_scenes(roots: Sequence[Path], batches: Batches, plan: TrainingPlan) -> Batches | None:
    """Return what is asked about beside the frames; raise ConfigError where that can't be."""
    if not plan.place_weight:
        if roots:
            raise ConfigError('scenes: got them without place_weight, expected both or neither')
        return None
    if not batches.things:
        raise ConfigError(
            'place_weight: got datasets that do not say what their pictures show, expected '
            'labels; arrays have them: vla_ros generate --arrays'
        )
    frames = [part for root in roots for part in array_frames(ArrayDataset(root), acted=False)]
    if not frames:
        return None
    batches.check_alike(frames)
    count = max(1, round(plan.batch_size * SCENES))
    return Batches(frames, count, 1, plan.seed + 1, plan.augmentation)


def _drawing(
    batches: Batches,
    scenes: Batches | None,
    checkpoint: Checkpoint,
    learner: Learner,
    plan: TrainingPlan,
    output: Path,
) -> Draw:
    """Return what gives the batch of a step, as the policy takes it."""

    def drawing(source: Batches, folder: str) -> Draw:
        if plan.freeze_vision:
            see = learner.feature_maps
            return FeatureMaps(source, checkpoint.preprocess, see, output / folder).batch
        return lambda step: checkpoint.preprocess(source.batch(step))

    acted = drawing(batches, 'feature_maps')
    if not plan.place_weight:
        return acted
    seen = drawing(scenes, 'scene_maps') if scenes else None

    def labelled(step: int) -> dict[str, Any]:
        labels = [source.shown(step) for source in (batches, scenes) if source]
        batch = acted(step) | {TOLD: torch.cat(labels).to(learner.average.config.device)}
        return _joined(batch, seen(step)) if seen else batch

    return labelled


def _joined(acted: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """Return a batch with the observations of both, and the actions of one."""
    keys = [key for key in seen if key.startswith(OBSERVATION)]
    return acted | {key: torch.cat([acted[key], seen[key]]) for key in keys}


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
) -> str:
    steps, seconds = learner.step - since[0], time.monotonic() - since[1]
    left = learner.seconds * (1 - progress) / max(progress, 1e-9) / 60
    return (
        f'step {learner.step}  loss {loss:.4f}  learning rate {rate:.1e}  '
        f'{steps * learner.plan.batch_size / seconds:.1f} frames/s  {progress:.1%} done, '
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
