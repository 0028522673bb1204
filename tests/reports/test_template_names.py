"""A template sets no name of its own that it is given: what is given would be gone for all that follows."""

import ast
import inspect

import jinja2
import pytest
from jinja2 import nodes

from flan_jax.reports import models, page, report

FOLDER = page.__file__.rpartition('/')[0]


@pytest.mark.parametrize(('module', 'template'), [(report, 'report.html'), (models, 'models.html')])
def test_a_template_sets_no_name_that_it_is_given(module, template):
    with open(f'{FOLDER}/{template}', encoding='utf-8') as file:
        content = jinja2.Environment(extensions=['jinja2.ext.loopcontrols']).parse(file.read())
    targets = [assign.target for assign in content.find_all(nodes.Assign)]
    own = {target.name for target in targets if isinstance(target, nodes.Name)}
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    given = {keyword.arg for call in calls if getattr(call.func, 'id', '') == 'page_of' for keyword in call.keywords}
    assert own and given and not own & given
