/*
 * The zoned image format: the zone table in memory and on the medium
 *
 * Callers run in the node's AioContext.  All changes are made by coroutines of
 * that context, so that the fields need no atomics.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_META_H
#define BLOCK_ZONED_META_H

#include "block/block_int.h"
#include "qemu/coroutine.h"
#include "zoned-datasum.h"
#include "zoned-discard.h"
#include "zoned-layout.h"

/*
 * ZonedRootState: what is known of the root on the medium.  zoned-meta.c has a
 * diagram of the transitions.
 */
typedef enum ZonedRootState {
    ZONED_ROOT_FOUND,       /* it was read, and could be lost in a crash */
    ZONED_ROOT_CONFIRMED,   /* it is durable */
    ZONED_ROOT_IN_DOUBT,    /* a newer one may or may not be there */
} ZonedRootState;

/*
 * ZonedCommit: a state of the zone table on its way to the medium.
 *
 * @root: names the copies that this commit has written, and the deltas
 * @blocks: numbers of the table's blocks that it changes; none in a fast commit
 * @nr_blocks: how many these are
 * @buf: the blocks, ZONED_BLOCK_SIZE each, in the order of @blocks
 * @sums: their checksums
 * @summed: @root has datasums of all data that is new
 */
typedef struct ZonedCommit {
    ZonedRoot root;
    uint32_t *blocks;
    uint32_t nr_blocks;
    uint8_t *buf;
    uint32_t *sums;
    bool summed;
} ZonedCommit;

/*
 * ZonedMeta: the metadata of an open image.
 *
 * @file: the node below
 * @header: as it is on the medium
 * @zones: the state machine
 * @entries: of each zone, what the medium will say after a crash; where it
 *           may say one thing or another, the one with more data
 * @sums: of each block of the table, the checksum of its current copy
 * @root: as it is on the medium
 * @root_copy: where the medium has @root, 0 or 1
 * @root_state: what is known of it
 * @pending: the newer root, and what it is for, if @root_state is
 *           ZONED_ROOT_IN_DOUBT
 * @dirty: blocks of the table in which a zone has changed since they were
 *         last encoded for a commit
 * @differ: blocks of the table whose two copies are not the same
 * @differ_unsure: perhaps they are: nobody has looked
 * @datasums: of the data that is new; NULL while an image is repaired
 * @discards: takes the zones that a commit has made empty; NULL: nobody does
 * @done_wp: how much of zone @i is known to be written, relative to its start
 * @opaque: of @done_wp
 * @lock: one commit at a time; protects @root, @root_copy, @root_state,
 *        @pending, @sums and @differ across the yields of a commit
 * @committing: a commit may be on its way to the medium
 * @begun, @done: number of the commit that has begun last, and of the last one
 *                that was a success
 */
typedef struct ZonedMeta {
    BdrvChild *file;
    ZonedHeader header;
    ZoneSet *zones;
    uint64_t *entries;
    uint32_t *sums;
    ZonedRoot root;
    int root_copy;
    ZonedRootState root_state;
    ZonedCommit *pending;
    unsigned long *dirty;
    unsigned long *differ;
    bool differ_unsure;
    ZonedDatasums *datasums;
    ZonedDiscards *discards;
    uint64_t (*done_wp)(void *opaque, uint32_t i);
    void *opaque;
    CoMutex lock;
    bool committing;
    uint64_t begun;
    uint64_t done;
} ZonedMeta;

struct ZonedFound;

/*
 * zoned_meta_init: have memory for the zone table, all zones being empty.
 * @m->header is set.
 */
void zoned_meta_init(ZonedMeta *m);

/* zoned_meta_destroy: free what zoned_meta_init() has made */
void zoned_meta_destroy(ZonedMeta *m);

/*
 * zoned_meta_replace: @fresh, which was loaded meanwhile, takes the place of
 * what @m has.  Zones that are explicitly open stay so: a migration that failed
 * is no power cycle.  Waits for a commit that is on its way.
 */
void coroutine_fn zoned_meta_replace(ZonedMeta *m, ZonedMeta *fresh);

/* Where the new data of @d is in the file */
static inline uint64_t zoned_delta_offset(const ZonedMeta *m,
                                          const ZonedDelta *d)
{
    return m->header.data_offset +
           zone_geometry_start(&m->header.geometry, d->zone) +
           d->end - d->summed;
}

/*
 * zoned_meta_confirm: make durable what was found in the image, from the
 * buffers that were verified.  To be called before the image is changed.
 *
 * Returns 0 or the error of the medium.
 */
int zoned_meta_confirm(ZonedMeta *m, const struct ZonedFound *f);

/*
 * zoned_meta_leave_clean: before the two copies of any block may differ, say so
 * on the medium.
 *
 * Returns 0 or the error of the medium.
 */
int zoned_meta_leave_clean(ZonedMeta *m);

/* zoned_meta_changed: zone @i differs from what the medium says of it */
void zoned_meta_changed(ZonedMeta *m, uint32_t i);

/*
 * zoned_meta_emptied: zone @i was reset, or its last writes were taken back;
 * @wp bytes of it held data before.  Returns whether the medium will say that
 * it is empty, whatever happens.
 */
bool zoned_meta_emptied(ZonedMeta *m, uint32_t i, uint64_t wp);

/* zoned_meta_is_dirty: whether anything is to be committed */
bool zoned_meta_is_dirty(ZonedMeta *m);

/*
 * zoned_meta_commit: make the zones as they are now, and all data written
 * until now, durable.  Callers that wait for each other share a commit.
 *
 * Returns 0 or the error of the medium; then the commit is tried again next
 * time, and what is on the medium is either the old state or the new one.
 */
int coroutine_fn zoned_meta_commit(ZonedMeta *m);

/*
 * zoned_meta_before_write: to be called before zone @i is written.  As long as
 * the medium may say, after a crash, that the zone has more data than it has,
 * new data must not get there: it would show as the old data.
 *
 * Returns 0 or the error of zoned_meta_commit().
 */
int coroutine_fn zoned_meta_before_write(ZonedMeta *m, uint32_t i);

/*
 * zoned_meta_close_clean: make both copies of every block the same and mark the
 * image clean.  For the time when the image is closed, or handed over;
 * nothing else is going on.  Does nothing if the image is clean already.
 *
 * Returns 0 or the error of the medium.
 */
int zoned_meta_close_clean(ZonedMeta *m);

#endif /* BLOCK_ZONED_META_H */
