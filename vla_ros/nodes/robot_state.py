# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Robot state node: the arm's description, and where each of its frames is.

Publishes robot_description (latched), and on /tf and /tf_static what robot_state_publisher would,
with the world above the arm: so that nothing else is needed to draw it. Several arms have each a
namespace and a frame_prefix. Where the package tf2_msgs is missing (PyPI has none) there are no
transforms, which the log says once.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String

from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.errors import VlaError
from vla_ros.core.joint_states import JointStates
from vla_ros.core.kinematics import robot_model
from vla_ros.core.robot import load_robot
from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import declare, param
from vla_ros.ros.process import spin_node
from vla_ros.view.frames import (
    Transform,
    fixed_transforms,
    moving_transforms,
    parse_pose,
    quaternion,
)


@dataclass(frozen=True)
class RobotStateParams:
    """Parameters of the robot_state node."""

    robot: str = param(ROBOT, "The robot's file in config/robots, or its path.")
    frame_prefix: str = param('', 'Put before every frame of the arm, e.g. left_.')
    world_frame: str = param('world', 'The frame above all arms.')
    base_pose: str = param(
        '0 0 0 0 0 0', "The arm's root in the world: x y z in m, roll pitch yaw in rad."
    )


class RobotStateNode(VlaNode):
    """Publishes the URDF once, the fixed frames once, and the moving ones as joints are felt."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot or a pose that is none."""
        super().__init__('robot_state')
        self._params = declare(self, RobotStateParams)
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._model = robot_model(self._robot)
        self._joints = JointStates(self._robot.joint_names)
        self._base = parse_pose(self._params.base_pose)
        self._tf_message: Any = (
            import_module('tf2_msgs.msg').TFMessage if find_spec('tf2_msgs') else None
        )

    def configure(self) -> None:
        """Advertise, and say what is missing."""
        self._descriptions = self.advertise(String, 'robot_description', qos.LATCHED)
        if self._tf_message is None:
            self.get_logger().warning(
                'tf2_msgs is not installed: no /tf, so that RViz draws no arm; source a ROS 2'
            )
            return
        self._tf = self.advertise(self._tf_message, '/tf', qos.EVERY_RELIABLE)
        self._tf_static = self.advertise(self._tf_message, '/tf_static', qos.LATCHED)

    def activate(self) -> None:
        """Publish what stays, and listen to what moves."""
        assert self._robot.urdf is not None
        self._descriptions.publish(String(data=self._robot.urdf.read_text(encoding='utf-8')))
        if self._tf_message is None:
            return
        prefix, world = self._params.frame_prefix, self._params.world_frame
        fixed = fixed_transforms(self._model, prefix, world, self._base)
        now = self.get_clock().now().to_msg()
        self._tf_static.publish(self._tf_message(transforms=list(transform_msgs(fixed, now))))
        self.subscribe(JointState, 'joint_states', self._on_joint_states, qos.JOINTS)

    def _on_joint_states(self, msg: JointState) -> None:
        now, joints = time.monotonic(), self._joints
        ours, positions = joints.take(msg.name, msg.position, now), joints.positions
        if positions is None:
            raise VlaError(joints.objection(now))
        if not ours:
            return
        moving = moving_transforms(self._model, positions, self._params.frame_prefix)
        transforms = list(transform_msgs(moving, msg.header.stamp))
        self._tf.publish(self._tf_message(transforms=transforms))


def transform_msgs(transforms: Iterable[Transform], stamp: Time) -> Iterable[TransformStamped]:
    """Yield transforms as messages."""
    for parent, child, pose in transforms:
        msg = TransformStamped(header=Header(stamp=stamp, frame_id=parent), child_frame_id=child)
        x, y, z, w = quaternion(pose).tolist()
        msg.transform.rotation = Quaternion(x=x, y=y, z=z, w=w)
        x, y, z = pose[:3, 3].tolist()
        msg.transform.translation = Vector3(x=x, y=y, z=z)
        yield msg


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(RobotStateNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())
