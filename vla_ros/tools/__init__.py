# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tools: one module for each subcommand of ``vla_ros``, loaded when it is called."""
