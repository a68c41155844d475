# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measurements: one file for each subject of `vla_ros benchmark`."""
