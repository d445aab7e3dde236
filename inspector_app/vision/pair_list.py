"""The lists of a data set in TAO's layout: ``list/<split>.txt`` names its pairs."""

from __future__ import annotations

from pathlib import Path

from inspector_app.core.errors import KeeperError

LAYOUT = "A data set in TAO's layout is a folder that holds A, B, label and list."


def read_list(root: Path, split: str, folder: str = "list") -> tuple[str, ...]:
    """The file names of a list, in its order: one a line, taken as they stand but for the line's end.

    Args:
        root: the data set.
        split: the list's name.
        folder: where in the data set the lists are.

    Raises:
        KeeperError: ``pairs_missing`` when the data set or the list is not there, or the list names nothing;
            ``pairs_invalid`` when it is no text.
    """
    listing = root / folder / f"{split}.txt"
    try:
        lines = listing.read_text(encoding="utf-8-sig").split("\n")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(root, listing) from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeeperError("pairs_invalid", f"{listing} cannot be read: {error}.") from error
    names = tuple(line.rstrip("\r") for line in lines if line.strip())
    if not names:
        raise KeeperError("pairs_missing", f"{listing} names no file.")
    return names


def _missing(root: Path, listing: Path) -> KeeperError:
    if not root.is_dir():
        return KeeperError("pairs_missing", f"There is no data set {root}.", LAYOUT)
    there = sorted(path.stem for path in listing.parent.glob("*.txt"))
    hint = f"The lists there are: {', '.join(there)}." if there else LAYOUT
    return KeeperError("pairs_missing", f"There is no list {listing}.", hint)
