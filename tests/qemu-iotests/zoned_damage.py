# What tests of damaged zoned images have in common
#
# SPDX-License-Identifier: GPL-2.0-or-later

import struct
from typing import Dict, List, Sequence, Tuple

from iotests import qemu_img
from zoned_image import BLOCK, DATA_OFFSET, HEADER_OFFSETS, KIB, NR_ZONES, \
    ROOT_OFFSETS, TABLE_OFFSETS, ZonedTestCase, blkdebug, fail, sealed, \
    with_checksum

# Where each block of metadata is, and what it is called
KINDS = {offset: f'copy {copy} of {name}'
         for name, offsets in (('the header', HEADER_OFFSETS),
                               ("the zone table's root", ROOT_OFFSETS),
                               ('block 0 of the zone table', TABLE_OFFSETS))
         for copy, offset in enumerate(offsets)}

# Fields of the header
VERSION, FEATURES, SIZE_FIELD, MAX_APPEND, REVISION = 8, 16, 48, 88, 104
HEADER_CRC = 12

# Upper parts of an entry of the table
FINISHED, RDONLY, OFFLINE, UNKNOWN = (n << 56 for n in range(1, 5))


class DamageTestCase(ZonedTestCase):
    """Each test begins with a good image, which is also in self.good"""

    def setUp(self) -> None:
        super().setUp()
        self.create()
        self.io('write -P 1 64k 8k', 'write -P 2 128k 48k', 'zf 192k 64k',
                'write -P 3 0 4k')
        with open(self.img, 'rb') as file:
            self.good = file.read()

    def write(self, offset: int, data: bytes) -> None:
        with open(self.img, 'r+b') as file:
            file.seek(offset)
            file.write(data)

    def restore(self) -> None:
        with open(self.img, 'wb') as file:
            file.write(self.good)

    def read(self, offset: int, length: int = BLOCK) -> bytes:
        with open(self.img, 'rb') as file:
            file.seek(offset)
            return file.read(length)

    def damage(self, *blocks: int, at: int = 77) -> None:
        """Flip a bit of the block at each of these offsets"""
        for block in blocks:
            offset = block + at
            self.write(offset, bytes([self.good[offset] ^ 0x10]))

    def change_header(self, at: int, layout: str, value: int,
                      copies: Sequence[int] = (0, 1)) -> None:
        """Change a field in these copies, which stay intact"""
        for copy in copies:
            header = bytearray(self.read(HEADER_OFFSETS[copy]))
            struct.pack_into(layout, header, at, value)
            self.write(HEADER_OFFSETS[copy], sealed(bytes(header), HEADER_CRC))

    def content(self, image: Sequence[str] = ()) -> str:
        """What is seen of the image, or the error; warnings are elsewhere"""
        result = self.run_io(['zrp 0 100', 'read -P 1 64k 8k',
                              'read -P 2 128k 48k', 'read -P 0 192k 64k',
                              'read -P 3 0 4k', 'read -P 0 72k 4k'],
                             ['-r', *(image or [self.img])])
        self.assertIn(result.returncode, (0, 1), result.stdout)
        lines = result.stdout.splitlines()
        self.warnings = [x for x in lines if 'warning: ' in x]
        return '\n'.join(x for x in lines
                         if 'ops' not in x and 'warning: ' not in x)

    def assert_warning(self, *words: str) -> None:
        """The last content() came with one warning, of these words"""
        self.assertEqual(len(self.warnings), 1, self.warnings)
        for word in words:
            self.assertIn(word, self.warnings[0])

    def check(self, *args: str, image: Sequence[str] = ()) -> int:
        result = qemu_img('check', *args,
                          *(image or ['-f', 'zoned', self.img]), check=False)
        self.assertIn(result.returncode, (0, 1, 2, 3), result.stdout)
        self.output = result.stdout
        return int(result.returncode)

    def assert_not_opened(self, words: str) -> None:
        content = self.content()
        self.assertIn("can't open", content)
        self.assertIn(words, content)
        # Nor is it written to
        result = self.run_io(['write 72k 4k'], [self.img])
        self.assertEqual(result.returncode, 1)

    def unreadable(self, *places: int) -> List[str]:
        """The image, without these blocks"""
        rules = {}
        for i, place in enumerate(places):
            for name, value in fail('read', place // 512).items():
                rules[name.replace('.0.', f'.{i}.')] = value
            rules[f'inject-error.{i}.once'] = 'off'
        return blkdebug(self.img, rules)

    def crash(self, *more: str) -> None:
        """An image in use: the copies of its blocks differ"""
        self.io_killed('write -P 4 72k 4k', 'flush', 'write -P 5 76k 4k',
                       *more, 'flush')
        with open(self.img, 'rb') as file:
            self.good = file.read()
        self.assert_zone(self.zones_read_only()[1], 'closed', 16 * KIB)

    def zones_read_only(self) -> List:
        return self.zones(image=['-r', self.img])

    def assert_not_repaired(self) -> None:
        with open(self.img, 'rb') as file:
            before = file.read()
        self.assertEqual(self.check(), 2, self.output)
        self.assertEqual(self.check('-r', 'all'), 2, self.output)
        with open(self.img, 'rb') as file:
            self.assertEqual(before, file.read())

    def assert_repaired(self, errors: int = 1, words: str = '') -> None:
        """-r all finds the same as a check, and leaves nothing to be found"""
        self.assertEqual(self.check(), 2, self.output)
        self.assertIn(f'\n{errors} errors were found on the image',
                      self.output)
        for word in words.split('|'):
            self.assertIn(word, self.output)
        self.assertEqual(self.check('-r', 'all'), 0, self.output)
        for word in words.split('|'):
            self.assertIn(word, self.output)
        self.assertIn(f'{errors} corruptions', self.output)
        self.assertIn('No errors were found on the image', self.output)
        self.assertEqual(self.check(), 0, self.output)

    def assert_data_in_file(self) -> None:
        """What a guest cannot see any more can still be salvaged"""
        with open(self.img, 'rb') as file:
            file.seek(DATA_OFFSET)
            self.assertEqual(file.read(), self.good[DATA_OFFSET:])

    def entries(self) -> List[int]:
        block = self.good[TABLE_OFFSETS[0]:TABLE_OFFSETS[0] + BLOCK]
        return list(struct.unpack_from(f'<{NR_ZONES}Q', block, 32))

    def table_places(self) -> Tuple[int, int]:
        """Where the copy of the table is that counts, and where the other"""
        newest = max((self.read(place) for place in ROOT_OFFSETS),
                     key=lambda root: struct.unpack_from('<Q', root, 16))
        second = newest[64] & 1
        return TABLE_OFFSETS[second], TABLE_OFFSETS[1 - second]

    def with_same_checksum(self, place: int) -> bytes:
        """The block of the table there, but zone 4 has data"""
        block = bytearray(self.read(place))
        crc, = struct.unpack_from('<I', block, 4)
        struct.pack_into('<Q', block, 32 + 4 * 8, 4 * KIB)
        # Behind the entry of the last zone
        return with_checksum(bytes(block), crc, BLOCK - 8)

    def forge(self, changes: Dict[int, int]) -> None:
        """An intact image of the good one's, but with these entries"""
        entries = self.entries()
        for zone, entry in changes.items():
            entries[zone] = entry
        block = bytearray(self.good[TABLE_OFFSETS[0]:
                                    TABLE_OFFSETS[0] + BLOCK])
        struct.pack_into(f'<{NR_ZONES}Q', block, 32, *entries)
        table = sealed(bytes(block))
        self.restore()
        for offset in ROOT_OFFSETS:
            root = bytearray(self.good[offset:offset + BLOCK])
            root[24:32] = table[4:8] + bytes(4)
            self.write(offset, sealed(bytes(root)))
        for offset in TABLE_OFFSETS:
            self.write(offset, table)
