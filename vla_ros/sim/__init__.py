# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""MuJoCo simulation: what a task is, its pictures, demonstrations and rollouts of policies."""

import ctypes.util
import os
import sys

# MuJoCo picks its OpenGL when it is imported: draw without a display unless the user says else.
if sys.platform == 'linux':
    os.environ.setdefault('MUJOCO_GL', 'egl' if ctypes.util.find_library('EGL') else 'osmesa')
    os.environ.setdefault('LP_NUM_THREADS', '0')  # Mesa's own threads cost more than they give
