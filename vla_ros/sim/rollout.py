# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Rollouts in lockstep: the executor, the policy's blocks and the physics on one simulated clock.

What the nodes do in real time happens here step by step, so that hundreds of episodes are
evaluated as fast as the processor allows: a chunk that was asked for at one time arrives one
latency later in simulated time, while the arm goes on (or waits, in synchronous mode).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.executor import Executor, ExecutorConfig, Mode
from vla_ros.core.robot import RobotSpec, load_robot
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.policy.family import Queued
from vla_ros.policy.reuse import PictureMemory
from vla_ros.policy.spec import PolicySpec
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.task import SceneState, TaskChoice

SETTLE = 0.5  # s that the goal must stay reached


class Predicts(Protocol):
    """What a rollout needs of a policy; vla_ros.policy.pipeline.Policy has it."""

    spec: PolicySpec

    def predict(
        self,
        images: dict[str, np.ndarray],
        state: np.ndarray,
        instruction: str | None = None,
        sequence: int = 0,
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Return actions (chunk, joints), rad, and the seconds of each stage."""


@dataclass(frozen=True)
class RolloutConfig:
    """How episodes are played."""

    executor: ExecutorConfig = ExecutorConfig()
    rate: float = 60.0  # Hz, commands
    timeout: float = 30.0  # s for an episode
    latency: float | None = None  # s from observation to chunk; None: as long as it took
    reuse_threshold: float = 0.0  # of the policy's cameras, see PictureMemory; 0 is off
    task: TaskChoice = TaskChoice()
    real_time_chunking: bool = False  # the policy is told what is queued, to continue it

    def __post_init__(self) -> None:
        """Raise ConfigError for a value with which no episode is played."""
        if not self.timeout > 0:
            raise ConfigError(f'timeout: got {self.timeout} s, expected above 0')
        if self.latency is not None and not 0 <= self.latency < np.inf:
            raise ConfigError(f'latency: got {self.latency} s, expected 0 or more')
        if not self.reuse_threshold >= 0:
            raise ConfigError(f'reuse_threshold: got {self.reuse_threshold}, expected 0 or more')


class Request(NamedTuple):
    """What the queue asked for, and what the policy is told with it."""

    time: float  # s
    number: int
    instruction: str | None


class QueueSample(NamedTuple):
    """The queue at one control step."""

    time: float  # s since the start of the episode
    remaining: float  # s of motion in the queue
    idle: bool  # whether the arm waits for a chunk


@dataclass
class EpisodeResult:
    """How one episode went; times in simulated seconds, from the first motion on."""

    seed: int
    cluster: int
    success: bool = False
    duration: float = 0.0
    idle: float = 0.0  # s in which the arm waited for a chunk
    starved: int = 0  # times that the queue ran dry
    latencies: list[float] = field(default_factory=list)  # s of each inference, as measured
    queue: list[QueueSample] = field(default_factory=list)
    states: list[SceneState] = field(default_factory=list)  # for a video, where asked for
    pictures: Counter[str] = field(default_factory=Counter)  # that the policy was shown, by camera
    reused: Counter[str] = field(default_factory=Counter)  # of these, known and not encoded again
    asked: str = ''  # goal that was asked for, at first; empty: the task's usual one
    goal: str = ''  # that was asked for, at last
    at_other_goal: bool = False  # whether it ended as another goal asks


class Rollout:
    """Plays episodes of one policy; holds the scene, the renderers and the policy."""

    def __init__(
        self,
        policy: Predicts,
        robot: RobotSpec,
        config: RolloutConfig,
        memory: PictureMemory | None = None,
    ) -> None:
        """
        Prepare to draw the pictures that the policy's cameras ask for.

        ``memory`` is the policy's own, which says what it re-used; each episode begins anew.
        Raise ConfigError as `check_playable` does.
        """
        check_playable(policy.spec, robot, config.task)
        self.task = task = config.task.make(config.rate)
        self.make_executor: Callable[[RobotSpec, ExecutorConfig], Executor] = Executor
        self._policy, self._robot, self._config = policy, robot, config
        self._memory = memory or PictureMemory(config.reuse_threshold)
        self._scene = task.make_scene()
        self._renderers = {
            size: Renderer(self._scene, *size)
            for size in {(camera.width, camera.height) for camera in policy.spec.cameras}
        }

    def close(self) -> None:
        """Free the OpenGL contexts."""
        for renderer in self._renderers.values():
            renderer.close()

    def play(
        self,
        planned: PlannedEpisode,
        keep_states: bool = False,
        until: Callable[[float], bool] = lambda time: False,
        watch: Callable[[np.ndarray], None] = lambda command: None,
    ) -> EpisodeResult:
        """
        Play one episode until success, until its time is over, or ``until(time)``.

        With keep_states the result holds the SceneState of every control step; ``watch`` is told
        each command (joints,), rad, before the arm follows it. A policy is told what the plan
        says, or the sentence of the plan's goal; without either its own instruction holds.
        """
        task, config = self.task, self._config
        task.reset(planned.seed, planned.cluster, planned.goal)
        self._memory.forget()
        result = EpisodeResult(
            planned.seed, planned.cluster, asked=planned.goal, goal=planned.goal
        )
        told = planned.instruction or (task.goal.instruction if planned.goal else None)
        then = planned.then
        executor = self.make_executor(self._robot, config.executor)
        executor.enable()
        arrival, chunk = np.inf, None
        started = succeeded = np.inf
        patience = task.time + config.timeout  # where no chunk of the policy is ever accepted
        while task.time - min(started, patience) < config.timeout and not until(task.time):
            now = task.time
            if chunk is not None and now >= arrival - 1e-9:
                executor.push(chunk, now)
                chunk = None
            tick = executor.tick(now, task.positions)
            if tick.request is not None:
                asked = Request(now, tick.request, told)
                chunk, seconds = self._infer(asked, executor)
                result.latencies.append(seconds)
                arrival = now + (seconds if config.latency is None else config.latency)
            playing = tick.mode is Mode.RUNNING
            started = min(started, now) if playing else started
            result.queue.append(QueueSample(now, executor.queue.remaining(now), not playing))
            if keep_states:
                result.states.append(task.scene.state())
            watch(tick.positions)
            task.step(tick.positions)
            if then and task.under_way:
                task.change_goal(then)
                told, result.goal, then = task.goal.instruction, then, ''
            succeeded = min(succeeded, task.time) if task.success else np.inf
            if task.time - succeeded >= SETTLE:
                result.success = True
                break
        result.at_other_goal = task.at_other_goal
        result.duration = max(0.0, task.time - started) if started < np.inf else 0.0
        result.idle, result.starved = executor.counters.idle, executor.counters.starved
        result.reused = Counter(self._memory.reused)
        result.pictures = self._memory.encoded + self._memory.reused
        return result

    def _infer(self, asked: Request, executor: Executor) -> tuple[ActionChunk, float]:
        """Return the chunk for what the cameras see now, and the seconds that it took."""
        spec = self._policy.spec
        self._scene.apply(self.task.scene.state())
        images = {
            camera.name: self._renderers[camera.width, camera.height].render(camera.name)
            for camera in spec.cameras
        }
        state = dict(zip(self._robot.joint_names, self.task.positions, strict=True))
        positions = np.array([state[name] for name in spec.joint_names])
        now, request, instruction = asked
        more = {'queued': self._queued(now, executor)} if self._config.real_time_chunking else {}
        actions, seconds = self._policy.predict(images, positions, instruction, request, **more)
        columns = [spec.joint_names.index(name) for name in self._robot.joint_names]
        chunk = ActionChunk(
            actions[:, columns].astype(float), now, 1 / spec.fps, request, self._robot.joint_names
        )
        return chunk, sum(seconds.values())

    def _queued(self, now: float, executor: Executor) -> Queued | None:
        """Return what will be played while the policy computes; None before there is anything."""
        rest = executor.queue.rest(now)
        if rest is None:
            return None
        names = self._policy.spec.joint_names
        columns = [self._robot.joint_names.index(name) for name in names]
        rows = replace(rest, values=rest.values[:, columns], joint_names=names)
        return Queued(rows, now, executor.inference_delay)


def check_playable(spec: PolicySpec, robot: RobotSpec, choice: TaskChoice) -> None:
    """Raise ConfigError unless policy and robot are of a task: cameras and joints."""
    task = choice.type
    obstacle = task.find_obstacle([camera.name for camera in spec.cameras], spec.joint_names)
    if obstacle:
        raise ConfigError(
            f'policy: cannot be played in the simulation of {choice.name}, for {obstacle}; score '
            'it on recordings (vla_ros replay), or give the task of its robot: --task module:class'
        )
    arm = load_robot(find_config('robots', task.robot)).joint_names
    if robot.joint_names != arm:
        raise ConfigError(
            f'robot {robot.name}: got joints {", ".join(robot.joint_names)}, expected '
            f'{", ".join(arm)} as the arm of {choice.name} has; leave --robot out'
        )
