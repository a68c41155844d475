# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boards: their files, and how long work takes on them."""

from pathlib import Path

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.planning.boards import load_board
from vla_ros.planning.cost import Cost, Operation, Work
from vla_ros.planning.prediction import inference_threads, place

BOARDS = Path(__file__).parents[2] / 'config' / 'boards'
SHIPPED = sorted(path.stem for path in BOARDS.glob('*.yaml'))

# ACT with 3 cameras of 640x480, dim_model 512, feed-forward 3200, 4 encoder layers, 100 actions,
# as counted from its blocks: kind -> (operators, operations, weights, activations), numbers
STUDY = {
    'vision_encoder': {
        'conv': (21, 67.092e9, 11.43e6, 86.63e6),
        'other': (16, 0.032e9, 0, 88.47e6),
    },
    'llm_backbone': {
        'matmul': (25, 31.212e9, 17.31e6, 41.57e6),
        'attention': (8, 6.665e9, 0, 59.46e6),
        'other': (73, 0.076e9, 1.88e6, 156.44e6),
    },
    'action_expert': {
        'matmul': (7, 1.707e9, 4.33e6, 2.85e6),
        'attention': (2, 0.185e9, 0, 2.47e6),
        'other': (25, 0.005e9, 0.57e6, 9.65e6),
    },
}
NAMES = {'conv': 'Conv', 'matmul': 'MatMul', 'attention': 'MatMul', 'other': 'Softmax'}


def study(block, precision):
    """Return the operators of a block of the study's ACT; not the light ones change precision."""
    return [
        Operation(
            str(number),
            NAMES[kind],
            kind,
            'fp32' if kind == 'other' else precision,
            flops / count,
            weights / count,
            activations / count,
        )
        for kind, (count, flops, weights, activations) in STUDY[block].items()
        for number in range(count)
    ]


def board(name='imx95'):
    return load_board(BOARDS / f'{name}.yaml')


@pytest.mark.parametrize('name', SHIPPED)
def test_a_board_that_ships_says_where_its_figures_come_from(name):
    shipped = board(name)
    assert shipped.name == name and shipped.description and len(shipped.sources) >= 2


def test_the_boards_of_the_readme_ship():
    wanted = {'imx95', 'raspberry_pi_5', 'jetson_orin_nano', 'intel_npu_laptop', 'x86'}
    wanted |= {'rk3588', 'jetson_agx_orin'}
    assert wanted <= set(SHIPPED)


# GHz of a core, FP32 and 8-bit operations of one per cycle; GT/s and bytes of the memory
CPUS = {
    'imx95': (2.0, 8, 32, 6.4, 4),
    'intel_npu_laptop': (4.8, 32, 128, 8.533, 16),
    'jetson_agx_orin': (2.2, 16, 64, 6.4, 32),
    'jetson_orin_nano': (1.5, 16, 64, 4.267, 16),
    'raspberry_pi_5': (2.4, 16, 64, 4.267, 4),
    'rk3588': (2.4, 16, 64, 4.267, 8),
    'x86': (3.7, 32, 128, None, None),  # many cores share its memory
}


@pytest.mark.parametrize('name', SHIPPED)
def test_the_peak_of_a_core_is_its_clock_times_what_it_does_in_a_cycle(name):
    clock, floats, integers, transfers, size = CPUS[name]
    cpu = board(name).processors['cpu']
    for precision, operations in {
        'fp32': floats,
        'int4_weights': floats,  # unpacked, and multiplied as FP32
        'bf16': 2 * floats,
        'int8_static': integers,
        'int8_dynamic': integers,
    }.items():
        peak = cpu.peak.get(precision, clock * operations)
        assert peak == pytest.approx(clock * operations, rel=0.005), precision
    for processor in board(name).processors.values() if transfers else ():
        assert processor.bandwidth == pytest.approx(transfers * size, rel=0.005)


def test_the_pi_is_taken_to_reach_the_share_of_its_peak_that_the_imx95_was_calibrated_to():
    assert 'that of the i.MX 95' in board('raspberry_pi_5').description
    pi, imx95 = (board(name).processors['cpu'] for name in ('raspberry_pi_5', 'imx95'))
    assert pi.efficiency == imx95.efficiency


def test_the_studys_fp32_row_is_what_the_imx95_was_calibrated_with():
    seconds = sum(place(study(block, 'fp32'), board())[0].seconds for block in STUDY)
    assert seconds == pytest.approx(2.86, rel=0.03)


def test_figures_of_others_stand_beside_the_predictions_with_their_source():
    figures = {item.policy: item for item in board('imx95').published if 'FP32' in item.how}
    assert {name: item.seconds for name, item in figures.items()} == {'ACT': 2.86, 'SmolVLA': 29.1}
    assert all(item.source for name in SHIPPED for item in board(name).published)


def test_a_model_that_runs_ten_times_for_an_answer_takes_ten_times_as_long():
    one, ten = (place(study('action_expert', 'fp32'), board(), runs=runs) for runs in (1, 10))
    assert [item.processor for item in ten] == [item.processor for item in one]
    assert ten[0].seconds == pytest.approx(10 * one[0].seconds)


def test_what_an_npu_lacks_is_named_and_done_by_the_cpu():
    placed = place(study('llm_backbone', 'int8_static'), board())[0]
    assert placed.processor == 'npu' and placed.fallback == ('Softmax fp32',)


def test_a_precision_that_no_processor_computes_in_is_refused_with_the_operator():
    with pytest.raises(ConfigError, match='imx95.*Conv.*bf16.*int8_static.*another recipe'):
        place(study('vision_encoder', 'bf16'), board())


def test_the_command_loop_keeps_its_core():
    assert (inference_threads(board()), inference_threads(board('x86'))) == (5, 2)


def test_more_threads_compute_faster_and_move_bytes_no_faster():
    cpu = board().processors['cpu']
    one, four = cpu.rates(1), cpu.rates(4)
    assert 3 < one.seconds['conv.fp32'] / four.seconds['conv.fp32'] < 4
    assert one.seconds['weights'] == four.seconds['weights']


def test_work_without_a_rate_is_refused():
    rates = board().processors['npu'].rates(1)
    with pytest.raises(ConfigError, match=r'conv\.fp16'):
        rates.latency(Cost({'conv.fp16': Work(1, 1e9, 1.0, 1.0)}))


GOOD = """
description: Mine.
sources: [guess]
processors:
  cpu:
    device: cpu
    peak: {fp32: 10}
    bandwidth: 10
    efficiency: {conv: 0.5, matmul: 0.5, attention: 0.5, memory: 0.5}
"""


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        ('sources: [guess]', 'sources: []', ['sources']),
        ('  cpu:', '  tpu:', ['cpu', 'tpu']),
        ('device: cpu', 'device: fpga', ['device', 'fpga', 'npu']),
        ('fp32: 10', 'fp33: 10', ['peak', 'fp33', 'int8_static']),
        ('fp32: 10', 'fp32: -1', ['-1', 'above 0']),
        ('bandwidth: 10', 'speed: 10', ['cpu', 'speed', 'bandwidth']),
        (', memory: 0.5', '', ['memory']),
        ('    bandwidth: 10\n', '', ['bandwidth']),
    ],
)
def test_a_bad_board_is_refused_with_the_file_and_the_value(tmp_path, old, new, words):
    path = tmp_path / 'mine.yaml'
    path.write_text(GOOD)
    load_board(path)
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_board(path)
    assert not [word for word in ['mine.yaml', *words] if word not in str(caught.value)]
