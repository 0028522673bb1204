"""Steps compile for TPU slices that are not here, within a ceiling of memory; what does not fit says by how much."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from flan_jax.aot.collectives import collectives
from flan_jax.aot.compile import Compiled, DoesNotFit
from flan_jax.aot.least_memory import least_memory
from flan_jax.aot.roofline import Roofline, product_flops
from flan_jax.aot.search import Layout, layouts, search
from flan_jax.command import compile as compile_command
from flan_jax.errors import UserError

needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec('libtpu') is None, reason='libtpu is not installed; `make compile` installs it'
)

SMALL = [
    '--gin.lamda.d_model=512',
    '--gin.lamda.num_layers=4',
    '--gin.SEQUENCE_LENGTH=512',
    '--gin.Stream.input_length=256',
]


def compiled(*words):
    """What `flan-jax compile` prints, in a process of its own, as libtpu is loaded for good."""
    command = [sys.executable, '-m', 'flan_jax', 'compile', '--gin_file=gin/models/lamda_small.gin', *words]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {'JAX_PLATFORMS': 'cpu'})
    return done.returncode, done.stdout, done.stderr


def test_a_step_on_answers_of_the_model_itself_is_refused(monkeypatch):
    monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
    with pytest.raises(UserError, match='@Ppo.*--step=scoring'):
        compile_command.main(['--topology=v4:2x2x1', '--gin_file=gin/runs/ppo.gin', '--step=training'])


def test_sizes_of_meshes_narrow_a_search_alone():
    with pytest.raises(UserError, match='--tensor=.4.*--gin.TENSOR'):
        compile_command.main(['--topology=v4:2x2x1', '--gin_file=gin/models/lamda_small.gin', '--tensor', '4'])


@needs_libtpu
@pytest.mark.parametrize(
    ('topology', 'kind', 'fsdp', 'tensor', 'ceiling'),
    [('v3:2x2', 'TPU v3', 2, 4, 0.2), ('v5e:2x2', 'TPU v5 lite', 4, 1, 0.28)],
)
def test_the_training_step_compiles_within_its_memory(topology, kind, fsdp, tensor, ceiling):
    mesh = [f'--gin.FSDP={fsdp}', f'--gin.TENSOR={tensor}', '--gin.REMAT=full', '--step=training']
    status, output, errors = compiled(f'--topology={topology}', *mesh, *SMALL)
    assert status == 0, errors
    assert f'{fsdp * tensor} devices of kind {kind}' in output
    assert 0 < float(re.search(r'peak ([\d.]+)', output)[1]) <= ceiling
    assert 'all-gather' in output and re.search(r'model FLOP utilisation \d+%', output)


@needs_libtpu
def test_the_search_puts_the_fastest_mesh_first():
    tiny = ['--gin.lamda.d_model=256', '--gin.lamda.num_layers=2', '--gin.SEQUENCE_LENGTH=512', '--gin.BATCH_SIZE=2']
    status, output, errors = compiled('--topology=v5e:2x2', '--search', '--gin.Stream.input_length=256', *tiny)
    assert status == 0, errors
    found = re.findall(r'(\d) x (\d) +(\w+) +(\d) +[\d.]+ +([\d.e-]+) \(', output)
    assert sorted((int(fsdp), int(tensor)) for fsdp, tensor, *_ in found) == [(1, 4), (2, 2)]
    assert found == sorted(found, key=lambda line: float(line[-1]))
    fsdp, tensor, remat, microbatches, _ = found[0]
    settings = f'--gin.FSDP={fsdp} --gin.TENSOR={tensor} --gin.REMAT={remat} --gin.Training.microbatches={microbatches}'
    assert settings in output


def test_layouts_split_sequences_and_heads_evenly():
    ladders = layouts(devices=16, batch_size=8, num_heads=12)
    assert [(ladder[0].fsdp, ladder[0].tensor) for ladder in ladders] == [(4, 4), (8, 2)]
    for ladder in ladders:
        assert ladder[0] == Layout(ladder[0].fsdp, ladder[0].tensor, 'dots', 1)
        assert all(8 % (layout.fsdp * layout.microbatches) == 0 for layout in ladder)
    assert len(ladders[0]) == 3 and len(ladders[1]) == 2
    assert layouts(devices=16, batch_size=8, num_heads=12, tensors=[2, 3]) == ladders[1:]


def test_a_mesh_is_tried_until_it_fits():
    """Memory and time of a step that are made up: what saves most is slowest, and one mesh never fits."""

    def compile_layout(layout):
        if layout.fsdp == 4 or (layout.remat, layout.microbatches) < ('full', 2):
            raise DoesNotFit('too much')
        roofline = Roofline(layout.microbatches / layout.tensor, 0, 0)
        return Compiled('training', 1, {}, {}, 0, 0, 0, roofline)

    found = search(layouts(devices=8, batch_size=8, num_heads=8), compile_layout)
    assert [(tried.layout.fsdp, tried.layout.microbatches) for tried in found] == [(1, 2), (2, 2), (4, 2), (8, 1)]
    assert [tried.compiled is None for tried in found] == [False, False, True, True]


@needs_libtpu
def test_the_step_of_a_ranking_objective_compiles_on_trees():
    tiny = ['--gin.lamda.d_model=256', '--gin.lamda.num_layers=2', '--gin.SEQUENCE_LENGTH=512', '--step=training']
    tiny += ['--gin.Stream.input_length=120', '--gin.Stream.target_length=40', '--gin.INITIAL_CHECKPOINT_PATH=base']
    dpo = ['--topology=v5e:2x2', *tiny, '--gin.Run.objective=@Dpo()']
    status, output, errors = compiled(*dpo, '--responses=9')
    assert status == 0, errors
    assert 'as a tree 480 tokens, 4 per step' in output and 'packed as separate pairs (36) 11,520 tokens' in output
    status, _, errors = compiled(*dpo, '--responses=10')
    assert status != 0 and '--responses=10' in errors and 'Traceback' not in errors


@needs_libtpu
def test_the_scoring_step_reads_the_soft_prompt():
    tiny = ['--gin.lamda.d_model=256', '--gin.lamda.num_layers=4', '--gin.SEQUENCE_LENGTH=512', '--step=scoring']
    tiny += ['--gin.BATCH_SIZE=256']  # so that figures of two decimals tell
    prompt = ['--gin.Run.tuning=@Prompt()', '--gin.Prompt.length=512', '--gin.INITIAL_CHECKPOINT_PATH=base']
    done = []
    for tuning in ([], prompt):
        status, output, errors = compiled('--topology=v5e:2x2', *tiny, *tuning, '--gin.Stream.input_length=256')
        assert status == 0, errors
        done.append([float(number) for number in re.search(r'device: ([\d.]+) TFLOP.* ([\d.]+)\n', output).groups()])
    assert all(behind > 1.02 * alone for alone, behind in zip(*done)), done


@needs_libtpu
def test_a_study_is_compiled_with_each_model_once():
    """Figure 11 tunes one model six times."""
    command = [sys.executable, '-m', 'flan_jax', 'reproduce', 'flan.figure11', '--compile', '--gin.TRAIN_STEPS=3600']
    environment = os.environ | {'JAX_PLATFORMS': 'cpu', 'TERM': 'dumb', 'COLUMNS': '200'}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    (line,) = re.findall(r'v4:2x2x1 +(\d+ x \d+) +([\d.]+) +([\d.]+) +\d+% +([\d,]+)', done.stdout)
    mesh, _, seconds, hours = line
    assert mesh == '4 x 1' and float(hours) == pytest.approx(4 * 6 * float(seconds), abs=0.51 + 24 * 5e-4)


@needs_libtpu
def test_what_does_not_fit_says_how_much_it_needs():
    huge = ['--gin.lamda.d_model=8192', '--gin.lamda.num_layers=8', '--step=scoring', '--gin.SEQUENCE_LENGTH=512']
    status, _, errors = compiled('--topology=v5e:2x2', *huge, '--gin.Stream.input_length=256')
    assert status == 2
    assert re.search(
        r'the scoring step does not fit into the memory of a device: it needs [\d.]+G of 1[56][\d.]*G', errors
    ), errors


@pytest.mark.parametrize(
    ('topology', 'message'),
    [('v9:8x8', 'unknown TPU generation'), ('v4:8x8', 'v4 has 3 axes, such as v4:4x4x8'), ('v3', 'v3 has 2 axes')],
)
def test_an_unknown_topology_is_refused_with_those_there_are(topology, message):
    status, _, errors = compiled(f'--topology={topology}')
    assert status == 2 and message in errors


def test_flops_are_counted_through_loops():
    import jax
    import jax.numpy as jnp

    def stacked(x, kernels):
        return jax.lax.scan(lambda x, kernel: (jnp.tanh(x @ kernel), None), x, kernels)[0]

    jaxpr = jax.make_jaxpr(stacked)(jnp.zeros((3, 5)), jnp.zeros((7, 5, 5))).jaxpr
    assert product_flops(jaxpr) == 7 * 2 * 3 * 5 * 5


@pytest.mark.parametrize('remat', [False, True])
def test_what_layers_keep_for_the_backward_pass_is_counted_before_compiling(remat):
    import jax
    import jax.numpy as jnp

    layers, width, rows = 7, 5, 11

    def layer(x, kernel):
        return jnp.sin(jnp.sin(x) @ kernel), None

    def loss(kernels, x):
        return jax.lax.scan(jax.checkpoint(layer) if remat else layer, x, kernels)[0].sum()

    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    shapes = [(layers, width, width), (rows, width)]
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32, sharding=here) for shape in shapes]
    forward = jax.make_jaxpr(jax.grad(loss))(*arguments).jaxpr
    weights, kept = 4 * layers * width * width, 4 * layers * rows * width  # bytes
    least = least_memory(arguments, forward, devices=1)
    # Recomputed, a layer keeps its input alone; else its two cosines and the input of its product.
    assert least - weights - 4 * rows * width == (kept if remat else 3 * kept)
    assert least_memory(arguments, forward, devices=2) < least


HLO = """\
%body.1 (p: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %ag = f32[8,4]{1,0} all-gather(%x), channel_id=1, replica_groups=[2,4]<=[8], dimensions={0}
  %start = (f32[2,4]{1,0}, f32[8,4]{1,0}) all-gather-start(%x), replica_groups=[2,4]<=[8], dimensions={0}
  %done = f32[8,4]{1,0} all-gather-done(%start)
}

%cond.1 (p: (s32[], f32[8,4])) -> pred[] {
  %constant.5 = s32[]{:T(256)} constant(10)
  ROOT %compare = pred[] compare(%i, %constant.5), direction=LT
}

%all-reduce-scatter.2 (input: bf16[16,4]) -> bf16[8,4] {
  %all-reduce.9 = bf16[16,4]{1,0} all-reduce(%input), replica_groups={{0,4},{1,5}}, to_apply=%add
}

ENTRY %main (a: f32[8,4]) -> f32[8,4] {
  %w = (s32[], f32[8,4]) while(%t), condition=%cond.1, body=%body.1
  %f = bf16[8,4]{1,0} fusion(%g), kind=kCustom, calls=%all-reduce-scatter.2
  ROOT %r = f32[8,4]{1,0} all-reduce(%y), replica_groups={}, to_apply=%add
}
"""


def test_collectives_are_counted_with_the_turns_of_loops():
    found = collectives(HLO, devices=8)
    assert {kind: traffic.count for kind, traffic in found.items()} == {
        'all-gather': 20,
        'reduce-scatter': 1,
        'all-reduce': 1,
    }
    assert found['all-gather'].payload == 20 * 128 and found['all-gather'].sent == 20 * 128 * 3 / 4
    assert found['reduce-scatter'].payload == 128 and found['reduce-scatter'].sent == 64
    assert found['all-reduce'].sent == 2 * 128 * 7 / 8
