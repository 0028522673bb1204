#!/usr/bin/env bash
# Runs the same flan-jax command on every worker of a TPU VM slice.
#
#   TPU=my-slice ZONE=us-central2-b scripts/tpu_slice.sh install
#   TPU=my-slice ZONE=us-central2-b scripts/tpu_slice.sh run --gin_file=gin/runs/flan.gin \
#     --gin.MODEL_DIR=gs://BUCKET/flan --gin.Stream.directory=gs://BUCKET/streams --gin.TFDS_DATA_DIR=gs://BUCKET/tfds \
#     --gin.HELD_OUT=natural_language_inference --gin.INITIAL_CHECKPOINT_PATH=gs://BUCKET/CHECKPOINT --gin.VOCABULARY=FILE
#
# flan.gin is configured for 128 devices; for others set FSDP and TENSOR. VOCABULARY is a file on every worker. JAX finds the
# other workers by itself. To resume an interrupted command from its newest checkpoint, run it again.
set -euo pipefail
: "${TPU:?name of the slice}" "${ZONE:?its zone}"
WHEEL=${WHEEL:-flan_jax-*.whl} # made by `pip wheel --no-deps .`

on_every_worker() {
  gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all --command="$1"
}

if [[ ${1:-} == install ]]; then
  # shellcheck disable=SC2086
  gcloud compute tpus tpu-vm scp $WHEEL constraints.txt "$TPU": --zone="$ZONE" --worker=all
  on_every_worker "python3 -m venv flan && flan/bin/pip install --constraint constraints.txt \$(ls flan_jax-*.whl)'[tpu]'"
else
  on_every_worker "flan/bin/flan-jax $(printf '%q ' "$@")"
fi
