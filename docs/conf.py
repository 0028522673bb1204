"""How Sphinx makes a site of these pages: `make docs`, then out/docs/index.html."""

import flan_jax

project = 'flan_jax'
copyright = 'the flan_jax authors'
release = flan_jax.__version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'sphinxcontrib.mermaid',
]
myst_fence_as_directive = ['mermaid']
myst_heading_anchors = 3
suppress_warnings = ['myst.xref_missing', 'myst.header']  # pages also link to files of the repository

autodoc_typehints = 'description'
autodoc_member_order = 'bysource'
viewcode_follow_imported_members = False
napoleon_google_docstring = True

html_theme = 'furo'
html_title = 'flan_jax'
