"""python -m tests.training.train_once MODEL_DIR DATA_DIR STREAMS STREAM: the run of test_train.py, to its end."""

import sys

from flan_jax.packing.stream import PackedStream
from tests.training.test_train import make_experiment, run_training

run_training(make_experiment(*sys.argv[1:4]), PackedStream(sys.argv[4]))
