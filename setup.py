"""Packaging: `flan_jax` from flan_jax/, `flan_jax.tasks` from tasks/, and gin/ as its data."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (ROOT / 'flan_jax' / '__init__.py').read_text()).group(1)

LIBRARY_PACKAGES = setuptools.find_packages(include=['flan_jax', 'flan_jax.*'])

setuptools.setup(
    name='flan_jax',
    version=VERSION,
    description='Instruction tuning and zero-shot evaluation of language models in JAX: FLAN, complete',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    project_urls={
        'Paper (FLAN)': 'https://arxiv.org/abs/2109.01652',
        'Paper (Flan 2022)': 'https://arxiv.org/abs/2301.13688',
    },
    keywords=['instruction tuning', 'language models', 'zero-shot', 'FLAN', 'JAX', 'TPU', 'DPO', 'LoRA'],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Typing :: Typed',
    ],
    python_requires='>=3.11',
    packages=[*LIBRARY_PACKAGES, 'flan_jax.tasks', 'flan_jax.gin'],
    package_dir={'flan_jax.tasks': 'tasks', 'flan_jax.gin': 'gin'},
    package_data={
        'flan_jax': ['py.typed', '**/*.model', '**/*.html', '**/*.css', '**/*.js', '**/*.jsonl'],
        'flan_jax.tasks': ['samples/**/*.jsonl'],
        'flan_jax.gin': ['**/*.gin'],
    },
    # t5 depends on seqio-nightly and tfds-nightly, which write into the folders of seqio and tensorflow-datasets.
    # Naming the stable ones here makes pip install them last, so that they win; `flan-jax doctor` checks that they did.
    install_requires=[
        'absl-py',
        'array_record',
        'clu',
        'editdistance',
        'etils[epath]',
        'flax>=0.12',
        'gin-config',
        'grain',
        'importlib_resources',  # imported by tensorflow-datasets, which does not declare it
        'jax>=0.10',
        'jinja2',
        'markupsafe',
        'matplotlib',
        'ml_dtypes',
        'numpy',
        'optax',
        'orbax-checkpoint>=0.12',
        'pyarrow',
        'pyyaml',
        'rich',
        'rouge_score',
        'sacrebleu',
        'safetensors',
        'scikit-learn',
        'scipy',
        'sentencepiece',
        'seqio==0.0.20',
        't5==0.9.4',
        'tensorboard',  # imported by clu's writers, which do not declare it
        'tensorflow',
        'tensorflow-datasets==4.9.10',
        'tensorflow-text',
        'tokenizers',
    ],
    extras_require={
        'tpu': ['jax[tpu]'],
        'gpu': ['jax[cuda13]'],
        'test': [
            'hypothesis',
            'mypy',
            'openai',
            'pytest',
            'pytest-xdist',
            'ruff',
            'setuptools>=77',
            'statsmodels',
            'wheel',
        ],
        'bench': ['lm_eval[hf]', 'torch', 'transformers', 'trl'],
        'docs': ['furo', 'myst-parser', 'sphinx', 'sphinxcontrib-mermaid'],
        'parity': ['spacy', 'torch', 'transformers', 'trl'],
        'wandb': ['wandb'],  # to hand over what runs log, see docs/look.md
        'parser': ['spacy'],  # its pipelines are packages of their own: python -m spacy download en_core_web_md
    },
    entry_points={'console_scripts': ['flan-jax = flan_jax.command.main:entry_point']},
)
