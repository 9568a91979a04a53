"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network.

Docutils brings the translation from TeX; a formula that it does not understand stops the build.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def mathml(tex: str, *, block: bool = False) -> str:
    """A formula as MathML.

    Raises
    ------
    ExtensionError
        If the formula cannot be translated.
    """
    try:
        return str(tex2mathml(tex, as_block=block))
    except Exception as error:
        raise ExtensionError(f"the formula {tex!r} cannot be translated to MathML: {error}") from error


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    tex = node.astext().strip()
    if r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    writer.body.append(f'<div class="formula">{mathml(tex, block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
