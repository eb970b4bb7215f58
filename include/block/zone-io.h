/*
 * Zone requests on nodes of the block graph
 *
 * All arguments are checked here, once for every driver.  Devices and tools
 * use the functions of sysemu/block-backend-zones.h; these are for drivers
 * that pass a request on to a child.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_IO_H
#define BLOCK_ZONE_IO_H

#include "block/block_int-common.h"

/**
 * bdrv_zone_op_changes_data: whether readers can see other data after @op than
 * before.  What does not change any is forgotten when the power goes: open
 * zones come back closed.
 */
static inline bool bdrv_zone_op_changes_data(BlockZoneOp op)
{
    return op != BLK_ZO_OPEN && op != BLK_ZO_CLOSE;
}

/*
 * I/O API functions. These functions are thread-safe.
 */

/**
 * bdrv_co_zone_report: describe the zones of @bs.
 *
 * @offset: anywhere in the first zone to describe
 * @nr_zones: in, how many descriptors @zones has room for; out, how many were
 *            filled in, fewer where the disk ends before.  Unchanged on error.
 *
 * A report does not wait for writes in flight: the write pointers are those
 * of some moment while it runs.  It waits for management requests in flight
 * on the zones that it describes.
 *
 * Returns 0; -ENOMEDIUM (no medium), -ENOTSUP (@bs is not zoned), -EIO
 * (@offset is not on the disk), or what the driver fails with.  (virtio 1.3,
 * 5.2.6, VIRTIO_BLK_T_ZONE_REPORT)
 */
int coroutine_fn bdrv_co_zone_report(BlockDriverState *bs, int64_t offset,
                                     uint32_t *nr_zones,
                                     BlockZoneDescriptor *zones);

/**
 * bdrv_co_zone_check_span: whether @bytes at @offset, which are on the disk,
 * may be written at once, or read by a device that knows zones.  Everybody else
 * may read across zones.
 *
 * Returns 0; -BLK_ZERR_INVALID (more than one zone, and one that has to be
 * written sequentially among them), or what a report fails with.
 */
int coroutine_fn bdrv_co_zone_check_span(BlockDriverState *bs, int64_t offset,
                                         int64_t bytes);

/**
 * bdrv_zone_write_error: why nothing at all can be written to a sequential zone
 * in @state.
 *
 * Returns 0 if that is no reason; -BLK_ZERR_INVALID (full), -BLK_ZERR_RDONLY,
 * -BLK_ZERR_OFFLINE.
 */
int bdrv_zone_write_error(BlockZoneState state);

/**
 * bdrv_co_zone_check_unaligned: whether a write that is not aligned to
 * request_alignment may be padded, which it may in conventional zones.
 *
 * Returns 0; -BLK_ZERR_INVALID (touches two zones, or the zone is full),
 * -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE, -BLK_ZERR_NOT_AT_WP (any other
 * sequential zone), or what a report fails with.
 */
int coroutine_fn bdrv_co_zone_check_unaligned(BlockDriverState *bs,
                                              int64_t offset, int64_t bytes);

/**
 * bdrv_co_zone_mgmt: do @op on each zone of [@offset, @offset + @bytes), in
 * order, up to the first error.  Waits for all requests in flight there and
 * holds back later ones until it is done.
 *
 * @offset: start of a zone
 * @bytes: whole zones, up to the end of the disk at most
 *
 * A reset of the whole disk, if it has more than one zone, reaches the driver
 * as BLK_ZO_RESET_ALL.  If the disk is a window, its driver passes that on for
 * a part of another disk.
 *
 * The caller has BLK_PERM_WRITE.  Returns 0; -ENOMEDIUM (no medium), -ENOTSUP
 * (the node is not zoned), -EPERM (read-only node or dirty bitmap), -EIO (not
 * on the disk), -BLK_ZERR_INVALID (not whole zones), or what the driver fails
 * with.  (virtio 1.3, 5.2.6, VIRTIO_BLK_T_ZONE_OPEN to _RESET_ALL)
 */
int coroutine_fn bdrv_co_zone_mgmt(BdrvChild *child, BlockZoneOp op,
                                   int64_t offset, int64_t bytes);

/**
 * bdrv_co_zone_set_fault: let a zone of an emulated disk fail, or make a failed
 * zone usable again.  Ordered against other requests as bdrv_co_zone_mgmt() is.
 * It lasts from the next flush on.
 *
 * @offset: start of the zone
 *
 * It is the disk that fails: unlike a change that a user of the disk makes,
 * this needs no permission to write.  Returns 0; -ENOMEDIUM (no medium),
 * -ENOTSUP (the node is not zoned, or its driver cannot let zones fail), -EPERM
 * (read-only node, or one that is inactive because another QEMU has the
 * image), -EIO (not on the disk), -BLK_ZERR_INVALID (not the start of a zone,
 * or a conventional zone), -BLK_ZERR_ACTIVE (there would be too many active
 * zones), or what the driver fails with.
 */
int coroutine_fn bdrv_co_zone_set_fault(BlockDriverState *bs,
                                        BlockZoneFault fault, int64_t offset);

/**
 * bdrv_co_zone_append: write @qiov at the write pointer of a zone.
 *
 * @offset: in, the start of the zone; out and only on success, where the data
 *          went
 *
 * The caller has BLK_PERM_WRITE.  Returns 0; -ENOMEDIUM (no medium), -ENOTSUP
 * (the node is not zoned, or has no append), -EPERM (read-only node or dirty
 * bitmap), -EIO (not on the disk), -BLK_ZERR_INVALID (not the start of a
 * zone, nothing to write, longer than the zone or than max_append_sectors), or
 * what the driver fails with: -BLK_ZERR_NOT_AT_WP, for one, if that is not a
 * multiple of the write granularity.  (virtio 1.3, 5.2.6,
 * VIRTIO_BLK_T_ZONE_APPEND)
 */
int coroutine_fn bdrv_co_zone_append(BdrvChild *child, int64_t *offset,
                                     QEMUIOVector *qiov,
                                     BdrvRequestFlags flags);

#endif /* BLOCK_ZONE_IO_H */
