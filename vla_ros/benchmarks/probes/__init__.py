# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes that measure: they ask, listen and time what the benchmarks run."""
