# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page draws the robot that core computes."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from vla_ros.core.config import find_config
from vla_ros.core.kinematics import parse_model, robot_model
from vla_ros.core.robot import load_robot
from vla_ros.view.description import describe_robot

SO101 = load_robot(find_config('robots', 'so101'))


def test_a_robot_without_a_urdf_has_joints_and_limits_to_show():
    robot = describe_robot(SO101, None)
    assert robot['joint_names'] == list(SO101.joint_names) and not robot['links']


def test_all_shapes_and_joints_are_described_and_are_plain_values():
    model = robot_model(SO101)
    robot = json.loads(json.dumps(describe_robot(SO101, model)))
    assert set(robot['links']) == set(model.links)
    assert len(robot['joints']) == len(model.joints)
    assert sorted(joint['column'] for joint in robot['joints']) == [-1] * 4 + list(range(6))


def test_columns_lead_a_joint_that_mimics_to_the_one_it_follows():
    limit = '<limit lower="-1" upper="1" velocity="1"/>'
    ends = '<parent link="a"/><child link="{}"/>'
    model = parse_model(
        '<robot name="r"><link name="a"/><link name="b"/><link name="c"/>'
        f'<joint name="one" type="prismatic">{ends.format("b")}{limit}</joint>'
        f'<joint name="two" type="prismatic">{ends.format("c")}{limit}<mimic joint="one"/></joint>'
        '</robot>'
    )
    robot = describe_robot(SO101, model)
    assert [joint['column'] for joint in robot['joints']] == [0, 0]


@pytest.mark.skipif(not shutil.which('node'), reason='Node.js runs the script of the page')
def test_the_script_of_the_page_puts_every_link_where_core_does(tmp_path):
    model, positions = robot_model(SO101), np.linspace(-0.6, 0.9, 6)
    robot = json.dumps(describe_robot(SO101, model))
    source = files('vla_ros.view').joinpath('assets', 'arm.js').read_text()
    Path(tmp_path, 'arm.mjs').write_text(source)
    script = (
        f"import {{ poses }} from '{tmp_path}/arm.mjs';"
        f'console.log(JSON.stringify(poses({robot}, {positions.tolist()})))'
    )
    answer = subprocess.run(
        ['node', '--input-type=module', '-e', script], capture_output=True, text=True, check=True
    )
    drawn = json.loads(answer.stdout)
    for link, pose in model.poses(positions).items():
        np.testing.assert_allclose(np.reshape(drawn[link], (4, 4)).T, pose, atol=1e-6)
