/*
 * The zoned image format: roots that prove what they speak of
 *
 * A root may be written before the table and the data that it speaks of are
 * durable, if it can be told after a crash whether they are.  It then names
 * the zones with new data, and has a checksum of that.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_PROOF_H
#define BLOCK_ZONED_PROOF_H

#include "block/block_int.h"
#include "zoned-meta.h"

/**
 * zoned_proof_add: let @root prove zone @zone, as its current copy of the
 * table tells of it, with the data between @start and @end, relative to the
 * zone's start.
 *
 * @bytes: how much data @root proves; is added to
 *
 * Returns false if that would be more than one root can prove, or than it is
 * worth; nothing is added then.
 */
bool zoned_proof_add(const ZonedHeader *h, ZonedRoot *root, uint32_t zone,
                     uint64_t start, uint64_t end, uint64_t *bytes);

/**
 * zoned_proof_take: read the data from @file that the root of @c proves, and
 * put the checksum of that and of the blocks of @c into the root.
 *
 * Returns false if the data cannot be read.
 */
bool zoned_proof_take(BdrvChild *file, const ZonedHeader *h, ZonedCommit *c);

/**
 * zoned_proof_holds: whether what @root proves is there, in @file.  It always
 * is for a root that proves nothing, which was written after a flush.
 *
 * Returns 1: it is; 0: it is not, so that @root does not count; or the error
 * of a read.
 */
int zoned_proof_holds(BdrvChild *file, const ZonedHeader *h,
                      const ZonedRoot *root);

#endif /* BLOCK_ZONED_PROOF_H */
