"""How Sphinx builds these pages: `make docs`, with every warning an error."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "tokenauth/__init__.py").read_text())

project = "tokenauth"
author = "The tokenauth authors"
copyright = author
release = version = VERSION[1] if VERSION else ""

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
nitpicky = True
#: Links name a heading as the repository's own page does: `page.md#heading`.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = "tokenauth"
html_copy_source = False
html_show_sphinx = False
