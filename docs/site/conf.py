"""The documentation site: what lies in the repository, as it lies there, with a table of contents and a search.

The source is the root of the repository, so that the same relative links work here, in an editor and on a forge.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

project = "stormlab"
author = "The stormlab authors"
copyright = "the stormlab authors"
html_title = "stormlab"
root_doc = "docs/index"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinxcontrib.mermaid"]
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

myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
nb_execution_mode = "off"
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_format = "short"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = "$ "

# Diagrams become pictures here, by Mermaid itself without a browser: a page needs neither a script nor a network.
# Labels are text of the picture, since a browser breaks lines of HTML elsewhere than where they were measured; narrow
# boxes keep a long chain legible in one column.
mermaid_output_format = "svg"
mermaid_cmd = f"{shlex.quote(sys.executable)} -m mermaidx"
mermaid_config = {
    "theme": "neutral",
    "themeCSS": ".edgeLabel rect { opacity: 1 !important; }",
    "fontFamily": "DejaVu Sans, Verdana, sans-serif",
    "htmlLabels": False,
    "flowchart": {
        "htmlLabels": False,
        "useMaxWidth": False,
        "wrappingWidth": 110,
        "rankSpacing": 28,
        "nodeSpacing": 25,
        "padding": 8,
    },
    "state": {"useMaxWidth": False},
}
