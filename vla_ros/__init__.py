# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run Vision-Language-Action policies on robot arms in real time.

Importing this package loads nothing heavy. It only lets an interpreter find the package's parts.
"""

import os
import sys
from pkgutil import extend_path

# The generated vla_ros.msg may lie elsewhere on the path than this file: tests that run in a
# checkout import the checkout's vla_ros and the installed messages.
__path__ = extend_path(__path__, __name__)

# Without a sourced ROS 2, its PyPI wheels are in this interpreter's prefix, and so is their index.
if 'AMENT_PREFIX_PATH' not in os.environ and os.path.isdir(f'{sys.prefix}/share/ament_index'):
    os.environ['AMENT_PREFIX_PATH'] = sys.prefix
