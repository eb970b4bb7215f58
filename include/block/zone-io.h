/*
 * Zone requests on nodes of the block graph
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_IO_H
#define BLOCK_ZONE_IO_H

#include "block/block_int-common.h"

/**
 * DOC: Zone requests on nodes
 *
 * All arguments are checked here, once for every driver.  Devices and tools
 * use the functions of sysemu/block-backend-zones.h; these are for drivers
 * that pass a request on to a child.
 *
 * They are I/O API functions: thread-safe, and called without the BQL.
 * Coroutine functions run in the AioContext of the node, and may yield.
 */

/**
 * bdrv_zone_op_changes_data - whether readers can see other data after an
 * operation than before
 * @op: the operation
 *
 * The effect of an operation that changes no data is forgotten when the power
 * goes: open zones come back closed.
 *
 * Returns: false for open and close.
 */
static inline bool bdrv_zone_op_changes_data(BlockZoneOp op)
{
    return op != BLK_ZO_OPEN && op != BLK_ZO_CLOSE;
}

/**
 * bdrv_zone_limits_copy - the limits of a driver that passes zones through
 * @to: the limits of its node
 * @from: the limits of the child, which is zoned
 * @bytes: size of the node
 *
 * For bdrv_refresh_limits.  Only the fields that describe zones are set.
 */
void bdrv_zone_limits_copy(BlockLimits *to, const BlockLimits *from,
                           uint64_t bytes);

/**
 * bdrv_co_zone_report - describe zones (virtio 1.3, 5.2.6,
 * VIRTIO_BLK_T_ZONE_REPORT)
 * @bs: the node
 * @offset: in bytes, anywhere in the first zone to describe
 * @nr_zones: in, how many descriptors @zones has room for; out, how many were
 *            filled in, fewer where the disk ends before.  Unchanged on error.
 * @zones: the descriptors
 *
 * A report does not wait for writes in flight: the write pointers are those
 * of some moment while it runs.  It waits for management requests in flight
 * on the zones that it describes.
 *
 * Returns:
 * * 0 - on success
 * * -ENOMEDIUM - there is no medium
 * * -ENOTSUP - @bs is not zoned
 * * -EIO - @offset is not on the disk
 * * another negative errno - from the driver
 */
int coroutine_fn bdrv_co_zone_report(BlockDriverState *bs, int64_t offset,
                                     uint32_t *nr_zones,
                                     BlockZoneDescriptor *zones);

/**
 * bdrv_co_zone_check_span - whether a piece of the disk may be written at once
 * @bs: the node, zoned or not
 * @offset: start of the piece in bytes
 * @bytes: length of the piece, which is on the disk
 *
 * The same holds for reads by a device that knows zones (virtio 1.3, 5.2.6; a
 * ZBC device without URSWRZ).  Everybody else may read across zones.
 *
 * Returns:
 * * 0 - the piece lies in one zone, or in zones none of which is SWR
 * * -BLK_ZERR_INVALID - it lies in more than one zone, one of them SWR
 * * another negative errno - from bdrv_co_zone_report()
 */
int coroutine_fn bdrv_co_zone_check_span(BlockDriverState *bs, int64_t offset,
                                         int64_t bytes);

/**
 * bdrv_zone_write_error - why nothing can be written to a sequential zone
 * @state: state of the zone
 *
 * Context: Any.
 *
 * Returns:
 * * 0 - the state is no reason
 * * -BLK_ZERR_INVALID - the zone is full
 * * -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE - the zone has failed
 */
int bdrv_zone_write_error(BlockZoneState state);

/**
 * bdrv_co_zone_check_unaligned - whether a write that is not aligned to
 * request_alignment may be padded
 * @bs: a zoned node
 * @offset: start of the write in bytes
 * @bytes: length of the write, which is on the disk
 *
 * It may in conventional zones; padding would move the write pointer of others.
 *
 * Returns:
 * * 0 - the write may be padded
 * * -BLK_ZERR_INVALID - it touches two zones, or the zone is full
 * * -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE - the zone has failed
 * * -BLK_ZERR_NOT_AT_WP - any other sequential zone
 * * another negative errno - from bdrv_co_zone_report()
 */
int coroutine_fn bdrv_co_zone_check_unaligned(BlockDriverState *bs,
                                              int64_t offset, int64_t bytes);

/**
 * bdrv_co_zone_mgmt - do an operation on each zone of a range (virtio 1.3,
 * 5.2.6, VIRTIO_BLK_T_ZONE_OPEN and the like)
 * @child: edge to the node, with %BLK_PERM_WRITE
 * @op: the operation
 * @offset: start of a zone, in bytes
 * @bytes: whole zones, up to the end of the disk at most
 *
 * Zones are taken in their order, up to the first error.  The request waits
 * for all requests in flight to these zones, and holds back later ones until
 * it is done.
 *
 * A reset of the whole disk, if it has more than one zone, reaches the driver
 * as %BLK_ZO_RESET_ALL.  If the disk is a window, its driver passes that on for
 * a part of another disk.
 *
 * Returns:
 * * 0 - on success
 * * -ENOMEDIUM - there is no medium
 * * -ENOTSUP - the node is not zoned
 * * -EPERM - the node, or a dirty bitmap of it, is read-only
 * * -EIO - the range is not on the disk
 * * -BLK_ZERR_INVALID - the range is not whole zones
 * * another negative errno - from the driver: most of all -BLK_ZERR_INVALID,
 *   -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE (the zone's type or state forbids
 *   @op), -BLK_ZERR_OPEN, -BLK_ZERR_ACTIVE (a limit is reached)
 */
int coroutine_fn bdrv_co_zone_mgmt(BdrvChild *child, BlockZoneOp op,
                                   int64_t offset, int64_t bytes);

/**
 * bdrv_co_zone_set_fault - let a zone of an emulated disk fail, or make a
 * failed zone usable again
 * @bs: the node
 * @fault: what the zone shall suffer from
 * @offset: start of the zone, in bytes
 *
 * Ordered against other requests as bdrv_co_zone_mgmt() is.  The state is kept
 * across power cycles from the next flush on.
 *
 * It is the disk that fails: unlike a change that a user of the disk makes,
 * this needs no permission to write.
 *
 * Returns:
 * * 0 - on success
 * * -ENOMEDIUM - there is no medium
 * * -ENOTSUP - the node is not zoned, or its driver cannot let zones fail
 * * -EPERM - the node is read-only, or inactive because another QEMU has the
 *   image
 * * -EIO - @offset is not on the disk
 * * -BLK_ZERR_INVALID - @offset is not the start of a zone, or the zone is
 *   conventional
 * * -BLK_ZERR_ACTIVE - the zone would be one active zone too many
 * * another negative errno - from the driver
 */
int coroutine_fn bdrv_co_zone_set_fault(BlockDriverState *bs,
                                        BlockZoneFault fault, int64_t offset);

/**
 * bdrv_co_zone_append - write at the write pointer of a zone (virtio 1.3,
 * 5.2.6, VIRTIO_BLK_T_ZONE_APPEND; the Zone Append command of NVMe)
 * @child: edge to the node, with %BLK_PERM_WRITE
 * @offset: in, the start of the zone; out and only on success, where the data
 *          went; in bytes
 * @qiov: the data
 * @flags: %BDRV_REQ_FUA, %BDRV_REQ_REGISTERED_BUF
 *
 * Returns:
 * * 0 - on success
 * * -ENOMEDIUM - there is no medium
 * * -ENOTSUP - the node is not zoned, or has no append
 * * -EPERM - the node, or a dirty bitmap of it, is read-only
 * * -EIO - @offset is not on the disk
 * * -BLK_ZERR_INVALID - @offset is not the start of a zone, there is nothing to
 *   write, or more than the zone's length or max_append_sectors
 * * another negative errno - from the driver: -BLK_ZERR_NOT_AT_WP, for one, if
 *   the length is not a multiple of the write granularity
 */
int coroutine_fn bdrv_co_zone_append(BdrvChild *child, int64_t *offset,
                                     QEMUIOVector *qiov,
                                     BdrvRequestFlags flags);

#endif /* BLOCK_ZONE_IO_H */
