# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train LeRobot policies and export them block by block: the only part that imports torch."""
