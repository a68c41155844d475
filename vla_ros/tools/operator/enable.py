# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Let the arm move: commands follow the policy's chunks from now on.

A stop that is latched has to be released first, with `vla_ros rearm`.
"""

from functools import partial

from vla_ros.tools.operator.command import add_arguments, ask

__all__ = ['add_arguments', 'run']

run = partial(ask, 'enable')
