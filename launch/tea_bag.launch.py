# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tea-bag job for `ros2 launch`; every fact is in config/tea_bag.yaml."""

from launch import LaunchDescription

from vla_ros.tools.launch_file import describe_deployment


def generate_launch_description() -> LaunchDescription:
    """Declare the deployment's arguments, then start its nodes."""
    return describe_deployment('tea_bag')
