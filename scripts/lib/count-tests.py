#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Count what meson's testlog.json says: count-tests.py TESTLOG SUITE...

A test that was skipped, and a suite of which no test ran, count as failed.
"""

import json
import sys

testlog, *suites = sys.argv[1:]

try:
    with open(testlog, encoding='utf-8') as log:
        tests = [json.loads(line) for line in log]
except FileNotFoundError:
    tests = []

passed = sum(test['result'] == 'OK' for test in tests)
failed = len(tests) - passed

# A test is named "PROJECT:SUITE / TEST"
ran = {test['name'].split(' / ')[0].split(':')[-1] for test in tests}
for suite in suites:
    if suite not in ran:
        print(f'No test of the suite {suite} ran')
        failed += 1

print(f'{passed} passed, {failed} failed')
sys.exit(failed != 0)
