# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of policies that can be trained and exported, without loading any of them."""

FAMILIES = {  # LeRobot's name for the kind -> the module with its FAMILY
    'act': 'vla_ros.train.families.act',
    'smolvla': 'vla_ros.train.families.smolvla',
}
DEFAULT = 'act'
