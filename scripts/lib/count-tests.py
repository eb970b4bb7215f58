#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Count what meson's testlog.json says.

A test that was skipped, and a suite of which no test ran, count as failed.
"""

import argparse
import json
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('testlog', metavar='TESTLOG')
    parser.add_argument('suites', nargs='*', metavar='SUITE')
    args = parser.parse_args()

    try:
        with open(args.testlog, encoding='utf-8') as log:
            tests = [json.loads(line) for line in log]
    except FileNotFoundError:
        tests = []

    passed = sum(test['result'] == 'OK' for test in tests)
    failed = len(tests) - passed

    # A test is named "PROJECT:SUITE / TEST"
    ran = {test['name'].split(' / ')[0].split(':')[-1] for test in tests}
    for suite in args.suites:
        if suite not in ran:
            print(f'No test of the suite {suite} ran')
            failed += 1

    print(f'{passed} passed, {failed} failed')
    sys.exit(failed != 0)


if __name__ == '__main__':
    main()
