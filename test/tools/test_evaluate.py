# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command evaluate: what its arguments make of the rollouts."""

import json
from argparse import ArgumentParser

import pytest

pytest.importorskip('mujoco')

from report_page import read_page

from vla_ros.core.errors import ConfigError
from vla_ros.planning.blocks import predict
from vla_ros.tools import evaluate
from vla_ros.tools.main import main


def config(*words):
    parser = ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate._config(parser.parse_args(words), 'async')


def test_latency_is_measured_unless_it_is_given():
    assert config().latency is None
    assert config('--latency', '0.3').latency == 0.3


def test_the_latency_of_a_board_is_the_sum_of_its_blocks(tiny_bundle):
    blocks = predict(str(tiny_bundle), 'raspberry_pi_5').values()
    played = config('--policy', str(tiny_bundle), '--simulate-latency', 'raspberry_pi_5')
    assert played.latency == pytest.approx(sum(placed.seconds for placed in blocks))


def test_a_board_that_is_not_there_is_refused(tiny_bundle):
    with pytest.raises(ConfigError, match="got 'abacus', expected one of imx95"):
        config('--policy', str(tiny_bundle), '--simulate-latency', 'abacus')


def test_camera_re_use_is_reported_and_compared_on_the_same_episodes(
    tiny_bundle, tmp_path, capsys
):
    words = ['evaluate', '--policy', str(tiny_bundle), '--set', 'validation', '--episodes', '1']
    words += ['--timeout', '0.2', '--workers', '1', '--latency', '0.05', '--no-figures']
    words += ['--chunk-size-threshold', '0.99']
    plain, reused = tmp_path / 'plain.json', tmp_path / 'reused.json'
    assert main([*words, '--json', str(plain)]) == 0
    again = [*words, '--reuse-threshold', '255', '--json', str(reused), '--compare', str(plain)]
    assert main(again) == 0
    text = capsys.readouterr().out
    assert 'pictures not encoded again: gripper' in text
    assert 'same 1 episodes: success +0.0' in text
    content = json.loads(reused.read_text())
    shown = len(content['episodes'][0]['latencies'])
    assert content['episodes'][0]['pictures'] == {'gripper': shown, 'top': shown}
    assert content['sets']['validation']['reused']['top'] == pytest.approx((shown - 1) / shown)
    assert json.loads(plain.read_text())['sets']['validation']['reused'] == {
        'gripper': 0.0,
        'top': 0.0,
    }


def test_the_report_shows_each_failure_and_the_queue_of_an_episode(tiny_bundle, tmp_path, capsys):
    words = ['evaluate', '--policy', str(tiny_bundle), '--set', 'validation', '--episodes', '2']
    words += ['--timeout', '0.3', '--workers', '1', '--latency', '0.05', '--failures', '1']
    assert main([*words, '--output', str(tmp_path)]) == 0
    assert f'report: {tmp_path / "report.html"}' in capsys.readouterr().out
    seen = read_page((tmp_path / 'report.html').read_text())
    assert seen.verdict.startswith('success: validation 0.00 [0.00, 0.66] (0 of 2)')
    assert len(seen.videos) == 2 and seen.videos[1] == 'episode.webm' and seen.plots == 1
    assert all((tmp_path / name).stat().st_size > 500 for name in seen.videos)


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        (['--episodes', '0'], 'episodes: got 0, expected 1 or more'),
        (['--episodes', '-3'], 'episodes: got -3, expected 1 or more'),
        (['--workers', '0'], '--workers: got 0, expected 1 or more'),
        (['--failures', '-1'], '--failures: got -1, expected 0 or more'),
        (['--seed', '-1'], '--seed: got -1, expected 0 or more'),
        (['--expert', '--json', 'a.json'], '--expert: got it with --json or --compare'),
        *((['--timeout', n], f'timeout: got {float(n)} s') for n in ('0', '-1', 'nan')),
        *((['--latency', n], f'latency: got {float(n)} s') for n in ('-1', 'nan', 'inf')),
        *((['--reuse-threshold', n], 'reuse_threshold: got') for n in ('-1', 'nan')),
        *((['--rate', n], 'rate: got') for n in ('0', '-60', 'nan', 'inf', '70')),
    ],
)
def test_numbers_with_which_nothing_is_played_are_refused(
    tiny_bundle, tmp_path, monkeypatch, capsys, words, complaint
):
    monkeypatch.chdir(tmp_path)
    short = ['--set', 'test', '--episodes', '1', '--timeout', '0.1', '--workers', '1']
    assert main(['evaluate', '--policy', str(tiny_bundle), *short, '--no-figures', *words]) == 2
    assert complaint in capsys.readouterr().err
