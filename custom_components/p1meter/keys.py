"""The keys of a meter that encrypts: read from what a person typed, and tried on what the meter sent.

Pure. Nothing that is raised here holds a key.
"""

import re
from typing import TYPE_CHECKING

from .link import ProbeVerdict
from .meter.cipher import UnauthenticatedError, WrongKeyError, decrypt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .meter import DecryptionKeys

_BETWEEN = re.compile(r"0[xX]|[\s:.,;-]")
_DIGITS = re.compile(r"[0-9A-Fa-f]{32}")


def parse_key(text: str) -> bytes:
    """Return the 16 bytes of a key as grid companies write it: 32 hexadecimal digits, grouped in any way.

    Raises:
        ValueError: it is something else.
    """
    digits = _BETWEEN.sub("", text)
    if not _DIGITS.fullmatch(digits):
        raise ValueError("not 32 hexadecimal digits")
    return bytes.fromhex(digits)


def try_keys(keys: DecryptionKeys, frames: Iterable[bytes]) -> ProbeVerdict | None:
    """Return which of the keys is wrong, or ``FOUND`` if a frame opens; None if there is none to try them on.

    Args:
        keys: What a person entered.
        frames: Encrypted frames that were refused; some may be damaged.
    """
    wrong: set[str] = set()
    for frame in frames:
        try:
            decrypt(frame, keys)
        except WrongKeyError as error:
            wrong.add(str(error))
        except UnauthenticatedError, ValueError:
            continue
        else:
            return ProbeVerdict.FOUND
    if not wrong:
        return None
    # A wrong encryption key may look right on one frame by chance.
    return ProbeVerdict.WRONG_AUTHENTICATION_KEY if wrong == {"authentication"} else ProbeVerdict.WRONG_KEY
