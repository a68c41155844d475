# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files of a robot of one's own: what it is, what runs it, what records it, and the plan."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from string import Template
from typing import NamedTuple

import yaml

from vla_ros.core.errors import ConfigError, repeated
from vla_ros.core.picture_size import NOTATION, parse_size

ROBOT, RUN, RECORD, PLAN = 'robot.yaml', 'run.yaml', 'record.yaml', 'plan.yaml'
_NUMBER = r'[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?'
_JOINT = re.compile(rf'([^=]+)(?:=({_NUMBER}):({_NUMBER})(rad|deg|m|mm)?)?')
_CAMERA = re.compile(r'([^=]+)=(.+?)(?::([0-9]+x[0-9]+))?(?:@([0-9]+(?:\.[0-9]+)?))?')
_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_]*')
_GUESS = 3.14  # rad either side, where nobody says how far a joint turns
_ON_ARM = ('gripper', 'wrist', 'hand')  # what cameras on the arm are called
_LENGTHS = {'m': 1.0, 'mm': 1e-3}
USUAL = '640x480'  # of a camera of which nobody says it
_BLOCKS = ('vision_encoder', 'llm_backbone', 'action_expert')


class _Text(Template):
    """A file whose @{names} are filled in; ${...} is the deployment's own."""

    delimiter = '@'


_ROBOT = _Text("""\
# @name: joints in the words of its driver. Turning joints in rad, rad/s and rad/s^2, sliding ones
# (type: prismatic) in m, m/s and m/s^2.
description: @name; rad, rad/s, rad/s^2, and m where a joint slides.
joints:
@joints
# Where the arm may be: with its URDF (paths from this file) the queue keeps it there, and the
# `robot` node, which drives no arm without, unless unguarded:=true. Set your own, and uncomment.
# urdf: my_arm.urdf
# tool: my_tool_frame
# safety:
#   lower: [-0.05, -0.40, 0.0]  # m, of the tool's box, in the frame of the root link
#   upper: [0.45, 0.40, 0.45]
#   table: 0.0                  # m; no moving link goes below
#   tool_speed: 0.5             # m/s
""")
_JOINT_LINE = _Text(
    '  @name: {@{kind}lower: @lower, upper: @upper, velocity: @velocity, '
    'acceleration: @acceleration}@note'
)
_COMMON = """\
  view:
    default: none
    choices: [none, web]
    description: 'show the arm: web is a live page for a browser, with buttons'
  web_host:
    default: 127.0.0.1
    description: 'address of the live page: 127.0.0.1 is this machine only, 0.0.0.0 every network'
  web_port: {default: 8042, description: port of the live page; a free one where it is taken}
  namespace: {default: '', description: namespace of all nodes and topics}

namespace: ${namespace}

environment:
  PYTHONUNBUFFERED: 1
  OMP_NUM_THREADS: 1
  OPENBLAS_NUM_THREADS: 1

parameters:
  placement: ${placement}

nodes:
"""
_WEB = """\
  - name: web
    executable: web
    when: {view: web}
    respawn: true
    parameters:
      robot: ${folder}/robot.yaml
      cameras: @names
      host: ${web_host}
      port: ${web_port}
"""
_RUN = _Text(
    """\
# A policy on @name: vla_ros up FOLDER/run.yaml policy:=./my_policy
# ${folder} is where this file lies. The arm moves when a person says so: vla_ros enable
description: A policy on @name.

arguments:
  policy: {default: '', description: 'policy bundle: a name or a folder (needed)'}
  instruction: {default: @instruction, description: "in words; '': the policy's own"}
  placement: {default: cpu, config: placement, description: processors of each node}
@port  dry_run: {default: false, description: compute everything but command nothing}
  chunk_size_threshold: {default: 0.2, description: fill at which the next chunk is asked for}
"""
    + _COMMON
    + """\
@driver@cameras@blocks
  - name: action_queue
    executable: action_queue
    respawn: true
    images: false
    parameters:
      robot: ${folder}/robot.yaml
      dry_run: ${dry_run}
      chunk_size_threshold: ${chunk_size_threshold}
      watched_nodes: @watched
      enabled: false
"""
    + _WEB
)
_RECORD = _Text(
    """\
# Record @name: vla_ros record --deployment FOLDER/record.yaml
# Whatever demonstrates (a leader arm, a gamepad) publishes joint_commands; a person begins and
# ends the episodes: vla_ros start, keep, discard, redo
description: Record episodes of @name.

arguments:
  output: {default: recordings, description: folder of the recorded episodes}
  plan: {default: '${folder}/plan.yaml', config: plans, description: which episodes to record}
  episodes: {default: 0, description: 'episodes to keep before the end; 0: all'}
  placement: {default: cpu, config: placement, description: processors of each node}
@port  gate: {default: refuse, description: 'where a camera fails a check: refuse, warn, none'}
"""
    + _COMMON
    + """\
  - name: recorder
    executable: recorder
    ends_run: true
    parameters:
      output: ${output}
      plan: ${plan}
      episodes: ${episodes}
      cameras: @names
      fps: @fps
      instruction: @instruction
      robot: @name
      gate: ${gate}
      moving_cameras: '@moving'
@driver@cameras"""
    + _WEB
)
_PLAN = """\
# Which episodes to record: clusters are places where the object lies at the start. Number of each
# and its centre (m; x forward, y to the left, from the first axis of the arm): put your own here.
clusters:
  1: [0.15, -0.25]
  2: [0.15, -0.15]
  3: [0.15, -0.05]
  4: [0.15, 0.05]
  5: [0.25, -0.15]
  6: [0.25, -0.05]
cluster_size: 0.1  # m, edge of the square
held_out: 6        # never recorded: the policy is validated there
starts: 10         # plain episodes per cluster
recoveries: 2      # episodes per cluster in which a mishap is mended
recovery_kinds: [miss, drop, push]
seed: 0            # of the starts
"""
_OWN_ARM = """\
  port: {default: '', description: 'port of the arm, see vla_ros find-ports'}
  calibration: {default: '', description: "LeRobot's id of the arm, or the file"}
  speed: {default: 1.0, description: "share of the robot's velocity; 0.3 for first runs"}
  dead_man: {default: false, description: the arm moves only while topic dead_man says so}
  unguarded: {default: false, description: drive an arm whose file has no safety section}
"""
_OWN_DRIVER = """\
  # The robot's own driver runs elsewhere: it publishes joint_states, and follows joint_commands (a
  # trajectory of one point).
"""
_DRIVER = _Text("""\
  - name: robot
    executable: robot
    respawn: true
    images: false
    parameters:
      robot: ${folder}/robot.yaml
      driver: @driver
      port: ${port}
      calibration: ${calibration}
      speed: ${speed}
      dead_man: ${dead_man}
      unguarded: ${unguarded}
""")
_CAMERA_NODE = _Text("""\
  - name: camera_@name
    executable: camera
    respawn: true
    parameters:
      camera: @word
      source: v4l2
      device: @device  # best below /dev/v4l/by-id
      width: @width
      height: @height
      fps: @fps
""")
_BLOCK = _Text("""\
  - name: @name
    executable: @name
    respawn: true
    parameters: {policy: '${policy}'@more}
""")


class Joint(NamedTuple):
    """One joint: its name in the driver's words, and how far it goes."""

    name: str
    lower: float  # rad, or m where it slides
    upper: float
    slides: bool = False
    guessed: bool = False  # whether nobody said how far


class Camera(NamedTuple):
    """One camera of a robot."""

    name: str  # in topics and in the policy
    device: str
    width: int = 640  # pixels
    height: int = 480
    fps: float = 30.0  # Hz


def parse_joint(word: str) -> Joint:
    """Return the joint in NAME or NAME=LOWER:UPPER with a unit; raise ConfigError for another."""
    match = _JOINT.fullmatch(word)
    if not match:
        raise ConfigError(
            f'joints: got {word!r}, expected NAME or NAME=LOWER:UPPER with rad, deg, m or mm '
            'behind it, such as elbow=-90:90deg'
        )
    name, lower, upper, unit = match.groups()
    if lower is None:
        return Joint(name, -_GUESS, _GUESS, guessed=True)
    low, high = float(lower), float(upper)
    if unit in _LENGTHS:
        return Joint(name, low * _LENGTHS[unit], high * _LENGTHS[unit], slides=True)
    return Joint(name, radians(low), radians(high)) if unit == 'deg' else Joint(name, low, high)


def parse_camera(word: str) -> Camera:
    """Return the camera in NAME=DEVICE:WIDTHxHEIGHT@FPS; raise ConfigError for another word."""
    match = _CAMERA.fullmatch(word)
    if not match or not _NAME.fullmatch(match[1]):
        raise ConfigError(
            f'cameras: got {word!r}, expected NAME=DEVICE:{NOTATION}@FPS, such as '
            'front=/dev/video0:640x480@30, with a name of letters, digits and _'
        )
    name, device, size, fps = match.groups()
    camera = Camera(name, device, *parse_size(size or USUAL, f'cameras: {name}'), float(fps or 30))
    if not camera.fps:
        raise ConfigError(f'cameras: got {word!r}, expected a rate above zero')
    return camera


@dataclass(frozen=True)
class RobotFiles:
    """Writes the files; in all of them joints and cameras are those that are given here once."""

    name: str
    joints: Sequence[Joint]
    cameras: Sequence[Camera]
    driver: str = ''  # of the robot node; '': the robot's own driver runs elsewhere
    instruction: str = ''

    def __post_init__(self) -> None:
        """Check that there is something to control and to see, each by a name of its own."""
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f'name: got {self.name!r}, expected letters, digits and _')
        for what, named in (('joints', self.joints), ('cameras', self.cameras)):
            names = [item.name for item in named]
            twice = repeated(names)
            if not names or twice:
                raise ConfigError(
                    f'{what}: got {", ".join(names) or "none"}, expected at least one, and each '
                    'name once'
                )

    def all(self) -> dict[str, str]:
        """Return the text of each file."""
        return {
            ROBOT: _ROBOT.substitute(name=self.name, joints='\n'.join(map(_joint, self.joints))),
            RUN: self._fill(_RUN),
            RECORD: self._fill(_RECORD),
            PLAN: _PLAN,
        }

    def _fill(self, text: _Text) -> str:
        """Return a deployment with what is known of the robot."""
        cameras = [camera.name for camera in self.cameras]
        own = ['robot'] if self.driver else []
        watched = [*own, *(f'camera_{name}' for name in cameras), *_BLOCKS]
        driver = _DRIVER.substitute(driver=self.driver) if self.driver else _OWN_DRIVER
        return text.substitute(
            name=_word(self.name),
            port=_OWN_ARM if self.driver else '',
            driver=driver,
            cameras=''.join(map(_camera, self.cameras)),
            blocks=''.join(map(_block, _BLOCKS)).rstrip('\n'),
            watched=','.join(watched),
            names=_word(','.join(cameras)),
            fps=min(camera.fps for camera in self.cameras),
            instruction=_quoted(self.instruction),
            moving=','.join(name for name in cameras if name in _ON_ARM),
        )


def _joint(joint: Joint) -> str:
    velocity, acceleration = (0.1, 0.5) if joint.slides else (1.0, 5.0)
    return _JOINT_LINE.substitute(
        name=_word(joint.name),
        kind='type: prismatic, ' if joint.slides else '',
        lower=f'{joint.lower:.4g}',
        upper=f'{joint.upper:.4g}',
        velocity=velocity,
        acceleration=acceleration,
        note='  # lower and upper are guessed: set them' if joint.guessed else '',
    )


def _camera(camera: Camera) -> str:
    words = {'word': _word(camera.name), 'device': _quoted(camera.device)}
    return _CAMERA_NODE.substitute(camera._asdict() | words)


def _block(name: str) -> str:
    more = ", instruction: '${instruction}'" if name == _BLOCKS[0] else ''
    return _BLOCK.substitute(name=name, more=more)


def _word(text: str) -> str:
    """Return a name as it stands where YAML takes it for a text, else quoted: 1, on, a: b."""
    try:
        plain = yaml.safe_load(text) == text
    except yaml.YAMLError:
        plain = False
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    """Return a text as YAML takes it whatever is in it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
