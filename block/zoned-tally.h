/*
 * The zoned image format: checksums of the data that is new
 *
 * For a root that proves data (zoned-proof.h), the checksum of a write is taken
 * while its data is on the way to the file, of a copy that nobody else can
 * change.  There is a limit to how much is copied between two commits: what is
 * above it is cheaper to flush than to prove.
 *
 * Who calls must be in the AioContext of the node.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_TALLY_H
#define BLOCK_ZONED_TALLY_H

#include "block/block_int.h"

/**
 * ZonedTally: what is known of the data since the last commit.
 *
 * @runs: of each zone with new data, by number, the piece at the end of its
 *        data whose checksum is known
 * @bytes: how much was copied since the last commit
 * @room: for copies of what is being written; NULL before the first
 * @used: how much of @room is used, counted from its start
 * @nr_copies: how many copies are in it; it is used anew when there is none
 */
typedef struct ZonedTally {
    GHashTable *runs;
    uint64_t bytes;
    uint8_t *room;
    uint64_t used;
    unsigned nr_copies;
} ZonedTally;

void zoned_tally_init(ZonedTally *t);
void zoned_tally_destroy(ZonedTally *t);

/**
 * zoned_tally_copy: room for a copy of the data of a write to @file, of @bytes
 * bytes, or NULL if this write shall not be copied.  When the write has ended,
 * zoned_tally_copy_done() follows.
 */
uint8_t *zoned_tally_copy(ZonedTally *t, BdrvChild *file, uint64_t bytes);
void zoned_tally_copy_done(ZonedTally *t);

/**
 * zoned_tally_count: the data of zone @zone, which ended at @start, ends at
 * @end now, relative to the zone's start.
 *
 * @sum: CRC-32 of what is between them; NULL: it is not known
 */
void zoned_tally_count(ZonedTally *t, uint32_t zone, uint64_t start,
                       uint64_t end, const uint32_t *sum);

/**
 * zoned_tally_find: the checksum of the data of zone @zone between @start and
 * @end, which is where its data ends, into *@sum.  Returns whether it is known.
 */
bool zoned_tally_find(const ZonedTally *t, uint32_t zone, uint64_t start,
                      uint64_t end, uint32_t *sum);

/** zoned_tally_restart: what comes now is for the next commit */
void zoned_tally_restart(ZonedTally *t);

#endif /* BLOCK_ZONED_TALLY_H */
