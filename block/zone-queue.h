/*
 * Zone queues: writes to the zones of a real device, in order and in few
 * large requests
 *
 * A host-managed device takes a write to a sequential zone only at the zone's
 * write pointer, and nothing below user space keeps two writes in the order
 * in which they were submitted.  So one write to a zone is in flight at a
 * time.  Later writes wait in the order in which they came, and adjacent ones
 * among them go to the device as one.  Zones do not wait for each other.
 *
 * The write pointer of a zone is read from the device before the zone's first
 * write and after a failed one, and is kept in between.
 *
 * Nothing here takes a lock: all calls come from the AioContext of the node.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_QUEUE_H
#define BLOCK_ZONE_QUEUE_H

#include "qemu/iov.h"
#include "block/block-common.h"

/*
 * ZoneQueueOps: the device below
 *
 * @report: as BlockDriver.bdrv_co_zone_report
 * @write: write @qiov at @offset; 0 or a negative errno, which is
 *         -BLK_ZERR_OPEN, -BLK_ZERR_ACTIVE or no zone error at all.  -EIO
 *         stands for all that the device refuses.
 * @read: read to @qiov at @offset; 0 or a negative errno, as for @write
 */
typedef struct ZoneQueueOps {
    int coroutine_fn (*report)(BlockDriverState *bs, int64_t offset,
                               uint32_t *nr_zones,
                               BlockZoneDescriptor *zones);
    int coroutine_fn (*write)(BlockDriverState *bs, int64_t offset,
                              QEMUIOVector *qiov);
    int coroutine_fn (*read)(BlockDriverState *bs, int64_t offset,
                             QEMUIOVector *qiov);
} ZoneQueueOps;

typedef struct ZoneQueue ZoneQueue;

/*
 * zone_queue_new: for the zoned device below @bs.  Costs the same for any
 * number of zones.
 *
 * @zone_size: in bytes, as BlockLimits has it
 * @granularity: unit of writes to sequential zones, in bytes
 * @max_joined: up to how many bytes writes are joined into one
 */
ZoneQueue *zone_queue_new(BlockDriverState *bs, const ZoneQueueOps *ops,
                          BlockZoneModel model, uint64_t zone_size,
                          uint32_t granularity, uint64_t max_joined);
void zone_queue_free(ZoneQueue *zq);

/*
 * zone_queue_co_write: write @qiov at @offset.
 *
 * Returns 0; for sequential zones of host-managed devices, in this order:
 * -BLK_ZERR_INVALID (touches two zones, one of them sequential),
 * -BLK_ZERR_INVALID (full), -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE,
 * -BLK_ZERR_NOT_AT_WP (start, or granularity of start or end),
 * -BLK_ZERR_INVALID (past the capacity), -BLK_ZERR_OPEN, -BLK_ZERR_ACTIVE; or
 * what the device fails with.
 *
 * A write that was joined with one that failed is tried again by itself,
 * unless the device has got some of its data.
 */
int coroutine_fn zone_queue_co_write(ZoneQueue *zq, int64_t offset,
                                     QEMUIOVector *qiov);

/*
 * zone_queue_co_append: write @qiov at the write pointer of the zone that
 * starts at *@offset; *@offset is set to where the data went, on success only.
 *
 * Linux has no append for user space, so the append is a write to the write
 * pointer when its turn comes.  If the device refuses that place because
 * another program has written to the zone, the append is tried once more at the
 * new write pointer.  An append that may have left data fails with -EIO
 * instead.
 *
 * Errors are those of zone_queue_co_write(), and -BLK_ZERR_INVALID for a
 * conventional zone.
 */
int coroutine_fn zone_queue_co_append(ZoneQueue *zq, int64_t *offset,
                                      QEMUIOVector *qiov);

/*
 * zone_queue_co_read: read to @qiov at @offset.  Reads wait for nobody.
 *
 * Returns 0, or what the device fails with; -BLK_ZERR_RDONLY or
 * -BLK_ZERR_OFFLINE in place of -EIO if that is the state of the first zone
 * that the read touches.
 */
int coroutine_fn zone_queue_co_read(ZoneQueue *zq, int64_t offset,
                                    QEMUIOVector *qiov);

/*
 * zone_queue_forget: the write pointers in [@offset, @offset + @bytes) have
 * changed, or may be changing while a management request is on its way.
 * Called before and after each such request.  No write to these zones is in
 * flight.
 */
void zone_queue_forget(ZoneQueue *zq, int64_t offset, int64_t bytes);

#endif /* BLOCK_ZONE_QUEUE_H */
