# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long tests wait for what ought to come at once."""

PATIENCE = 120.0  # s; a machine that others share may stand still for long
