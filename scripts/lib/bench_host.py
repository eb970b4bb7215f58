# SPDX-License-Identifier: GPL-2.0-or-later
"""
Speed of host_device on zoned devices of a real kernel.

One guest has null_blk devices, each of whose requests takes two milliseconds.
In turns, the same work is done by this build, by the QEMU of Debian's
backports, and on a device without zones.

The guest's clock counts instructions, one nanosecond for each, and skips the
time in which nothing happens.  So what else the machine does makes no
difference, and the figures are those of a processor with 1000 million
instructions a second.
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'testing/guest'))
import guest as kit     # pylint: disable=wrong-import-position

CLOCK = ['-icount', 'shift=0,sleep=off']
BLOCK = 65536
COUNT = 1000
MIB = 1 << 20
NR_ZONES = 131072

# What is measured: (program, device, kind of request)
OURS, PEER, PLAIN, APPEND = 'ours', 'qemu-10', 'no zones', 'append'
MANY_ZONES = {
    OURS: ('ours', 'many', ''),
    PEER: ('peer', 'many', ''),
    PLAIN: ('ours', 'plain', ''),
}
ONE_ZONE = {
    OURS: ('ours', 'one', ''),
    APPEND: ('ours', 'one', '--append'),
    PEER: ('peer', 'one', ''),
}
# (aio, depth)
MANY_WORK = [(aio, depth) for aio in ('threads', 'native', 'io_uring')
             for depth in (1, 16)] + [('native', 4), ('native', 64)]
ONE_WORK = [('native', depth) for depth in (1, 4, 16, 64)]


def collect_programs(build):
    """Our programs and those of QEMU 10, under names that tell them apart."""
    directory = build / 'bench-host'
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    deb = subprocess.run([TOP / 'scripts/fetch-deb', 'bookworm-backports',
                          'qemu-utils'], check=True, text=True,
                         env=dict(os.environ, BUILD_DIR=str(build)),
                         stdout=subprocess.PIPE).stdout.strip()
    subprocess.run(['dpkg', '-x', deb, directory / 'peer'], check=True)
    programs = []
    for who, where in (('ours', build / 'bin'),
                       ('peer', directory / 'peer/usr/bin')):
        for name in 'qemu-img', 'qemu-io':
            programs.append(directory / f'{who}-{name}')
            shutil.copy(where / name, programs[-1])
    return programs


def new_null_blk(guest, name, **settings):
    """A null_blk device; sizes are in MiB."""
    guest.sh('''
        modprobe null_blk nr_devices=0
        [ -d /sys/kernel/config/nullb ] ||
            mount -t configfs config /sys/kernel/config
        mkdir /sys/kernel/config/nullb/{0}
        cd /sys/kernel/config/nullb/{0}
        {1}
        echo 1 > power
    '''.format(name, '\n'.join(f'echo {value} > {key}'
                               for key, value in settings.items())))


def image(device, aio='threads'):
    return (f'--image-opts driver=host_device,filename=/dev/{device},'
            f'aio={aio},cache.direct=on')


def write_seconds(guest, way, aio, depth, step):
    who, device, kind = way
    if device != 'plain':
        guest.sh(f'blkzone reset /dev/{device}')
    native = '-n' if aio == 'native' else ''
    out = guest.sh(f'{who}-qemu-img bench -w {kind} -t none {native} '
                   f'-d {depth} -c {COUNT} -s {BLOCK} -S {step} '
                   + image(device, aio))
    return float(re.search(r'completed in ([\d.]+) seconds', out)[1])


def program_seconds(guest, command, times):
    """How long a program runs, on average."""
    start, end = guest.sh(f'''
        cut -d ' ' -f 1 /proc/uptime
        i=0
        while [ $i -lt {times} ]; do {command} >/dev/null; i=$((i + 1)); done
        cut -d ' ' -f 1 /proc/uptime
    ''').split()
    return (float(end) - float(start)) / times


def bytes_per_zone(guest):
    """What a zone takes in memory when its write pointer is known."""
    before, after = guest.sh('''
        blkzone reset /dev/large
        mkfifo /tmp/commands
        ours-qemu-io {0} </tmp/commands >/dev/null &
        exec 4>/tmp/commands
        # In this guest, the time that a pause takes is no time that is waited
        print_resident() {{
            sleep 20
            sed -nE 's/^VmRSS:[^0-9]*([0-9]+) kB/\\1/p' /proc/$!/status
        }}
        echo 'write -q 0 4k' >&4
        print_resident
        # A write has the pointers of the 63 zones behind it read as well
        seq 64 64 {1} | sed 's/.*/write -q &M 4k/' >&4
        print_resident
        exec 4>&-
        wait
        rm /tmp/commands
    '''.format(image('large'), NR_ZONES - 1)).split()
    return (int(after) - int(before)) * 1024 / NR_ZONES


def measure_once(guest, results):
    def note(work, way, seconds):
        results.setdefault(work, {}).setdefault(way, []).append(seconds)

    for aio, depth in MANY_WORK:
        for way, what in MANY_ZONES.items():
            note(('1000 zones', aio, depth), way,
                 write_seconds(guest, what, aio, depth, MIB))
    for aio, depth in ONE_WORK:
        for way, what in ONE_ZONE.items():
            note(('one zone', aio, depth), way,
                 write_seconds(guest, what, aio, depth, BLOCK))
    for way, who in (OURS, 'ours'), (PEER, 'peer'):
        note(('report of 131072 zones', '', 1), way, program_seconds(
            guest, f'{who}-qemu-io -c "zrp 0 {NR_ZONES}" ' + image('large'), 1))
        for zones, device in (128, 'small'), (NR_ZONES, 'large'):
            note((f'open of {zones} zones', '', 1), way, program_seconds(
                guest, f'{who}-qemu-io -c quit ' + image(device), 10))


def measure(build, runs):
    delay = {'irqmode': 2, 'completion_nsec': 2000000}
    results = {}
    with kit.Guest(str(build), programs=map(str, collect_programs(build)),
                   args=CLOCK) as guest:
        new_null_blk(guest, 'many', size=1024, zoned=1, zone_size=1, **delay)
        new_null_blk(guest, 'plain', size=1024, **delay)
        # Requests as long as Linux makes them for most drives
        new_null_blk(guest, 'one', size=512, zoned=1, zone_size=256,
                     max_sectors=2560, **delay)
        new_null_blk(guest, 'small', size=128, zoned=1, zone_size=1, irqmode=0)
        new_null_blk(guest, 'large', size=NR_ZONES, zoned=1, zone_size=1,
                     irqmode=0)
        for _ in range(runs):
            measure_once(guest, results)
        return results, bytes_per_zone(guest)


def print_ratios(title, rows, numerator, denominators):
    print(f'{title:<34}{numerator:>10}', end='')
    print(''.join(f'{"/ " + name:>12}' for name in denominators))
    for row in rows:
        label = ' '.join(filter(None, [row['aio'], f'depth {row["depth"]}']))
        print(f'{label:<34}{row["seconds"][numerator]:>8.3f} s', end='')
        print(''.join(
            f'{row["seconds"][numerator] / row["seconds"][name]:>12.3f}'
            for name in denominators))
    print()


def print_tables(rows):
    def of(work):
        return [row for row in rows if row['work'] == work]

    print_ratios('1000 writes to as many zones', of('1000 zones'), OURS,
                 [PLAIN, PEER])
    print_ratios('1000 writes to one zone', of('one zone'), OURS, [PEER])
    print_ratios('1000 appends to one zone', of('one zone'), APPEND, [])
    for row in rows:
        if row['aio'] == '':
            print(f'{row["work"]:<34}{row["seconds"][OURS]:>8.3f} s'
                  f'{row["seconds"][OURS] / row["seconds"][PEER]:>12.3f}'
                  f' / {PEER}')


def bench(build, runs, json_file):
    """Measure, print ratios, and write all figures to @json_file if it is."""
    results, memory = measure(pathlib.Path(build).resolve(), runs)
    rows = [{'work': work, 'aio': aio, 'depth': depth,
             'seconds': {way: statistics.median(seconds)
                         for way, seconds in ways.items()},
             'runs': ways}
            for (work, aio, depth), ways in results.items()]
    print_tables(rows)
    print(f'Memory for each of {NR_ZONES} zones whose write pointers are '
          f'known: {memory:.0f} bytes')
    rows.append({'work': 'memory per zone', 'bytes': memory})
    if json_file:
        pathlib.Path(json_file).write_text(json.dumps(rows, indent=2) + '\n',
                                           encoding='ascii')
