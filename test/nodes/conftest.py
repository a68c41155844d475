# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Real nodes in one process."""

from live_nodes import start_graph  # noqa: F401
from robot_operator import operate  # noqa: F401
