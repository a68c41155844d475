# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One file for each kind of LeRobot policy: how it is trained, and how it is cut into blocks."""
