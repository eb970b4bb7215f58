# SPDX-License-Identifier: GPL-2.0-or-later
"""How the Python scripts of this repository run commands."""

import subprocess


class CommandError(SystemExit):
    """
    A command failed; the text says which, and what it has printed.

    A script that does not catch it ends with that text.
    """


def run(*command, **options):
    """
    Run a command, and return what it prints to both of its outputs.

    Options are those of subprocess.run(); with stderr=None, errors go where
    those of the caller go.
    """
    command = [str(part) for part in command]
    done = subprocess.run(command, check=False,
                          **{'text': True, 'stdout': subprocess.PIPE,
                             'stderr': subprocess.STDOUT, **options})
    if done.returncode:
        raise CommandError('%s: exit status %d\n%s' % (
            ' '.join(command), done.returncode, done.stdout or ''))
    return done.stdout
