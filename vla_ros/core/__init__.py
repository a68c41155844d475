# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Core: action chunks bound to time, their queue, the executor; arithmetic without a clock."""
