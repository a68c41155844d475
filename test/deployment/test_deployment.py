# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Deployment files: what is filled in, what is refused, and what the shipped one starts."""

from pathlib import Path

import pytest
import yaml

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.deployment.deployment import ProcessSpec, load_deployment
from vla_ros.deployment.fastdds import PROFILE

SMALL = """
arguments:
  count: {default: 1, description: how many}
  rate: {default: 30.0, description: how fast (Hz)}
  loud: {default: false, description: say more}
  mode: {default: async, choices: [async, sync], description: how to ask}
namespace: ''
environment: {VLA_ROS_TEST_LEVEL: '${count}'}
parameters: {shared: '${mode}'}
nodes:
  - name: one
    executable: camera
    parameters: {count: '${count}', rate: '${rate}', loud: '${loud}', text: 'n=${count}'}
    remappings: {image: 'image_${mode}'}
    arguments: [-d, '${config}/x.rviz']
  - {name: two, executable: sim, when: {mode: sync}, parameters: {shared: own}}
"""


def write(folder: Path, text: str) -> str:
    """Write a deployment and return its path."""
    path = folder / 'job.yaml'
    path.write_text(text)
    return str(path)


@pytest.fixture
def small(tmp_path: Path) -> str:
    return write(tmp_path, SMALL)


def resolve_tea_bag(folder: Path, **chosen: str) -> dict[str, ProcessSpec]:
    """Return the shipped job's processes for the policy bundle ``folder``."""
    specs = load_deployment('tea_bag').resolve({'policy': str(folder), **chosen})
    return {spec.name: spec for spec in specs}


def test_defaults_keep_their_types(small: str) -> None:
    one = load_deployment(small).resolve({})[0]
    assert one.parameters == {
        'shared': 'async', 'count': 1, 'rate': 30.0, 'loud': False, 'text': 'n=1',
    }  # fmt: skip


def test_chosen_values_take_the_type_of_the_default(small: str) -> None:
    chosen = {'count': '3', 'rate': '60', 'loud': 'True'}
    parameters = load_deployment(small).resolve(chosen)[0].parameters
    assert parameters['count'] == 3 and type(parameters['count']) is int
    assert parameters['rate'] == 60.0 and type(parameters['rate']) is float
    assert parameters['loud'] is True


def test_references_are_filled_in_everywhere(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROFILE, 'mine')
    one = load_deployment(small).resolve({'mode': 'sync', 'count': '7'})[0]
    assert one.remappings == {'image': 'image_sync'}
    assert one.arguments[0] == '-d' and one.arguments[1].endswith('/x.rviz')
    assert one.env == {'VLA_ROS_TEST_LEVEL': '7'}


def test_a_node_runs_only_when_its_arguments_say_so(small: str) -> None:
    deployment = load_deployment(small)
    assert [spec.name for spec in deployment.resolve({})] == ['one']
    assert [spec.name for spec in deployment.resolve({'mode': 'sync'})] == ['one', 'two']


def test_a_node_overrides_what_every_node_is_given(small: str) -> None:
    assert load_deployment(small).resolve({'mode': 'sync'})[1].parameters == {'shared': 'own'}


def test_every_node_gets_the_transport_profile_that_is_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = write(
        tmp_path,
        'nodes:\n'
        '  - {name: viewer, executable: x}\n'
        '  - {name: driver, executable: x, images: false}\n',
    )
    monkeypatch.delenv(PROFILE, raising=False)
    viewer, driver = load_deployment(job).resolve({})
    assert viewer.env == {PROFILE: str(find_config('', 'fastdds.xml'))}
    assert driver.env == {PROFILE: str(find_config('', 'fastdds_udp.xml'))}


def test_the_callers_environment_wins(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('VLA_ROS_TEST_LEVEL', 'mine')
    monkeypatch.setenv(PROFILE, 'mine')
    assert load_deployment(small).resolve({})[0].env == {}


def test_parameters_are_written_as_ros_reads_them(small: str, tmp_path: Path) -> None:
    spec = load_deployment(small).resolve({})[0]
    content = yaml.safe_load(spec.write_parameters(tmp_path).read_text())
    assert content == {'/**': {'ros__parameters': spec.parameters}}


@pytest.mark.parametrize(
    ('chosen', 'message'),
    [
        ({'cuont': '3'}, "got 'cuont', expected one of count, rate, loud, mode"),
        ({'mode': 'fast'}, "argument mode: got 'fast', expected one of async, sync"),
        ({'count': '1.5'}, "argument count: got '1.5', expected a whole number"),
        ({'rate': 'high'}, "argument rate: got 'high', expected a number"),
        ({'count': '1_0'}, "argument count: got '1_0', expected a whole number"),
        ({'count': '٣'}, "argument count: got '٣', expected a whole number"),
        ({'rate': 'nan'}, "argument rate: got 'nan', expected a number"),
        ({'rate': '-inf'}, "argument rate: got '-inf', expected a number"),
        ({'loud': '1'}, "argument loud: got '1', expected true or false"),
    ],
)
def test_wrong_arguments_are_refused_naming_what_is_allowed(
    small: str, chosen: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_deployment(small).resolve(chosen)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('nodes: []\nnoddes: []', 'noddes'),
        ('description: no nodes', 'nodes'),
        ('nodes: [{executable: sim}]', 'nodes: 0: got no name'),
        ('nodes: [{name: a, executable: sim, executible: x}]', 'nodes: 0.*executible'),
        ('nodes: [{name: a, executable: sim, 7: x, true: y}]', r"nodes: 0: got \['7', 'True'\]"),
        ('nodes: [{name: a, executable: sim, required: maybe}]', "required: got 'maybe'.*bool"),
        ('nodes: [{name: a, executable: x}, {name: a, executable: y}]', "got 'a' twice"),
        ('nodes: [{name: a, executable: x, when: {view: rviz}}]', r"got \['view'\]"),
        ("nodes: [{name: a, executable: x, parameters: {p: '${q}'}}]", r"got \['q'\].*declare"),
        ('nodes: [{name: a, executable: x, required: true, respawn: true}]', 'respawn'),
        ('arguments: {a: {description: x}}\nnodes: []', 'arguments: a: got no default'),
        ('arguments: {a: {default: [1], description: x}}\nnodes: []', 'arguments: a: default'),
        (
            'arguments: {a: {default: x, choices: [y], description: x}}\nnodes: []',
            "arguments: a: default: got 'x'",
        ),
        (
            "arguments: {a: {default: '${b}/x', description: x}}\nnodes: []",
            r"arguments: a: default: got \['b'\], expected some of \['config', 'folder'\]",
        ),
        (
            'arguments: {a: {default: y, choices: [y], description: x}}\n'
            'nodes: [{name: n, executable: x, when: {a: z}}]',
            "argument a: got 'z', expected one of y",
        ),
    ],
)
def test_a_wrong_file_is_refused_naming_the_file_and_the_key(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_deployment(path)
    assert path in str(caught.value)


def test_an_unknown_deployment_is_refused_listing_those_there_are() -> None:
    with pytest.raises(ConfigError, match='tea_bag'):
        load_deployment('coffee')


def test_tea_bag_runs_one_process_for_each_node(tmp_path: Path) -> None:
    assert list(resolve_tea_bag(tmp_path)) == [
        'sim', 'camera_top', 'camera_gripper', 'camera_left',
        'vision_encoder', 'llm_backbone', 'action_expert', 'action_queue',
    ]  # fmt: skip


def test_tea_bag_ends_with_the_simulation_and_restarts_every_other_node(tmp_path: Path) -> None:
    specs = resolve_tea_bag(tmp_path)
    assert specs.pop('sim').ends_run
    assert all(spec.respawn for spec in specs.values())


def test_tea_bag_computes_the_policy_in_one_process_when_composed(tmp_path: Path) -> None:
    assert list(resolve_tea_bag(tmp_path, composed='true')) == [
        'sim', 'camera_top', 'camera_gripper', 'camera_left', 'policy', 'action_queue',
    ]  # fmt: skip


def test_tea_bag_watches_every_node_between_the_cameras_and_the_queue(tmp_path: Path) -> None:
    specs = resolve_tea_bag(tmp_path)
    watched = specs['action_queue'].parameters['watched_nodes'].split(',')
    assert watched == [name for name in specs if name not in ('sim', 'action_queue')]


def test_tea_bag_gives_every_node_the_placement(tmp_path: Path) -> None:
    specs = resolve_tea_bag(tmp_path, placement='two_cores')
    assert {spec.parameters['placement'] for spec in specs.values()} == {'two_cores'}


def test_tea_bag_hands_its_arguments_to_the_nodes_that_they_are_for(tmp_path: Path) -> None:
    specs = resolve_tea_bag(tmp_path, mode='sync', episodes='3', seed='5', namespace='left')
    assert specs['action_queue'].parameters['mode'] == 'sync'
    assert specs['sim'].parameters['episodes'] == 3
    assert specs['sim'].parameters['seed'] == 5
    assert specs['llm_backbone'].parameters['policy'] == str(tmp_path)
    assert {spec.namespace for spec in specs.values()} == {'left'}


def test_tea_bag_names_each_camera_once(tmp_path: Path) -> None:
    specs = resolve_tea_bag(tmp_path)
    for name in ('top', 'gripper', 'left'):
        assert specs[f'camera_{name}'].parameters['camera'] == name


def test_tea_bag_shows_the_cameras_only_when_asked(tmp_path: Path) -> None:
    rviz = resolve_tea_bag(tmp_path, view='rviz')['rviz']
    assert rviz.package == 'rviz2'
    assert Path(rviz.arguments[1]).is_file()
    assert not rviz.required


VIEWERS = {
    'none': set(),
    'web': {'web'},
    'rviz': {'robot_state', 'markers', 'rviz'},
    'foxglove': {'robot_state', 'markers', 'foxglove_bridge'},
}


@pytest.mark.parametrize('job', ['tea_bag', 'so101', 'record', 'replay'])
@pytest.mark.parametrize('view', VIEWERS)
def test_every_job_that_ships_can_be_watched_in_the_same_ways(job: str, view: str) -> None:
    deployment = load_deployment(job)
    specs = {spec.name: spec for spec in deployment.resolve({'view': view})}
    assert specs.keys() & set().union(*VIEWERS.values()) == VIEWERS[view]
    cameras = {s.parameters['camera'] for s in specs.values() if s.executable == 'camera'}
    for name in specs.keys() & {'web', 'markers'}:
        assert set(specs[name].parameters['cameras'].split(',')) == cameras or job == 'replay'
    robots = {s.parameters['robot'] for s in specs.values() if 'robot' in s.parameters}
    assert len(robots) == 1
    assert not any(specs[name].required for name in VIEWERS[view])  # the arm goes on without


def test_tea_bag_sets_the_transport_profile_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PROFILE, raising=False)
    env = resolve_tea_bag(tmp_path)['sim'].env
    assert Path(env[PROFILE]).is_file()


@pytest.mark.parametrize('argument', ['policy', 'placement', 'robot'])
def test_tea_bag_refuses_a_configuration_that_is_not_there(tmp_path: Path, argument: str) -> None:
    with pytest.raises(ConfigError, match='nowhere'):
        resolve_tea_bag(tmp_path, **{argument: 'nowhere'})


@pytest.mark.parametrize('name', ['my-arm', '2nd', 'a b', '', 'arm/left'])
def test_a_node_name_that_ros_does_not_allow_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / 'job.yaml'
    path.write_text(yaml.safe_dump({'nodes': [{'name': name, 'executable': 'sim'}]}))
    with pytest.raises(ConfigError, match=f'name: got {name!r}, expected letters'):
        load_deployment(str(path))


@pytest.mark.parametrize('namespace', ['left-arm', 'a/2nd', 'a//b', '//a'])
def test_a_namespace_that_ros_does_not_allow_is_named(tmp_path: Path, namespace: str) -> None:
    path = tmp_path / 'job.yaml'
    nodes = [{'name': 'sim', 'executable': 'sim'}]
    path.write_text(yaml.safe_dump({'namespace': namespace, 'nodes': nodes}))
    with pytest.raises(ConfigError, match=f"namespace: got '{namespace}'"):
        load_deployment(str(path)).resolve({})


def test_texts_that_ros_would_take_for_something_else_stay_texts(tmp_path: Path) -> None:
    values = {'a': '1e5', 'b': '08', 'c': 'y', 'd': ['n', '1e3']}
    spec = ProcessSpec('q', '', '', 'x', values, {}, (), {}, False, False, False)
    tokens = list(yaml.scan(spec.write_parameters(tmp_path).read_text()))
    texts = [token for token in tokens if isinstance(token, yaml.ScalarToken)]
    assert {'1e5', '08', 'y', 'n', '1e3'} < {token.value for token in texts}
    assert {token.style for token in texts} == {'"'}
