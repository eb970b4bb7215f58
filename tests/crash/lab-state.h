/*
 * Crash laboratory: the state of a case that runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_LAB_STATE_H
#define TESTS_CRASH_LAB_STATE_H

#include "sysemu/block-backend.h"
#include "disk.h"
#include "lab.h"

/*
 * @model: what the guest was told until now
 * @medium, @blk: of the disk in use
 * @crashed: medium of the crash images
 * @requests: Request, those in flight
 * @managed: for each zone, how many management requests are in flight
 * @explored: no crash before this moment is of interest
 * @violation: what is wrong, NULL: nothing
 */
typedef struct Lab {
    const Case *c;
    const LabEffort *effort;
    LabStats *stats;
    uint64_t clock;
    ZonedHeader header;
    Model *model;
    Medium *medium;
    BlockBackend *blk;
    Medium *crashed;
    uint64_t crashed_clock;
    GPtrArray *requests;
    unsigned *managed;
    uint64_t explored;
    Random random;
    bool killed;
    char *violation;
} Lab;

/* Say what is wrong; only the first thing counts */
void G_GNUC_PRINTF(2, 3) violate(Lab *lab, const char *fmt, ...);

/*
 * Whether a root is torn inside of a sector.  Where sectors are written as a
 * whole, there is no such thing: what differs from root to root is in the
 * first sector.
 */
bool torn_root(Lab *lab, uint64_t moment, const MediumPart *parts);

/* All of a write */
MediumPart whole_part(const MediumWrite *w);

/* A part of a write; data is torn between sectors, metadata anywhere */
MediumPart random_part(Lab *lab, const MediumWrite *w, Random *r);

/* Crash at all moments since the last time, and hold each image to the model */
void explore(Lab *lab);

#endif /* TESTS_CRASH_LAB_STATE_H */
