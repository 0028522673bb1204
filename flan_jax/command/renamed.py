"""Former names of commands and gin macros, with their current names."""

COMMANDS = {'experiment': "flan-jax reproduce; 'experiment leave_one_cluster_out' is 'reproduce flan.clusters'"}

MACROS = {
    'MIXTURE': 'MIXTURE_OR_TASK_NAME',
    'ALLOW_MISSING': 'Data.allow_missing',
    'INSTRUCTIONS': 'Data.instructions',
    'TEMPLATES_PER_DATASET': 'Data.templates_per_dataset',
    'TRAIN_SHOTS': 'Data.shots',
    'ORIGINAL_TEMPLATES': 'Data.original_templates',
    'STREAM_DIR': 'Stream.directory',
    'ROW_LENGTH': 'SEQUENCE_LENGTH',
    'INPUT_LENGTH': 'Stream.input_length',
    'TARGET_LENGTH': 'Stream.target_length',
    'TARGETS_PER_ROW': 'Stream.targets_per_sequence',
    'PACK_WINDOW': 'Stream.window',
    'INITIAL_CHECKPOINT': 'INITIAL_CHECKPOINT_PATH',
    'BATCH_ROWS': 'BATCH_SIZE',
    'MICROBATCHES': 'Training.microbatches',
    'WARMUP_STEPS': 'Training.warmup_steps',
    'DTYPE': 'Training.dtype',
    'PARAM_DTYPE': 'Training.param_dtype',
    'REMATERIALISE': "REMAT, and its 'elementwise' and 'layers' are 'dots' and 'full'",
    'CHECKPOINT_EVERY': 'Training.checkpoint_every',
    'LOG_EVERY': 'Training.log_every',
    'LORA_RANK': 'Lora.rank, with Run.tuning = @Lora()',
    'LORA_ALPHA': 'Lora.alpha, with Run.tuning = @Lora()',
    'LORA_TARGETS': 'Lora.targets, with Run.tuning = @Lora()',
    'EVALUATE': 'EVAL_TASKS',
    'EVALUATE_EVERY': 'EVAL_PERIOD',
    'EVALUATE_LIMIT': 'EVAL_LIMIT',
    'EVALUATE_TEMPLATES': 'Evaluation.templates',
    'EVALUATE_INSTRUCTIONS': 'Evaluation.instructions',
    'EVALUATE_BATCH_TOKENS': 'Evaluation.batch_tokens',
    'FIXED_EXEMPLARS': 'Evaluation.fixed_exemplars',
    'BASE_DIR': 'Evaluation.base_dir',
    'SCORE': 'Evaluation.score',
}

CLASSES = {'Experiment': 'Run'}

FIELDS = {
    'Run.lora': 'Run.tuning = @Lora()',
    'Stream.row_length': 'Stream.sequence_length',
    'Stream.targets_per_row': 'Stream.targets_per_sequence',
    'Training.multiply_by_parameter_scale': 'Adafactor.multiply_by_parameter_scale',
    'Training.batch_rows': 'Training.batch_size',
    'Training.rematerialise': 'Training.remat',
}
