# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LeRobot's own asynchronous client and server on our simulated arm."""
