# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Build the action FollowJointTrajectory for the tests, where no ROS 2 brings it.

ROS 2's packages have control_msgs, and PyPI has not.
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent

spec = spec_from_file_location('vla_ros_setup', ROOT.parents[1] / 'setup.py')
build = module_from_spec(spec)
spec.loader.exec_module(build)
build.ROOT, build.NAME, build.SCRIPTS = ROOT, 'control_msgs', {}
build.DEPENDENCIES = (
    'action_msgs',
    'builtin_interfaces',
    'geometry_msgs',
    'std_msgs',
    'trajectory_msgs',
)
MESSAGES = [item for item in build.ROS if item.startswith(('ros-geometry', 'ros-trajectory'))]

if __name__ == '__main__':
    setup(
        **build.describe(),
        packages=[],
        ext_modules=[Extension('control_msgs.messages', [])],
        cmdclass={'build_ext': build.BuildMessages},
        data_files=[],
        setup_requires=[] if build.has_generators() else [*build.ROS_TO_BUILD, *MESSAGES],
        install_requires=MESSAGES,
        zip_safe=False,
    )
