# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of recorded episodes: one pure function each, with a number, a limit and a mend."""
