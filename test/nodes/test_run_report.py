# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The run report node leaves what it saw when it is told to stop."""

from datetime import datetime
from types import SimpleNamespace

import numpy as np
from sensor_msgs.msg import Image

from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.nodes.run_report import RunReportNode, make_folder
from vla_ros.ros import messages, qos


def test_a_run_is_left_in_a_folder_that_the_log_names(start_graph, tmp_path, capfd):
    graph = start_graph(f'output:={tmp_path}', 'cameras:=top')
    node = graph.start(RunReportNode())
    images = graph.publisher(Image, 'camera/top/image_raw', qos.SENSOR)
    statuses = graph.publisher(QueueStatus, 'queue_status', qos.LATEST)
    episodes = graph.publisher(EpisodeEvent, 'episode', qos.EVENTS)
    picture = messages.image_to_msg(np.full((24, 32, 3), 99, np.uint8), 1.0, 'camera')

    def play():
        images.publish(picture)
        status = QueueStatus(mode=QueueStatus.RUNNING, fill=0.5, accepted=node._frames)
        status.header.stamp = graph.peer.get_clock().now().to_msg()
        statuses.publish(status)

    graph.until(lambda: play() or node._frames > 5)
    event = EpisodeEvent(event=EpisodeEvent.FAILURE, cluster='4', detail='dropped', duration=3.0)
    episodes.publish(event)
    graph.until(lambda: node._report.outcomes)
    node.trigger_deactivate()
    (folder,) = tmp_path.iterdir()
    text = (folder / 'report.html').read_text()
    assert '0 of 1 episodes succeeded' in text and 'dropped' in text
    assert (folder / 'video.webm').stat().st_size > 1000
    assert f'report of this run: {folder / "report.html"}' in capfd.readouterr().err


def test_a_folder_that_cannot_be_made_stops_the_start(start_graph, tmp_path, capfd):
    (tmp_path / 'file').touch()
    graph = start_graph(f'output:={tmp_path}/file')
    node = graph.add(RunReportNode())
    assert not node.start()
    assert 'cannot be made' in capfd.readouterr().err


def test_runs_that_begin_in_the_same_second_have_each_a_folder(tmp_path, monkeypatch):
    now = datetime(2026, 7, 1, 12, 0, 0)
    monkeypatch.setattr('vla_ros.nodes.run_report.datetime', SimpleNamespace(now=lambda: now))
    made = [make_folder(tmp_path / 'runs').name for _ in range(3)]
    assert made == ['2026-07-01_12-00-00', '2026-07-01_12-00-00_2', '2026-07-01_12-00-00_3']
