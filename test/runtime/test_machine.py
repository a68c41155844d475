# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The facts about a machine are read from what its kernel says."""

from vla_ros.runtime.machine import isa, machine_facts, memory, processor, version

X86 = """processor	: 0
cpu family	: 25
model		: 17
model name	: AMD EPYC
flags		: fpu avx2 avx512f avx512_vnni avx512_bf16 sse
"""
ARM = """processor	: 0
Features	: fp asimd asimdhp asimddp
Model		: Raspberry Pi 5 Model B
"""


def test_processor_is_named_with_family_and_model():
    assert processor(X86) == 'AMD EPYC (family 25, model 17)'
    assert processor(ARM) == 'Raspberry Pi 5 Model B'
    assert processor('')


def test_instruction_sets_that_matter_are_named_with_their_use():
    assert list(isa(X86)) == ['avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16']
    assert isa(ARM)['asimddp'] == '8-bit products (dotprod)'
    assert isa('') == {}


def test_facts_are_complete():
    facts = machine_facts()
    assert facts['cores'] >= 1
    assert facts['memory'] == memory() > 1e8
    assert facts['onnxruntime'] == version('onnxruntime')
    assert version('no-such-package') is None
