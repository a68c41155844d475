# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Parts of an array dataset: demonstrations, corrections and random scenes, drawn and labelled.

A part is a pure function of its recorder and its number, so an interrupted run goes on with the
parts that are missing, in any number of processes.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from vla_ros.core.executor import ExecutorConfig
from vla_ros.dataset.arrays import ArrayDataset, ArraySpec, Part
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.runtime.workers import work
from vla_ros.sim.corrections import INTERVAL, Corrector, Misled, corrections
from vla_ros.sim.episode import demonstrate
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.rollout import Rollout, RolloutConfig
from vla_ros.sim.task import SceneState, Task, TaskChoice

RATE = 30.0  # Hz, of rows
CLUTTER = 0.5  # a policy must not mind what stands there besides

Sizes = dict[str, tuple[int, int]]  # camera -> height and width, px


class Recorder(Protocol):
    """What makes the parts of a dataset; it is sent to worker processes."""

    @property
    def sizes(self) -> Sizes:
        """Return the size of each camera's pictures."""

    @property
    def rests(self) -> bool:
        """Return whether the arm rests beyond the end of an episode."""

    @property
    def task(self) -> TaskChoice:
        """Return what is done."""

    @property
    def parts(self) -> int:
        """Return their number."""

    def record(self, number: int) -> Part:
        """Return one part."""


@dataclass(frozen=True)
class Demonstrations:
    """
    Episodes of the expert, or their first ``seconds``, with pictures of every ``stride``-th row.

    One in which another goal is asked for is two: nobody knows what the first would have become.
    """

    plan: Sequence[PlannedEpisode]
    sizes: Sizes
    noisy: float = 0.6  # share of the episodes whose executed commands are disturbed
    stride: int = 6
    episodes_per_part: int = 20
    task: TaskChoice = TaskChoice()
    seconds: float | None = None

    @property
    def rests(self) -> bool:
        """Return whether the arm rests beyond the end of every episode."""
        return self.seconds is None and not any(planned.then for planned in self.plan)

    @property
    def parts(self) -> int:
        """Return their number."""
        return -(-len(self.plan) // self.episodes_per_part)

    def record(self, number: int) -> Part:
        """Demonstrate the part's episodes and draw them."""
        task = _cluttered(self.task)
        gallery = Gallery(task, self.sizes)
        first = number * self.episodes_per_part
        for planned in self.plan[first : first + self.episodes_per_part]:
            episode = demonstrate(task, planned, self.noisy, self.seconds)
            for instruction, steps in episode.parts:
                gallery.add(
                    [step.scene for step in steps],
                    [step.phase for step in steps],
                    np.array([step.action for step in steps]),
                    self.stride,
                    instruction,
                )
        return gallery.part()


@dataclass(frozen=True)
class Corrections:
    """What the expert does in the states that a policy reaches; each is an episode of its own."""

    plan: Sequence[PlannedEpisode]
    sizes: Sizes
    bundle: Path
    thresholds: Sequence[float] = (0.2,)  # of the queue, which take turns
    latency: float = 0.05  # s
    interval: float = INTERVAL  # s
    timeout: float = 15.0  # s
    seconds: float = 2.0  # longest correction
    astray: float = 0.0  # share of the episodes whose first try is off, see Misled
    episodes_per_part: int = 20
    task: TaskChoice = TaskChoice()
    rests = False

    @property
    def parts(self) -> int:
        """Return their number."""
        return -(-len(self.plan) // self.episodes_per_part)

    def record(self, number: int) -> Part:
        """Play the part's episodes, asynchronously, and draw what was corrected."""
        policy = Policy(load_bundle(self.bundle), Placement(default=NodePlacement(threads=1)))
        plays = [self._rollout(policy, threshold) for threshold in self.thresholds]
        task = _cluttered(self.task)
        corrector = Corrector(task, round(self.seconds * RATE))
        gallery = Gallery(task, self.sizes)
        first = number * self.episodes_per_part
        for turn, planned in enumerate(self.plan[first : first + self.episodes_per_part], first):
            rollout, misled = plays[turn % len(plays)]
            rng = np.random.default_rng([planned.seed, 4])
            told = planned.instruction or task.find_goal(planned.goal).phrase(rng)
            played = planned._replace(instruction=told)
            misled.begin(rng, self.astray)
            for correction in corrections(rollout, played, corrector, self.interval):
                gallery.add(
                    [correction.scene],
                    [correction.phase],
                    correction.actions,
                    instruction=correction.instruction,
                )
        for rollout, _ in plays:
            rollout.close()
        return gallery.part()

    def _rollout(self, policy: Policy, threshold: float) -> tuple[Rollout, Misled]:
        executor = ExecutorConfig(mode='async', chunk_size_threshold=threshold)
        config = RolloutConfig(
            executor, timeout=self.timeout, latency=self.latency, task=self.task
        )
        misled = Misled(policy)
        rollout = Rollout(misled, self.task.make().arm, config)
        misled.clock = lambda: rollout.task.time
        rollout.task.clutter = CLUTTER
        return rollout, misled


@dataclass(frozen=True)
class Scenes:
    """Pictures of random scenes, with the arm anywhere, also near the object."""

    count: int
    sizes: Sizes
    seed: int = 0
    clusters: Sequence[int] = ()  # empty: those that the plan records
    scenes_per_part: int = 500
    task: TaskChoice = TaskChoice()
    move: float = 0.0  # largest share of a picture's side by which it is moved as a whole
    rests = True

    @property
    def parts(self) -> int:
        """Return their number."""
        return -(-self.count // self.scenes_per_part)

    def record(self, number: int) -> Part:
        """Draw the part's scenes."""
        task = _cluttered(self.task)
        clusters = self.clusters or task.plan.training
        held_out = [cluster for cluster in task.plan.clusters if cluster not in clusters]
        gallery = Gallery(task, self.sizes, held_out)
        first = number * self.scenes_per_part
        for index in range(first, min(first + self.scenes_per_part, self.count)):
            rng = np.random.default_rng([self.seed, index])
            task.reset(int(rng.integers(2**31)), int(rng.choice(clusters)))
            joints = task.wander(rng)
            if joints is not None:
                task.place_arm(joints)
            gallery.mover = Mover(rng, self.move) if self.move else None
            gallery.add([task.scene.state()], task.phases[:1])
        return gallery.part()


@dataclass(frozen=True)
class Mover:
    """
    Moves pictures as a whole, each for itself; their edges are repeated.

    So things are seen in places where none lies in the scenes that are drawn. What the arm would
    do about them there is not known: such pictures teach to see, and nothing else.
    """

    rng: np.random.Generator
    share: float  # of a side, largest

    def __call__(self, image: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Move a picture (height, width, 3), and what it shows (things, 5)."""
        height, width = image.shape[:2]
        most = (np.array([width, height]) * self.share).astype(int)
        right, down = self.rng.integers(-most, most + 1)
        rows = np.clip(np.arange(height) - down, 0, height - 1)
        columns = np.clip(np.arange(width) - right, 0, width - 1)
        moved = label.copy()
        moved[:, :2] += right, down
        inside = ((moved[:, :2] >= 0) & (moved[:, :2] < (width, height))).all(axis=1)
        moved[~inside] = np.nan
        return image[rows[:, None], columns], moved


class Gallery:
    """Draws scenes as all the cameras see them, with labels, and collects them as a Part."""

    def __init__(self, task: Task, sizes: Sizes, held_out: Sequence[int] | None = None) -> None:
        """
        Prepare the renderers; an object that lies in a ``held_out`` cluster is never drawn.

        Held out is what the task's plan holds out, unless told otherwise.
        """
        self._held_out = (task.plan.held_out,) if held_out is None else held_out
        self._task, self._sizes, self._scene = task, sizes, task.make_scene()
        self._instructions = instructions(task)
        self._renderers = {
            size: Renderer(self._scene, *reversed(size)) for size in {*sizes.values()}
        }
        self._labeller = task.labeller(self._scene)
        self._images: dict[str, list[np.ndarray]] = {camera: [] for camera in sizes}
        self._labels: dict[str, list[np.ndarray]] = {camera: [] for camera in sizes}
        self._count = 0  # rows
        self.mover: Mover | None = None  # of what is drawn
        self._rows: list[np.ndarray] = []
        self._columns: dict[str, list[np.ndarray]] = {}

    def add(
        self,
        scenes: Sequence[SceneState],
        phases: Sequence[str],
        actions: np.ndarray | None = None,
        stride: int = 1,
        instruction: str = '',
    ) -> None:
        """
        Append an episode: its scenes, of which every ``stride``-th is drawn, and its actions.

        An object that came to lie in a cluster that is held out is not drawn.
        Where there are more actions (rows, joints) than scenes, the first scenes are known.
        """
        drawn = [row for row in range(0, len(scenes), stride) if self._draw(scenes[row])]
        count = len(scenes) if actions is None else len(actions)
        last = np.minimum(np.arange(count), len(scenes) - 1)
        joints = len(self._task.arm.joint_names)
        state = np.array([scene.qpos[:joints] for scene in scenes], np.float32)
        told = self._instructions.index(instruction) if instruction else 0
        numbers = np.array([self._task.phases.index(phase) for phase in phases])
        columns = {
            'state': state[last],
            'end': np.full(count, self._count + count),
            'instruction': np.full(count, told),
            'phase': numbers[last],
        }
        if actions is not None:
            columns['action'] = np.asarray(actions, np.float32)
        for name, column in columns.items():
            self._columns.setdefault(name, []).append(column)
        self._rows.append(self._count + np.array(drawn, int))
        self._count += count

    def part(self) -> Part:
        """Return what was collected, and free the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        return Part(
            images={camera: np.array(images) for camera, images in self._images.items()},
            labels={camera: np.array(labels) for camera, labels in self._labels.items()},
            rows=np.concatenate(self._rows),
            **{name: np.concatenate(columns) for name, columns in self._columns.items()},
        )

    def _draw(self, scene: SceneState) -> bool:
        """Draw a scene, and return whether that was allowed."""
        self._scene.apply(scene)
        if self._labeller.cluster in self._held_out:
            return False
        for camera, size in self._sizes.items():
            image = self._renderers[size].render(camera)
            label = self._labeller.label(camera, *size)
            if self.mover:
                image, label = self.mover(image, label)
            self._images[camera].append(image)
            self._labels[camera].append(label)
        return True


def instructions(task: Task) -> tuple[str, ...]:
    """Return all that demonstrations may be told, the task's usual instruction first."""
    return tuple(sentence for goal in task.goals.values() for sentence in goal.taught)


def _cluttered(choice: TaskChoice) -> Task:
    task = choice.make(RATE)
    task.clutter = CLUTTER
    return task


def record_arrays(
    root: Path,
    recorder: Recorder,
    workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ArrayDataset:
    """
    Write the recorder's parts to ``root``, those that are missing there; return the dataset.

    ``on_progress`` is told the finished and the total number of parts. Raises ConfigError where
    ``root`` holds what another recorder made.
    """
    source = hashlib.sha256(repr(recorder).encode()).hexdigest()
    task = recorder.task.make(RATE)
    dataset = ArrayDataset.create(
        root,
        ArraySpec(
            RATE,
            task.arm.joint_names,
            recorder.sizes,
            instructions(task),
            recorder.rests,
            task.things,
            source,
        ),
    )
    missing = [n for n in range(recorder.parts) if not dataset.part_folder(n).exists()]
    done = recorder.parts - len(missing)
    on_progress(done, recorder.parts)
    write = partial(_write, dataset, recorder)
    for _ in work(write, missing, workers):
        done += 1
        on_progress(done, recorder.parts)
    return dataset


def _write(dataset: ArrayDataset, recorder: Recorder, number: int) -> None:
    recorder.record(number).save(dataset.part_folder(number))
