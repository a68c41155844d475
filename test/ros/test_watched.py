# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages become items that a browser can read."""

import json
import math

import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo

from vla_ros.msg import QueueStatus
from vla_ros.ros import watched


def test_figures_that_are_not_known_are_none():
    item = watched.status_item(QueueStatus(forecast=math.nan, margin=math.inf, fill=0.25))
    assert (item['forecast'], item['margin'], item['fill']) == (None, None, 0.25)
    json.dumps(item, allow_nan=False)


def test_a_node_is_named_below_its_namespace_and_warns_in_its_own_words():
    values = [KeyValue(key='state', value='active'), KeyValue(key='cpu', value='7 %')]
    status = DiagnosticStatus(
        name='/left/sim', level=DiagnosticStatus.WARN, message='late', values=values
    )
    item = watched.node_item(status, '/left')
    assert (item['name'], item['state'], item['cpu'], item['warning']) == (
        'sim',
        'active',
        '7 %',
        'late',
    )
    status.level = DiagnosticStatus.OK
    assert watched.node_item(status, '/left')['warning'] == ''


def test_a_camera_that_is_not_calibrated_has_no_field_of_view():
    assert watched.lens_item(CameraInfo(width=640, height=480)) is None
    info = CameraInfo(width=640, height=480)
    info.k = [320.0, 0, 320, 0, 240.0, 240, 0, 0, 1]
    assert watched.lens_item(info) == pytest.approx({'across': math.pi / 2, 'up': math.pi / 2})


def test_coverage_is_read_from_what_the_recorder_tells():
    values = {'missing': '3', 'cluster 4': '7/10 starts, 1/2 recoveries', 'cluster x': 'odd'}
    item = watched.recording_item(values)
    assert item['clusters'] == [[4, 7, 10, 1, 2]] and item['missing'] == '3'
