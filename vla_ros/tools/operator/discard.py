# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Throw the episode away that is being recorded, else the last one that was kept."""

from functools import partial

from vla_ros.tools.operator.command import add_arguments, ask

__all__ = ['add_arguments', 'run']

run = partial(ask, 'discard')
