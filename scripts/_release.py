"""Looks whether a tag can become a release, and prints what is new in it: python3 scripts/_release.py v1.2.3.

Nothing is built: HACS and the Marketplace take the folder custom_components/p1meter as it is at the tag.
"""

import json
from pathlib import Path
import re
import sys
import tomllib

ROOT = Path(__file__).resolve().parent.parent


def notes(tag: str, root: Path = ROOT) -> str:
    """Return what CHANGELOG.md says under the version of this tag.

    Raises:
        ValueError: the tag is not the version of the manifest and of the project, or nothing is said of it.
    """
    version = tag.removeprefix("v")
    manifest = json.loads((root / "custom_components/p1meter/manifest.json").read_text("utf-8"))["version"]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if (tag, manifest, project) != (f"v{version}", version, version):
        raise ValueError(f"The tag is {tag}, the manifest says {manifest}, pyproject.toml {project}")
    # The first word of each title is a version; a date may follow.
    _, *parts = re.split(r"^## (\S+).*", (root / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    told = dict(zip(parts[::2], parts[1::2], strict=True)).get(version, "").strip()
    if not told:
        raise ValueError(f"CHANGELOG.md says nothing under ## {version}")
    return told


def main() -> None:
    """Print the notes of the tag that was named."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(notes(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
