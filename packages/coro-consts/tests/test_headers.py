"""The numbers that are written down, against the C headers of this machine.

A name that these headers are too old for cannot be checked, and is passed over.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coro_consts import _lookup

# Each group is a program of its own: the C library's headers and the kernel's
# define some things twice, and cannot always be read together.
GROUPS = [
    ["sys/socket.h"],
    ["linux/in.h", "linux/in6.h"],
    ["linux/tcp.h"],
    ["sys/socket.h", "netinet/in.h", "linux/netfilter_ipv4.h"],
    ["sys/socket.h", "linux/vm_sockets.h"],
    ["sys/socket.h", "linux/can.h", "linux/can/j1939.h", "linux/can/isotp.h"],
    ["sys/socket.h", "linux/can/raw.h"],
]

PROGRAM = """
#define _GNU_SOURCE
#include <stdio.h>
{includes}
int main(void) {{
{prints}
    return 0;
}}
"""


def defined(headers: list[str], names: list[str], folder: Path) -> dict[str, int]:
    """Those of the names that the headers define, with their values."""
    includes = "\n".join(f"#if __has_include(<{h}>)\n#include <{h}>\n#endif" for h in headers)
    prints = "\n".join(f'#ifdef {n}\n    printf("{n} %lld\\n", (long long)({n}));\n#endif' for n in names)
    (folder / "a.c").write_text(PROGRAM.format(includes=includes, prints=prints))
    program = str(folder / "a.out")
    subprocess.run(["cc", "-w", "-o", program, str(folder / "a.c")], check=True)
    out = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return {name: int(value) for name, value in map(str.split, out.splitlines())}


@pytest.mark.skipif(sys.platform != "linux", reason="knows Linux headers only")
@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler (cc)")
def test_written_numbers_are_those_of_the_headers(source: Any, tmp_path: Path) -> None:
    here = {"linux"}
    here |= {"generic"} if _lookup.GENERIC else set()
    here |= {"generic64"} if _lookup.GENERIC64 else set()
    written = {
        entry.constant: entry.numbers[where]
        for entries in source.values()
        for entry in entries
        for where in here & entry.numbers.keys()
    }
    checked: set[str] = set()
    for headers in GROUPS:
        found = defined(headers, list(written), tmp_path)
        assert found == {name: written[name] for name in found}
        checked |= found.keys()
    # Old enough to be in any headers: if they were not looked at, nothing was.
    assert checked >= {"SO_BUSY_POLL", "TCP_CORK", "IP_MTU_DISCOVER", "MSG_MORE"}
    assert checked >= {"IPV6_MTU", "SOL_NETLINK", "AF_PACKET", "SO_ORIGINAL_DST"}
