# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The recorder: what the policy sees, nothing more, episode by episode, and what comes next."""

import re
import resource

import numpy as np
import pytest

pytest.importorskip('rosbags')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from recorder_source import CAMERAS, Source
from std_msgs.msg import String

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.bag import EpisodeWriter, decode, list_episodes, list_unfinished
from vla_ros.msg import EpisodeEvent, SimState
from vla_ros.nodes.recorder import RecorderNode
from vla_ros.ros import qos

SEEDS = [0, 101, 202]  # of the plan's first episodes


class Torn:
    """A camera that loses the pictures of these numbers."""

    def __init__(self, publisher, lost):
        self._publisher, self._lost, self._number = publisher, lost, 0

    def publish(self, msg):
        if self._number not in self._lost:
            self._publisher.publish(msg)
        self._number += 1


def is_running(source):
    return source.recorder._session.recording is not None


def test_three_cameras_are_recorded_without_loss(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.record(frames=60)
    (episode,) = list_episodes(source.root)
    assert episode.info.dropped == 0 and set(episode.info.missing.values()) == {0}
    for camera in CAMERAS:
        images = [decode(m) for m in episode.messages([f'/camera/{camera}/image_raw'])]
        assert [image.data[0] for image in images] == list(range(60))
        assert len(list(episode.messages([f'/camera/{camera}/camera_info']))) == 60
    assert len(list(episode.messages(['/joint_states']))) == 60
    commands = [decode(m) for m in episode.messages(['/joint_commands'])]
    assert [list(c.points[0].positions) for c in commands] == [[2.0]] * 60


def test_frames_that_never_came_are_warned_of_live_and_in_the_coverage(
    start_graph, tmp_path, capfd
):
    source = Source(start_graph, tmp_path)
    told = source.graph.collect(DiagnosticArray, '/diagnostics', 10)
    source.images[2] = Torn(source.images[2], range(4, 9))
    source.tell(EpisodeEvent.START)
    source.play(12)
    gaps = r'frames missing: .*left \d+; look at the cable and the rate of that camera.*~/redo'

    def is_told():
        states = [state for array in told for state in array.status]
        return any(
            state.level == DiagnosticStatus.WARN
            and re.search(f'is running: {gaps}', state.message)
            for state in states
        )

    source.graph.until(is_told)
    source.tell(EpisodeEvent.SUCCESS)
    (episode,) = list_episodes(source.root)
    assert episode.info.missing['/camera/left/image_raw'] >= 5
    log = capfd.readouterr().err
    assert len(re.findall(rf'WARN.*episode_0000 is running: {gaps}', log)) == 1
    assert re.search(rf'WARN.*episode_0000 was kept: {gaps}', log)
    assert re.search(r'^frames missing: .*left \d+ in 1 of the episodes; look at', log, re.M)


def test_only_what_the_policy_will_see_is_recorded(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, instruction='Pick_it')
    privileged = source.graph.peer.create_publisher(SimState, 'sim_state', qos.SENSOR)
    source.tell(EpisodeEvent.START)
    privileged.publish(SimState())
    source.play(2)
    source.tell(EpisodeEvent.SUCCESS)
    (episode,) = list_episodes(source.root)
    assert set(episode.topics()) == {
        '/instruction',
        '/episode',
        '/joint_states',
        '/joint_commands',
        *(f'/camera/{c}/{topic}' for c in CAMERAS for topic in ('image_raw', 'camera_info')),
    }
    assert [decode(m).data for m in episode.messages(['/instruction'])] == ['Pick_it']
    assert [decode(m).event for m in episode.messages(['/episode'])] == [
        EpisodeEvent.START,
        EpisodeEvent.SUCCESS,
    ]


def test_every_episode_holds_the_instruction_that_another_node_published(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    speaker = source.graph.publisher(String, 'instruction', qos.LATCHED)
    speaker.publish(String(data='Grab it.'))
    source.graph.spin(0.1)
    source.record()
    source.record()
    for episode in list_episodes(source.root):
        assert [decode(m).data for m in episode.messages(['/instruction'])] == ['Grab it.']


def test_how_the_object_is_turned_is_noted_where_it_is_known(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.record(rotation=[0.5])
    source.record()
    assert [episode.info.rotation for episode in list_episodes(source.root)] == [0.5, None]


def test_what_lies_between_two_episodes_is_not_recorded(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.play(3)
    source.record(frames=2)
    source.play(3)
    (episode,) = list_episodes(source.root)
    assert len(list(episode.messages(['/joint_states']))) == 2


def test_the_plan_leads_from_start_to_start_and_ends_the_node(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    while not source.recorder.finished:
        start = source.starts[-1]
        source.record(cluster=start.cluster, seed=start.seed, detail=start.detail)
    asked = [(start.cluster, start.detail) for start in source.starts]
    assert asked == [('3', ''), ('4', ''), ('3', ''), ('4', ''), ('3', 'miss'), ('4', 'drop')]
    infos = [episode.info for episode in list_episodes(source.root)]
    assert [(str(info.cluster), info.recovery) for info in infos] == asked
    assert [info.seed for info in infos] == [start.seed for start in source.starts]
    assert infos[0].robot == 'so101' and infos[0].outcome == 'success'


def test_an_episode_that_failed_is_thrown_away_and_tried_with_another_seed(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.record(end=EpisodeEvent.FAILURE)
    source.record(end=EpisodeEvent.TIMEOUT)
    source.record(end=EpisodeEvent.SUCCESS)
    assert [start.seed for start in source.starts] == [0, 1, 2, 101]
    assert len(list_episodes(source.root)) == 1
    assert list_unfinished(source.root) == []


def test_a_reset_or_a_second_start_throws_the_episode_away(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.tell(EpisodeEvent.START)
    source.tell(EpisodeEvent.RESET)
    assert not is_running(source)
    source.tell(EpisodeEvent.START)
    source.play(5)
    source.record(frames=2)
    (episode,) = list_episodes(source.root)
    assert len(list(episode.messages(['/joint_states']))) == 2


def test_an_end_without_a_beginning_has_the_start_asked_for_again(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.tell(EpisodeEvent.SUCCESS)
    assert [start.seed for start in source.starts] == [0, 0]
    assert list_episodes(source.root) == []


def test_an_operator_starts_keeps_and_discards(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, notes='rainy')
    assert source.call('start').message == 'cluster 3, plain start, seed 0'
    assert 'is being recorded: keep or discard' in source.call('start').message
    source.play(2)
    assert source.call('keep').success
    source.call('start')
    assert 'thrown away' in source.call('discard').message
    (episode,) = list_episodes(source.root)
    assert (episode.info.cluster, episode.info.notes) == (3, 'rainy')
    assert 'no episode is being recorded' in source.call('keep').message
    assert not source.recorder.finished


def test_an_operator_redoes_the_running_and_the_last_episode(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.call('start')
    source.play(5)
    assert source.call('redo').success
    source.play(2)
    source.call('keep')
    (episode,) = list_episodes(source.root)
    assert len(list(episode.messages(['/joint_states']))) == 2
    answer = source.call('redo')
    assert answer.message == 'episode_0000 is removed; cluster 3, plain start, seed 0'
    assert list_episodes(source.root) == [] and is_running(source)
    source.call('discard')
    assert 'nothing to discard' in source.call('discard').message


def test_a_recorder_goes_on_where_another_one_died(start_graph, tmp_path):
    first = Source(start_graph, tmp_path)
    first.record()
    torn = EpisodeWriter(first.root)
    torn._writer.storage.bio.flush()
    first.graph.close()
    second = Source(start_graph, tmp_path)
    assert second.starts[0].seed == SEEDS[1]
    second.record(cluster='4', seed=SEEDS[1])
    names = [episode.path.name for episode in list_episodes(second.root)]
    assert names == ['episode_0000', 'episode_0002']
    assert [path.name for path in list_unfinished(second.root)] == ['episode_0001']


def test_an_episode_that_cannot_be_written_ends_the_recorder(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    source.tell(EpisodeEvent.START)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        source.play(40)
        source.tell(EpisodeEvent.SUCCESS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert source.recorder.finished and source.recorder.exit_code == 1
    assert list_episodes(source.root) == []


def test_a_stopped_recorder_leaves_no_half_episode(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.tell(EpisodeEvent.START)
    source.recorder.trigger_deactivate()
    assert list_episodes(source.root) == list_unfinished(source.root) == []


def test_two_recorders_do_not_share_a_folder(start_graph, tmp_path, capfd):
    source = Source(start_graph, tmp_path)
    assert not source.graph.add(RecorderNode()).start()
    told = capfd.readouterr().err
    assert 'another recorder writes to it' in told and 'Traceback' not in told


def test_nothing_begins_before_every_source_is_there(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, begin=False)
    source.infos.pop(), source.images.pop()
    source.play(2)
    answer = source.call('start')
    assert not answer.success and 'got nothing yet on /camera/left/image_raw,' in answer.message
    source.tell(EpisodeEvent.START)
    assert not source.starts and not is_running(source)
    assert source.recorder._faults == {'episode': 1}


def scene(shift=0, light=1.0):
    """Return a picture of boxes, the same at every time."""
    boxes = np.random.default_rng(0).integers(20, 230, (12, 20)).repeat(8, 0).repeat(8, 1)
    seen = boxes[:, 16 + shift : 144 + shift] * light
    return np.repeat(seen.astype(np.uint8)[:, :, None], 3, axis=2)


def test_the_gate_refuses_a_start_until_the_camera_is_back(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, gate='refuse')
    source.play(30, lambda frame: scene())
    assert source.call('start').success
    assert (source.root / 'reference' / 'top.png').is_file()
    source.call('discard')
    source.play(30, lambda frame: scene(shift=3))
    answer = source.call('start')
    assert not answer.success and not is_running(source)
    assert 'not begun: camera drift top: got 3 px, expected <= 0.576' in answer.message
    assert 'put the camera back' in answer.message and 'gripper' not in answer.message
    source.tell(EpisodeEvent.START)
    source.graph.until(lambda: source.recorder._faults == {'episode': 1})
    assert not is_running(source)
    source.play(30, lambda frame: scene())
    source.tell(EpisodeEvent.START)
    source.graph.until(lambda: is_running(source))


def test_a_gate_that_warns_lets_the_episode_begin(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, gate='warn')
    source.play(8, lambda frame: scene(light=0.3))
    assert source.call('start').success
    assert source.recorder._faults == {'gate': 1}
    assert not (source.root / 'reference').exists()


def test_an_event_of_no_planned_cluster_is_reported(start_graph, tmp_path):
    source = Source(start_graph, tmp_path)
    source.tell(EpisodeEvent.START, cluster='kitchen')
    assert source.recorder._faults == {'episode': 1}
    assert not is_running(source)


@pytest.mark.parametrize(
    ('parameter', 'message'),
    [
        ('plan:=nowhere', 'plans: got'),
        ("cameras:=' , '", 'cameras: got'),
        ('gate:=open', "gate: got 'open', expected refuse, warn, none"),
        ('reference:=/no/folder', 'reference: got no gripper.png in /no/folder'),
        ('calibration:=/no/file.json', 'calibration: got /no/file.json, expected a file'),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(start_graph, parameter, message):
    start_graph(f'recorder:{parameter}')
    with pytest.raises(ConfigError, match=message):
        RecorderNode()
