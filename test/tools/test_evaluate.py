# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command evaluate: what its arguments make of the rollouts."""

import json
import shutil
import time
from argparse import ArgumentParser

import pytest

pytest.importorskip('mujoco')

from report_page import read_page

from vla_ros.core.errors import ConfigError
from vla_ros.evaluation.figures import Figures
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
        (['--episodes', '1000000001'], 'episodes: got 1000000001, expected at most 1000000'),
        (['--workers', '0'], '--workers: got 0, expected 1 or more'),
        (['--failures', '-1'], '--failures: got -1, expected 0 or more'),
        (['--seed', '-1'], '--seed: got -1, expected 0 or more'),
        (['--expert', '--json', 'a.json'], '--json: got it with --expert, where it changes'),
        (['--live', 'so101', '--goal', 'mug'], '--goal: got it with --live, where it changes'),
        (['--session', 'mine'], '--session: got it without --live, where it changes nothing'),
        (['--failures', '3'], '--failures: got it with --no-figures, where it changes nothing'),
        (['--latency', '1', '--simulate-latency', 'x86'], '--latency: got it with --simulate-'),
        (['speed:=1'], 'evaluate: got speed:=1, expected that only with --live'),
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


PLAYED = ['--set', 'test', '--episodes', '4', '--timeout', '0.2', '--latency', '0.05']


def evaluated(bundle, file, *more):
    """Run the command on a few short episodes; return its exit code."""
    words = ['evaluate', '--policy', str(bundle), *PLAYED, '--workers', '1', '--no-figures']
    return main([*words, '--json', str(file), *map(str, more)])


def stop_after(monkeypatch, count):
    """Have the next evaluation end, as by Ctrl-C, once so many episodes are over."""
    from vla_ros.sim.rollout import Rollout

    play, played = Rollout.play, []

    def stopping(self, *args, **named):
        if len(played) == count:
            raise KeyboardInterrupt
        played.append(args)
        return play(self, *args, **named)

    monkeypatch.setattr(Rollout, 'play', stopping)


def without_measured(content):
    """Return figures without those that a clock measures, which no two runs share."""
    for part in content['sets'].values():
        part |= {'latency_p50': None, 'latency_p95': None}
    for episode in content['episodes']:
        episode['latencies'] = len(episode['latencies'])
    return content


def test_an_evaluation_that_was_cut_off_goes_on_and_comes_to_the_same(
    tiny_bundle, tmp_path, monkeypatch, capsys
):
    whole, cut = tmp_path / 'whole.json', tmp_path / 'cut.json'
    assert evaluated(tiny_bundle, whole) == 0
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert evaluated(tiny_bundle, cut) == 130
    kept = json.loads(cut.read_text())
    assert len(kept['episodes']) == 2 and kept['planned'] == 4
    assert kept['sets']['test']['episodes'] == 2
    capsys.readouterr()
    stop_after(monkeypatch, 2)  # no more than those that are missing
    assert evaluated(tiny_bundle, cut) == 0
    told = capsys.readouterr().out
    assert f'{cut}: 2 of 4 episodes were played before; remove it' in told
    assert '3 of 4  cluster' in told and '2 of 4  cluster' not in told
    found = json.loads(cut.read_text())
    assert found['episodes'][:2] == kept['episodes']  # latencies, too
    assert without_measured(found) == without_measured(json.loads(whole.read_text()))


def test_what_was_played_is_not_played_again_and_more_episodes_are_added(
    tiny_bundle, tmp_path, monkeypatch, capsys
):
    file = tmp_path / 'figures.json'
    assert evaluated(tiny_bundle, file) == 0
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        stop_after(patch, 0)
        assert evaluated(tiny_bundle, file) == 0
    assert '4 of 4 episodes were played before' in capsys.readouterr().out
    assert file.read_bytes() == before
    stop_after(monkeypatch, 1)
    assert evaluated(tiny_bundle, file, '--episodes', 5) == 0
    assert len(json.loads(file.read_text())['episodes']) == 5


@pytest.mark.parametrize(
    ('words', 'difference'),
    [
        (['--latency', 0.1], 'latency 0.05 (got 0.1)'),
        (['--seed', 1], 'seed 0 (got 1)'),
        (['--chunk-size-threshold', 0.5], 'chunk_size_threshold 0.2 (got 0.5)'),
    ],
)
def test_an_unfinished_evaluation_of_other_settings_is_refused_by_name(
    tiny_bundle, tmp_path, monkeypatch, capsys, words, difference
):
    file = tmp_path / 'figures.json'
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        assert evaluated(tiny_bundle, file) == 130
    before = file.read_bytes()
    assert evaluated(tiny_bundle, file, *words) == 2
    told = capsys.readouterr().err
    assert f'{file}: holds 1 of 4 episodes, played with {difference}; give the same' in told
    assert file.read_bytes() == before


def test_the_weights_of_an_unfinished_evaluation_may_not_have_changed(
    tiny_bundle, tmp_path, monkeypatch, capsys
):
    bundle, file = tmp_path / 'policy', tmp_path / 'figures.json'
    shutil.copytree(tiny_bundle, bundle)
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        assert evaluated(bundle, file) == 130
    facts = json.loads((bundle / 'policy.json').read_text())
    (bundle / 'policy.json').write_text(json.dumps({**facts, 'instruction': 'Another.'}))
    assert evaluated(bundle, file) == 2
    assert 'played with policy.json ' in capsys.readouterr().err


def test_a_whole_evaluation_of_other_settings_is_replaced(tiny_bundle, tmp_path):
    file = tmp_path / 'figures.json'
    assert evaluated(tiny_bundle, file, '--episodes', 1) == 0
    assert evaluated(tiny_bundle, file, '--episodes', 1, '--seed', 3) == 0
    assert json.loads(file.read_text())['settings']['seed'] == 3


def test_figures_for_another_program_are_written_once(tiny_bundle, capfd):
    assert evaluated(tiny_bundle, '/dev/stdout', '--episodes', 2) == 0
    assert capfd.readouterr().out.count('"planned": 2') == 1


def test_a_folder_that_cannot_be_filled_is_refused_before_an_episode_and_only_where_it_is_needed(
    tiny_bundle, tmp_path, monkeypatch, capsys
):
    (tmp_path / 'outputs').write_text('a file, where the folder of reports would be')
    monkeypatch.chdir(tmp_path)
    words = ['evaluate', '--policy', str(tiny_bundle), *PLAYED, '--workers', '1']
    with monkeypatch.context() as patch:
        stop_after(patch, 0)
        assert main(words) == 2
    assert 'outputs/evaluation: cannot be written' in capsys.readouterr().err
    assert main([*words, '--episodes', '1', '--no-figures']) == 0


def test_writing_never_takes_a_share_that_counts_and_an_end_loses_nothing(
    tiny_bundle, tmp_path, monkeypatch
):
    file, written = tmp_path / 'figures.json', []
    write = Figures.write

    def slow(self):
        write(self)
        written.append(len(self.results))
        time.sleep(0.2)  # as figures of many thousands of episodes take

    monkeypatch.setattr(Figures, 'write', slow)
    stop_after(monkeypatch, 3)
    assert evaluated(tiny_bundle, file) == 130
    assert written == [1, 3] and len(json.loads(file.read_text())['episodes']) == 3


@pytest.mark.parametrize(
    ('fact', 'value'),
    [('success', -1), ('idle', None), ('latencies', True), ('latencies', [None]), ('pictures', 3)],
)
def test_figures_that_somebody_has_spoilt_are_refused_by_name(
    tiny_bundle, tmp_path, capsys, fact, value
):
    file = tmp_path / 'figures.json'
    assert evaluated(tiny_bundle, file, '--episodes', 1) == 0
    content = json.loads(file.read_text())
    content['episodes'][0][fact] = value
    file.write_text(json.dumps(content))
    assert evaluated(tiny_bundle, file) == 2
    assert f'{file}: got no figures of an evaluation' in capsys.readouterr().err
