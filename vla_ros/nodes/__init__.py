# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes: the thin ROS 2 shell around the package; the only layer that imports rclpy."""
