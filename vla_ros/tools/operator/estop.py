# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Emergency stop of every arm that runs, or of one: it brakes, holds and is latched.

It replaces no switch that cuts the power. `vla_ros rearm`, then `vla_ros enable`, release it.
"""

from functools import partial

from vla_ros.tools.operator.command import add_arguments, ask

__all__ = ['add_arguments', 'run']

run = partial(ask, 'estop')
