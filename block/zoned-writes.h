/*
 * The zoned image format: writes in flight to sequential zones
 *
 * Writes to one zone run in parallel, but a write is reported as done only
 * once all data before it in the zone is written.  What the guest was told is
 * so always one piece from the zone's start, up to a place that the zone table
 * can name.  When a write fails, those after it in the zone fail with it, and
 * the write pointer goes back to where it began.  Failures are reported in the
 * order of the zone, so that whoever tries the writes again can do that in the
 * order in which they failed.
 *
 * A write that has to be durable is done when a commit has told the medium of
 * its data.  If that fails, the write has failed, and may come again to the
 * same place.
 *
 * Writes do not always come in the order in which they were submitted: when a
 * coroutine enters or wakes others, each of these is followed first by those
 * that it enters or wakes itself.  A write that comes ahead of the write
 * pointer therefore waits for those before it, until none of them can come any
 * more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_WRITES_H
#define BLOCK_ZONED_WRITES_H

#include "qemu/coroutine.h"
#include "qemu/queue.h"
#include "zoned-meta.h"

typedef struct ZonedActivity ZonedActivity;

/**
 * ZonedWrite: one write, on the stack of its coroutine.
 *
 * @activity: of the zone that it goes to; NULL: it was not admitted yet
 * @zone: number of that zone
 * @start, @end: of the write, relative to the zone's start; @end is not known
 *               before it is admitted
 * @sum: datasum of its data, if @summed
 * @ret: what became of it
 * @written: its data is in the file
 * @counted: so is all data before it in the zone; the next commit has it
 * @finished: its own I/O has ended
 * @retired: it has left the queue, and @ret is what to report
 * @co: waits for its turn
 */
typedef struct ZonedWrite {
    ZonedActivity *activity;
    uint32_t zone;
    uint64_t start;
    uint64_t end;
    uint64_t sum;
    int ret;
    bool summed;
    bool written;
    bool counted;
    bool finished;
    bool retired;
    Coroutine *co;
    QTAILQ_ENTRY(ZonedWrite) next;
} ZonedWrite;

typedef QTAILQ_HEAD(, ZonedWrite) ZonedWriteQueue;

/**
 * ZonedWrites: all zones with writes in flight.
 *
 * @bs: the image
 * @meta: of it
 * @active: ZonedActivity of these zones, by number
 * @early: writes ahead of the write pointer, in the order of their places
 * @early_bh_scheduled: a bottom half will let them go on
 */
typedef struct ZonedWrites {
    BlockDriverState *bs;
    ZonedMeta *meta;
    GHashTable *active;
    ZonedWriteQueue early;
    bool early_bh_scheduled;
} ZonedWrites;

void zoned_writes_init(ZonedWrites *ws, BlockDriverState *bs,
                       ZonedMeta *meta);
void zoned_writes_destroy(ZonedWrites *ws);

/**
 * zoned_writes_done_wp: how much of zone @i is known to be written, relative
 * to its start.  The write pointer of the state machine is ahead of it by the
 * writes in flight.
 */
uint64_t zoned_writes_done_wp(const ZonedWrites *ws, uint32_t i);

/**
 * zoned_writes_wait_failed: if a write to zone @i failed, wait until those
 * after it have ended and the write pointer is back.  To be called before
 * zone_set_append_begin().
 */
void coroutine_fn zoned_writes_wait_failed(ZonedWrites *ws, uint32_t i);

/**
 * zoned_write_wait_turn: to be called before zone_set_write_begin().  Waits for
 * writes before this one that are still to come, and like
 * zoned_writes_wait_failed().  A write at @start (relative to the zone's start)
 * that was meant to follow those that fail now fails with them, in its turn:
 * it is not at the wrong place.
 *
 * Returns its error, or 0 if it can go on.
 */
int coroutine_fn zoned_write_wait_turn(ZonedWrites *ws, uint32_t i,
                                       uint64_t start);

/**
 * zoned_write_start: a write to zone @i was admitted and is about to be
 * submitted.  Lets the one that follows it go on, if that came before it.
 *
 * @start, @end: relative to the zone's start
 */
void coroutine_fn
zoned_write_start(ZonedWrites *ws, ZonedWrite *w, uint32_t i,
                  uint64_t start, uint64_t end);

/**
 * zoned_write_wait_counted: the data of @w is in the file and has to be
 * committed before zoned_write_finish().  Waits until the data before it is
 * there, so that the zone table can speak of it.
 *
 * Returns 0, or the error of a write before it: then @w has failed with it.
 */
int coroutine_fn zoned_write_wait_counted(ZonedWrites *ws, ZonedWrite *w);

/**
 * zoned_write_finish: the I/O of @w has ended with @ret.  Waits until the
 * writes before it have ended too.  Returns what to report: @ret, or the
 * error of the write before it that failed.
 */
int coroutine_fn zoned_write_finish(ZonedWrites *ws, ZonedWrite *w, int ret);

#endif /* BLOCK_ZONED_WRITES_H */
