# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files of a robot of one's own are ones that the nodes load, and agree with each other."""

import re
from math import pi

import pytest

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import load_robot
from vla_ros.core.workspace import workspace_of
from vla_ros.dataset.plan import load_plan
from vla_ros.deployment.deployment import load_deployment
from vla_ros.deployment.template import Camera, Joint, RobotFiles, parse_camera, parse_joint
from vla_ros.tools.main import main

JOINTS = ['j1=-2.9:2.9', 'j2=-166:166deg', 'j3', 'slide=0:80mm', 'grip=0:0.04m']
CAMERAS = ['front=/dev/video0:640x480@30', 'wrist=usb-cam:1.2:320x240@15']


def init(folder, *more):
    words = ['init', 'mine', '--output', str(folder), '--joints', *JOINTS, '--cameras', *CAMERAS]
    return main([*words, *more])


def nodes(path, **chosen):
    return {spec.name: spec.parameters for spec in load_deployment(str(path)).resolve(chosen)}


@pytest.mark.parametrize('driver', ['', 'so101'])
def test_joints_and_cameras_are_the_same_in_every_file(tmp_path, capsys, driver):
    assert init(tmp_path, '--driver', driver, '--instruction', "Put the owner's cup: away") == 0
    said = capsys.readouterr().out
    assert 'set lower and upper (rad) of j3' in said and 'next: vla_ros record' in said
    robot = load_robot(tmp_path / 'robot.yaml')
    assert robot.joint_names == ('j1', 'j2', 'j3', 'slide', 'grip')
    assert robot.units == ('rad', 'rad', 'rad', 'm', 'm')
    assert robot.upper[1] == pytest.approx(166 / 180 * pi, abs=1e-3)
    assert robot.upper[3] == pytest.approx(0.08)
    run = nodes(tmp_path / 'run.yaml', policy='./mine')
    record = nodes(tmp_path / 'record.yaml')
    for graph in (run, record):
        assert graph['camera_wrist']['device'] == 'usb-cam:1.2'
        sizes = [
            (graph[f'camera_{name}']['width'], graph[f'camera_{name}']['height'])
            for name in ('front', 'wrist')
        ]
        assert sizes == [(640, 480), (320, 240)]
        assert ('robot' in graph) == bool(driver)
    pages = [
        nodes(tmp_path / 'run.yaml', policy='./mine', view='web')['web'],
        nodes(tmp_path / 'record.yaml', view='web')['web'],
    ]
    for page in pages:
        assert page['cameras'] == 'front,wrist'
        assert page['robot'] == str(tmp_path / 'robot.yaml')
    assert run['vision_encoder']['instruction'] == "Put the owner's cup: away"
    watched = run['action_queue']['watched_nodes'].split(',')
    assert set(watched) == set(run) - {'action_queue'}
    assert run['action_queue']['robot'] == str(tmp_path / 'robot.yaml')
    assert run['action_queue']['enabled'] is False
    assert record['recorder']['cameras'] == 'front,wrist'
    assert record['recorder']['instruction'] == "Put the owner's cup: away"
    assert record['recorder']['moving_cameras'] == 'wrist' and record['recorder']['fps'] == 15.0
    assert record['recorder']['plan'] == str(tmp_path / 'plan.yaml')
    assert load_plan(tmp_path / 'plan.yaml').held_out == 6


def test_arm_of_ones_own_driver_is_driven_once_somebody_says_that_nothing_guards_it(
    tmp_path, capsys
):
    assert init(tmp_path, '--driver', 'my_arm:Driver') == 0
    said = capsys.readouterr().out
    assert f'bound where the arm may be: safety in {tmp_path / "robot.yaml"}' in said
    for file in ('run.yaml', 'record.yaml'):
        more = {'policy': './mine'} if file == 'run.yaml' else {}
        chosen = {'unguarded': 'true', 'speed': '0.3', 'dead_man': 'true', 'calibration': 'blue'}
        robot = nodes(tmp_path / file, **more, **chosen)['robot']
        assert (robot['unguarded'], robot['speed'], robot['dead_man']) == (True, 0.3, True)
        assert (robot['driver'], robot['calibration']) == ('my_arm:Driver', 'blue')


def test_safety_that_the_robot_file_tells_how_to_write_is_one_that_a_robot_can_have(tmp_path):
    names = load_robot(find_config('robots', 'so101')).joint_names
    words = ['init', 'mine', '--output', str(tmp_path), '--joints', *names]
    assert main([*words, '--cameras', *CAMERAS]) == 0
    file = tmp_path / 'robot.yaml'
    assert load_robot(file).safety is None
    head, mark, told = file.read_text().partition('# urdf:')
    own = {
        'my_arm.urdf': str(find_config('robots', 'so101.urdf')),
        'my_tool_frame': 'gripper_frame_link',
    }
    for word, mine in own.items():
        told = told.replace(word, mine)
    file.write_text(head + re.sub('(?m)^# ', '', mark + told))
    assert load_robot(file).safety.tool_speed == 0.5 and workspace_of(load_robot(file))


def test_files_that_are_there_are_not_overwritten(tmp_path, capsys):
    assert init(tmp_path) == 0
    before = (tmp_path / 'robot.yaml').read_text()
    assert init(tmp_path) == 2
    assert 'holds robot.yaml, run.yaml' in capsys.readouterr().err
    assert (tmp_path / 'robot.yaml').read_text() == before


def test_words_are_read_with_their_units():
    assert parse_joint('a=-1:2') == Joint('a', -1.0, 2.0)
    assert parse_joint('a=-90:90deg').upper == pytest.approx(pi / 2)
    assert parse_joint('a=0:50mm') == Joint('a', 0.0, 0.05, slides=True)
    assert parse_joint('a').guessed
    assert parse_camera('top=0') == Camera('top', '0', 640, 480, 30.0)
    assert parse_camera('top=/dev/v4l/by-id/x:1:320x240@15').device == '/dev/v4l/by-id/x:1'


def test_names_that_yaml_takes_for_something_else_are_names(tmp_path):
    joints, cameras = ['1', 'on', 'a: b', "l'un"], ['on=/dev/video0']
    words = ['init', 'yes', '--output', str(tmp_path), '--driver', 'so101']
    assert main([*words, '--joints', *joints, '--cameras', *cameras]) == 0
    assert load_robot(tmp_path / 'robot.yaml').joint_names == tuple(joints)
    run = nodes(tmp_path / 'run.yaml', view='web')
    assert (run['camera_on']['camera'], run['web']['cameras']) == ('on', 'on')
    recorder = nodes(tmp_path / 'record.yaml')['recorder']
    assert (recorder['cameras'], recorder['robot']) == ('on', 'yes')


def test_files_that_would_be_refused_are_not_left_behind(tmp_path, capsys):
    words = ['init', 'mine', '--output', str(tmp_path), '--cameras', 'top=0', '--joints']
    assert main([*words, 'a=2:1']) == 2
    assert 'lower 2.0 is not below upper 1.0' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main([*words, 'a=1:2']) == 0


@pytest.mark.parametrize('word', ['', 'a=', 'a=1', 'a=1:2cm', 'a=x:y', 'a=1.2.3:4', 'a=.:1'])
def test_joints_that_are_none_are_named(word):
    with pytest.raises(ConfigError, match='expected NAME or NAME=LOWER:UPPER'):
        parse_joint(word)


@pytest.mark.parametrize('word', ['front', 'my camera=0', '0top=1', 'a/b=2', '=3'])
def test_cameras_that_ros_would_refuse_are_named(word):
    with pytest.raises(ConfigError, match='expected NAME=DEVICE'):
        parse_camera(word)


@pytest.mark.parametrize('word', ['top=0:64x48@0', 'top=0@0.0'])
def test_cameras_without_pictures_are_named(word):
    with pytest.raises(ConfigError, match='expected a rate above zero'):
        parse_camera(word)


def test_a_size_of_no_picture_is_named_with_its_camera():
    with pytest.raises(ConfigError, match="cameras: top: got '0x48', expected WIDTHxHEIGHT"):
        parse_camera('top=0:0x48')


def test_a_name_that_comes_twice_is_refused():
    joints, camera = [Joint('a', -1, 1)], Camera('top', '0')
    with pytest.raises(ConfigError, match='cameras: got top, top'):
        RobotFiles('mine', joints, [camera, camera])
    with pytest.raises(ConfigError, match='joints: got a, a'):
        RobotFiles('mine', joints * 2, [camera])
    with pytest.raises(ConfigError, match="name: got 'my robot'"):
        RobotFiles('my robot', joints, [camera])
