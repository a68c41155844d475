# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The graph benchmark: the nodes of two graphs really run, on a tiny policy."""

import json
import shutil
import subprocess
import sys
import time
from itertools import islice

import pytest

from vla_ros.benchmarks.contestants import random_observations
from vla_ros.benchmarks.graphs import WARM_UP, Graph, RunningGraph
from vla_ros.core.errors import VlaError
from vla_ros.deployment.domain import isolate
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.spec import BLOCKS
from vla_ros.tools.main import main

PLACEMENT = 'defaults: {backend: onnxruntime, cameras: single}\n'


def test_graphs_of_the_same_policy_answer_with_the_same_chunks(tiny_bundle, tmp_path):
    pytest.importorskip('rclpy')
    board, output = tmp_path / 'board.yaml', tmp_path / 'figures' / 'graph.json'
    board.write_text(PLACEMENT)
    words = ['--policy', str(tiny_bundle), '--variant', f'single={tiny_bundle}:{board}']
    words += ['--rounds', '3', '--json', str(output)]
    argv = [sys.executable, '-m', 'vla_ros.tools.main', 'benchmark', 'graph', *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    figures = json.loads(output.read_text())
    assert (figures['policy'], figures['cameras'], figures['threads']) == ('tiny', 2, 1)
    base, single = figures['graphs']
    assert (base['variant'], single['variant']) == ('fp32', 'single')
    assert base['difference'] == single['difference'] == 0.0
    assert base['ratio'] == 1.0 and single['ratio_low'] <= single['ratio'] <= single['ratio_high']
    for row in (base, single):
        assert row['runs'] == 3 and len(row['warm_up']) == WARM_UP
        check_sums(row)
        assert f'{row["variant"]:6}  action_expert ' in done.stdout


def check_sums(row):
    """Check that the figures of a graph are made of those of its nodes."""
    assert tuple(row['nodes']) == BLOCKS
    assert 0.0 < row['p50'] <= row['p95'] <= row['p99']
    assert 0.0 < row['outside'] < row['p99']
    assert row['memory'] == sum(node['memory'] for node in row['nodes'].values()) > 3e6
    for node in row['nodes'].values():
        assert 0.0 < node['p50'] < row['p99']
        assert node['cpu'] > 0.0


def test_node_that_has_ended_is_named(tmp_path, monkeypatch):
    pytest.importorskip('rclpy')
    for name, value in isolate().items():
        monkeypatch.setenv(name, value)
    no_policy = Graph('/left', ('action_expert',), tmp_path)
    deadline = time.monotonic() + 60.0
    with RunningGraph(no_policy) as running, pytest.raises(VlaError, match=r'exit code 1') as told:
        while time.monotonic() < deadline:
            running.cpu_times()
            time.sleep(0.02)
    assert str(told.value).startswith('/left/action_expert: got its end')


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--rounds', '0'], '--rounds: got 0, expected at least 1'),
        (['--variant', 'fast'], "variant: got 'fast', expected name=bundle"),
        (['--size', 'large'], "--size: got 'large', expected WIDTHxHEIGHT"),
        (['--threads', '-1'], 'threads: got -1, expected a whole number'),
        (['--recipe', 'magic'], "recipes: got 'magic', expected one of"),
    ],
)
def test_words_that_make_no_sense_are_refused(words, message, capsys):
    assert main(['benchmark', 'graph', *words]) == 2
    assert message in capsys.readouterr().err


def test_policy_and_size_exclude_each_other():
    with pytest.raises(SystemExit):
        main(['benchmark', 'graph', '--policy', 'tea_bag_act', '--size', '320x240'])


def test_variant_that_takes_other_observations_is_refused(tiny_bundle, tmp_path, capsys):
    other = tmp_path / 'other'
    shutil.copytree(tiny_bundle, other)
    facts = json.loads((other / 'policy.json').read_text())
    facts['joint_names'].reverse()
    (other / 'policy.json').write_text(json.dumps(facts))
    words = ['--policy', str(tiny_bundle), '--variant', f'other={other}']
    assert main(['benchmark', 'graph', *words]) == 2
    told = capsys.readouterr().err
    assert (
        'variant other: got a policy of cameras top 32x24, gripper 32x24, joints gripper' in told
    )


def test_observation_that_was_lost_on_the_way_is_sent_anew(tiny_bundle, monkeypatch):
    pytest.importorskip('rclpy')
    from vla_ros.benchmarks.probes import graph

    class Deaf:
        """Stands for a publisher that nobody hears yet."""

        def publish(self, msg):
            self.lost = msg

    send, heard, deaf = graph.Graph._send, [], Deaf()

    def lose_the_first(graph, images, state):
        if not heard:
            heard.append(graph._joints)
            graph._joints = deaf
        else:
            graph._joints = heard[0]
        send(graph, images, state)

    monkeypatch.setattr(graph.Graph, '_send', lose_the_first)
    monkeypatch.setattr(graph, 'ANSWER_TIMEOUT', 3.0)
    for name, value in isolate().items():
        monkeypatch.setenv(name, value)
    spec = load_bundle(tiny_bundle, ()).spec
    with RunningGraph(Graph('/whole', ('policy',), tiny_bundle, '')) as running:
        (answers,) = graph.compare(spec, [running], islice(random_observations(spec), 3))
    assert len(answers) == 3
    assert answers[0].lost >= 1 and deaf.lost.name == list(spec.joint_names)
