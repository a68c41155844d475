# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plans: predicted before anything is quantized, chosen by the budget, written as a placement."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from bundles import CHUNK, OTHER_SIZE, write_bundle_of_two_sizes

from vla_ros.core.budget import Budget
from vla_ros.planning.blocks import block_operations, predict
from vla_ros.planning.boards import load_board
from vla_ros.planning.cost import operations, total
from vla_ros.planning.planner import (
    UNCHANGED,
    make_plans,
    placement_content,
    planned_operations,
    read_graph,
    speed_up,
)
from vla_ros.planning.prediction import place
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.spec import BLOCKS
from vla_ros.quantization.quantize import quantize_bundle
from vla_ros.quantization.recipe import BlockRecipe, Calibration, Recipe
from vla_ros.runtime.placement import load_placement
from vla_ros.tools.main import main

BOARDS = Path(__file__).parents[2] / 'config' / 'boards'
DYNAMIC = Recipe('dynamic', {'llm_backbone': BlockRecipe('int8_dynamic')})
HALF = Recipe('half', {name: BlockRecipe('fp16') for name in BLOCKS})
STATIC = Recipe('static', {'vision_encoder': BlockRecipe('int8_static')})


@pytest.fixture(scope='module')
def board():
    return load_board(BOARDS / 'imx95.yaml')


def with_rates(board, name, **changes):
    """Return a board with fields of one processor changed."""
    changed = replace(board.processors[name], **changes)
    return replace(board, processors={**board.processors, name: changed})


def slowed(board, factor):
    """Return the board with a CPU that is ``factor`` times as slow."""
    cpu = board.processors['cpu']
    peak = {name: value / factor for name, value in cpu.peak.items()}
    overhead = cpu.overhead * factor
    return with_rates(board, 'cpu', peak=peak, bandwidth=cpu.bandwidth / factor, overhead=overhead)


def on(board, bundle, recipe):
    """Return the backbone on the NPU of the board, whether it is faster there or not."""
    operations = planned_operations(
        read_graph(bundle, 'llm_backbone'), recipe.block('llm_backbone')
    )
    return next(item for item in place(operations, board) if item.processor == 'npu')


def kinds(operations):
    return Counter((item.kind, item.precision) for item in operations)


@pytest.mark.parametrize(
    ('block', 'recipe'),
    [
        ('llm_backbone', BlockRecipe('int8_dynamic')),
        ('llm_backbone', BlockRecipe('int8_static')),
        ('vision_encoder', BlockRecipe('int8_static')),
    ],
    ids=lambda value: value if isinstance(value, str) else value.precision,
)
def test_what_is_planned_is_what_quantizing_makes(bundle, samples, tmp_path, block, recipe):
    made = Recipe('mine', {block: recipe}, calibration=Calibration(8, 'minmax'))
    quantize_bundle(bundle, made, samples, tmp_path / 'new')
    real = kinds(block_operations(load_bundle(tmp_path / 'new'), block))
    assert kinds(planned_operations(read_graph(bundle, block), recipe)) == real


def test_the_recipe_that_changes_least_is_chosen_where_all_are_fast_enough(bundle, board):
    recipes = [DYNAMIC, STATIC, UNCHANGED]
    plans, _ = make_plans(board, bundle, recipes, Budget(0.01, 30, CHUNK, 0.5))
    assert [plan.recipe.name for plan in plans] == ['fp32', 'dynamic', 'static']
    assert plans[0].fits and plans[0].threshold >= 0.2


def test_the_fastest_comes_first_where_none_is_fast_enough(bundle, board):
    slow = slowed(board, 1e5)
    recipes = [UNCHANGED, STATIC, DYNAMIC]
    plans, _ = make_plans(slow, bundle, recipes, Budget(0.01, 30, CHUNK, 0.5))
    assert not plans[0].fits
    latencies = [plan.budget.latency for plan in plans]
    assert latencies == sorted(latencies)


def test_what_would_meet_the_budget_is_said(bundle, board):
    budget = Budget(1.0, 30, CHUNK, 0.5)
    plan = make_plans(board, bundle, [UNCHANGED], budget)[0][0]
    lines = ' '.join(speed_up(plan))
    assert not plan.fits
    assert 'times as fast: at most 0.333 s' in lines and 'rows instead of 20' in lines


def test_a_recipe_that_the_board_cannot_run_is_left_out_with_the_reason(bundle, board):
    plans, refused = make_plans(board, bundle, [UNCHANGED, HALF], Budget(0.01, 30, CHUNK, 0.5))
    assert [plan.recipe.name for plan in plans] == ['fp32']
    assert 'fp16' in refused['half'] and 'imx95' in refused['half']


def test_the_placement_loads(bundle, board, tmp_path):
    plan = make_plans(board, bundle, [UNCHANGED], Budget(0.01, 30, CHUNK, 0.5))[0][0]
    path = tmp_path / 'mine.yaml'
    path.write_text(yaml.safe_dump(placement_content(plan, board, 'tiny')))
    placement = load_placement(path)
    assert placement.node('llm_backbone').threads == 5
    assert placement.node('action_queue').cores == (5,)


def test_what_the_cpu_computes_for_an_accelerator_is_allowed_in_the_placement(bundle, board):
    recipe = Recipe('npu', {'llm_backbone': BlockRecipe('int8_static')})
    npu = board.processors['npu']
    lacking = with_rates(board, 'npu', operators=('MatMul',), overhead=0.0)
    knowing = with_rates(
        board, 'npu', operators=(), overhead=0.0, peak={**npu.peak, 'fp32': 2000.0}
    )
    found = []
    for one in (lacking, knowing):
        plan = make_plans(one, bundle, [recipe], Budget(0.01, 30, CHUNK, 0.5))[0][0]
        plan = replace(plan, blocks={**plan.blocks, 'llm_backbone': on(one, bundle, recipe)})
        node = placement_content(plan, one, 'tiny')['nodes']['llm_backbone']
        found.append(node['providers'])
    assert found == [['NeutronExecutionProvider', 'CPUExecutionProvider'], [*npu.providers]]


def test_the_threshold_to_set_is_never_above_the_one_that_is_allowed(bundle, board):
    plan = make_plans(board, bundle, [UNCHANGED], Budget(0.01, 30, CHUNK, 0.1))[0][0]
    assert plan.fits and plan.threshold == 0.1


def test_stage_times_of_a_board_are_predicted_by_name(tiny_bundle):
    found = predict(str(tiny_bundle), 'imx95')
    assert list(found) == list(BLOCKS)
    assert all(0 < placed.seconds < 0.01 for placed in found.values())


def test_the_command_prints_the_plans_and_writes_the_placement(tiny_bundle, tmp_path, capsys):
    path, facts = tmp_path / 'new' / 'mine.yaml', tmp_path / 'plan.json'
    words = ['plan', '--board', 'imx95', '--policy', str(tiny_bundle), '--output', str(path)]
    assert main([*words, '--recipe', 'gpu_fp16', '--json', str(facts)]) == 0
    out = capsys.readouterr().out
    assert 'gpu_fp16: cannot be had' in out and 'chosen: fp32' in out
    assert out.startswith('imx95: NXP i.MX 95') and 'start with chunk_size_threshold:=0.20' in out
    assert load_placement(path) and json.loads(facts.read_text())[0]['fits']


def test_the_command_says_what_would_meet_a_budget_that_no_recipe_meets(tiny_bundle, capsys):
    words = ['plan', '--board', 'imx95', '--policy', str(tiny_bundle), '--overhead', '1']
    assert main([*words, '--threshold', '0.01']) == 0
    out = capsys.readouterr().out
    assert 'which is fastest' in out and 'imx95 does not meet the budget: ' in out
    assert 'chunks of ' in out and 'start with' not in out


def test_the_command_says_how_to_write_the_bundle_that_it_chose(
    tiny_bundle, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr('vla_ros.planning.planner.UNCHANGED', STATIC)
    recipe = tmp_path / 'other.yaml'
    recipe.write_text('blocks: {llm_backbone: {precision: int8_dynamic}}')
    words = ['plan', '--board', 'imx95', '--policy', str(tiny_bundle), '--recipe', str(recipe)]
    assert main(words) == 0
    wanted = f'vla_ros quantize --policy {tiny_bundle} --recipe {recipe} --dataset'
    assert wanted in capsys.readouterr().out


@pytest.mark.parametrize(
    ('option', 'value'), [('threshold', 0), ('rate', -1), ('threads', 0), ('overhead', -1)]
)
def test_numbers_that_make_no_sense_are_named(tiny_bundle, capsys, option, value):
    words = ['plan', '--board', 'imx95', '--policy', str(tiny_bundle)]
    assert main([*words, f'--{option}', str(value)]) == 2
    assert capsys.readouterr().err.startswith(f'vla_ros: --{option}: got {value}')


def test_a_bundle_that_is_quantized_is_no_start_for_a_plan(bundle, samples, tmp_path, capsys):
    quantize_bundle(bundle, DYNAMIC, samples, tmp_path / 'new')
    assert main(['plan', '--board', 'x86', '--policy', str(tmp_path / 'new')]) == 2
    assert 'quantized already, by dynamic' in capsys.readouterr().err


def test_predicted_and_measured_latency_are_compared_from_a_profile(tiny_bundle, tmp_path, capsys):
    cost = total(operations(tiny_bundle / 'backbone.onnx')).as_dict()
    entry = {'policy': 'tiny', 'backend': 'onnxruntime', 'threads': 1, 'block': 'llm_backbone'}
    entries = [entry | {'recipe': name, 'p50': 1e-5, 'cost': cost} for name in ('a', 'b')]
    path = tmp_path / 'profile.json'
    path.write_text(json.dumps({'format': 1, 'entries': entries}))
    words = ['plan', '--board', 'x86', '--profile', str(path)]
    assert main([*words, '--check']) == 0
    out = capsys.readouterr().out
    assert 'worst 0%; 2 of 2 within 20 %' in out and 'one policy only' in out
    assert main([*words, '--policy', str(tiny_bundle), '--recipe', 'gpu_fp16']) == 0
    assert main([*words, '--threads', '7']) == 2
    assert 'expected one of [1]' in capsys.readouterr().err


def test_cameras_of_two_sizes_are_counted_one_after_the_other(tiny_bundle, tmp_path, capsys):
    path = write_bundle_of_two_sizes(tmp_path / 'two_sizes')
    both, once = (
        Counter(item.operator for item in block_operations(load_bundle(each), 'vision_encoder'))
        for each in (path, tiny_bundle)
    )
    assert both == {name: 2 * number for name, number in once.items()}
    flops = [item.flops for item in block_operations(load_bundle(path), 'vision_encoder')]
    one_picture = total(operations(tiny_bundle / 'vision_encoder.onnx', {'n': 1}))
    area = OTHER_SIZE[0] * OTHER_SIZE[1] / (24 * 32)
    expected = one_picture.work['conv.fp32'].flops * (1 + area)
    convolutions = [f for f, name in zip(flops, _operators(path), strict=True) if name == 'Conv']
    assert sum(convolutions) == pytest.approx(expected)
    words = ['plan', '--board', 'imx95', '--policy', str(path)]
    assert main(words) == 0
    assert 'chosen: ' in capsys.readouterr().out


def _operators(path):
    bundle = load_bundle(path)
    return [item.operator for item in block_operations(bundle, 'vision_encoder')]
