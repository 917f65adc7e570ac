"""The documentation site: what lies in the repository, as it lies there, with a table of contents and a search.

The source is the root of the repository, so that the same relative links work here, in an editor and on a forge.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

project = "stormlab"
author = "The stormlab authors"
copyright = "the stormlab authors"
html_title = "stormlab"
root_doc = "docs/index"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
include_patterns = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/*.md",
    "docs/*/*.md",
    "case_studies/*/README.md",
    "notebooks/*.ipynb",
]
exclude_patterns = [".*", "build", "dist", "runs"]

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "off"
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = "$ "


def setup(app: Any) -> None:
    """A lexer for the diagrams, which are shown as their source."""
    from pygments.lexers.special import TextLexer

    app.add_lexer("mermaid", TextLexer)
