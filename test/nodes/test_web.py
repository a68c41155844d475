# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The web node shows a real action queue, and stops it when a person says so."""

import json

import numpy as np
import pytest
from arm import Arm
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from web_page import Page, offer_robot

from vla_ros.core.errors import ConfigError
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.nodes.web import WebNode
from vla_ros.ros import messages, qos
from vla_ros.view.pictures import encode_jpeg


@pytest.fixture
def start_page(start_graph, tmp_path):
    """Return the function that starts an arm, and a web node with the page of it."""

    def start(*parameters, with_arm=True):
        token = tmp_path / 'token'
        token.write_text('secret')
        token.chmod(0o600)
        graph = start_graph(
            'action_queue:enabled:=true',
            'action_queue:budget_chunks:=0',
            'action_queue:joint_state_timeout:=5.0',
            'web:port:=0',
            f'web:token_file:={token}',
            *parameters,
        )
        arm = Arm(graph) if with_arm else None
        node = graph.start(WebNode())
        return arm, Page(graph, node, 'secret'), node

    return start


def run(arm):
    """Have the arm play a long plan; on a busy machine the first answer may come too late."""
    answered = 0

    def is_running():
        nonlocal answered
        if arm.status.request and arm.status.request_id > answered:
            answered = arm.status.request_id
            arm.play(np.linspace(0, 1.0, 200))
        return arm.status.mode == QueueStatus.RUNNING

    arm.begin()
    arm.graph.until(is_running)


def test_an_emergency_stop_from_the_page_brakes_the_arm_and_is_latched(start_page):
    arm, page, _ = start_page()
    run(arm)
    assert page.command('estop')[0] == 200
    arm.graph.until(lambda: arm.status.mode == QueueStatus.ESTOP)
    arm.graph.spin(0.5)
    stopped = len(arm.commands)
    arm.graph.spin(0.3)
    assert len(arm.commands) == stopped  # it stands, and nothing is commanded any more
    status, answer = page.command('enable')
    assert status == 409 and 'the emergency stop is latched' in answer['message']
    assert page.command('rearm')[0] == 200 and page.command('enable')[0] == 200
    arm.graph.until(lambda: arm.status.mode not in (QueueStatus.ESTOP, QueueStatus.HOLDING))


def test_hold_and_enable_from_the_page(start_page):
    arm, page, _ = start_page()
    run(arm)
    assert page.command('hold')[0] == 200
    arm.graph.until(lambda: arm.status.mode == QueueStatus.HOLDING)
    status = page.see('status', lambda item: item['mode'] == 'HOLDING')
    assert (status['headline'], status['advice']) == ('Holding', 'Press Enable to let it move.')
    assert page.command('enable')[0] == 200
    arm.graph.until(lambda: arm.status.mode == QueueStatus.WAITING)


def test_a_wrong_token_or_a_foreign_page_commands_nothing(start_page):
    arm, page, _ = start_page()
    run(arm)
    for name in ('estop', 'hold', 'rearm', 'enable'):
        assert page.command(name, token='wrong')[0] == 401
        assert page.command(name, Origin='http://evil.example')[0] == 403
    arm.graph.spin(0.3)
    assert {status.mode for status in arm.statuses[-3:]} == {QueueStatus.RUNNING}


def test_a_stop_that_nobody_takes_is_told_to_be_none(start_page):
    _, page, _ = start_page(with_arm=False)
    status, answer = page.command('estop')
    assert status == 409 and 'nobody offers /action_queue/estop' in answer['message']
    assert page.see('status')['headline'] == 'No signal'
    status, answer = page.command('dance')
    assert (
        status == 409 and "got 'dance', expected one of enable, hold, estop" in answer['message']
    )


def test_a_stop_goes_to_the_queue_and_to_the_driver_of_the_arm(start_page):
    arm, page, _ = start_page()
    asked = offer_robot(arm.graph)
    arm.graph.until(lambda: arm.graph.peer.count_clients('robot/rearm'))
    run(arm)
    assert page.command('estop')[0] == 200
    arm.graph.until(lambda: QueueStatus.ESTOP in {status.mode for status in arm.statuses})
    assert page.command('rearm')[0] == 200
    assert asked == ['estop', 'rearm']


def test_where_a_person_leads_the_arm_the_page_stops_its_driver(start_page):
    _, page, _ = start_page(with_arm=False)
    graph = page._graph
    asked, diagnostics = offer_robot(graph), graph.publisher(DiagnosticArray, '/diagnostics', 10)
    states = {'robot': 'follows', 'recorder': ''}

    def tell():
        statuses = [
            DiagnosticStatus(name=f'/{name}', values=[KeyValue(key='arm', value=text)])
            for name, text in states.items()
        ]
        diagnostics.publish(DiagnosticArray(status=statuses))

    graph.peer.create_timer(0.2, tell)
    assert page.see('status', lambda item: item.get('stops'))['headline'] == 'Recording'
    assert page.command('estop')[0] == 200 and asked == ['estop']
    states['robot'] = 'emergency stop: release it with ~/rearm'
    stopped = page.see('status', lambda item: item.get('stopped'))
    assert 'emergency stop' in stopped['explanation'] and 'Rearm' in stopped['advice']


def test_an_instruction_reaches_who_joins_late(start_page):
    _, page, node = start_page(with_arm=False)
    assert page.command('instruction', '  put it onto the saucer ')[0] == 200
    graph = page._graph
    heard = graph.collect(String, 'instruction', qos.LATCHED)
    graph.until(lambda: heard)
    assert heard[-1].data == 'put it onto the saucer'
    assert page.command('instruction', ' ')[0] == 409
    assert page.see('instruction')['text'] == 'put it onto the saucer'


def test_the_plan_is_shown_as_the_path_of_the_tool(start_page):
    arm, page, node = start_page()
    arm.begin()
    arm.graph.until(lambda: arm.node._timelines.get_subscription_count() > 0)
    chunk = arm.play(np.linspace(0, 0.5, 30))
    path = page.see('path', lambda item: 'points' in item)
    origins = np.array(path['origins'])
    assert len(path['points']) == 3 * len(origins) == 3 * len(path['times'])
    assert set(origins.tolist()) <= {1, 3}  # new ones, and what came too late
    last = node._show._model.pose(node._robot.tool, chunk.values[-1])[:3, 3]
    np.testing.assert_allclose(path['points'][-3:], last, atol=1e-3)
    page.command('estop')
    assert page.see('path', lambda item: 'points' not in item)


def test_the_joints_are_shown_as_measured_and_as_commanded(start_page):
    arm, page, _ = start_page()
    run(arm)
    joints = page.see('joints', lambda item: 'commanded' in item and 'measured' in item)
    np.testing.assert_allclose(joints['measured'], np.linspace(-0.5, 0.5, 6), atol=1e-3)
    assert len(joints['commanded']) == 6
    page.command('estop')
    page.see('joints', lambda item: 'commanded' not in item)  # nobody sends it there any more


def test_pictures_are_taken_from_the_camera_only_while_somebody_looks(start_page):
    _, page, _ = start_page('web:cameras:=top,left', with_arm=False)
    graph = page._graph
    images = graph.peer.create_publisher(Image, 'camera/left/image_raw', qos.SENSOR)
    picture = np.full((24, 32, 3), 90, np.uint8)
    graph.peer.create_timer(
        0.05, lambda: images.publish(messages.image_to_msg(picture, 1.0, 'camera_left'))
    )
    graph.spin(0.5)
    assert images.get_subscription_count() == 0
    shown = page.see('picture')['data']
    assert shown[0] == 1 and shown[1:3] == b'\xff\xd8'  # the second camera, and JPEG's mark
    graph.until(lambda: images.get_subscription_count() == 0)


def test_pictures_that_come_compressed_are_shown_where_the_parameter_says_so(start_page):
    _, page, _ = start_page('web:cameras:=top', 'web:compressed_cameras:=top', with_arm=False)
    graph = page._graph
    images = graph.peer.create_publisher(
        CompressedImage, 'camera/top/image_raw/compressed', qos.SENSOR
    )
    data = encode_jpeg(np.full((24, 32, 3), 90, np.uint8), 640)
    graph.peer.create_timer(
        0.05, lambda: images.publish(CompressedImage(format='jpeg', data=data))
    )
    assert page.see('picture')['data'][1:3] == b'\xff\xd8'


def test_nodes_are_shown_with_what_they_use_and_those_that_are_gone_are_not(start_page):
    arm, page, node = start_page()
    nodes = page.see('nodes', lambda item: len(item['nodes']) == 2)['nodes']
    assert [item['name'] for item in nodes] == ['action_queue', 'web']
    assert nodes[0]['state'] == 'active' and nodes[0]['cpu'].endswith(' %')
    assert nodes[0]['memory'].endswith('MiB') and nodes[0]['cores']
    show = node._show
    show._nodes = {name: (0.0, item[1]) for name, item in show._nodes.items()}
    show._due.clear()
    assert page.see('nodes', lambda item: len(item['nodes']) < 2)


def test_a_recorder_without_an_arm_to_command_is_shown_as_a_recording(start_page):
    _, page, _ = start_page(with_arm=False)
    values = {
        'missing': '7',
        'next': 'cluster 4, plain start, seed 3',
        'cluster 3': '10/10 starts, 2/2 recoveries',
        'cluster 4': '5/10 starts, 0/2 recoveries',
    }
    status = DiagnosticStatus(
        name='/recorder', values=[KeyValue(key=key, value=text) for key, text in values.items()]
    )
    graph = page._graph
    diagnostics = graph.publisher(DiagnosticArray, '/diagnostics', 10)
    graph.peer.create_timer(0.2, lambda: diagnostics.publish(DiagnosticArray(status=[status])))
    recording = page.see('recording', lambda item: 'missing' in item)
    assert recording['clusters'] == [[3, 10, 10, 2, 2], [4, 5, 10, 0, 2]]
    assert recording['next'].startswith('cluster 4')
    assert page.see('status', lambda item: item['mode'] == 'RECORDING')


def test_the_latency_of_every_stage_and_the_episode_are_shown(start_page):
    arm, page, _ = start_page()
    now = arm.now()
    arm.begin()
    timing = messages.timing_to_msg('vision_encoder', now + 0.01, now + 0.05)
    arm.play_message(start=messages.stamp(now), timings=[timing])
    chunk = page.see('chunk')
    assert chunk['rows'] == 20 and chunk['stages'][0]['stage'] == 'vision_encoder'
    arm.announce(EpisodeEvent.SUCCESS, arm.now())
    assert page.see('episode')['event'] == 'success'


def test_a_greeting_describes_the_arm_and_is_valid_json(start_page):
    _, page, _ = start_page(with_arm=False)
    hello = page.see('hello')
    assert hello['robot']['tool'] == 'gripper_frame_link'
    assert hello['cameras'] == ['top', 'gripper', 'left']
    json.dumps(hello, allow_nan=False)


def test_a_token_that_others_can_read_stops_the_start(start_graph, tmp_path, capfd):
    token = tmp_path / 'token'
    token.write_text('secret')
    token.chmod(0o644)
    start_graph('web:port:=0', f'web:token_file:={token}')
    node = WebNode()
    assert not node.start()
    assert 'chmod 600' in capfd.readouterr().err
    node.destroy_node()


def test_a_robot_that_is_not_there_stops_the_start(start_graph):
    start_graph('web:robot:=r2d2')
    with pytest.raises(ConfigError, match="robots: got 'r2d2'"):
        WebNode()
