# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The policy benchmark runs variants in turn with the base and writes what the planner reads."""

import json
from argparse import ArgumentParser
from functools import partial
from weakref import ref

import numpy as np
import pytest

from vla_ros.benchmarks import policy as benchmark
from vla_ros.benchmarks import variants
from vla_ros.benchmarks.contestants import (
    BASE,
    CHANGES,
    StockPolicy,
    memory_of,
    observations,
)
from vla_ros.benchmarks.policy_tables import block_table
from vla_ros.benchmarks.variants import parse_variant, read_size, untrained
from vla_ros.core.errors import ConfigError
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import BLOCKS
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.tools.arguments import add_json
from vla_ros.tools.main import main

PLACEMENT = 'defaults: {backend: onnxruntime, cameras: single}\n'


def run(*words):
    """Run the benchmark as the command does."""
    parser = ArgumentParser()
    benchmark.add_arguments(parser)
    add_json(parser, 'the figures')
    return benchmark.run(parser.parse_args(words))


@pytest.mark.parametrize('change', ['', *CHANGES])
def test_stock_policy_computes_what_the_suite_computes(tiny_bundle, change):
    bundle = load_bundle(tiny_bundle)
    ours = Policy(bundle, Placement(default=NodePlacement(threads=1)))
    images, state = observations(bundle.spec)[0]
    stock = StockPolicy(bundle, 1, change)
    stock.predict(*observations(bundle.spec)[1])
    expected, times = stock.predict(images, state)
    np.testing.assert_allclose(ours.predict(images, state)[0], expected, atol=1e-6)
    assert tuple(times) == BLOCKS


def test_table_and_profile_hold_every_variant(tiny_bundle, tmp_path, capsys):
    board = tmp_path / 'board.yaml'
    board.write_text(PLACEMENT)
    profile = tmp_path / 'profile.json'
    variant = f'one by one={tiny_bundle}:{board}'
    words = ('--policy', str(tiny_bundle), '--variant', variant, '--work', '--rounds', '3')
    assert run(*words, '--json', str(profile)) == 0
    text = capsys.readouterr().out
    assert text.index(BASE) < text.index('one by one')
    assert 'study, i.MX 95: ACT, optimised' in text
    content = json.loads(profile.read_text())
    assert content['format'] == 1
    assert content['machine']['cores'] >= 1
    rows = {row['variant']: row for row in content['end_to_end']}
    assert rows[BASE]['ratio'] == 1.0
    assert rows['one by one']['low'] <= rows['one by one']['p50'] <= rows['one by one']['high']
    assert len(rows['one by one']['warm_up']) == benchmark.WARM_UP
    assert 'one by one, 1 of 2 cameras still, re-used' in rows
    assert {f'{BASE}, {change}' for change in CHANGES} < set(rows)
    entries = [entry for entry in content['entries'] if entry['variant'] == 'one by one']
    assert [entry['block'] for entry in entries] == list(BLOCKS)
    assert {entry['cameras_mode'] for entry in entries} == {'single'}
    assert {entry['variant'] for entry in content['entries']} == {'one by one'}
    assert all(e['ratio_low'] <= e['ratio'] <= e['ratio_high'] and e['bytes'] for e in entries)
    assert all(entry['runs'] == 3 and entry['backend'] == 'onnxruntime' for entry in entries)
    assert all(entry['answer_error'] is None for entry in entries)  # the bundle knows none


def test_table_of_blocks_says_how_far_each_is_from_what_its_bundle_knows():
    times = {'p50': 0.01, 'p95': 0.02, 'ratio': 2.0, 'ratio_low': 1.9, 'ratio_high': 2.1}
    known = times | {'variant': 'npu', 'block': 'llm_backbone', 'bytes': 1, 'answer_error': 0.25}
    head, first, second = block_table([known, known | {'answer_error': None}]).splitlines()
    assert first[head.index('off by') :] == '0.2500'
    assert len(second) < head.index('off by')


def test_policies_of_one_count_of_threads_are_gone_before_the_next_ones_come(
    tiny_bundle, tmp_path, monkeypatch
):
    profile, first, measure = tmp_path / 'profile.json', [], benchmark._measure

    def watched(*args):
        if first:
            assert {row['threads'] for row in json.loads(profile.read_text())['entries']} == {1}
            assert first.pop()() is None
        contestants = measure(*args)
        first.append(ref(contestants[0].policy))
        return contestants

    monkeypatch.setattr(benchmark, '_measure', watched)
    words = ('--policy', str(tiny_bundle), '--threads', '1', '2', '--rounds', '1')
    assert run(*words, '--json', str(profile)) == 0
    entries = json.loads(profile.read_text())['entries']
    assert {row['threads'] for row in entries} == {1, 2}


def test_memory_is_that_of_a_process_of_its_own(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    grown = memory_of(partial(StockPolicy, bundle, 1), observations(bundle.spec)[0])
    assert 1e6 < grown < 1e9


def test_profile_is_what_the_planner_reads(tiny_bundle, tmp_path, capsys):
    from vla_ros.planning.profile import load_profile

    profile = tmp_path / 'profile.json'
    variant = f'a={tiny_bundle}'
    run(
        '--policy', str(tiny_bundle), '--variant', variant, '--rounds', '2', '--json', str(profile)
    )
    measured = load_profile(profile)
    assert [item.block for item in measured] == list(BLOCKS)
    assert all(item.seconds > 0 for item in measured)


@pytest.mark.parametrize('text', ['bundle', '=bundle', 'name=', 'name=:placement'])
def test_variant_that_makes_no_sense_is_refused(text):
    with pytest.raises(ConfigError, match='expected name=bundle'):
        parse_variant(text)


def test_size_that_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="--size: got 'large', expected WIDTHxHEIGHT"):
        run('--size', '64x48', 'large')


def test_the_width_of_a_size_comes_first(tmp_path, monkeypatch, caplog):
    made = []
    monkeypatch.setattr(variants, 'keep', lambda path, facts, *rest: made.append((path, facts)))
    caplog.set_level('WARNING')  # whatever another test has made of it
    untrained('act', read_size('320x240'), tmp_path)
    assert made == [(tmp_path / 'act_320x240', {'width': 320, 'height': 240})]
    assert not caplog.text
    assert read_size('240x320') == (240, 320)
    assert '--size: got 240x320, pictures 80 px taller than wide' in caplog.text


def test_torch_without_a_checkpoint_is_refused(tiny_bundle):
    with pytest.raises(ConfigError, match='--torch: got no checkpoint'):
        run('--policy', str(tiny_bundle), '--torch')


@pytest.mark.parametrize(
    'words',
    [
        'policy --rounds',
        'transport --rounds',
        'split --rounds',
        'control --runs',
        'checks --recordings',
    ],
)
@pytest.mark.parametrize('count', ['0', '-1'])
def test_runs_that_would_leave_nothing_to_tell_are_refused(words, count, capsys):
    assert main(['benchmark', *words.split(), count]) == 2
    option = words.split()[1]
    assert f'{option}: got {count}, expected at least 1' in capsys.readouterr().err
