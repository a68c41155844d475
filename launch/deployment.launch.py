# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A deployment of one's own with `ros2 launch`: deployment:=my_robot.yaml and its arguments."""

from launch import LaunchDescription

from vla_ros.tools.launch_file import describe_any_deployment


def generate_launch_description() -> LaunchDescription:
    """Take the deployment, then start its nodes."""
    return describe_any_deployment()
