# SPDX-License-Identifier: GPL-2.0-or-later
"""
A Linux guest for tests: boots the kit that make-kit makes on the QEMU under
test, runs commands in it, and takes its power away.
"""

import argparse
import base64
import importlib.machinery
import importlib.util
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'scripts', 'lib'))

from command import CommandError, run   # noqa: E402

# Generous: a guest is emulated, on a machine that may be busy.
BOOT_SECONDS = 180
COMMAND_SECONDS = 240


class GuestError(Exception):
    """Something went wrong in a guest or with it; the text is for the log."""


def make_kit():
    path = os.path.join(HERE, 'make-kit')
    loader = importlib.machinery.SourceFileLoader('make_kit', path)
    spec = importlib.util.spec_from_loader('make_kit', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def size(text):
    """Bytes in a size such as 64M; None stays None."""
    number, unit = re.fullmatch(r'(\d+)([KMGT]?)', str(text)).groups()
    return int(number) << (10 * ' KMGT'.index(unit or ' '))


class Disk:
    """
    A zoned image and the device that shows it to a guest.

    @options: creation options of the image, with underscores
    @device: further properties of virtio-blk-pci
    """

    def __init__(self, path, disk_size, device='', **options):
        self.path = path
        self.size = size(disk_size)
        self.device = device
        self.options = options

    def create(self, build_dir):
        options = ','.join('%s=%s' % item for item in self.options.items())
        command = [os.path.join(build_dir, 'bin/qemu-img'), 'create', '-q',
                   '-f', 'zoned']
        if options:
            command += ['-o', options]
        run(*command, self.path, str(self.size))

    def qemu_args(self, index):
        drive = 'disk%d' % index
        device = 'virtio-blk-pci,drive=%s,id=vd%d' % (drive, index)
        if self.device:
            device += ',' + self.device
        return ['-drive', 'if=none,id=%s,node-name=node%d,file=%s,'
                          'format=zoned' % (drive, index, self.path),
                '-device', device]

    # As the image was asked for; the format's defaults where it was not.

    @property
    def zone_size(self):
        return size(self.options.get('zone_size', '64M'))

    @property
    def zone_capacity(self):
        return size(self.options.get('zone_capacity', self.zone_size))

    @property
    def conventional(self):
        return int(self.options.get('conventional_zones', 0))

    @property
    def nr_zones(self):
        return -(-self.size // self.zone_size)


class Guest:
    """
    A running guest; use it in a `with` statement.

    @old: boot the Linux that knows no zoned virtio-blk
    @reboots: the guest will reboot itself (otherwise that ends QEMU)
    @programs: programs of build/bin that are to be in the guest, too
    @kit_inside: put what a guest of the guest boots into the guest
    """

    def __init__(self, build_dir, *disks, args=(), cpus=1, old=False,
                 reboots=False, programs=(), kit_inside=False,
                 memory='1G'):
        self.build_dir = build_dir
        self.disks = disks
        suffix = '-old' if old else ''
        kit = make_kit().ensure_kit(build_dir)
        self.directory = tempfile.mkdtemp(prefix='guest-')
        self.console = os.path.join(self.directory, 'console')
        initrd = os.path.join(kit, 'initrd' + suffix)
        if programs:
            initrd = self._add_programs(initrd, programs,
                                        kit if kit_inside else None)
        # no_timer_check: Linux would panic if the first ticks of the timer came
        # late, as they do on a busy machine.
        # thread=single: where processors run at once, this QEMU may translate
        # code that another one is patching, as Linux does while it boots.
        # -cx16 keeps Linux off an instruction whose emulation in this QEMU
        # leaves wrong flags behind, now and then.
        command = [
            os.path.join(build_dir, 'bin/qemu-system-x86_64'),
            '-nodefaults', '-display', 'none', '-accel', 'tcg,thread=single',
            '-cpu', 'qemu64,-cx16', '-smp', str(cpus), '-m', memory,
            '-kernel', os.path.join(kit, 'kernel' + suffix),
            '-initrd', initrd,
            '-append', 'console=ttyS0 panic=-1 loglevel=6 mitigations=off '
                       'no_timer_check',
            '-serial', 'file:' + self.console, '-serial', 'stdio',
        ]
        if not reboots:
            command.append('-no-reboot')
        for index, disk in enumerate(disks):
            command += disk.qemu_args(index)
        self.command = command + list(args)
        self.stderr = os.path.join(self.directory, 'stderr')
        self.qemu = self.start_qemu()
        self.pending = b''

    def __enter__(self):
        try:
            self.wait_for_boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc):
        self.kill()
        shutil.rmtree(self.directory)

    def start_qemu(self, *more_args):
        """Start a QEMU with the guest's devices; it need not be the first."""
        with open(self.stderr, 'ab') as stderr:
            return subprocess.Popen(self.command + list(more_args),
                                    stderr=stderr, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)

    def _add_programs(self, initrd, programs, inner_kit):
        """An initramfs can be several archives, one after the other."""
        path = os.path.join(self.directory, 'initrd')
        more = os.path.join(self.directory, 'programs')
        make_kit().write_programs(
            [os.path.join(self.build_dir, 'bin', name) for name in programs],
            more, inner_kit)
        with open(path, 'wb') as out:
            for name in initrd, more:
                with open(name, 'rb') as archive:
                    shutil.copyfileobj(archive, out)
                out.write(b'\0' * (-out.tell() % 512))
        os.unlink(more)
        return path

    def kill(self):
        """Cut the power: QEMU gets no chance to write anything."""
        self.qemu.kill()
        self.qemu.wait()

    def wait_for_boot(self):
        line = self._read_line(BOOT_SECONDS, 'boot')
        if line != 'ready':
            raise self._error('said "%s" when it should boot' % line)

    def sh(self, script, timeout=COMMAND_SECONDS):
        """Run a script in the guest; return what it prints."""
        status, output = self.try_sh(script, timeout)
        if status != 0:
            raise GuestError('in the guest, exit status %d:\n%s\n%s' % (
                status, script, output))
        return output

    def try_sh(self, script, timeout=COMMAND_SECONDS):
        """Like sh(), for a script that may fail: (exit status, output)."""
        self._send(script)
        answer = self._read_line(timeout, 'finish:\n' + script)
        try:
            status, output = (answer + ' ').split(' ')[:2]
            return int(status), base64.b64decode(output).decode()
        except ValueError:
            raise self._error('said "%s" after:\n%s' % (
                answer[:80], script)) from None

    def run_until_killed(self, script, seconds):
        """
        Run a script that does not end by itself, and cut the power after
        @seconds.  Return the lines that the script has written to file
        descriptor 3 until then.
        """
        self._send(script)
        deadline = time.monotonic() + seconds
        while self._wait_for_data(deadline):
            self._read_data('go on')
        self.kill()
        text = (self.pending + self.qemu.stdout.read()).decode(errors='replace')
        lines = [line.strip() for line in text.split('\n')[:-1]]
        for line in lines:
            match = re.fullmatch(r'(\d+) (\S*)', line)
            if match:
                raise GuestError('in the guest, the script ended:\n' +
                                 base64.b64decode(match.group(2)).decode())
        return lines

    def reboot(self):
        self._send('reboot -f')
        self.wait_for_boot()

    def _send(self, script):
        try:
            self.qemu.stdin.write(base64.b64encode(script.encode()) + b'\n')
            self.qemu.stdin.flush()
        except BrokenPipeError:
            raise self._error('has ended, cannot run:\n' + script) from None

    def _read_line(self, seconds, what):
        deadline = time.monotonic() + seconds
        while b'\n' not in self.pending:
            if not self._wait_for_data(deadline):
                raise self._error('did not, within %d seconds, %s' % (
                    seconds, what))
            self._read_data(what)
        line, self.pending = self.pending.split(b'\n', 1)
        return line.decode(errors='replace').strip()

    def _wait_for_data(self, deadline):
        left = max(0, deadline - time.monotonic())
        return select.select([self.qemu.stdout], [], [], left)[0]

    def _read_data(self, what):
        data = os.read(self.qemu.stdout.fileno(), 65536)
        if not data:
            raise self._error('has ended, did not ' + what)
        self.pending += data

    def _error(self, text):
        details = ''
        for title, path in [('QEMU says', self.stderr),
                            ('The guest\'s console', self.console)]:
            if os.path.exists(path):
                with open(path, encoding='utf-8', errors='replace') as log:
                    tail = log.readlines()[-40:]
                details += '--- %s:\n%s' % (title, ''.join(tail))
        return GuestError('the guest %s\n%s' % (text, details))


class Monitor:
    """
    QEMU's QMP monitor, to be used in a `with` statement.  The guest is started
    with args(path), and the monitor used when the guest has booted.
    """

    @staticmethod
    def args(path):
        return ['-qmp', 'unix:%s,server=on,wait=off' % path]

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(COMMAND_SECONDS)
        self.socket.connect(path)
        self.file = self.socket.makefile('rw')
        self.file.readline()
        self.command('qmp_capabilities')

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.file.close()
        self.socket.close()

    def command(self, name, **arguments):
        """Execute a command; '_' stands for '-' in the names of arguments."""
        arguments = {k.replace('_', '-'): v for k, v in arguments.items()}
        json.dump({'execute': name, 'arguments': arguments}, self.file)
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if 'error' in answer:
                raise GuestError('%s %s: %s' % (name, arguments,
                                                answer['error']['desc']))
            if 'return' in answer:
                return answer['return']


class Zone(NamedTuple):
    """
    A zone as the guest sees it, in bytes.

    @wp: the write pointer from the zone's start on; the capacity for a full
         zone, where tools differ, and 0 for one without a write pointer
    """
    start: int
    length: int
    capacity: int
    wp: int
    state: str
    type: int


# Zone states as blkzone and zbd abbreviate them.
EMPTY, IOPEN, EOPEN, CLOSED, FULL = 'em', 'oi', 'oe', 'cl', 'fu'
NOT_WP = 'nw'
READ_ONLY, OFFLINE = 'ro', 'of'

CONVENTIONAL, SEQUENTIAL = 1, 2


def write_pointer(state, capacity, reported):
    """
    Relative to the zone's start.  Where a state makes the write pointer
    meaningless, tools print what they like, N/A for instance.
    """
    if state == FULL:
        return capacity
    return 0 if state in (NOT_WP, READ_ONLY, OFFLINE) else reported()


def zones(guest, device, args=''):
    """What `blkzone report` tells in the guest."""
    found = []
    for line in guest.sh('blkzone report %s /dev/%s' % (
            args, device)).splitlines():
        match = re.fullmatch(
            r'\s*start: 0x(\w+), len 0x(\w+), cap 0x(\w+), wptr (\S+)'
            r'.*zcond: ?\d+\((\w\w)\) \[type: (\d).*\]', line)
        if not match:
            raise GuestError('strange line from blkzone: ' + line)
        start, length, capacity = (int(x, 16) * 512
                                   for x in match.group(1, 2, 3))
        state = match.group(5)
        wp = write_pointer(state, capacity,
                           lambda: int(match.group(4), 16) * 512)
        found.append(Zone(start, length, capacity, wp, state,
                          int(match.group(6))))
    return found


def zbd_zones(guest, device, args=''):
    """What `zbd report` tells in the guest, in the same form."""
    found = []
    for line in guest.sh('zbd report %s /dev/%s' % (
            args, device)).splitlines():
        match = re.fullmatch(
            r'Zone \d+: (\w+), ofst (\d+), len (\d+), cap (\d+)'
            r'(?:, wp (\d+), (\w\w), .*)?', line)
        if not match:
            raise GuestError('strange line from zbd: ' + line)
        start, length, capacity = (int(x) for x in match.group(2, 3, 4))
        if match.group(1) == 'cnv':
            found.append(Zone(start, length, capacity, 0, NOT_WP,
                              CONVENTIONAL))
            continue
        state = match.group(6)
        wp = write_pointer(state, capacity,
                           lambda: int(match.group(5)) - start)
        found.append(Zone(start, length, capacity, wp, state, SEQUENTIAL))
    return found


def write(guest, device, start, length, source='/dev/urandom'):
    """Write to a disk in direct requests of at most 64 KiB."""
    block = min(length & -length, 64 << 10)
    guest.sh('dd if=%s of=/dev/%s iflag=fullblock oflag=direct,seek_bytes '
             'bs=%d seek=%d count=%d' % (source, device, block, start,
                                         length // block))


def checksum(guest, device, start, length):
    """Checksum of a range of a disk, read from the disk."""
    if length == 0:
        return 'nothing'
    block = min(length & -length, 1 << 20)
    return guest.sh(
        'dd if=/dev/%s iflag=direct,skip_bytes status=none bs=%d skip=%d '
        'count=%d | sha256sum' % (device, block, start,
                                  length // block)).split()[0]


def expect(what, seen, wanted):
    """Compare; of two lists, show the first elements that differ."""
    if seen == wanted:
        return
    if isinstance(seen, list) and isinstance(wanted, list):
        for index, pair in enumerate(zip(seen, wanted)):
            if pair[0] != pair[1]:
                seen, wanted = pair
                what += ', element %d' % index
                break
    raise GuestError('%s: expected\n  %s\nbut the guest sees\n  %s' % (
        what, wanted, seen))


def main(cases):
    """
    Run the cases (functions that get the build folder and a folder for
    disks) that the command line names, or all of them.
    """
    cases = {case.__name__.replace('_', '-'): case for case in cases}
    parser = argparse.ArgumentParser(
        description='Run cases on guests, all of them if none is named: ' +
        ', '.join(cases))
    parser.add_argument('build_dir', metavar='BUILD_DIR', type=os.path.abspath)
    parser.add_argument('cases', metavar='CASE', nargs='*')
    args = parser.parse_args()
    unknown = set(args.cases) - set(cases)
    if unknown:
        parser.error('there is no case ' + ', '.join(unknown))

    failed = 0
    for name in args.cases or cases:
        with tempfile.TemporaryDirectory(prefix='guest-disks-') as directory:
            try:
                cases[name](args.build_dir, directory)
            except (GuestError, CommandError) as error:
                print('not ok - %s\n%s' % (name, error), flush=True)
                failed += 1
            else:
                print('ok - ' + name, flush=True)
    sys.exit(failed != 0)
