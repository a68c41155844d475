# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The controllers that an action queue can command, by what each of them takes."""

from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.executor import Executor
from vla_ros.core.robot import RobotSpec
from vla_ros.ros import qos
from vla_ros.ros.commands import Commands, MakeCommand, command_msg, positions_msg
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.queue_params import FOLLOW_JOINT_TRAJECTORY, ActionQueueParams
from vla_ros.ros.trajectory_goals import TrajectoryGoals

# the type of joint_commands, and how a command is made for it
COMMAND_TYPES: dict[str, tuple[type, MakeCommand]] = {
    'trajectory': (JointTrajectory, command_msg),
    'positions': (Float64MultiArray, positions_msg),
    FOLLOW_JOINT_TRAJECTORY: (JointTrajectory, command_msg),
}


def command_topic(params: ActionQueueParams) -> str:
    """Return where commands are published; those of a dry run where no driver listens."""
    return '~/dry_run_commands' if params.dry_run else 'joint_commands'


def make_commands(
    node: VlaNode, params: ActionQueueParams, robot: RobotSpec, executor: Executor
) -> Commands:
    """
    Return the way out for the commands of ``executor``, as the controller takes them.

    Raise ConfigError where the messages that it takes are not installed.
    """
    msg_type, make = COMMAND_TYPES[params.command_type]
    publisher = node.advertise(msg_type, command_topic(params), qos.LATEST)
    period = 1.0 / params.rate
    if params.command_type == FOLLOW_JOINT_TRAJECTORY and not params.dry_run:
        return TrajectoryGoals(node, params.action, publisher, robot, period, executor)
    return Commands(publisher, robot, period, node.get_clock(), make, params.dry_run)
