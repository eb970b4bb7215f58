/*
 * The zoned image format: datasums, which are hashes of new data
 *
 * A root may be written before the data that it adds is durable, if it can be
 * told after a crash whether that data is there.  The root holds a datasum of
 * it (docs/interop/zoned.rst, "Datasum").
 *
 * The datasum of a write is taken while its data is on the way to the file, of
 * a copy that nobody else can change.  There is a limit to how much is copied
 * between two commits: what is above it is cheaper to flush than to hash.
 *
 * A datasum is the value of a polynomial over the field of integers modulo
 * 2^61 - 1, at a secret place, the key of the image.  A guest that does not
 * know the key cannot choose data so that other data has the same datasum.
 *
 * Callers run in the node's AioContext, so the fields need no lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_DATASUM_H
#define BLOCK_ZONED_DATASUM_H

#include "block/block_int.h"
#include "zoned-layout.h"

/* Lengths are multiples of this */
#define ZONED_DATASUM_WORD 4

/*
 * zoned_datasum_random_key: a key for a new image.  Returns false if there are
 * no random numbers.
 */
bool zoned_datasum_random_key(uint64_t *key, Error **errp);

/*
 * zoned_datasum: the datasum of data whose datasum is @sum, followed by the
 * @bytes bytes at @buf.  That of no data is 0.
 */
uint64_t zoned_datasum(uint64_t key, uint64_t sum, const void *buf,
                       uint64_t bytes);

/*
 * zoned_datasum_join: the datasum of data with @first, followed by @bytes bytes
 * with @second
 */
uint64_t zoned_datasum_join(uint64_t key, uint64_t first, uint64_t second,
                            uint64_t bytes);

/* zoned_datasum_matches: whether the @bytes bytes at @buf have @sum */
bool zoned_datasum_matches(uint64_t key, uint64_t sum, const void *buf,
                           uint64_t bytes);

/*
 * ZonedDatasums: what is known of the data since the last commit.
 *
 * @key: of the image
 * @runs: of each zone with new data, by number, the piece at the end of its
 *        data whose datasum is known
 * @bytes: how much was copied since the last commit
 * @room: for copies of what is being written; NULL before the first
 * @used: how much of @room is used, counted from its start
 * @nr_copies: how many copies are in it; it is used anew when there is none
 */
typedef struct ZonedDatasums {
    uint64_t key;
    GHashTable *runs;
    uint64_t bytes;
    uint8_t *room;
    uint64_t used;
    unsigned nr_copies;
} ZonedDatasums;

void zoned_datasums_init(ZonedDatasums *d);
void zoned_datasums_destroy(ZonedDatasums *d);

/*
 * zoned_datasums_write: write @qiov to @file at @offset, and take the datasum
 * meanwhile.
 *
 * @sum: is set to the datasum if *@known is set to true
 *
 * Returns 0 or the error of the write.
 */
int coroutine_fn
zoned_datasums_write(ZonedDatasums *d, BdrvChild *file, uint64_t offset,
                     uint64_t bytes, QEMUIOVector *qiov, size_t qiov_offset,
                     BdrvRequestFlags flags, uint64_t *sum, bool *known);

/*
 * zoned_datasums_count: the data of zone @zone, which ended at @start, ends at
 * @end now, relative to the zone's start.
 *
 * @sum: datasum of what is between them; NULL: it is not known
 */
void zoned_datasums_count(ZonedDatasums *d, uint32_t zone, uint64_t start,
                          uint64_t end, const uint64_t *sum);

/*
 * zoned_datasums_find: the datasum of the data of zone @zone between @start and
 * @end, which is where its data ends, into *@sum.  Returns whether it is known.
 */
bool zoned_datasums_find(const ZonedDatasums *d, uint32_t zone, uint64_t start,
                         uint64_t end, uint64_t *sum);

/* zoned_datasums_restart: what comes now is for the next commit */
void zoned_datasums_restart(ZonedDatasums *d);

#endif /* BLOCK_ZONED_DATASUM_H */
