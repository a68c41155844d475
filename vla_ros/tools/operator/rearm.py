# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Release an emergency stop; the arm stands until `vla_ros enable`."""

from functools import partial

from vla_ros.tools.operator.command import add_arguments, ask

__all__ = ['add_arguments', 'run']

run = partial(ask, 'rearm')
