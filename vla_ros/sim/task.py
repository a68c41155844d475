# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a task in simulation is: the interface, and the one table of those there are.

A task is a class that keeps the promise of Task (see conformance.py). One of one's own needs no
entry in TASKS: find_task takes ``my_package.sorting:Sorting`` as well. Where its objects start,
and what is held out, stands in a plan file: config/plans/<task>.yaml, or one named beside it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import mujoco
import numpy as np

from vla_ros.core.config import find_config
from vla_ros.core.defaults import TASK
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.robot import load_robot
from vla_ros.dataset.plan import Plan, PlannedEpisode, find_plan
from vla_ros.hardware.lookup import find

# loaded when asked for: MuJoCo's models are large
TASKS = {'tea_bag': 'vla_ros.sim.tea_bag.task:TeaBag'}

_ANYWHERE = 0.5  # rad, standard deviation of an arm that may be anywhere


@dataclass(frozen=True)
class SceneState:
    """
    Everything a camera needs to draw a scene.

    qpos are MuJoCo's generalised positions (m, rad, unit quaternions), the joints of the arm
    first; values are what else of the scene a reset changes, by name.
    """

    qpos: np.ndarray
    values: Mapping[str, float] = field(default_factory=dict)

    def lit(self, factor: float) -> 'SceneState':
        """Return the same scene in brighter or darker light."""
        light = self.values['light'] * factor
        return SceneState(self.qpos, {**self.values, 'light': light})


class Scene:
    """A MuJoCo model and its data; whoever owns a Scene may change both."""

    def __init__(self, spec: mujoco.MjSpec, width: int, height: int) -> None:
        """Compile the model; width and height bound the pictures drawn from it, in pixels."""
        spec.visual.global_.offwidth = width
        spec.visual.global_.offheight = height
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._nominal_light = self.model.light_diffuse.copy()
        self._nominal_headlight = self._headlight()
        self._light = 1.0
        mujoco.mj_forward(self.model, self.data)

    @property
    def values(self) -> dict[str, float]:
        """Return what a picture depends on besides qpos, by name; a scene of one's own adds."""
        return {'light': self._light}

    def set_values(self, values: Mapping[str, float]) -> None:
        """Take over what ``values`` returned, from the same kind of scene."""
        self.light(values['light'])

    def state(self) -> SceneState:
        """Return a copy of the state."""
        return SceneState(self.data.qpos.copy(), self.values)

    def apply(self, state: SceneState) -> None:
        """Take over a state, ready to be drawn; raise VlaError for that of another scene."""
        if len(state.qpos) != self.model.nq or state.values.keys() != self.values.keys():
            raise VlaError(
                f'scene: got {len(state.qpos)} positions and {_listed(state.values)}, expected '
                f'{self.model.nq} and {_listed(self.values)}; run the same task, and the same '
                'version of vla_ros, in every node'
            )
        self.set_values(state.values)
        self.data.qpos[:] = state.qpos
        mujoco.mj_forward(self.model, self.data)

    def light(self, level: float) -> None:
        """Scale every light; 1 is nominal."""
        self._light = level
        self.model.light_diffuse[:] = self._nominal_light * level
        ambient, diffuse = self._nominal_headlight * level
        self.model.vis.headlight.ambient[:] = ambient
        self.model.vis.headlight.diffuse[:] = diffuse

    def _headlight(self) -> np.ndarray:
        headlight = self.model.vis.headlight
        return np.array([headlight.ambient, headlight.diffuse])


def _listed(values: Mapping[str, float]) -> str:
    return ', '.join(values) or 'no values'


@dataclass(frozen=True)
class Goal:
    """What an episode is to end with, and how people say so."""

    name: str
    instruction: str
    paraphrases: tuple[str, ...] = ()  # say the same
    held_out: tuple[str, ...] = ()  # as well, and no demonstration uses them

    @property
    def taught(self) -> tuple[str, ...]:
        """Return what demonstrations may be told."""
        return (self.instruction, *self.paraphrases)

    def phrase(self, rng: np.random.Generator) -> str:
        """Return one of the sentences that demonstrations may be told."""
        return self.taught[rng.integers(len(self.taught))]


class Labeller(Protocol):
    """Knows where the things of one Scene are."""

    def label(self, camera: str, height: int, width: int) -> np.ndarray:
        """Return what a picture shows of the task's things, (things, 5), see dataset's LABEL."""

    @property
    def cluster(self) -> int | None:
        """Return the cluster of the plan in which the object lies, None where in no one's."""


class Demonstration(Protocol):
    """Somebody who knows the task and is at it; who calls ``act`` steps the task."""

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""

    @property
    def phase(self) -> str:
        """Return what it does now, one of the task's phases; empty before the first ``act``."""

    @property
    def retries(self) -> int:
        """Return how often it had to try again."""

    @property
    def failure(self) -> str:
        """Return why it gave up; empty: it did not."""

    @property
    def objection(self) -> str:
        """Return why the episode is not the planned one, once it is over; empty: it is."""

    def act(self) -> np.ndarray:
        """Return the joint target (joints,), rad, for this control step."""


class Task(ABC):
    """
    One arm and something to do with it.

    Time passes only in ``step``. The same plan, seed, goal and targets give bit-identical states.
    """

    robot: ClassVar[str]  # its file in config/robots, whose joints come first in qpos
    cameras: ClassVar[tuple[str, ...]]  # of the scene, in the order in which they are stored
    phases: ClassVar[tuple[str, ...]]  # of a demonstration; frames are labelled with their numbers
    goals: ClassVar[Mapping[str, Any]]  # name: Goal; the first is the usual one
    mishaps: ClassVar[tuple[str, ...]] = ()  # that a demonstration can be made to mend
    things: ClassVar[tuple[str, ...]]  # that pictures are labelled with, the object first

    clutter = 0.0  # share of the episodes in which things stand there that the goal does not need

    def __init__(self, plan: Plan, rate: float = 30.0) -> None:
        """
        Step ``rate`` times per simulated second, from starts in the clusters of ``plan``.

        Raises VlaError for a rate that the model's time step does not divide, and ConfigError for
        a plan with mishaps or goals that the task does not know.
        """
        self.plan, self.rate = plan, rate
        self.scene = self.make_scene()
        self.goal = self.find_goal('')
        self.cluster = plan.training[0]
        self.seed = 0
        for goal in plan.goals:
            self.find_goal(goal)
        for mishap in plan.recovery_kinds:
            if mishap not in self.mishaps:
                known = ', '.join(self.mishaps) or 'none'
                raise ConfigError(f'recovery_kinds: got {mishap!r}, expected one of {known}')
        self.arm = load_robot(find_config('robots', self.robot))
        fastest = 1 / self.model.opt.timestep  # Hz
        self._substeps = round(fastest / rate) if 0 < rate <= fastest else 0
        if not self._substeps or abs(fastest / rate - self._substeps) > 1e-6:
            raise VlaError(
                f'control rate: got {rate} Hz, expected a divisor of {fastest:.0f} Hz such as 30, '
                '50, 60 or 100'
            )

    @staticmethod
    @abstractmethod
    def make_scene(width: int = 640, height: int = 480) -> Scene:
        """Return a new scene of the task, for pictures of up to that many pixels."""

    @abstractmethod
    def set_up(self, rng: np.random.Generator) -> None:
        """Put arm and objects where an episode in ``cluster`` towards ``goal`` begins, at rest."""

    @property
    @abstractmethod
    def success(self) -> bool:
        """Whether everything is as the goal of the episode asks."""

    @property
    def at_other_goal(self) -> bool:
        """Whether everything is as a goal asks that nobody asked for."""
        return False

    @property
    def holding(self) -> bool:
        """Whether the arm holds the object; False where there is nothing to hold."""
        return False

    @property
    @abstractmethod
    def under_way(self) -> bool:
        """Whether the arm is half done, so that another goal would change what it does next."""

    @property
    def rotation(self) -> float:
        """Return the yaw of the object, rad; 0 where that says nothing."""
        return 0.0

    @abstractmethod
    def labeller(self, scene: Scene) -> Labeller:
        """Return what knows the things of ``scene``, one that ``make_scene`` returned."""

    def wander(self, rng: np.random.Generator) -> np.ndarray | None:
        """Return joints (joints,), rad, at which an arm may be seen; None: where it starts."""
        home = self.arm.home
        if rng.random() < 0.5:
            return None
        return home + _ANYWHERE * rng.normal(0, 1, len(home))

    @abstractmethod
    def demonstrate(self, planned: PlannedEpisode) -> Demonstration:
        """Begin the planned episode, with its mishap, and show how it is done."""

    @abstractmethod
    def take_over(
        self, rng: np.random.Generator, speed: np.ndarray | None = None
    ) -> Demonstration:
        """
        Go on from where somebody else has brought the arm; the scene stays as it is.

        ``speed`` (joints,), rad/s, is that of the commands so far; at rest without.
        """

    @property
    def model(self) -> mujoco.MjModel:
        """Return MuJoCo's model."""
        return self.scene.model

    @property
    def data(self) -> mujoco.MjData:
        """Return MuJoCo's data."""
        return self.scene.data

    @property
    def time(self) -> float:
        """Return the simulated seconds since the last reset."""
        return float(self.data.time)

    @property
    def positions(self) -> np.ndarray:
        """Return the measured joint positions (joints,), rad."""
        return self.data.qpos[: len(self.arm.joint_names)].copy()

    def reset(self, seed: int, cluster: int, goal: str = '') -> None:
        """
        Start an episode in ``cluster`` of the plan, towards the usual goal or the named one.

        Raises ConfigError where there is no such cluster or goal.
        """
        self.plan.check_cluster(cluster)
        self.goal = self.find_goal(goal)
        self.seed, self.cluster = seed, cluster
        mujoco.mj_resetData(self.model, self.data)
        self.set_up(np.random.default_rng(seed))
        self.data.time = 0.0

    def assume(self, other: 'Task') -> None:
        """Take over the state of another instance of the task, and the episode that it is at."""
        self.goal, self.seed, self.cluster = other.goal, other.seed, other.cluster
        self.model.geom_friction[:] = other.model.geom_friction  # a mishap may have cut it
        self.scene.apply(other.scene.state())
        mujoco.mj_copyState(self.model, other.data, self.data, mujoco.mjtState.mjSTATE_INTEGRATION)
        mujoco.mj_forward(self.model, self.data)

    def step(self, target: np.ndarray) -> None:
        """Drive the joints towards ``target`` (joints,), rad, for one control period."""
        self.data.ctrl[:] = np.clip(target, self.arm.lower, self.arm.upper)
        mujoco.mj_step(self.model, self.data, self._substeps)

    def place_arm(self, positions: np.ndarray) -> None:
        """Put the arm, at rest, to ``positions`` (joints,), rad, or as near as it can go."""
        joints = np.clip(positions, self.arm.lower, self.arm.upper)
        self.data.qpos[: len(joints)] = joints
        self.data.ctrl[:] = joints

    def change_goal(self, name: str) -> None:
        """
        Ask for another goal in the running episode.

        Raises VlaError where the scene was not set up for it, and ConfigError for no such goal.
        """
        self.goal = self.find_goal(name)

    @classmethod
    def find_obstacle(cls, cameras: Iterable[str], joint_names: Sequence[str]) -> str:
        """Return why a policy with these cameras and joints cannot be played; '' where it can."""
        joints = load_robot(find_config('robots', cls.robot)).joint_names
        if not set(cameras) <= set(cls.cameras):
            return (
                f'its cameras are {", ".join(sorted(cameras))}, those of the simulated scene '
                f'{", ".join(cls.cameras)}'
            )
        if set(joint_names) != set(joints):
            return (
                f'its joints are {", ".join(joint_names) or "not named"}, those of the '
                f'simulated arm {", ".join(joints)}'
            )
        return ''

    @classmethod
    def find_goal(cls, name: str) -> Any:
        """Return the goal of a name, the usual one for ''; raise ConfigError for others."""
        if name and name not in cls.goals:
            raise ConfigError(f'goal: got {name!r}, expected one of {", ".join(cls.goals)}')
        return cls.goals[name or next(iter(cls.goals))]

    @classmethod
    def goal_of(cls, instruction: str) -> Any:
        """Return what a sentence asks for; raise ConfigError for one that nobody explained."""
        for goal in cls.goals.values():
            if instruction.strip() in (*goal.taught, *goal.held_out):
                return goal
        known = '; '.join(goal.instruction for goal in cls.goals.values())
        raise ConfigError(
            f'instruction: got {instruction!r}, whose goal is not known, expected one of: {known} '
            '(or their paraphrases); or name the goal, too'
        )


def find_task(name: str) -> type[Task]:
    """Return the task called ``name``, or at ``module:class``; raise ConfigError without one."""
    task: type[Task] = find('task', name, TASKS)
    return task


@dataclass(frozen=True)
class TaskChoice:
    """Which task, and where its objects start: what worker processes are told."""

    name: str = TASK
    plan: str = ''  # name of a plan, or its file; empty: that of the task's name

    @property
    def type(self) -> type[Task]:
        """Return the task's class; raise ConfigError where there is none of that name."""
        return find_task(self.name)

    def load_plan(self) -> Plan:
        """Return the plan; raise ConfigError where it is not there, or wrong."""
        return find_plan(self.plan or self.name)

    def make(self, rate: float = 30.0) -> Task:
        """Return the task, stepped ``rate`` times per second; raise ConfigError as Task does."""
        return self.type(self.load_plan(), rate)
