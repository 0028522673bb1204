"""The catalogue of datasets and their instruction templates: one module per cluster, in the paper's order (Figure 3).

Flan 2022's clusters come last: chain of thought and dialogue.

`flan_jax.tasks.registered` names all tasks and mixtures to SeqIO, for `--module_import=flan_jax.tasks.registered`.
"""

from flan_jax import catalogue
from flan_jax.tasks import (
    chain_of_thought,
    closed_book_qa,
    commonsense,
    coreference,
    dialogue,
    miscellaneous,
    natural_language_inference,
    paraphrase,
    reading_comprehension,
    reading_comprehension_with_commonsense,
    sentiment,
    struct_to_text,
    summarization,
    translation,
)

for module in (
    natural_language_inference,
    commonsense,
    sentiment,
    paraphrase,
    closed_book_qa,
    struct_to_text,
    translation,
    reading_comprehension,
    reading_comprehension_with_commonsense,
    coreference,
    miscellaneous,
    summarization,
    chain_of_thought,
    dialogue,
):
    catalogue.add_ours(*module.DATASETS)
