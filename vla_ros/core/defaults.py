# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What commands and nodes take where they are told nothing: the names of files in config/."""

DEPLOYMENT = 'tea_bag'
DRIVER = 'so101'
POLICY = 'tea_bag_act'
REAL_ROBOT = 'so101_real'
ROBOT = 'so101'
TASK = 'tea_bag'
