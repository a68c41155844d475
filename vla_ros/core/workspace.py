# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Workspace: where an arm may be, besides the limits of its joints, and how fast its tool may go.

The tool stays within a box and, like every other link, above the table; links that are not joined
stay apart. Links are capsules, out of the collision shapes of the URDF. A motion is allowed where
the arm could still stop in time: the way on which it brakes is looked at as a whole.
"""

from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.frames import Frames
from vla_ros.core.kinematics import RobotModel, Shape, load_model
from vla_ros.core.robot import RobotSpec
from vla_ros.core.safety import Safety

SPACING = 0.01  # m that no part of the arm moves further than between two looks at a way
MOST_LOOKS = 40  # at one way; what is faster is looked at more coarsely, and kept further away
ROUNDING = 1e-9  # m
MARGIN = 2e-4  # m, kept from what the arm comes nearer to, so that it can go on along it
TOO_FAST = 'the tool is faster than'
SIDES = tuple(f'{side} the box in {axis}' for side in ('below', 'above') for axis in 'xyz')
SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
SPEED_MARGIN = 0.95  # of the tool's speed: looks are chords, and a way between them is an arc


class Capsules(NamedTuple):
    """Capsules of the arm, each fixed to a link; n of them."""

    links: tuple[str, ...]
    starts: np.ndarray  # (n, 4) m, in the link, with a 1
    ends: np.ndarray  # (n, 4) m, in the link, with a 1
    radii: np.ndarray  # (n,) m


class Corners(NamedTuple):
    """Points of the arm, each fixed to a link, that are its lowest in some pose; n of them."""

    links: tuple[str, ...]
    points: np.ndarray  # (n, 4) m, in the link, with a 1
    radii: np.ndarray  # (n,) m, around the points


class Workspace:
    """Judges positions and motions of one robot; every method takes its joints in their order."""

    def __init__(self, model: RobotModel, tool: str, safety: Safety) -> None:
        """Raise ConfigError where the links that the robot's file names are not in the URDF."""
        self.safety = safety
        unknown = {name for pair in safety.may_touch for name in pair} - set(model.links)
        if unknown:
            raise ConfigError(
                f'safety: may_touch: got {", ".join(sorted(unknown))}, expected links of the '
                f'URDF: {", ".join(model.links)}'
            )
        self._frames = Frames(model)
        place = {link: index for index, link in enumerate(self._frames.links)}
        self._tool = place[tool]
        self._capsules = capsules = _capsules(model)
        self._bodies = np.array([place[link] for link in capsules.links])
        self._pairs = np.array(_pairs(model, capsules, safety), np.int64).reshape(-1, 2)
        self._corners = corners = _corners(model)
        self._cornered = np.array([place[link] for link in corners.links])
        self._reach = _reach(model, capsules, tool)
        self._flat = len(SIDES) + len(corners.links)  # rules that are heights above a plane
        moved = [_joints_of(model, link) for link in (*(tool for _ in SIDES), *corners.links)]
        apart = [[_joints_of(model, capsules.links[i]) for i in pair] for pair in self._pairs]
        moved += [np.abs(first - second) for first, second in apart]
        self._moved = np.array(moved)
        self._box = np.array([safety.lower, safety.upper])
        self._known: tuple[np.ndarray, float] | None = None  # positions, and the least clearance

    @property
    def pairs(self) -> int:
        """Return how many pairs of capsules are kept apart: the last rules."""
        return len(self._pairs)

    def clearance(self, positions: np.ndarray) -> np.ndarray:
        """
        Return how far each rule is from being broken (n, rules), m, at positions (n, joints).

        Below 0 it is broken. Rules are the six sides of the box, the table for each corner of a
        link, and the pairs of capsules.
        """
        poses = self._frames.poses(positions)
        tool = poses[:, self._tool, :3, 3]
        heights = (poses[:, self._cornered, 2] * self._corners.points).sum(-1)
        return np.concatenate(
            [
                tool - self._box[0],
                self._box[1] - tool,
                heights - self._corners.radii - self.safety.table,
                self._distances(poses[:, self._bodies]),
            ],
            axis=1,
        )

    def objection(self, positions: np.ndarray) -> str:
        """Return which rule the positions (joints,) break, '' where they break none."""
        clearance = self.clearance(positions[None])[0]
        rule = int(clearance.argmin())
        if clearance[rule] >= 0.0:
            return ''
        return f'{self._name(rule)}, {-clearance[rule]:.3f} m'

    def objection_to_motion(
        self, position: np.ndarray, velocity: np.ndarray, elapsed: float, braking: float
    ) -> str:
        """
        Return which rule forbids to go on at ``velocity`` (joints,) rad/s for ``elapsed`` s.

        The arm is at ``position`` (joints,) rad, and needs ``braking`` s to stop after that, all
        joints at once, on a straight way in joint space. A rule that is broken already may not
        become more so. '' where nothing forbids it.
        """
        way = velocity * (elapsed + braking / 2.0)
        slow = float(np.abs(velocity) @ self._reach) <= SPEED_MARGIN * self.safety.tool_speed
        if slow and self._has_room(position, position + way):
            return ''
        moved = float(np.abs(way) @ self._reach)  # m that any part moves at most
        looks = min(max(ceil(moved / SPACING), 1), MOST_LOOKS)
        shares = np.linspace(0.0, 1.0, looks + 1)
        points = position + shares[:, None] * way
        clearance = self.clearance(points)
        self._known = position.copy(), float(clearance[0].min())
        nearer = clearance[1:] < clearance[0] - ROUNDING
        kept = np.maximum(self._between(way, looks), MARGIN * nearer) * (clearance[0] >= 0.0)
        spare = (clearance[1:] - np.minimum(clearance[0], 0.0) - kept).min(axis=0)
        rule = int(spare.argmin())
        if moved > 0.0 and spare[rule] < -ROUNDING:
            return self._name(rule)
        fast = not slow and not self._slow_enough(points, shares, elapsed, braking)
        return f'{TOO_FAST} {self.safety.tool_speed:g} m/s' if fast else ''

    def _between(self, way: np.ndarray, looks: int) -> np.ndarray:
        """
        Return how much nearer (rules,) m each rule may come to being broken between two looks.

        The height of a point above a plane strays from a straight line by its curvature, which is
        that of turning joints; the distance of two capsules by as much as they move at most.
        """
        turned = self._moved @ np.abs(way)
        carried = self._moved @ (np.abs(way) * self._reach)
        flat = turned * carried / looks**2 / 2.0
        return np.where(np.arange(len(flat)) < self._flat, flat, carried / looks / 2.0)

    def _has_room(self, *positions: np.ndarray) -> bool:
        """Say whether no part of the arm could get from where it was looked at to an obstacle."""
        if self._known is None:
            return False
        looked_at, clearance = self._known
        return all(np.abs(each - looked_at) @ self._reach < clearance for each in positions)

    def tool_speeds(
        self, befores: np.ndarray, afters: np.ndarray, times: np.ndarray
    ) -> np.ndarray:
        """Return the mean speed of the tool (n,) m/s, between positions (n, joints) each."""
        ends = [self._frames.poses(each)[:, self._tool, :3, 3] for each in (befores, afters)]
        speeds: np.ndarray = np.linalg.norm(ends[1] - ends[0], axis=1) / times
        return speeds

    def _slow_enough(
        self, points: np.ndarray, shares: np.ndarray, elapsed: float, braking: float
    ) -> bool:
        """Say whether the tool is never too fast on a way, at full speed until it brakes."""
        tool = self._frames.poses(points)[:, self._tool, :3, 3]
        steps = np.linalg.norm(np.diff(tool, axis=0), axis=1)
        time = elapsed + braking / 2.0  # s that the way would take at full speed
        braked = np.clip((shares[:-1] * time - elapsed) / max(braking / 2.0, 1e-9), 0.0, 1.0)
        speed = steps / (time / len(steps)) * np.sqrt(1.0 - braked)
        return bool((speed <= SPEED_MARGIN * self.safety.tool_speed).all())

    def _distances(self, poses: np.ndarray) -> np.ndarray:
        """Return how far the capsules of each pair are apart (n, pairs), m."""
        starts = (poses @ self._capsules.starts[..., None])[..., :3, 0]
        ends = (poses @ self._capsules.ends[..., None])[..., :3, 0]
        first, second = self._pairs[:, 0], self._pairs[:, 1]
        apart = segment_distance(
            starts[:, first], ends[:, first], starts[:, second], ends[:, second]
        )
        return apart - self._capsules.radii[first] - self._capsules.radii[second]

    def _name(self, rule: int) -> str:
        if rule < len(SIDES):
            return f'the tool is {SIDES[rule]}'
        rule -= len(SIDES)
        if rule < len(self._cornered):
            return f'{self._corners.links[rule]} is in the table'
        first, second = (self._capsules.links[i] for i in self._pairs[rule - len(self._cornered)])
        return f'{first} is in {second}'


def workspace_of(robot: RobotSpec) -> Workspace | None:
    """Return the workspace that a robot's file describes, None where it describes none."""
    if robot.safety is None or robot.urdf is None:
        return None
    return _workspace(robot.urdf, robot.tool, robot.joint_names, robot.safety)


@lru_cache(maxsize=8)
def _workspace(urdf: Path, tool: str, joint_names: tuple[str, ...], safety: Safety) -> Workspace:
    """Return the workspace; a robot that is made anew for each motion has the same one."""
    model = load_model(urdf)
    missing = sorted(set(model.joint_names) - set(joint_names))
    if missing:
        raise ConfigError(f'{urdf}: got joints {", ".join(missing)}, which the robot has not')
    return Workspace(replace(model, joint_names=joint_names), tool, safety)


def segment_distance(
    start_1: np.ndarray, end_1: np.ndarray, start_2: np.ndarray, end_2: np.ndarray
) -> np.ndarray:
    """
    Return the distance of two segments, (...) m, given their ends (..., 3).

    Ericson, Real-Time Collision Detection, 5.1.9: the nearest points of the lines, brought within
    the segments one after the other.
    """
    along_1, along_2, off = end_1 - start_1, end_2 - start_2, start_1 - start_2
    a, e = (along_1**2).sum(-1), (along_2**2).sum(-1)
    b, c, f = (along_1 * along_2).sum(-1), (along_1 * off).sum(-1), (along_2 * off).sum(-1)
    tiny = 1e-12
    skew = a * e - b * b
    s = np.where(skew > tiny, np.clip((b * f - c * e) / np.maximum(skew, tiny), 0.0, 1.0), 0.0)
    t = np.where(e > tiny, (b * s + f) / np.maximum(e, tiny), 0.0)
    t = np.clip(t, 0.0, 1.0)
    s = np.where(a > tiny, np.clip((b * t - c) / np.maximum(a, tiny), 0.0, 1.0), 0.0)
    gap = off + s[..., None] * along_1 - t[..., None] * along_2
    return np.linalg.norm(gap, axis=-1)


def _capsules(model: RobotModel) -> Capsules:
    """Return a capsule around every collision shape."""
    rows = [
        (name, *_ends(shape)) for name, link in model.links.items() for shape in link.collisions
    ]
    links, starts, ends, radii = zip(*rows, strict=True)
    return Capsules(links, np.array(starts), np.array(ends), np.array(radii))


def _ends(shape: Shape) -> tuple[np.ndarray, np.ndarray, float]:
    """Return both ends, in the link, and the radius of the capsule around a shape."""
    axis, half, radius = np.array([0.0, 0.0, 1.0]), 0.0, shape.size[0]
    if shape.kind in ('cylinder', 'capsule'):
        half = shape.size[1] / 2.0
    elif shape.kind == 'box':
        sides = np.array(shape.size) / 2.0
        longest = int(sides.argmax())
        axis, half = np.eye(3)[longest], float(sides[longest])
        radius = float(np.linalg.norm(np.delete(sides, longest)))
    ends = [shape.origin @ np.array([*(sign * half * axis), 1.0]) for sign in (-1.0, 1.0)]
    return ends[0], ends[1], radius


def _corners(model: RobotModel) -> Corners:
    """Return the corners of boxes and the caps of capsules on every link that moves."""
    fixed = _rigid_with(model, model.root)
    rows: list[tuple[str, np.ndarray, float]] = []
    for name in (name for name in model.links if name not in fixed):
        for shape in model.links[name].collisions:
            if shape.kind == 'box':
                sides = np.array(shape.size) / 2.0
                corners = (shape.origin @ [*(signs * sides), 1.0] for signs in SIGNS)
                rows += [(name, corner, 0.0) for corner in corners]
            else:
                start, end, radius = _ends(shape)
                rows += [(name, start, radius), (name, end, radius)]
    links, points, radii = zip(*rows, strict=True)
    return Corners(links, np.array(points), np.array(radii))


def _pairs(model: RobotModel, capsules: Capsules, safety: Safety) -> list[tuple[int, int]]:
    """Return the capsules that must not touch: those of links that no one joint holds together."""
    together = {frozenset((joint.parent, joint.child)) for joint in model.joints}
    together |= {frozenset(pair) for pair in safety.may_touch}
    numbered = enumerate(capsules.links)
    return [
        (i, j)
        for (i, first), (j, second) in combinations(numbered, 2)
        if first != second and frozenset((first, second)) not in together
    ]


def _joints_of(model: RobotModel, link: str) -> np.ndarray:
    """Return how much each joint (joints,) turns or shifts a link at most, per rad or m."""
    moved = np.zeros(len(model.joint_names))
    for joint in model.chain(link):
        if joint.driven or joint.mimic:
            column = model.joint_names.index(joint.mimic or joint.name)
            moved[column] += max(1.0, abs(joint.multiplier))
    return moved


def _rigid_with(model: RobotModel, link: str) -> set[str]:
    """Return the links that never move against ``link``."""
    rigid = {link}
    for joint in model.joints:
        if joint.parent in rigid and not joint.driven and not joint.mimic:
            rigid.add(joint.child)
    return rigid


def _reach(model: RobotModel, capsules: Capsules, tool: str) -> np.ndarray:
    """
    Return how far each joint moves any part of the arm at most, (joints,) m per rad (or per m).

    For a joint that turns it is the length of the stretched arm beyond it.
    """
    outermost = {tool: 0.0}
    for link, start, end, radius in zip(*capsules, strict=True):
        far = max(float(np.linalg.norm(point[:3])) for point in (start, end)) + radius
        outermost[link] = max(outermost.get(link, 0.0), far)
    beyond = dict.fromkeys(model.links, 0.0) | outermost
    reach = np.zeros(len(model.joint_names))
    for joint in reversed(model.joints):  # children before parents
        if joint.driven or joint.mimic:
            column = model.joint_names.index(joint.mimic or joint.name)
            turning = joint.kind != 'prismatic'
            reach[column] += abs(joint.multiplier) * (beyond[joint.child] if turning else 1.0)
        slide = max(abs(joint.lower), abs(joint.upper)) if joint.kind == 'prismatic' else 0.0
        length = float(np.linalg.norm(joint.origin[:3, 3])) + slide
        beyond[joint.parent] = max(beyond[joint.parent], length + beyond[joint.child])
    return reach
