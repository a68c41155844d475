# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The installed package: found by ROS 2, executables in place, nothing heavy loaded unasked."""

import ast
import os
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ament_index_python.packages import get_package_prefix, get_package_share_directory

ROOT = Path(__file__).parents[2]
HEAVY = {'torch', 'lerobot', 'onnxruntime', 'rclpy', 'mujoco', 'cv2', 'numpy'}
SCRIPTS = {
    script.name: script.value
    for script in distribution('vla_ros').entry_points.select(group='console_scripts')
}


def loaded_by(statement: str) -> set[str]:
    """Return the heavy libraries that a fresh Python has loaded after the statement."""
    program = f'{statement}; import sys; print(*sys.modules)'
    result = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, check=True
    )
    return HEAVY & set(result.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by('import vla_ros') == set()


def test_the_command_queue_loads_no_machine_learning_library():
    loaded = loaded_by('import vla_ros.nodes.action_queue')
    assert not loaded & {'torch', 'lerobot', 'onnxruntime', 'mujoco', 'cv2'}


@pytest.mark.parametrize(
    'file',
    [
        'package.xml',
        'msg/ActionChunk.msg',
        'cmake/vla_rosConfig.cmake',
        'launch/tea_bag.launch.py',
        'config/tea_bag.yaml',
        'config/placement/cpu.yaml',
        'config/robots/so101.yaml',
    ],
)
def test_the_share_folder_holds(file):
    assert (Path(get_package_share_directory('vla_ros')) / file).is_file()


def test_ros_finds_the_interfaces():
    index = Path(get_package_prefix('vla_ros')) / 'share/ament_index/resource_index'
    listed = (index / 'rosidl_interfaces' / 'vla_ros').read_text().split()
    assert {f'msg/{path.name}' for path in (ROOT / 'msg').glob('*.msg')} <= set(listed)


def test_every_node_file_with_a_main_is_a_script():
    nodes = {path.stem for path in (ROOT / 'vla_ros/nodes').glob('*.py') if defines_main(path)}
    scripts = {name: f'vla_ros.nodes.{name}:main' for name in nodes}
    assert scripts | {'vla_ros': 'vla_ros.tools.main:main'} == SCRIPTS


@pytest.mark.parametrize('script', SCRIPTS)
def test_a_script_leads_to_a_function(script):
    module, _, function = SCRIPTS[script].partition(':')
    assert function == 'main'
    assert defines_main(Path(find_spec(module).origin))


@pytest.mark.parametrize('script', SCRIPTS)
def test_ros2_run_finds(script):
    executable = Path(get_package_prefix('vla_ros')) / 'lib/vla_ros' / script
    assert os.access(executable, os.X_OK)


def test_the_command_answers_from_where_ros2_run_looks():
    executable = Path(get_package_prefix('vla_ros')) / 'lib/vla_ros/vla_ros'
    result = subprocess.run([executable, '--help'], capture_output=True, text=True, check=True)
    assert 'up' in result.stdout


def test_the_version_is_declared_once():
    declared = ElementTree.parse(ROOT / 'package.xml').getroot().findtext('version')
    assert distribution('vla_ros').version == declared


def defines_main(path: Path) -> bool:
    """Say whether the file defines a function called main."""
    body = ast.parse(path.read_text(encoding='utf-8')).body
    return any(isinstance(node, ast.FunctionDef) and node.name == 'main' for node in body)
