/*
 * Crash laboratory: run a case, make all the images that a crash could have
 * left, and hold each against the model
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_LAB_H
#define TESTS_CRASH_LAB_H

#include "case.h"
#include "medium.h"

/*
 * How many images are made at each moment at which there are new ones.
 *
 * @random: this many random ones
 * @all: and each subset of missing writes, if there are not too many, and
 *       each way to tear the last one
 * @seed: of the random ones
 */
typedef struct LabEffort {
    unsigned random;
    bool all;
    uint64_t seed;
} LabEffort;

/*
 * @images: crash images that were looked at
 * @cases: that were run to the end
 * @requests, @refused: of the guest
 * @commits: roots of the zone table that were written
 */
typedef struct LabStats {
    uint64_t images;
    uint64_t cases;
    uint64_t requests;
    uint64_t refused;
    uint64_t commits;
} LabStats;

/*
 * Run @c.  Returns NULL, or what is wrong, in several lines; it stops there.
 * @stats are added to.
 */
char *lab_run(const Case *c, const LabEffort *effort, LabStats *stats);

/*
 * Leave out of @c what it does not need to go wrong like @violation says.
 * @effort found that; more of it is spent on what is left.
 */
Case *lab_shrink(const Case *c, const LabEffort *effort, const char *violation);

#endif /* TESTS_CRASH_LAB_H */
