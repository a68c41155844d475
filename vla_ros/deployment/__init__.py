# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which nodes run, with which parameters, and who starts, watches and ends them."""
