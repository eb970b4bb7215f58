/*
 * The zoned image format: roots that prove what they speak of
 *
 * A root may be written before the data that it speaks of is durable, if it can
 * be told after a crash whether that is there.  It has a checksum of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_PROOF_H
#define BLOCK_ZONED_PROOF_H

#include "block/block_int.h"
#include "zoned-layout.h"

/**
 * zoned_proof_holds: whether the data that @root proves is there, in @file.  It
 * always is for a root that proves nothing, which was written after a flush.
 *
 * Returns 1: it is; 0: it is not, so that @root does not count; or the error
 * of a read.
 */
int zoned_proof_holds(BdrvChild *file, const ZonedHeader *h,
                      const ZonedRoot *root);

/**
 * zoned_proof_rewrite: write the data that @root proves, with the content that
 * it has, so that the next flush reaches it.
 *
 * Returns 0 or the error of a read or write.
 */
int zoned_proof_rewrite(BdrvChild *file, const ZonedHeader *h,
                        const ZonedRoot *root);

/** zoned_proof_cut: let @root say only what the root before it has said */
void zoned_proof_cut(ZonedRoot *root);

#endif /* BLOCK_ZONED_PROOF_H */
