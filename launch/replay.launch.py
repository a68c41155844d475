# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Replay bags with `ros2 launch`; every fact is in config/replay.yaml."""

from launch import LaunchDescription

from vla_ros.tools.launch_file import describe_deployment


def generate_launch_description() -> LaunchDescription:
    """Declare the deployment's arguments, then start its nodes."""
    return describe_deployment('replay')
