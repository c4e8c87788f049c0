"""How Sphinx makes the site: `python scripts/build_site.py` calls it, see there."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

project = "A first lesson in deep learning"
language = "en"
extensions = ["myst_nb"]

nb_execution_mode = "off"  # the site shows the outputs that are stored
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathml"  # browsers draw it without a library from somewhere

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}  # dark or light, as the reader's system
html_use_index = False
highlight_language = "none"  # of what names no language; the cells of the notebooks do
html_copy_source = False  # the notebooks with all their outputs, once more
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "footer_content_items": [],
    "navbar_persistent": [],  # the side bar has a search already
}


def formula(as_block: bool):
    """Return what writes a formula as MathML: one with a line of its own, or one within a line."""

    def visit(writer, node):
        writer.body.append(tex2mathml(node.astext(), as_block=as_block))
        raise nodes.SkipNode

    return visit


def setup(app):
    app.add_html_math_renderer("mathml", (formula(False), None), (formula(True), None))
