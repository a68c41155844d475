# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The two sides of the comparison get the same robot, and their commands are read alike."""

import json
from argparse import ArgumentParser
from types import SimpleNamespace

import pytest
import yaml

from vla_ros.benchmarks import lerobot
from vla_ros.benchmarks.commands import summarize
from vla_ros.benchmarks.lerobot import Match
from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.deployment.deployment import load_deployment
from vla_ros.policy.bundle import load_bundle

PERIOD = 33_333_333  # ns


@pytest.fixture
def match(tmp_path):
    parser = ArgumentParser()
    lerobot.add_arguments(parser)
    args = parser.parse_args(['--checkpoint', str(tmp_path / 'checkpoint')])
    return Match(args, load_bundle(find_config('policies', args.policy)).spec, tmp_path)


def commands(count):
    """Return commands at 30 Hz that arrive 1 ms after their stamp, and the end behind them."""
    made = [
        SimpleNamespace(stamp=i * PERIOD, received=i * PERIOD * 1e-9 + 1e-3, positions=(1e-3 * i,))
        for i in range(count)
    ]
    return made, [SimpleNamespace(received=made[-1].received, success=True, duration=1.0)]


def processes(match, content):
    path = match.folder / 'deployment.yaml'
    path.write_text(yaml.safe_dump(content))
    return {spec.name: spec for spec in load_deployment(str(path)).resolve({})}


def test_both_sides_drive_the_same_robot(match):
    ours = processes(match, match.deploy_vla_ros())
    theirs = processes(match, match.deploy_lerobot())
    robot = {'sim', 'camera_top', 'camera_gripper', 'camera_left'}
    assert set(theirs) == robot | {'policy_server', 'robot_client'}
    assert {name: ours[name] for name in robot} == {name: theirs[name] for name in robot}
    assert ours['action_queue'].parameters['rate'] == 30.0


def test_a_program_of_lerobot_is_run_without_the_arguments_of_a_node(match):
    theirs = processes(match, match.deploy_lerobot())
    script = (match.folder / 'policy_server').read_text()
    assert theirs['policy_server'].executable == str(match.folder / 'policy_server')
    assert '-m lerobot.async_inference.policy_server --host 127.0.0.1' in script
    assert '$' not in script


def test_the_graph_is_read_from_its_first_chunk_to_the_end(match):
    made, endings = commands(40)
    taken = [SimpleNamespace(stamp=made[i].stamp, observed=i / 30 - 0.1) for i in (5, 25)]
    late = SimpleNamespace(stamp=made[-1].stamp + 1, observed=2.0)
    play = match.read_vla_ros(
        SimpleNamespace(commands=made, taken=[*taken, late], endings=endings)
    )
    assert len(play.received) == 35
    assert list(play.first) == [0, 20]
    assert play.latencies == pytest.approx([0.101, 0.101], abs=1e-6)
    assert summarize([play])['starved_share'] == 0


def test_lerobot_is_read_with_what_its_log_says(match):
    made, endings = commands(40)
    steps = [*range(20), *range(19, 38), 39]
    rows = [(c.stamp, steps[i], 0.1 if i < 20 else 0.5) for i, c in enumerate(made)]
    (match.folder / 'actions.json').write_text(json.dumps(rows))
    foreign = SimpleNamespace(stamp=7, received=0.0, positions=(9.0,))
    play = match.read_lerobot(SimpleNamespace(commands=[foreign, *made], endings=endings))
    figures = summarize([play])
    assert list(play.first) == [0, 20]
    assert play.latencies == pytest.approx([0.001 - 0.1, 20 / 30 + 0.001 - 0.5], abs=1e-6)
    assert (figures['played_twice'], figures['skipped']) == (1, 1)


@pytest.mark.parametrize('side', lerobot.SIDES)
def test_a_side_that_plays_nothing_has_no_chunk(match, side):
    (match.folder / 'actions.json').write_text('[]')
    tap = SimpleNamespace(commands=commands(3)[0], taken=[], endings=commands(3)[1])
    play = getattr(match, f'read_{side}')(tap)
    assert len(play.first) == len(play.received) == 0


def test_a_checkpoint_that_the_bundle_is_not_from_is_refused(match):
    numpy = pytest.importorskip('safetensors.numpy')
    match.args.checkpoint.mkdir()
    mean = 1.0 + lerobot.np.array(match.spec.statistics['action']['mean'])
    path = match.args.checkpoint / 'policy_preprocessor_step_3_normalizer_processor.safetensors'
    numpy.save_file({'action.mean': mean}, path)
    with pytest.raises(ConfigError, match='expected the one that it was exported from'):
        match.prepare()


def test_the_table_has_both_sides_and_every_figure(match):
    made, endings = commands(40)
    taken = [SimpleNamespace(stamp=made[i].stamp, observed=i / 30 - 0.1) for i in (0, 20)]
    tap = SimpleNamespace(commands=made, taken=taken, endings=endings)
    figures = summarize([match.read_vla_ros(tap)])
    text = lerobot.table({'lerobot': figures, 'vla_ros': figures})
    assert set(figures) == set(lerobot.ROWS)
    assert text.splitlines()[0].split() == ['lerobot', 'vla_ros']
    assert 'observation to action, p50 (ms)' in text
