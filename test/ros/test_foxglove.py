# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The layout for Foxglove shows topics and fields that there are."""

import json
import re

import pytest

from vla_ros.core.config import find_config
from vla_ros.deployment.deployment import load_deployment
from vla_ros.msg import QueueStatus

LAYOUT = json.loads((find_config('', 'tea_bag').parent / 'tea_bag.foxglove.json').read_text())
PANELS = LAYOUT['configById']
SPECS = load_deployment('tea_bag').resolve({'view': 'foxglove'})


def places(part):
    """Yield the panels that are laid out."""
    if isinstance(part, str):
        yield part
    else:
        for side in ('first', 'second'):
            yield from places(part[side])


def test_every_panel_is_laid_out_once():
    assert sorted(places(LAYOUT['layout'])) == sorted(PANELS)


def test_the_deployment_starts_the_bridge_and_who_publishes():
    assert {'robot_state', 'markers', 'foxglove_bridge'} <= {spec.name for spec in SPECS}


def test_each_camera_of_the_deployment_is_shown():
    cameras = {spec.parameters['camera'] for spec in SPECS if spec.executable == 'camera'}
    shown = {
        PANELS[name]['imageMode']['imageTopic'] for name in PANELS if name.startswith('Image')
    }
    assert shown == {f'/camera/{name}/image_raw' for name in cameras}


@pytest.mark.parametrize('path', re.findall(r'/queue_status\.(\w+)', json.dumps(LAYOUT)))
def test_a_plotted_field_is_one_of_the_message(path):
    assert path in QueueStatus.get_fields_and_field_types()


def test_no_other_topic_is_asked_for():
    topics = set(re.findall(r'"/([a-z_]+)', json.dumps(LAYOUT)))
    assert topics == {'markers', 'robot_description', 'camera', 'queue_status', 'diagnostics'}
