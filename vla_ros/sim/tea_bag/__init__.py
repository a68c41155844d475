# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The study's task: a tea bag is to be put into a mug, or onto a saucer."""
