# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quantization: recipes per block, the quantizers, and what each of them costs in accuracy."""
