# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A tiny policy and what it sees."""

from tiny_policy import bundle, samples  # noqa: F401
