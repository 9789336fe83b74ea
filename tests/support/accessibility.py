"""axe-core in a browser: what keeps people from using a page. The script and its licence lie in `axe/`."""

from pathlib import Path

from playwright.sync_api import Page

_SCRIPT = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
GRAVE = ("serious", "critical")
_RUN = """
([rules, impacts]) => axe.run(document, rules ? {runOnly: rules} : {}).then(found => found.violations
  .filter(one => impacts.includes(one.impact))
  .flatMap(one => one.nodes.map(node =>
    `${one.impact} ${one.id}: ${node.target.join(" ")}  ${node.html.slice(0, 160)}`)))
"""


def findings(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """Serious and critical findings of the page as it is shown now, by some rules or by all."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_SCRIPT)
    found: list[str] = page.evaluate(_RUN, [rules, list(GRAVE)])
    return found
