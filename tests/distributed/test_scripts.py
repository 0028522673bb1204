"""The scripts for pods are sound, and what they run could start on their devices."""

import pathlib
import re
import subprocess

import pytest
import yaml
from jax.sharding import AbstractMesh

from flan_jax.command import configuration
from flan_jax.command.start import parse_gin_arguments
from flan_jax.distributed.batches import check_batch
from flan_jax.model.partitioning import MESH_AXES

SCRIPTS = pathlib.Path(__file__).parents[2] / 'scripts'


@pytest.mark.parametrize('script', ['slurm.sbatch', 'tpu_slice.sh'])
def test_bash_can_read(script):
    subprocess.run(['bash', '-n', SCRIPTS / script], check=True)


def test_pods_find_the_first_by_the_name_of_the_service():
    service, job = yaml.safe_load_all((SCRIPTS / 'gke.yaml').read_text())
    pod = job['spec']['template']['spec']
    variables = {variable['name']: variable.get('value') for variable in pod['containers'][0]['env']}
    name = f'{job["metadata"]["name"]}-0.{pod["subdomain"]}'
    assert pod['subdomain'] == service['metadata']['name']
    assert variables['JAX_COORDINATOR_ADDRESS'].startswith(f'{name}:')
    assert variables['JAX_NUM_PROCESSES'] == str(job['spec']['completions'])


@pytest.mark.parametrize(('script', 'devices'), [('slurm.sbatch', 4 * 8), ('gke.yaml', 4 * 8), ('tpu_slice.sh', 128)])
def test_the_command_has_all_settings_and_a_mesh_of_its_devices(script, devices):
    arguments = re.findall(r'--gin(?:_file|\.[\w.]+)=[^\s,\]]+', (SCRIPTS / script).read_text())
    run = configuration.load(*parse_gin_arguments('run', arguments))
    fsdp, tensor = run.parallelism.fsdp, run.parallelism.tensor
    assert devices % (fsdp * tensor) == 0
    mesh = AbstractMesh((devices // fsdp // tensor, fsdp, tensor), MESH_AXES)
    check_batch(mesh, run.training.batch_size, run.training.microbatches)
