# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes are made of; with nodes, the only part that imports rclpy."""
