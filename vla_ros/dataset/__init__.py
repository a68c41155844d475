# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Episodes on disk: recording plans and LeRobotDataset v3."""
