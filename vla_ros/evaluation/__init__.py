# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The study's protocol, paired comparisons, and what each block's precision costs."""
