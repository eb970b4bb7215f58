/*
 * The zoned image format: give the space of empty zones back
 *
 * A discard can take long, and nobody waits for it but a write to the same
 * zone: a flush is answered before.  Discards are hints, so that their errors
 * do not matter.  While the image is drained, none begins.
 *
 * Callers run in the node's AioContext, so the fields need no lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_DISCARD_H
#define BLOCK_ZONED_DISCARD_H

#include "block/block_int.h"
#include "block/zone-set.h"

/*
 * ZonedDiscards: zones whose space is to be given back.
 *
 * @bs: the image; a discard counts as in flight on it
 * @geometry: of the image
 * @data_offset: where zone 0 begins in the file
 * @waiting: a bit for each zone that is to be discarded
 * @nr_waiting: how many these are
 * @first, @end: zones whose discard is in flight
 * @running: a coroutine works on it
 * @finishing: it does so in a drained section, too
 * @done: coroutines that wait for the discard in flight
 */
typedef struct ZonedDiscards {
    BlockDriverState *bs;
    ZoneGeometry geometry;
    uint64_t data_offset;
    unsigned long *waiting;
    uint32_t nr_waiting;
    uint32_t first;
    uint32_t end;
    bool running;
    bool finishing;
    CoQueue done;
} ZonedDiscards;

void zoned_discards_init(ZonedDiscards *d, BlockDriverState *bs,
                         const ZoneGeometry *g, uint64_t data_offset);
void zoned_discards_destroy(ZonedDiscards *d);

/*
 * zoned_discards_add: zone @i is empty, on the medium too.  Its space is given
 * back when the coroutine that is running gives way, if the node's option
 * "discard" says so.
 */
void zoned_discards_add(ZonedDiscards *d, uint32_t i);

/*
 * zoned_discards_resume: to be called now and then: what a drained section has
 * stopped goes on.
 */
void zoned_discards_resume(ZonedDiscards *d);

/*
 * zoned_discards_finish: discard all that is to be discarded, and wait for it.
 * Runs an event loop.
 */
void zoned_discards_finish(ZonedDiscards *d);

/*
 * zoned_discards_forget: discard nothing any more, as somebody else may write to
 * the zones from now on.  Waits for a discard in flight, in an event loop.
 */
void zoned_discards_forget(ZonedDiscards *d);

/*
 * zoned_discards_before_write: zone @i is about to be written.  It is not
 * discarded any more; if that has begun, this waits for its end.
 */
void coroutine_fn zoned_discards_before_write(ZonedDiscards *d, uint32_t i);

#endif /* BLOCK_ZONED_DISCARD_H */
