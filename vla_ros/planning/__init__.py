# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Latency on a board before one is at hand: descriptions, costs, predictions, plans."""
