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
 * zoned_proof_add: let the root of @c prove zone @zone, and the block of the
 * table that tells of it.
 *
 * @start, @end: of its new data, relative to the zone's start
 * @data_sum: CRC-32 of that; 0 if there is none
 * @block_sum: checksum of the block
 *
 * Returns false if that would be more than one root can prove; nothing is added
 * then.
 */
bool zoned_proof_add(const ZonedHeader *h, ZonedCommit *c, uint32_t zone,
                     uint64_t start, uint64_t end, uint32_t data_sum,
                     uint32_t block_sum);

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
