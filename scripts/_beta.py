"""Makes `.venv-ha` one of Home Assistant's newest beta: python3 scripts/_beta.py, before scripts/setup.

It rewrites pyproject.toml, so it is for a clone that is thrown away: .github/workflows/beta.yml. It prints the version,
or nothing where there is no beta at the moment.
"""

import json
from pathlib import Path
import re
import sys
import urllib.request

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
RELEASES = "https://pypi.org/pypi/homeassistant/json"
CONSTRAINTS = "https://raw.githubusercontent.com/home-assistant/core/{version}/homeassistant/package_constraints.txt"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:b(\d+))?")
# What people run: one line for each package.
_GROUP = re.compile(r"(?<=^people = \[\n).*?(?=^\])", re.DOTALL | re.MULTILINE)
_PIN = re.compile(r'"([\w.-]+)==[^"]+"')


def newest_beta(releases: list[str]) -> str | None:
    """Return the newest of these versions if it is a beta; None where the newest is a release."""
    known = [(found, version) for version in releases if (found := _VERSION.fullmatch(version))]
    parts, newest = max((tuple(int(part or sys.maxsize) for part in found.groups()), name) for found, name in known)
    return None if parts[3] == sys.maxsize else newest


def raised(project: str, version: str, constraints: str) -> str:
    """Return pyproject.toml with this Home Assistant, and with the packages that belong to it.

    Args:
        project: as it is.
        version: of Home Assistant.
        constraints: its own list of them, `name==version` on each line.
    """
    wanted = dict(line.split("==") for line in constraints.splitlines() if re.fullmatch(r"[\w.-]+==[\w.]+", line))
    wanted["homeassistant"] = version

    def pin(found: re.Match[str]) -> str:
        return f'"{found[1]}=={wanted[found[1]]}"' if found[1] in wanted else found[0]

    return _GROUP.sub(lambda group: _PIN.sub(pin, group[0]), project)


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 (an address that stands above)
        text: str = answer.read().decode("utf-8")
    return text


def main() -> None:
    """Look for a beta, and take it."""
    version = newest_beta(list(json.loads(_fetch(RELEASES))["releases"]))
    if version is None:
        return
    constraints = _fetch(CONSTRAINTS.format(version=version))
    PROJECT.write_text(raised(PROJECT.read_text("utf-8"), version, constraints), "utf-8")
    print(version)


if __name__ == "__main__":
    main()
