# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Have the arm brake and hold, until `vla_ros enable` lets it move again."""

from functools import partial

from vla_ros.tools.operator.command import add_arguments, ask

__all__ = ['add_arguments', 'run']

run = partial(ask, 'hold')
