# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every display of the RViz file has a topic that its type is really published on."""

from importlib.util import find_spec

import pytest
import yaml
from arm import Arm
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from vla_ros.core.config import find_config
from vla_ros.core.kinematics import robot_model
from vla_ros.core.robot import load_robot
from vla_ros.deployment.deployment import load_deployment
from vla_ros.nodes.camera import CameraNode
from vla_ros.nodes.markers import MarkersNode
from vla_ros.nodes.robot_state import RobotStateNode

TYPES = {
    'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray',
    'rviz_default_plugins/RobotModel': 'std_msgs/msg/String',
}
WITHOUT_TOPIC = {'rviz_default_plugins/Grid', 'rviz_default_plugins/TF'}
MANAGER = yaml.safe_load((find_config('', 'tea_bag').parent / 'tea_bag.rviz').read_text())[
    'Visualization Manager'
]
DISPLAYS = [item for item in MANAGER['Displays'] if item['Class'] not in WITHOUT_TOPIC]
SPECS = {spec.name: spec for spec in load_deployment('tea_bag').resolve({'view': 'rviz'})}
CAMERAS = [s.parameters['camera'] for s in SPECS.values() if s.executable == 'camera']


def topic(display):
    return display['Description Topic' if 'Description Topic' in display else 'Topic']


def start_all(graph):
    """Start one node of each kind that a display looks at."""
    Arm(graph)
    for node in (RobotStateNode(), MarkersNode(), CameraNode()):
        graph.start(node)


def test_the_deployment_starts_what_rviz_shows():
    assert {'robot_state', 'markers', 'rviz'} <= set(SPECS)
    others = {spec.name for spec in load_deployment('tea_bag').resolve({'view': 'web'})}
    assert 'web' in others and not others & {'robot_state', 'markers', 'rviz'}


def test_each_camera_of_the_deployment_has_a_display_and_is_in_the_markers():
    shown = {topic(item)['Value'] for item in DISPLAYS if item['Class'].endswith('/Image')}
    assert shown == {f'camera/{name}/image_raw' for name in CAMERAS}
    assert set(SPECS['markers'].parameters['cameras'].split(',')) == set(CAMERAS)


@pytest.mark.parametrize('display', DISPLAYS, ids=lambda item: item['Name'])
def test_a_display_has_a_publisher_of_its_type_with_qualities_that_fit(start_graph, display):
    name = topic(display)['Value']
    parts = name.split('/')
    camera = parts[1] if parts[0] == 'camera' else 'top'
    pytest.importorskip('mujoco', reason="needs pip install 'vla_ros[sim]'")
    graph = start_graph(f'camera:camera:={camera}', 'camera:width:=32', 'camera:height:=24')
    start_all(graph)
    graph.until(lambda: graph.peer.get_publishers_info_by_topic(f'/{name}'))
    (info,) = graph.peer.get_publishers_info_by_topic(f'/{name}')
    assert info.topic_type == TYPES[display['Class']]
    wants = topic(display)
    offered = info.qos_profile
    assert wants['Reliability Policy'] == 'Best Effort' or (
        offered.reliability == ReliabilityPolicy.RELIABLE
    )
    assert wants['Durability Policy'] == 'Volatile' or (
        offered.durability == DurabilityPolicy.TRANSIENT_LOCAL
    )


def test_the_fixed_frame_is_above_every_frame_that_is_published():
    node = SPECS['robot_state'].parameters
    assert node.get('world_frame', 'world') == MANAGER['Global Options']['Fixed Frame'] == 'world'
    model = robot_model(load_robot(find_config('robots', node['robot'])))
    frames = {f'camera_{name}_optical_frame' for name in CAMERAS} | {model.root}
    assert frames <= set(model.links)


def test_the_types_of_the_displays_are_installed():
    for kind in TYPES.values():
        assert find_spec(kind.split('/')[0])
