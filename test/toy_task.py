# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A task of one's own in one file: the arm turns to a lamp, or away from it."""

from types import SimpleNamespace

import mujoco
import numpy as np

from vla_ros.sim.renderer import project
from vla_ros.sim.task import Goal, Scene, Task
from vla_ros.sim.tea_bag.scene import TeaBagScene

NEAR = 0.05  # rad


class LampScene(Scene):
    """The arm of the tea-bag scene, and a lamp on the table."""

    def __init__(self, width=640, height=480):
        spec = mujoco.MjSpec.from_string(TeaBagScene.text())
        spec.worldbody.add_geom(name='lamp', size=[0.02, 0, 0], contype=0, conaffinity=0)
        super().__init__(spec, width, height)

    @property
    def values(self):
        x, y, _ = self.model.geom('lamp').pos.tolist()
        return {**super().values, 'x': x, 'y': y}

    def set_values(self, values):
        super().set_values(values)
        self.model.geom('lamp').pos[:2] = values['x'], values['y']


class Lamp(Task):
    """Turn to the lamp, or turn your back on it."""

    robot, cameras, phases, things = 'so101', ('top',), ('turn',), ('lamp',)
    goals = {goal.name: goal for goal in (Goal('to', 'Look!'), Goal('away', 'Look away!'))}

    @staticmethod
    def make_scene(width=640, height=480):
        return LampScene(width, height)

    def set_up(self, rng):
        x, y = self.plan.clusters[self.cluster] + rng.uniform(-0.02, 0.02, 2)
        self.scene.set_values({**self.scene.values, 'x': x, 'y': y})
        self.place_arm(self.arm.home + [1.0, 0, 0, 0, 0, 0])

    def pan(self, goal):
        """Return where the first joint looks to or away from the lamp, rad."""
        values = self.scene.values
        to = -np.arctan2(values['y'], values['x'])
        return to if goal == 'to' else -to

    def reached(self, goal):
        return bool(abs(self.positions[0] - self.pan(goal)) < NEAR)

    @property
    def success(self):
        return self.reached(self.goal.name)

    @property
    def at_other_goal(self):
        return any(self.reached(goal) for goal in self.goals if goal != self.goal.name)

    @property
    def under_way(self):
        return bool(abs(self.positions[0] - self.arm.home[0] - 1.0) > 0.1)

    def labeller(self, scene):
        return LampLabeller(scene, self.plan)

    def demonstrate(self, planned):
        self.reset(planned.seed, planned.cluster, planned.goal)
        return Turn(self)

    def take_over(self, rng, speed=None):
        return Turn(self)


class LampLabeller:
    """Knows where the lamp is."""

    def __init__(self, scene, plan):
        self.scene, self.plan = scene, plan

    @property
    def cluster(self):
        return self.plan.cluster_of(self.scene.model.geom('lamp').pos)

    def label(self, camera, height, width):
        lamp = self.scene.model.geom('lamp').pos[None]
        x, y, _ = project(self.scene, camera, height, width, lamp)[0]
        return np.array([[x, y, np.nan, np.nan, np.nan]], np.float32)


class Turn(SimpleNamespace):
    """Turns, slowly, to where it should."""

    phase, retries, failure = 'turn', 0, ''

    def __init__(self, task):
        super().__init__(task=task, done=False)

    @property
    def objection(self):
        return '' if self.task.success else 'the arm looks elsewhere'

    def act(self):
        task, target = self.task, self.task.data.ctrl.copy()
        way = task.pan(task.goal.name) - target[0]
        target[0] += np.clip(way, -0.05, 0.05)
        self.done = task.success and abs(way) < 1e-3
        return target
