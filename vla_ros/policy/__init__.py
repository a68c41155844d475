# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Policies: what a bundle holds, its blocks as stages, and the stages as one policy."""
