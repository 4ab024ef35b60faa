"""What the documents point to is there: pages, titles, tests, entities, messages."""

import importlib
import json
from pathlib import Path
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TEXTS: Final[dict[str, Any]] = json.loads((ROOT / "custom_components/p1meter/translations/en.json").read_text("utf-8"))
LINK: Final = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
# Entities of a meter that is called so, as Home Assistant forms their ids in English.
ENTITY: Final = re.compile(
    r"\b(?:sensor|binary_sensor|event|switch|select|button|number)\."
    r"(?:iskra_am550|p1_meter|p1|boiler|gas_meter|water_meter)(?:_([a-z0-9_]+))?\b"
)
# It comes without type information.
YAML: Final[Any] = importlib.import_module("yaml")
DASHBOARD: Final = ROOT / "docs/dashboard.yaml"


def without_code(text: str) -> str:
    """Return a page without its examples: what looks like a link there is none."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """Return where a link into a page may go to: its titles, as GitHub writes them, and marks of its own."""
    text = page.read_text("utf-8")
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    return {*slugs, *re.findall(r'<a id="([^"]+)">', text)}


def links() -> Iterator[tuple[Path, str, str]]:
    """Yield each link that stays in the project: its page, its words, where it goes."""
    for page in PAGES:
        for words, to, picture in LINK.findall(without_code(page.read_text("utf-8"))):
            if not re.match(r"[a-z]+:", to or picture):
                yield page, words, to or picture


def test_every_link_leads_somewhere() -> None:
    lost = []
    for page, words, to in links():
        path, _, anchor = to.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            lost.append(f"{page.name}: [{words}]({to})")
    assert lost == []


def test_every_page_is_in_the_list_of_pages() -> None:
    linked = {(page.parent / to.partition("#")[0]).resolve() for page, _, to in links() if page.parent.name == "docs"}
    listed = {to.partition("#")[0] for page, _, to in links() if page == ROOT / "docs/README.md"}
    assert {page.name for page in ROOT.glob("docs/*.md")} - {"README.md"} <= listed
    assert {ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"} <= linked


def test_every_fault_is_tried_by_the_test_it_names() -> None:
    tried = [(words, to) for page, words, to in links() if page.name == "reliability.md" and "/tests/" in to]
    assert len(tried) > 40
    for words, to in tried:
        assert f"def test_{words.replace(' ', '_')}(" in (ROOT / "docs" / to).read_text("utf-8"), words


def test_every_message_has_its_place_in_troubleshooting() -> None:
    errors = TEXTS["config"]["error"]
    wanted = {*TEXTS["issues"], *(key for key in errors if key.startswith(("heard_", "port_", "wrong_")))}
    assert wanted - anchors(ROOT / "docs/troubleshooting.md") == set()


def names() -> set[str]:
    """Return what entity ids end with."""
    texts = [text["name"] for entities in TEXTS["entity"].values() for text in entities.values()]
    filled = {text.replace("{phase}", n).replace("{n}", n) for text in texts for n in "1234"}
    return {re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") for text in filled}


@pytest.mark.parametrize("page", [*PAGES, DASHBOARD], ids=lambda page: page.name)
def test_entities_in_examples_are_called_so(page: Path) -> None:
    assert {name for name in ENTITY.findall(page.read_text("utf-8")) if name} <= names()


def test_the_dashboard_has_only_cards_of_home_assistant() -> None:
    text = DASHBOARD.read_text("utf-8")
    (view,) = YAML.safe_load(text)["views"]
    assert view["type"] == "sections"
    assert "custom:" not in text
    assert len(view["sections"]) == 6
