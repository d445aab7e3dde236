"""Write ``tensorrt_surface.txt`` anew from NVIDIA's wheels: which names each version has.

    python tests/engines/read_tensorrt_names.py --tensorrt 10.12=a.whl --tensorrt 11.4=b.whl --cuda 13.0 --cuda ...

TensorRT's libraries need not be installed: its binding is not imported. Two things are read from its file: the names
of the documentation strings in its symbol table, which tell classes with their members, and the zero-terminated
strings that look like names, which tell properties, values and arguments (a linker may keep a string as another's
end). ``cuda.bindings`` is imported, which needs no GPU; only the version that is installed can be read, so the
script is run once for each and the lists are put together.
"""

from __future__ import annotations

import argparse
import importlib
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from inspector_app.engines.tensorrt import surface

HERE = Path(__file__).resolve().parent
TARGET = HERE / "tensorrt_surface.txt"
REMOVED = ("FP16", "EXPLICIT_BATCH", "device_memory_size")
"""Names that went from TensorRT 10 to 11: a list that has them in both proves nothing."""
_SYMBOL = re.compile(rb"_ZN8tensorrt(\d+)([A-Za-z_]\w*)")


def main() -> None:
    """Read the wheels that are named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tensorrt", action="append", default=[], metavar="VERSION=WHEEL")
    parser.add_argument("--cuda", metavar="VERSION", help="the cuda.bindings that is installed")
    given = parser.parse_args()
    known = read_surface(TARGET) if TARGET.is_file() else {}
    for entry in given.tensorrt:
        version, _, wheel = entry.partition("=")
        _merge(known, f"tensorrt {version}", tensorrt_names(Path(wheel)))
    if given.cuda:
        _merge(known, f"cuda {given.cuda}", cuda_names())
    _write(known)


def read_surface(path: Path) -> dict[str, set[str]]:
    """Name to the versions that have it, such as ``tensorrt 11.4``."""
    known: dict[str, set[str]] = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, versions = line.partition("\t")
            known[name] = set(versions.split(", "))
    return known


def tensorrt_names(wheel: Path) -> set[str]:
    """``Class.member`` from the symbols, and bare names from the strings and the package's ``__init__``."""
    with zipfile.ZipFile(wheel) as archive:
        binary = archive.read("tensorrt_bindings/tensorrt.so")
        python = archive.read("tensorrt_bindings/__init__.py").decode()
    members = {f"{owner}.{member}" for owner, member in _documented(binary)}
    used = (*surface.TENSORRT, *surface.TENSORRT_IMPLEMENTED)
    owners = {name.split(".")[0] for name in used}
    # All that the classes in use have, not only what is used.
    wanted = {member for member in members if member.split(".")[0] in owners}
    parts = {part for name in used for part in name.split(".")}
    bare = {
        name
        for name in (*parts, *REMOVED)
        if name.encode() + b"\0" in binary or re.search(rf"\b{re.escape(name)}\b\s*=|def {name}\b", python)
    }
    return wanted | bare


def _documented(binary: bytes) -> Iterable[tuple[str, str]]:
    """``tensorrt::<Class>Doc::<member>`` of the mangled symbols."""
    for found in _SYMBOL.finditer(binary):
        length, rest = int(found[1]), found[2].decode()
        owner, tail = rest[:length], rest[length:]
        member = re.match(r"L?(\d+)(\w+)", tail)
        if owner.endswith("Doc") and member and len(member[2]) >= int(member[1]):
            yield owner.removesuffix("Doc"), member[2][: int(member[1])]


def cuda_names() -> set[str]:
    """The runtime's functions and values, and the members of the classes in use."""
    runtime = importlib.import_module("cuda.bindings.runtime")
    owners = {name.split(".")[0] for name in surface.CUDA if "." in name}
    names = {name for name in dir(runtime) if name.startswith("cuda")}
    for owner in owners:
        kind = getattr(runtime, owner)
        names |= {f"{owner}.{member}" for member in dir(kind) if not member.startswith("_")}
    return names


def _merge(known: dict[str, set[str]], version: str, names: Iterable[str]) -> None:
    for versions in known.values():
        versions.discard(version)
    for name in names:
        known.setdefault(name, set()).add(version)


def _write(known: dict[str, set[str]]) -> None:
    lines = [
        "# Names in NVIDIA's wheels, and the versions that have them. Written by read_tensorrt_names.py.",
        "# tensorrt 10.12: tensorrt_cu12_bindings 10.12.0.36; tensorrt 11.4: tensorrt_cu13_bindings 11.4.0.106",
        "# cuda 13.0: cuda-bindings 13.0.3; cuda 13.5: cuda-bindings 13.5.0; read by importing them",
    ]
    lines += [
        f"{name}\t{', '.join(sorted(versions))}" for name, versions in sorted(known.items()) if versions
    ]
    TARGET.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
