"""The studies that are computed from files."""

from flan_jax.studies import answer_similarity, gpt4llm

FILE_STUDIES = {**gpt4llm.STUDIES, **answer_similarity.STUDIES}
