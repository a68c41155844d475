# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Forward kinematics of a robot from its URDF: where each link is, given the joints.

Read are links, their plain shapes, and joints that turn, slide or are fixed, also those
that mimic another one (https://wiki.ros.org/urdf/XML). Meshes are left out. Every pose is a (4, 4)
transform that takes points of the link into the frame of the root link, metres and radians; joint
positions may be a whole path, (..., joints), and give (..., 4, 4).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec

TURNING, SLIDING, FIXED = ('revolute', 'continuous'), ('prismatic',), ('fixed',)
GREY: tuple[float, ...] = (0.5, 0.5, 0.5, 1.0)
# sizes of each shape, as attributes of its element, m
SHAPES = {
    'box': ('size',),
    'cylinder': ('radius', 'length'),
    'capsule': ('radius', 'length'),
    'sphere': ('radius',),
}
SLACK = 1e-6  # rad or m by which two limits may differ and be the same


@dataclass(frozen=True)
class Shape:
    """A body of a link; a cylinder or capsule lies along z, its length is that without caps."""

    kind: str  # box, cylinder, capsule or sphere
    size: tuple[float, ...]  # m; box: x, y, z; else the radius, then the length
    origin: np.ndarray  # (4, 4), in the link
    colour: tuple[float, ...] = GREY  # red, green, blue, opacity, each 0..1


@dataclass(frozen=True)
class Link:
    """A rigid part: how it looks, and what it touches others with."""

    name: str
    visuals: tuple[Shape, ...] = ()
    collisions: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class Joint:
    """What joins two links, and how far it goes."""

    name: str
    kind: str
    parent: str
    child: str
    origin: np.ndarray  # (4, 4), in the parent
    axis: np.ndarray  # (3,), of length 1
    lower: float = -np.inf  # rad or m
    upper: float = np.inf  # rad or m
    velocity: float = np.inf  # rad/s or m/s
    mimic: str = ''  # the joint that this one follows: position = multiplier * its own + offset
    multiplier: float = 1.0
    offset: float = 0.0

    @property
    def driven(self) -> bool:
        """Say whether the joint has a position of its own."""
        return self.kind not in FIXED and not self.mimic

    def transform(self, position: np.ndarray) -> np.ndarray:
        """Return the child's pose in the parent, (..., 4, 4), at positions (...)."""
        if self.kind in FIXED:
            return self.origin
        motion = np.zeros((*position.shape, 4, 4))
        motion[...] = np.eye(4)
        if self.kind in SLIDING:
            motion[..., :3, 3] = position[..., None] * self.axis
        else:
            motion[..., :3, :3] = _rotation(self.axis, position)
        moved: np.ndarray = self.origin @ motion
        return moved


@dataclass(frozen=True)
class RobotModel:
    """
    The links and joints of one robot, a tree below its root.

    ``joint_names`` are the columns of the joint positions that its methods take.
    """

    name: str
    links: Mapping[str, Link]
    joints: tuple[Joint, ...]  # a parent's joint before those of its child
    joint_names: tuple[str, ...]
    root: str
    _above: Mapping[str, Joint] = field(repr=False)  # link: the joint that holds it

    def joint(self, name: str) -> Joint:
        """Return the joint called ``name``; raise ConfigError listing those there are."""
        for joint in self.joints:
            if joint.name == name:
                return joint
        known = ', '.join(joint.name for joint in self.joints)
        raise ConfigError(f'{self.name}: got joint {name!r}, expected one of {known}')

    def chain(self, frame: str) -> list[Joint]:
        """Return the joints from the root to a link; raise ConfigError for an unknown one."""
        if frame not in self.links:
            known = ', '.join(self.links)
            raise ConfigError(f'{self.name}: got frame {frame!r}, expected one of {known}')
        joints: list[Joint] = []
        while frame != self.root:
            joints.append(self._above[frame])
            frame = joints[-1].parent
        return joints[::-1]

    def pose(self, frame: str, positions: np.ndarray) -> np.ndarray:
        """Return the pose of one link, (..., 4, 4), at joint positions (..., joints)."""
        pose = np.broadcast_to(np.eye(4), (*positions.shape[:-1], 4, 4))
        for joint in self.chain(frame):
            pose = pose @ joint.transform(self.position(joint, positions))
        return pose

    def poses(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the pose of every link, (..., 4, 4) each, at joint positions (..., joints)."""
        poses = {self.root: np.broadcast_to(np.eye(4), (*positions.shape[:-1], 4, 4))}
        for joint in self.joints:
            motion = joint.transform(self.position(joint, positions))
            poses[joint.child] = poses[joint.parent] @ motion
        return poses

    def position(self, joint: Joint, positions: np.ndarray) -> np.ndarray:
        """Return the column of a joint, (...); that of the followed joint where it mimics."""
        if joint.kind in FIXED:
            return np.zeros(positions.shape[:-1])
        column = positions[..., self.joint_names.index(joint.mimic or joint.name)]
        return joint.multiplier * column + joint.offset if joint.mimic else column


def robot_model(robot: RobotSpec) -> RobotModel:
    """
    Return the model of a robot's URDF, whose columns are the robot's joints in their order.

    Raise ConfigError where the robot has no URDF, and where the two disagree about the joints, the
    tool or the limits: those of the robot lie within those of the URDF.
    """
    if robot.urdf is None:
        raise ConfigError(f'robot {robot.name}: got no urdf, expected one beside its limits')
    model = load_model(robot.urdf)
    if set(model.joint_names) != set(robot.joint_names):
        raise ConfigError(
            f'{robot.urdf}: got joints {", ".join(model.joint_names)}, expected those of robot '
            f'{robot.name}: {", ".join(robot.joint_names)}'
        )
    for index, name in enumerate(robot.joint_names):
        _check_limits(model, robot, index, name)
    model = replace(model, joint_names=robot.joint_names)
    model.chain(robot.tool)
    return model


def load_model(path: Path) -> RobotModel:
    """Read a URDF file; raise ConfigError naming the file, the element and what is wrong."""
    try:
        return parse_model(path.read_bytes())
    except OSError as error:
        raise ConfigError(f'{path}: cannot be read: {error}') from None
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from None


def parse_model(text: str | bytes) -> RobotModel:
    """Return the model that a URDF describes; raise ConfigError for what is wrong in it."""
    try:
        robot = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:  # ValueError: an unknown encoding
        raise ConfigError(f'no XML: {error}') from None
    if robot.tag != 'robot':
        raise ConfigError(f'got the element <{robot.tag}>, expected <robot>; expand xacro first')
    colours = {
        str(item.get('name')): _colour(item) for item in robot.iterfind('material') if len(item)
    }
    for tag in ('link', 'joint'):
        _check_names(tag, [element.get('name', '').strip() for element in robot.iterfind(tag)])
    links = {link.name: link for link in (_link(e, colours) for e in robot.iterfind('link'))}
    joints = [_joint(element) for element in robot.iterfind('joint')]
    return _assemble(str(robot.get('name')), links, joints)


def _check_names(tag: str, names: Sequence[str]) -> None:
    """Raise ConfigError for a link or joint that has no name of its own."""
    wrong = next((name for name in names if not name or names.count(name) > 1), None)
    if wrong is not None:
        raise ConfigError(
            f'<{tag}>: got the name {wrong!r} {names.count(wrong)} times, expected one for each'
        )


def _assemble(name: str, links: Mapping[str, Link], joints: Sequence[Joint]) -> RobotModel:
    """Return the tree; raise ConfigError where the joints make none of the links."""
    above: dict[str, Joint] = {}
    for joint in joints:
        for link in (joint.parent, joint.child):
            if link not in links:
                raise ConfigError(f'joint {joint.name}: got link {link!r}, which is not there')
        if joint.child in above:
            raise ConfigError(f'link {joint.child}: hangs on two joints, expected one')
        above[joint.child] = joint
    roots = [link for link in links if link not in above]
    if len(roots) != 1:
        raise ConfigError(f'got roots {roots}, expected one link that hangs on no joint')
    ordered = list(_descend(roots[0], joints))
    if len(ordered) < len(joints):
        raise ConfigError('the joints go round in a circle, expected a tree')
    names = tuple(joint.name for joint in joints if joint.driven)
    for joint in joints:
        if joint.mimic and joint.mimic not in names:
            raise ConfigError(f'joint {joint.name}: mimics {joint.mimic!r}, which does not move')
    return RobotModel(name, links, tuple(ordered), names, roots[0], above)


def _descend(link: str, joints: Sequence[Joint]) -> Iterator[Joint]:
    """Yield the joints below a link, each before those below it."""
    below: dict[str, list[Joint]] = {}
    for joint in joints:
        below.setdefault(joint.parent, []).append(joint)
    due = below.get(link, [])[::-1]
    while due:
        joint = due.pop()
        yield joint
        due += below.get(joint.child, [])[::-1]


def _check_limits(model: RobotModel, robot: RobotSpec, index: int, name: str) -> None:
    joint = model.joint(name)
    if (joint.kind in SLIDING) != (name in robot.prismatic):
        slides, turns = (robot.urdf, robot.name)[:: 1 if joint.kind in SLIDING else -1]
        raise ConfigError(
            f'{robot.urdf}: joint {name}: slides (m) in {slides} and turns (rad) in {turns}, '
            'expected the same type; mend the type of one of them'
        )
    outside = (
        robot.lower[index] < joint.lower - SLACK
        or robot.upper[index] > joint.upper + SLACK
        or robot.velocity[index] > joint.velocity + SLACK
    )
    if outside:
        raise ConfigError(
            f'{robot.urdf}: joint {name}: got {joint.lower} to {joint.upper} at {joint.velocity}/s'
            f', but robot {robot.name} goes from {robot.lower[index]} to {robot.upper[index]} at '
            f'{robot.velocity[index]}/s; narrow the robot, or mend the urdf'
        )


def _joint(element: Element) -> Joint:
    name, kind = str(element.get('name')), str(element.get('type'))
    if kind not in (*TURNING, *SLIDING, *FIXED):
        known = ', '.join((*TURNING, *SLIDING, *FIXED))
        raise ConfigError(f'joint {name}: got type {kind!r}, expected one of {known}')
    parent, child = (_part(element, tag, 'link', f'joint {name}') for tag in ('parent', 'child'))
    joint = Joint(name, kind, parent, child, _origin(element, name), _axis(element, name))
    limit, mimic = element.find('limit'), element.find('mimic')
    if limit is not None and kind not in FIXED:
        bounds: dict[str, Any] = {'velocity': _number(limit, 'velocity', name, np.inf)}
        if kind != 'continuous':
            bounds |= {key: _number(limit, key, name, 0.0) for key in ('lower', 'upper')}
        joint = replace(joint, **bounds)
    elif kind in ('revolute', *SLIDING):
        raise ConfigError(f'joint {name}: got no <limit>, expected one for a {kind} joint')
    if mimic is not None:
        joint = replace(
            joint,
            mimic=str(mimic.get('joint')),
            multiplier=_number(mimic, 'multiplier', name, 1.0),
            offset=_number(mimic, 'offset', name, 0.0),
        )
    return joint


def _link(element: Element, colours: Mapping[str, tuple[float, ...]]) -> Link:
    name = str(element.get('name'))
    visuals, collisions = (
        tuple(shape for item in element.iterfind(tag) for shape in _shapes(item, name, colours))
        for tag in ('visual', 'collision')
    )
    return Link(name, visuals, collisions)


def _shapes(
    element: Element, name: str, colours: Mapping[str, tuple[float, ...]]
) -> Iterator[Shape]:
    """Yield the shape of a visual or collision element, nothing for a mesh."""
    geometry, material = element.find('geometry'), element.find('material')
    colour = GREY
    if material is not None:
        colour = (
            _colour(material) if len(material) else colours.get(material.get('name', ''), GREY)
        )
    for item in () if geometry is None else geometry:
        if item.tag in SHAPES:
            texts = ' '.join(item.get(key, '') for key in SHAPES[item.tag])
            count = 3 if item.tag == 'box' else len(SHAPES[item.tag])
            size = _numbers(texts, count, f'link {name}: {item.tag}')
            yield Shape(item.tag, tuple(size.tolist()), _origin(element, name), colour)


def _colour(material: Element) -> tuple[float, ...]:
    colour = material.find('color')
    if colour is None:
        return GREY
    what = f'material {material.get("name")}'
    return tuple(_numbers(colour.get('rgba', ''), 4, what).tolist())


def _origin(element: Element, name: str) -> np.ndarray:
    """Return the pose (4, 4) that an element's <origin> gives, the identity without one."""
    pose, origin = np.eye(4), element.find('origin')
    if origin is not None:
        what = f'{name}: origin'
        pose[:3, 3] = _numbers(origin.get('xyz', '0 0 0'), 3, what)
        roll, pitch, yaw = _numbers(origin.get('rpy', '0 0 0'), 3, what)
        x, y, z = np.eye(3)
        turns = (_rotation(z, yaw), _rotation(y, pitch), _rotation(x, roll))
        pose[:3, :3] = turns[0] @ turns[1] @ turns[2]
    return pose


def _axis(element: Element, name: str) -> np.ndarray:
    axis = element.find('axis')
    if axis is None:
        return np.array([1.0, 0.0, 0.0])
    values = _numbers(axis.get('xyz', ''), 3, f'joint {name}: axis')
    length = np.linalg.norm(values)
    if not length:
        raise ConfigError(f'joint {name}: axis: got 0 0 0, expected a direction')
    unit: np.ndarray = values / length
    return unit


def _rotation(axis: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """Return the rotation (..., 3, 3) about a unit axis (Rodrigues) by angles (...), rad."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn = np.asarray(angle)[..., None, None]
    rotation: np.ndarray = (
        np.eye(3) + np.sin(turn) * cross + (1.0 - np.cos(turn)) * (cross @ cross)
    )
    return rotation


def _part(element: Element, tag: str, attribute: str, what: str) -> str:
    part = element.find(tag)
    if part is None or not part.get(attribute):
        raise ConfigError(f'{what}: got no <{tag} {attribute}=...>, expected one')
    return str(part.get(attribute))


def _number(element: Element, key: str, name: str, default: float) -> float:
    text = element.get(key)
    return default if text is None else float(_numbers(text, 1, f'joint {name}: {key}')[0])


def _numbers(text: str, count: int, what: str) -> np.ndarray:
    """Return ``count`` finite numbers; raise ConfigError, which names ``what``, for others."""
    try:
        values = np.array([float(word) for word in text.split()])
    except ValueError:
        values = np.empty(0)
    if len(values) != count or not np.isfinite(values).all():
        raise ConfigError(f'{what}: got {text!r}, expected {count} finite numbers')
    return values
