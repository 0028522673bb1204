"""Checks of templates that are added to the catalogue, in addition to those of every declaration."""

from flan_jax.catalogue.declaration import ANSWER, OPTIONS, Dataset, DeclarationError, Template, placeholders


def check_templates(dataset: Dataset) -> None:
    """Raises DeclarationError unless templates are distinct and their inputs contain everything that is needed.

    Forms for ablations, and the original project's templates, need not satisfy this.
    """
    for index, template in enumerate(dataset.templates):
        _check_template(dataset, index, template)
    _check_unique(dataset)


def _check_template(dataset: Dataset, index: int, template: Template) -> None:
    where = f'{dataset.name}, template {index}'
    used = {part: set(placeholders(getattr(template, part))) for part in ('inputs', 'targets')}
    if not used['inputs']:
        raise DeclarationError(f'{where}: the inputs contain no field; add at least one')
    if not used['targets']:
        raise DeclarationError(f'{where}: the targets contain no field; add at least one')
    if leaked := sorted(used['inputs'] & used['targets']):
        raise DeclarationError(f'{where}: the inputs contain the target field {leaked[0]!r}')
    if ANSWER in used['inputs'] and not template.inverted:
        raise DeclarationError(f'{where}: the inputs contain the answer; mark the template as inverted')
    if not template.inverted and (telling := sorted(used['inputs'] & set(dataset.revealing))):
        raise DeclarationError(
            f'{where}: the inputs reveal the answer by {telling[0]!r}; mark the template as inverted'
        )
    if dataset.has_options and not template.inverted and OPTIONS not in used['inputs']:
        raise DeclarationError(
            f'{where}: the dataset has options, but the inputs do not show them; add {{options}} to the inputs'
        )


def _check_unique(dataset: Dataset) -> None:
    seen: dict[tuple[str, str], int] = {}
    for index, template in enumerate(dataset.templates):
        key = (' '.join(template.inputs.split()), ' '.join(template.targets.split()))
        if key in seen:
            raise DeclarationError(f'{dataset.name}: templates {seen[key]} and {index} are the same')
        seen[key] = index
