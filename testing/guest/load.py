# SPDX-License-Identifier: GPL-2.0-or-later
"""
Load for tests that disturb a guest at its work: fio resets, fills and verifies
zones, and files of zonefs are emptied and written anew.  Afterwards every block
is looked at.

Each life of a zone has a generation of its own, and each block of the zone has
that number and its place in it, again and again from start to end.  So a block
that is stale, misplaced, torn or missing is seen.  The guest says over the
serial line when it is about to begin a generation, and when one has been synced.
Whatever happens to the machine, a zone has to hold afterwards

- the generation that was synced last, at least as far as it was synced, or
- as much as there is of one that was begun after that, or nothing if one was,

every block below the write pointer has to be of that generation, and all above
has to read as zeroes.  That is what docs/interop/zoned.rst promises.
"""

import os
from typing import NamedTuple, Optional

from guest import CLOSED, EMPTY, FULL, Disk, GuestError, expect, zones

KIB = 1 << 10

# The host knows that a generation may have begun before it does: with
# TCSADRAIN, stty waits until the line is out.
SAY = '''
say() {
    echo "$*" >&3
    stty -echo <&3
}
'''

# Fill zones, a few at a time.  With verification on, fio resets them first.
ZONE_WRITER = '''
zone_writer() {     # NAME GENERATION BLOCK ZONE-SIZE ZONES FIO-OPTIONS FIRST...
    name=$1 generation=$2 block=$3 zone=$4 zones=$5 options=$6
    shift 6
    while true; do
        for first in $@; do
            say begin $name $first $zones $generation
            fio --name=$name --filename=/dev/$name --direct=1 --zonemode=zbd \\
                --offset=$((first * zone)) --size=$((zones * zone)) \\
                --bs=$block --ioengine=libaio --iodepth=8 $options \\
                --verify=pattern --do_verify=1 --verify_fatal=1 \\
                --verify_pattern=0x$(printf %016x $generation)%o \\
                --thread >/tmp/$name.$first 2>&1 ||
                say failed $(tr '\\n' ' ' </tmp/$name.$first)
            sync /dev/$name
            say synced $name $first $zones $generation full
            generation=$((generation + 1))
        done
    done
}
'''

# Empty a file and write it in three parts, each with a sync of its own.
FILE_WRITER = '''
file_writer() {     # NAME GENERATION BLOCK PART-SIZE FILE...
    name=$1 generation=$2 block=$3 part=$4
    shift 4
    while true; do
        for number in $@; do
            file=/mnt/zonefs/seq/$number
            say begin $name $number 1 $generation
            truncate -s 0 $file
            for parts in 1 2 3; do
                fio --name=$number --filename=$file --direct=1 --rw=write \\
                    --file_append=1 --size=$part --bs=$block --fsync=8 \\
                    --verify=pattern --do_verify=0 \\
                    --verify_pattern=0x$(printf %016x $generation)%o \\
                    --thread >/tmp/$name.$number 2>&1 ||
                    say failed $(tr '\\n' ' ' </tmp/$name.$number)
                sync $file
                say synced $name $number 1 $generation $((parts * part))
            done
            generation=$((generation + 1))
        done
    done
}
'''

# Write files anew, and read them back from the disk.
BTRFS_WRITER = '''
btrfs_writer() {
    while true; do
        for number in 1 2 3; do
            fio --name=$number --directory=/mnt/btrfs --direct=1 --rw=write \\
                --size=4M --bs=64k --fsync=16 --verify=crc32c --verify_fatal=1 \\
                --thread >/tmp/btrfs.$number 2>&1 ||
                say failed $(tr '\\n' ' ' </tmp/btrfs.$number)
        done
    done
}
btrfs_writer &
'''

MOUNT = '''
modprobe zonefs
mkdir /mnt/zonefs
mount -t zonefs /dev/%s /mnt/zonefs
'''

# The generation in the first block of each file or zone
GENERATIONS = '''
generation() {      # FILE NUMBER-OF-BLOCK
    dd if=$1 bs=4k skip=$2 count=1 iflag=direct 2>/dev/null | head -c 8 |
        hexdump -e '8/1 "%02x" "\\n"'
}
'''


class Content(NamedTuple):
    """
    What a zone holds.

    @generation: of its data; None if there is none
    @data: bytes
    @finished: it was made full before it was
    """
    generation: Optional[int] = None
    data: int = 0
    finished: bool = False


class History:
    """All that may be in a zone: data that was synced, or begun since then."""

    def __init__(self):
        self.synced = Content()
        self.begun = []

    def sync(self, content):
        self.synced = content
        self.begun = []

    def allows(self, content):
        if content.generation == self.synced.generation:
            return content.data >= self.synced.data
        if content.generation is None:
            return bool(self.begun)
        return content.generation in self.begun

    def __str__(self):
        return '%s, or of the generations %s' % (self.synced, self.begun)


class Part:
    """A disk with its zones, or its files, that are written and looked at."""

    def __init__(self, name, block, disk):
        self.name = name
        self.block = block
        self.disk = disk
        self.zones = {}         # number: History

    def job(self, number, content):
        """Sections for fio, which compare the zone with what it should be."""
        return [self.section('%s-%d' % (self.name, number), number, 0,
                             content.data,
                             '0x%016x%%o' % (content.generation or 0))]

    def section(self, title, number, start, length, pattern):
        if length == 0:
            return ''
        name, offset = self.place(number)
        return '[%s]\nfilename=%s\noffset=%d\nsize=%d\nbs=%d\n' \
            'verify_pattern=%s\n' % (title, name, offset + start, length,
                                     self.block, pattern)

    def generations(self, guest, numbers):
        """Of what is in each zone, by its first block."""
        script = GENERATIONS
        for number in numbers:
            name, offset = self.place(number)
            script += 'generation %s %d\n' % (name, offset // (4 * KIB))
        found = [int(line, 16) for line in guest.sh(script).split()]
        expect('how many generations can be read', len(found), len(numbers))
        return dict(zip(numbers, found))

    def contents(self, guest):
        """Content of each zone, as the guest sees it."""
        data = self.data(guest)
        generations = self.generations(
            guest, [number for number in data if data[number]])
        return {number: Content(generations.get(number), data[number])
                for number in data}

    def check(self, guest):
        """See that each zone is as it may be; return sections for fio."""
        job = []
        for number, content in self.contents(guest).items():
            history = self.zones[number]
            content = self.unfinish(history, content)
            if not history.allows(content):
                raise GuestError('zone %d of %s has %s, and should have %s' % (
                    number, self.name, content, history))
            if content.data % self.block:
                raise GuestError('zone %d of %s has part of a write: %s' % (
                    number, self.name, content))
            history.sync(content)
            job += self.job(number, content)
        return job

    def unfinish(self, history, content):
        """A full zone that was finished has less data than it says."""
        if (history.synced.finished and content.data == self.capacity and
                content.generation == history.synced.generation):
            return history.synced
        return content


class RawDisk(Part):
    """A disk without a file system."""

    def __init__(self, name, block, disk, writers):
        super().__init__(name, block, disk)
        self.writers = writers
        self.capacity = disk.zone_capacity
        for _, count, firsts in writers:
            for first in firsts:
                for number in range(first, first + count):
                    self.zones[number] = History()

    def place(self, number):
        return '/dev/' + self.name, number * self.disk.zone_size

    def prepare(self, guest):
        pass

    def job(self, number, content):
        return super().job(number, content) + [
            self.section('%s-%d-above' % (self.name, number), number,
                         content.data, self.disk.zone_size - content.data,
                         '0x00')]

    def data(self, guest):
        found = zones(guest, self.name)
        for number in self.zones:
            if found[number].state not in (EMPTY, CLOSED, FULL):
                raise GuestError('zone %d of %s is %s after a kill' % (
                    number, self.name, found[number]))
        return {number: found[number].wp for number in self.zones}

    def manage(self, guest, rng):
        """Reset or finish some of the zones that were left half full."""
        script = ''
        for number, history in self.zones.items():
            content = history.synced
            action = rng.choice(['reset', 'finish', None])
            if action and 0 < content.data < self.capacity:
                script += 'blkzone %s -o %d -c 1 /dev/%s\n' % (
                    action, self.place(number)[1] // 512, self.name)
                history.sync(Content() if action == 'reset' else
                             content._replace(finished=True))
        guest.sh(script + 'sync /dev/' + self.name)

    def load(self, generations):
        return ''.join('zone_writer %s %d %d %d %d "%s" %s &\n' % (
            self.name, next(generations), self.block, self.disk.zone_size,
            count, options, ' '.join(str(first) for first in firsts))
            for options, count, firsts in self.writers)


class ZoneFs(Part):
    """A disk with zonefs, on which a zone is a file."""

    def __init__(self, name, block, disk):
        super().__init__(name, block, disk)
        self.capacity = disk.zone_capacity
        # The first zone has the superblock.
        self.zones = {number: History()
                      for number in range(disk.nr_zones - disk.conventional)}
        self.formatted = False

    def place(self, number):
        return '/mnt/zonefs/seq/%d' % number, 0

    def prepare(self, guest):
        if not self.formatted:
            guest.sh('mkzonefs -f /dev/%s; sync /dev/%s' % (
                self.name, self.name))
            self.formatted = True
        guest.sh(MOUNT % self.name)

    def data(self, guest):
        sizes = guest.sh('\n'.join('stat -c %%s %s' % self.place(number)[0]
                                   for number in self.zones)).split()
        return dict(zip(self.zones, (int(text) for text in sizes)))

    def manage(self, guest, rng):
        pass

    def load(self, generations):
        return 'file_writer %s %d %d %d %s &\n' % (
            self.name, next(generations), self.block, self.capacity // 3,
            ' '.join(str(number) for number in self.zones))


class Btrfs(Part):
    """A disk with btrfs, whose files fio writes and verifies."""

    def __init__(self, name, disk):
        super().__init__(name, 4 * KIB, disk)
        self.formatted = False

    def prepare(self, guest):
        script = 'modprobe btrfs; mkdir /mnt/btrfs\n'
        if not self.formatted:
            script += 'mkfs.btrfs -q -O zoned -d single -m single /dev/%s\n' % (
                self.name)
            self.formatted = True
        guest.sh(script + 'mount -t btrfs /dev/%s /mnt/btrfs' % self.name)

    def check(self, guest):
        guest.sh('btrfs scrub start -B /mnt/btrfs')
        return []

    def manage(self, guest, rng):
        pass

    def load(self, generations):
        return BTRFS_WRITER


def make_parts(directory, disk_class=Disk):
    """Disks that are unlike each other, so that each disturbance hits a lot."""
    def disk(name, *args, **options):
        return disk_class(os.path.join(directory, name), *args, **options)

    return [
        RawDisk('vda', 4 * KIB,
                disk('threads', '16M', zone_size='1M', zone_capacity='768K',
                     max_open_zones=4, device='iothread=io,num-queues=2'),
                [('--rw=write', 2, [0, 2, 4, 6]),
                 ('--rw=randwrite --fsync=20 --verify_backlog=64', 2,
                  [8, 10, 12, 14])]),
        # With the write cache off, each write is followed by a flush.
        RawDisk('vdb', 4 * KIB,
                disk('through', '2M', zone_size='128K', zone_capacity='64K',
                     conventional_zones=1, max_open_zones=3,
                     device='write-cache=off'),
                [('--rw=randwrite', 3, [1, 4, 7, 10])]),
        ZoneFs('vdc', 4 * KIB,
               disk('zonefs', '8M', zone_size='512K', zone_capacity='384K',
                    conventional_zones=1)),
    ]


def learn(parts, lines):
    """Note what the guest has said; return how much it began and synced."""
    names = {part.name: part for part in parts}
    count = {'begin': 0, 'synced': 0}
    for line in lines:
        word, *words = line.split()
        if word not in count:
            raise GuestError('while it was writing, the guest said: ' + line)
        count[word] += 1
        part = names[words[0]]
        first, zone_count, generation = (int(text) for text in words[1:4])
        for number in range(first, first + zone_count):
            history = part.zones[number]
            if word == 'begin':
                history.begun.append(generation)
            else:
                history.sync(Content(generation, part.capacity if
                                     words[4] == 'full' else int(words[4])))
    return count['begin'], count['synced']


def check(guest, parts):
    """
    All zones after a kill, and every block of them.  Return how many were
    being written then.
    """
    job = []
    for part in parts:
        part.prepare(guest)
        job += part.check(guest)
    guest.sh('cat >/tmp/check <<END\n[global]\ndirect=1\nrw=read\n'
             'verify=pattern\nverify_fatal=1\nthread\n%sEND\n'
             'fio --minimal --output=/dev/null /tmp/check' % ''.join(job))
    return sum(0 < history.synced.data < part.capacity
               for part in parts for history in part.zones.values())


def load_script(parts, number):
    """
    What the guest runs: writers in the background.  @number is one that no
    earlier load of the same disks had.
    """
    # Each writer has a range of generations that it never leaves.
    generations = iter(range(number << 32, (number + 1) << 32, 1 << 24))
    return SAY + ZONE_WRITER + FILE_WRITER + ''.join(
        part.load(generations) for part in parts)
