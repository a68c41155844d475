# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drivers of arms and sources of pictures, each behind a small interface; no ROS."""
