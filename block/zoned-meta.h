/*
 * The zoned image format: the zone table in memory and on the medium
 *
 * Who calls must be in the AioContext of the node.  All changes are made by
 * coroutines of that context, so that plain fields do; what has to stay
 * together across a yield is under @lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_META_H
#define BLOCK_ZONED_META_H

#include "block/block_int.h"
#include "qemu/coroutine.h"
#include "zoned-layout.h"
#include "zoned-tally.h"

/**
 * ZonedCommit: a state of the zone table on its way to the medium.
 *
 * @root: names the copies that this commit has written, and the tails
 * @blocks: numbers of the table's blocks that it changes
 * @nr_blocks: how many these are
 * @buf: the blocks, ZONED_BLOCK_SIZE each, in the order of @blocks
 * @sums: their checksums
 * @proven: @root proves all data that is new
 */
typedef struct ZonedCommit {
    ZonedRoot root;
    uint32_t *blocks;
    uint32_t nr_blocks;
    uint8_t *buf;
    uint32_t *sums;
    bool proven;
} ZonedCommit;

/**
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
 * @lock: held while the medium is brought up to date
 * @root_is_durable: @root would be there after a crash of the host, too
 * @rejected: what the newest root on the medium proves is not there; it has
 *            @rejected_generation, and @root is from before it
 * @first_flush: no flush has reached the medium since the image was opened,
 *               and there are conventional zones
 * @committing: a commit may be on its way to the medium
 * @dirty: blocks of the table in which a zone has changed since they were
 *         last encoded for a commit
 * @pending: a commit whose root may or may not have reached the medium,
 *           because writing it failed; nothing else may be written before it
 *           is known to be there
 * @tally: checksums of the data that is new
 * @done_wp: how much of zone @i is known to be written, relative to its start
 * @opaque: of @done_wp
 * @lost: NULL, or for a rescue: the blocks of the table of which no good copy
 *        was found
 * @unreadable: for a rescue: so it was rejected because its data cannot be read
 * @root_lost: for a rescue: there is no root; @root is one that was made up, of
 *             blocks of which it makes no difference which copy counts
 */
typedef struct ZonedMeta {
    BdrvChild *file;
    ZonedHeader header;
    ZoneSet *zones;
    uint64_t *entries;
    uint32_t *sums;
    ZonedRoot root;
    int root_copy;
    bool root_is_durable;
    bool rejected;
    uint64_t rejected_generation;
    bool first_flush;
    CoMutex lock;
    bool committing;
    unsigned long *dirty;
    ZonedCommit *pending;
    ZonedTally tally;
    uint64_t (*done_wp)(void *opaque, uint32_t i);
    void *opaque;
    unsigned long *lost;
    bool unreadable;
    bool root_lost;
} ZonedMeta;

/**
 * zoned_meta_load_header: read and check the header of the image in @file.
 *
 * @copy: which of the two copies
 *
 * Returns 0, the errors of zoned_header_decode(), or of the read.
 */
int zoned_meta_load_header(BdrvChild *file, ZonedHeader *h, int copy,
                           Error **errp);

/**
 * zoned_meta_init: have memory for the zone table, all zones being empty.
 * @m->file and @m->header are set.
 */
void zoned_meta_init(ZonedMeta *m);

/**
 * zoned_meta_load: read the zone table, after zoned_meta_init().
 *
 * Returns 0; -EINVAL where the image is damaged or contradicts itself; or
 * the error of a read.
 */
int zoned_meta_load(ZonedMeta *m, Error **errp);

/**
 * zoned_meta_load_table, zoned_meta_load_zones: the two halves of
 * zoned_meta_load(), for a rescue, which corrects @m->entries between them.
 *
 * If @m->lost is set (by the caller, with a bit for each block of the table),
 * a block of the table that is damaged is not an error: its bit is set, and
 * the entries of its sequential zones say that they are offline.  Nor is it an
 * error then that there is no root: all blocks are lost that have not two good
 * copies with the same content.  Nor is it one that data which a root proves
 * cannot be read.  A root or a block that cannot be read, and a table that is
 * not the one of its root, are errors as ever.
 */
int zoned_meta_load_table(ZonedMeta *m, Error **errp);
int zoned_meta_load_zones(ZonedMeta *m, Error **errp);

/** zoned_meta_unload: free what zoned_meta_init() has made */
void zoned_meta_unload(ZonedMeta *m);

/** zoned_meta_changed: zone @i differs from what the medium says of it */
void zoned_meta_changed(ZonedMeta *m, uint32_t i);

/**
 * zoned_meta_must_commit: whether the medium may say, after a crash, that
 * zone @i has more data than it has, or hold an older state of all zones than
 * the one that was loaded.  If so, zone @i must not be written before a
 * commit.
 */
bool zoned_meta_must_commit(ZonedMeta *m, uint32_t i);

/**
 * zoned_meta_emptied: zone @i was reset, or its last writes were taken back;
 * @wp bytes of it held data before.  Returns whether the medium will say that
 * it is empty, whatever happens.
 */
bool zoned_meta_emptied(ZonedMeta *m, uint32_t i, uint64_t wp);

/**
 * zoned_meta_is_dirty: whether anything is to be committed.
 */
bool zoned_meta_is_dirty(ZonedMeta *m);

/**
 * zoned_meta_commit: make the zones as they are now, and all data written
 * until now, durable.  Afterwards the space of zones that this made empty is
 * discarded.  Called with @m->lock held, in a coroutine or while nothing else
 * is going on.
 *
 * Returns 0 or the error of the medium; then the commit is tried again next
 * time, and what is on the medium is either the old state or the new one.
 */
int zoned_meta_commit(ZonedMeta *m);

/**
 * zoned_meta_settle: make both copies of every block the same and mark the
 * image clean.  For the time when the image is closed, or handed over;
 * nothing else is going on.  Does nothing if the image is clean already.
 */
int zoned_meta_settle(ZonedMeta *m);

#endif /* BLOCK_ZONED_META_H */
