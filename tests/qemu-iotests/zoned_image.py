# What the tests of the zoned image format have in common
#
# SPDX-License-Identifier: GPL-2.0-or-later

import os
import re
import struct
import subprocess
from typing import Any, Dict, List, NamedTuple, Optional, Sequence
import unittest

import iotests

KIB = 1024
MIB = 1024 * KIB

# The geometry of most tests: zone 0 is conventional, zones have 64 KiB of
# which 48 KiB can be written, and the last one has 16 KiB only.
ZONE = 64 * KIB
CAP = 48 * KIB
NR_ZONES = 9
SIZE = 8 * ZONE + 16 * KIB
SMALL = {
    'zone_size': '64k',
    'zone_capacity': '48k',
    'conventional_zones': '1',
}

# What zap -p prints before the sector that the data went to
APPENDED = 'After zap done, the append sector is '

# Each block of metadata, and where its two copies are in the file of a small
# image, whose table is one block; and where zone 0 begins
BLOCK = 4 * KIB
HEADER_OFFSETS = (0, 512 * KIB)
ROOT_OFFSETS = (4 * KIB, 516 * KIB)
TABLE_OFFSETS = (8 * KIB, 520 * KIB)
DATA_OFFSET = 1 * MIB

STATES = {
    0: 'not-wp', 1: 'empty', 2: 'imp-open', 3: 'exp-open', 4: 'closed',
    13: 'read-only', 14: 'full', 15: 'offline',
}


class Zone(NamedTuple):
    """A line of a zone report, in bytes"""
    start: int
    length: int
    cap: int
    wp: int
    state: str
    type: int


def parse_report(text: str) -> List[Zone]:
    pattern = (r'start: (0x\w+), len (0x\w+), cap (0x\w+), wptr (0x\w+), '
               r'zcond:(\d+), \[type: (\d)\]')
    zones = []
    for match in re.finditer(pattern, text):
        sectors = [int(s, 16) * 512 for s in match.groups()[:4]]
        zones.append(Zone(*sectors, STATES[int(match.group(5))],
                          int(match.group(6))))
    return zones


CRC_TABLE = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    CRC_TABLE.append(value)


def crc32c(data: bytes) -> int:
    """The checksum of metadata"""
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def sealed(block: bytes, at: int = 4) -> bytes:
    """
    A block of metadata with the right checksum, which is behind the magic
    number in a root or a block of the table, and at 12 in the header
    """
    block = block[:at] + bytes(4) + block[at + 4:]
    return block[:at] + struct.pack('<I', crc32c(block)) + block[at + 4:]


def with_checksum(block: bytes, crc: int, at: int) -> bytes:
    """
    A root or a block of the table that is intact with this checksum: the four
    bytes at @at, in which nothing is, are made for it
    """
    block = block[:4] + bytes(4) + block[8:at] + bytes(4) + block[at + 4:]
    base = crc32c(block)
    rows = []
    for bit in range(32):
        changed = bytearray(block)
        changed[at + bit // 8] = 1 << bit % 8
        rows.append((crc32c(bytes(changed)) ^ base, 1 << bit))
    # Each bit changes others of the checksum: those are equations, to be solved
    missing, free = base ^ crc, 0
    for bit in range(32):
        pivot = next(row for row in rows if row[0] >> bit & 1)
        rows = [(row[0] ^ pivot[0], row[1] ^ pivot[1])
                if row[0] >> bit & 1 else row for row in rows if row != pivot]
        if missing >> bit & 1:
            missing, free = missing ^ pivot[0], free ^ pivot[1]
    return sealed(block[:at] + struct.pack('<I', free) + block[at + 4:])


class ZonedTestCase(unittest.TestCase):
    """
    Each test has an image at self.img, which it makes by self.create().
    """

    def setUp(self) -> None:
        self.img = os.path.join(iotests.test_dir, 'zoned.img')
        self.files = [self.img]

    def tearDown(self) -> None:
        for path in self.files:
            iotests.try_remove(path)

    def path(self, name: str) -> str:
        """A file that is removed after the test"""
        path = os.path.join(iotests.test_dir, name)
        self.files.append(path)
        return path

    def create(self, size: int = SIZE,
               options: Optional[Dict[str, str]] = None,
               **more: str) -> None:
        if options is None:
            options = SMALL
        text = ','.join(f'{k}={v}' for k, v in {**options, **more}.items())
        args = ['-o', text] if text else []
        iotests.qemu_img('create', '-f', 'zoned', *args, self.img, str(size))

    def run_io(self, commands: Sequence[str], image: Sequence[str]
               ) -> 'subprocess.CompletedProcess[str]':
        """Unlike iotests.qemu_io(), for one that is killed as well"""
        args = []
        for command in commands:
            args += ['-c', command]
        args += image or [self.img]
        return subprocess.run(iotests.qemu_io_wrap_args(args),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, check=False)

    def io(self, *commands: str, image: Sequence[str] = ()) -> str:
        """Run qemu-io; each command has to succeed"""
        result = self.run_io(commands, image)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def io_killed(self, *commands: str, image: Sequence[str] = ()) -> str:
        """Run qemu-io and kill it after the last command"""
        result = self.run_io([*commands, 'sigraise 9'], image)
        self.assertEqual(result.returncode, -9, result.stdout)
        self.assertNotIn('failed', result.stdout)
        return result.stdout

    def io_fails(self, words: str, *commands: str,
                 image: Sequence[str] = ()) -> None:
        """Run qemu-io; each command has to fail, with @words"""
        for command in commands:
            result = self.run_io([command], image)
            self.assertEqual(result.returncode, 1, command)
            self.assertIn(words, result.stdout, command)

    def zones(self, *commands: str, image: Sequence[str] = ()) -> List[Zone]:
        """All zones, after these commands"""
        return parse_report(self.io(*commands, 'zrp 0 1000', image=image))

    def assert_zone(self, zone: Zone, state: str,
                    written: Optional[int] = None) -> None:
        """@written: bytes below the write pointer, if there is one"""
        self.assertEqual(zone.state, state, zone)
        if written is not None:
            self.assertEqual(zone.wp - zone.start, written, zone)

    def assert_states(self, zones: List[Zone], **expected: int) -> None:
        """The numbers of zones in each state, the others being 0"""
        got: Dict[str, int] = {}
        for zone in zones:
            name = zone.state.replace('-', '_')
            got[name] = got.get(name, 0) + 1
        self.assertEqual(got, expected)

    def info(self) -> Dict[str, Any]:
        info = iotests.qemu_img_json('info', '--output=json', '-f', 'zoned',
                                     self.img)
        assert isinstance(info, dict)
        return info

    def check_clean(self) -> None:
        result = iotests.qemu_img('check', '-f', 'zoned', self.img,
                                  check=False)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn('No errors were found on the image.', result.stdout)


# Options of blkdebug
Rules = Dict[str, str]


def fail(iotype: str, sector: Optional[int] = None, errno: int = 5) -> Rules:
    """Fail the first request of this type, at this sector of the file"""
    rules = {
        'inject-error.0.event': 'none',
        'inject-error.0.iotype': iotype,
        'inject-error.0.errno': str(errno),
        'inject-error.0.once': 'on',
    }
    if sector is not None:
        rules['inject-error.0.sector'] = str(sector)
    return rules


def fail_late(iotype: str, nr_writes: int) -> Rules:
    """
    Fail the first request of this type from the moment on in which the file
    gets its write number @nr_writes; the first one is 1.
    """
    rules = fail(iotype)
    rules['inject-error.0.event'] = 'pwritev'
    rules['inject-error.0.state'] = str(nr_writes)
    for i in range(nr_writes - 1):
        rules[f'set-state.{i}.event'] = 'pwritev'
        rules[f'set-state.{i}.state'] = str(i + 1)
        rules[f'set-state.{i}.new_state'] = str(i + 2)
    return rules


def blkdebug(img: str, rules: Optional[Rules] = None) -> List[str]:
    """
    Arguments that put blkdebug below the zoned image @img, to be passed as
    image= above
    """
    text = f'driver=zoned,file.driver=blkdebug,file.image.filename={img}'
    for name, value in (rules or {}).items():
        text += f',file.{name}={value}'
    return ['--image-opts', text]


def main() -> None:
    iotests.main(supported_fmts=['zoned'], supported_protocols=['file'])
