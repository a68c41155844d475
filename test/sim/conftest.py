# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Choose a display-less OpenGL before any test imports MuJoCo."""

import vla_ros.sim  # noqa: F401
