"""Sphinx builds the site from this folder: ``sphinx-build -W docs site``; nothing is simulated, nothing is fetched."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extension"))

import cgrosim

project = "cgrosim"
author = copyright = "The cgrosim developers"
version = release = cgrosim.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "mathml",
    "generated",
    "docstrings",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_extension", "notebooks/*.ipynb", "_build"]
root_doc = "index"

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "substitution"]
myst_heading_anchors = 3
suppress_warnings = ["ref.python"]  # a name that several classes have, such as status, links to none of them

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"cgrosim {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"index": [], "start": [], "paper": [], "gallery": []}
html_theme_options = {
    "header_links_before_dropdown": 7,  # gallery and reference are found without a menu
    "navigation_depth": 2,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "icon_links": [],
    "footer_start": ["copyright"],
    "footer_end": [],
    "back_to_top_button": False,
}
