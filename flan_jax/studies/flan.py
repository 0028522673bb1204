"""The tables and figures of FLAN that need several runs (Wei et al. 2022): arms, columns, and the paper's values."""

from flan_jax.catalogue import JOIN
from flan_jax.data.members import ADDED_IN_ORDER, own_mixtures
from flan_jax.errors import UserError
from flan_jax.studies.prompt_study import MODEL, ON_BASE, TUNED, PromptStudy
from flan_jax.studies.study import Arm, Scale, Study

COMMONSENSE = ('copa', 'hellaswag', 'piqa', 'story_cloze')
CLOSED_BOOK_QA = ('arc_easy', 'arc_challenge', 'natural_questions', 'trivia_qa')
FIVE_NLI = ('anli_r1', 'anli_r2', 'anli_r3', 'cb', 'rte')
TRANSLATION = ('wmt14_enfr', 'wmt16_translate_deen', 'wmt16_translate_roen')

ABLATION_HELD_OUT = JOIN.join(('natural_language_inference', 'closed_book_qa', 'commonsense'))
"""The clusters that Figures 6, 7 and 11 hold out together (section 4.1)."""

ABLATION_COLUMNS = {
    'Commonsense': COMMONSENSE,
    'NLI': ('anli_r1', 'anli_r2', 'anli_r3', 'qnli', 'rte', 'snli', 'wnli'),
    'Closed-book QA': CLOSED_BOOK_QA,
}

SIZES = {'422M': '422m', '2B': '2b', '8B': '8b', '68B': '68b', '137B': '137b'}
"""The model sizes of Figure 7, with the names of their gin files."""

SMALL_WIDTHS = (32, 64, 128)
"""Widths of the decoders that replace those sizes at the small scale."""


def _clusters(scale: Scale) -> list[Arm]:
    names = ('summarization', 'translation', 'reading comp.', 'sentiment', 'data to text', 'coreference', 'conv. QA')
    return [
        Arm(f'{n} cluster{"s" * (n > 1)} (+ {name})', {'MIXTURE_OR_TASK_NAME': f'flan_first_{n}_clusters'}, x=n)
        for n, name in enumerate(names, start=1)
    ]


def _sizes(scale: Scale) -> list[Arm]:
    mixture = {'MIXTURE_OR_TASK_NAME': f'flan_first_{len(ADDED_IN_ORDER)}_clusters'}
    if scale == 'paper':
        files = {label: f'gin/models/lamda_{name}.gin' for label, name in SIZES.items()}
        return [Arm(label, mixture, x, files=(file,)) for x, (label, file) in enumerate(files.items())]
    if scale == 'small':
        return [
            Arm(f'width {width}', mixture | {'lamda.d_model': str(width)}, x=x) for x, width in enumerate(SMALL_WIDTHS)
        ]
    raise UserError('flan.figure7 needs models of several sizes; use --scale=small or --scale=paper')


def _instructions(scale: Scale) -> list[Arm]:
    asked = 'Evaluation.instructions'
    return [
        Arm('FLAN', {}),
        Arm('no template', {'Data.instructions': 'none'}),
        Arm('dataset name, asked in instructions', {'Data.instructions': 'dataset_name'}),
        Arm(
            'dataset name, asked by name',
            {'Data.instructions': 'dataset_name', asked: 'dataset_name'},
            tuned_as='dataset name, asked in instructions',
        ),
    ]


def _few_shot(scale: Scale) -> list[Arm]:
    return [
        Arm('zero-shot', {}),
        Arm('few-shot', {'MIXTURE_OR_TASK_NAME': 'flan_few_shot', 'SHOTS': '(16,)'}),
    ]


def _prompts(scale: Scale) -> list[Arm]:
    few = {'Data.examples_per_dataset': '32'}
    return [
        Arm('LaMDA-PT, 32 examples', {MODEL: ON_BASE, **few}),
        Arm('FLAN, 32 examples', {MODEL: TUNED, **few}),
        Arm('LaMDA-PT, all examples', {MODEL: ON_BASE}),
        Arm('FLAN, all examples', {MODEL: TUNED}),
    ]


def _templates(scale: Scale) -> list[Arm]:
    return [
        Arm(
            f'{datasets} of each cluster, {templates} template{"s" * (templates > 1)}',
            {
                'MIXTURE_OR_TASK_NAME': JOIN.join(_first_datasets(datasets)),
                'Data.templates_per_dataset': str(templates),
            },
        )
        for datasets in (1, 4)
        for templates in (1, 4, 10)
    ]


def _first_datasets(count: int) -> list[str]:
    """The first `count` datasets of each of the seven clusters that Figure 6 adds."""
    mixtures = own_mixtures()
    clusters = ([dataset.name for name in names for dataset in mixtures[name]] for names in ADDED_IN_ORDER)
    return [name for cluster in clusters for name in cluster[:count]]


FIGURE_6 = Study(
    id='flan.figure6',
    title='Number of clusters',
    source='Figure 6, section 4.1',
    arms=_clusters,
    held_out={ABLATION_HELD_OUT: tuple(ABLATION_COLUMNS)},
    columns=ABLATION_COLUMNS,
    paper={
        arm.name: dict(zip(('Commonsense', 'NLI', 'Closed-book QA', 'Average'), values))
        for arm, values in zip(
            _clusters('paper'),
            (
                (67.3, 44.0, 38.8, 49.9),
                (73.9, 42.8, 48.7, 55.0),
                (79.4, 49.3, 49.5, 59.3),
                (78.0, 49.2, 50.7, 59.2),
                (78.1, 53.7, 50.8, 60.8),
                (81.5, 51.3, 53.1, 61.9),
                (82.5, 55.0, 53.5, 63.5),
            ),
        )
    }
    | {'base': {'Commonsense': 76.0, 'NLI': 46.7, 'Closed-book QA': 36.3, 'Average': 53.0}},
    figure='lines',
    x_label='clusters in tuning',
    note='The averages are printed in the paper; its other values are estimated from the figure.',
)

FIGURE_7 = Study(
    id='flan.figure7',
    title='Model scale',
    source='Figure 7, section 4.2',
    arms=_sizes,
    held_out={ABLATION_HELD_OUT: tuple(ABLATION_COLUMNS)},
    columns=ABLATION_COLUMNS,
    paper={size: {'Average': value} for size, value in zip(SIZES, (38.4, 41.4, 45.3, 66.3, 68.8))}
    | {f'base, {size}': {'Average': value} for size, value in zip(SIZES, (43.7, 46.8, 50.1, 52.9, 53.8))},
    figure='lines',
    x_label='model',
    note='The paper prints no values; they are estimated from the figure, to about one point for the two larger '
    'models.',
)

FIGURE_8 = Study(
    id='flan.figure8',
    title='The role of instructions',
    source='Figure 8 and Table 3, section 4.3',
    arms=_instructions,
    held_out={
        'natural_language_inference': ('NLI',),
        'reading_comprehension': ('Reading comp.',),
        'closed_book_qa': ('Closed-book QA',),
        'translation': ('Translation',),
    },
    columns={
        'NLI': FIVE_NLI,
        'Reading comp.': ('bool_q', 'multirc', 'openbookqa'),
        'Closed-book QA': ('arc_easy', 'arc_challenge', 'natural_questions', 'trivia_qa_wiki'),
        'Translation': TRANSLATION,
    },
    paper={
        arm.name: dict(zip(('NLI', 'Reading comp.', 'Closed-book QA', 'Translation', 'Average'), values))
        for arm, values in zip(
            _instructions('paper'),
            (
                (56.2, 77.4, 56.6, 30.7, 55.2),
                (50.5, 58.2, 25.5, 15.0, 37.3),
                (52.8, 63.0, 44.8, 25.9, 46.6),
                (60.2, 64.9, 40.8, 21.9, 47.0),
            ),
        )
    },
    figure='bars',
    note='“No template” is multi-task learning without instructions. The 60.2 is mainly due to CB, which has 56 '
    'examples.',
)

FIGURE_9 = Study(
    id='flan.figure9',
    title='Few-shot exemplars',
    source='Figure 9, section 4.4',
    arms=_few_shot,
    held_out={
        'natural_language_inference': ('NLI',),
        'reading_comprehension': ('Reading comp.',),
        'closed_book_qa': ('Closed-book QA',),
        'commonsense': ('Commonsense',),
        'coreference': ('Coreference',),
        'translation': ('Translation',),
        'struct_to_text': ('Struct to text',),
    },
    columns={
        'NLI': (*FIVE_NLI, 'mnli_matched', 'mnli_mismatched', 'qnli', 'snli', 'wnli'),
        'Reading comp.': ('bool_q', 'drop', 'multirc', 'openbookqa', 'squad_v1', 'squad_v2'),
        'Closed-book QA': CLOSED_BOOK_QA,
        'Commonsense': COMMONSENSE,
        'Coreference': ('definite_pronoun_resolution', 'winogrande'),
        'Translation': TRANSLATION,
        'Struct to text': ('common_gen', 'dart', 'e2e_nlg', 'web_nlg_en'),
    },
    paper={
        'zero-shot': {
            'NLI': 54.7, 'Reading comp.': 59.6, 'Closed-book QA': 53.7, 'Commonsense': 80.0, 'Coreference': 63.8,
            'Translation': 31.0, 'Struct to text': 39.2,
        },
        'few-shot': {
            'NLI': 59.3, 'Reading comp.': 60.0, 'Closed-book QA': 57.2, 'Commonsense': 80.8, 'Coreference': 67.4,
            'Translation': 33.0, 'Struct to text': 49.4,
        },
    },
    figure='bars',
    note='Few-shot FLAN is a separate model, tuned with up to 16 exemplars. Struct to text is measured by '
    'ROUGE-1 here, and by the mean of ROUGE-1, 2 and L in the paper.',
)  # fmt: skip

SUPER_GLUE = ('BoolQ', 'CB', 'CoPA', 'MultiRC', 'ReCoRD', 'RTE', 'WiC', 'WSC')

FIGURE_10 = PromptStudy(
    id='flan.figure10',
    title='Soft prompts on base and instruction-tuned models',
    source='Figure 10 and Table 4, section 4.5',
    arms=_prompts,
    held_out={
        'natural_language_inference': ('CB', 'RTE'),
        'reading_comprehension': ('BoolQ', 'MultiRC'),
        'commonsense': ('CoPA',),
        'reading_comprehension_with_commonsense': ('ReCoRD',),
        'coreference': ('WSC',),
        'miscellaneous': ('WiC',),
    },
    columns={
        'BoolQ': ('bool_q',), 'CB': ('cb',), 'CoPA': ('copa',), 'MultiRC': ('multirc',), 'ReCoRD': ('record',),
        'RTE': ('rte',), 'WiC': ('wic',), 'WSC': ('wsc',),
    },
    paper={
        arm.name: dict(zip((*SUPER_GLUE, 'Average'), values))
        for arm, values in zip(
            _prompts('paper'),
            (
                (55.5, 55.4, 87.0, 65.4, 78.0, 52.4, 51.6, 65.4, 63.8),
                (77.5, 87.5, 91.0, 76.8, 80.8, 83.0, 57.8, 70.2, 78.1),
                (82.8, 87.5, 90.0, 78.6, 84.8, 82.0, 54.9, 72.7, 79.2),
                (86.3, 98.2, 94.0, 83.4, 85.1, 91.7, 74.0, 86.5, 87.4),
            ),
        )
    },
    figure='bars',
    y_label='score with a learned prompt, %',
    note='Averages are of Table 4; the labels of the two in the middle are swapped in Figure 10. MultiRC is F1. A base '
    'model here is the arm’s model without a prompt.',
)  # fmt: skip

FIGURE_11 = Study(
    id='flan.figure11',
    title='Templates per dataset, and datasets per cluster',
    source='Figure 11, appendix B.1',
    arms=_templates,
    held_out={ABLATION_HELD_OUT: tuple(ABLATION_COLUMNS)},
    columns=ABLATION_COLUMNS,
    paper={
        arm.name: {'Average': value} for arm, value in zip(_templates('paper'), (61.0, 61.6, 61.9, 70.1, 70.5, 69.9))
    },
    figure='bars',
    note='The scale of the paper’s figure differs from its Figure 6, which it does not explain.',
)

STUDIES = {study.id: study for study in (FIGURE_6, FIGURE_7, FIGURE_8, FIGURE_9, FIGURE_10, FIGURE_11)}
