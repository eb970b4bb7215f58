/*
 * Zone requests on block backends: what devices, exports and tools use to
 * work with the zones of a disk
 *
 * Included by sysemu/block-backend.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_BACKEND_ZONES_H
#define BLOCK_BACKEND_ZONES_H

#include "block-backend-common.h"
#include "block/zone.h"

/*
 * Global state (GS) API. These functions run under the BQL.
 */

/**
 * blk_set_zones_accepted: say that the device that is attached to @blk, or
 * will be, knows zones.  Any other device is refused a host-managed disk, as
 * it would write to it like to an ordinary disk.
 *
 * A device calls this before it takes its permissions, that is, before
 * blkconf_apply_backend_options().  Detaching the device takes it back.
 * Backends without a device (tools, jobs) get host-managed disks anyway.
 */
void blk_set_zones_accepted(BlockBackend *blk, bool accepted);

/*
 * I/O API functions. These functions are thread-safe.
 */

/**
 * blk_get_zoned: how the disk treats writes off the write pointer; BLK_Z_NONE
 * for a disk without zones and where there is no medium.
 *
 * The getters below return 0 where this returns BLK_Z_NONE.
 */
BlockZoneModel blk_get_zoned(BlockBackend *blk);

/** blk_get_zone_size: of each zone but perhaps the last, in bytes */
uint64_t blk_get_zone_size(BlockBackend *blk);

/** blk_get_nr_zones: a smaller last zone included */
uint32_t blk_get_nr_zones(BlockBackend *blk);

/** blk_get_max_open_zones: 0 for no limit */
uint32_t blk_get_max_open_zones(BlockBackend *blk);

/** blk_get_max_active_zones: 0 for no limit */
uint32_t blk_get_max_active_zones(BlockBackend *blk);

/**
 * blk_get_max_append_sectors: the longest zone append, in 512-byte sectors;
 * 0 if there is no append
 */
uint32_t blk_get_max_append_sectors(BlockBackend *blk);

/**
 * blk_get_write_granularity: unit of writes to sequential zones, in bytes
 */
uint32_t blk_get_write_granularity(BlockBackend *blk);

/**
 * blk_aio_zone_report: blk_co_zone_report() with a callback.  @nr_zones and
 * @zones stay valid until @cb is called.
 */
BlockAIOCB *blk_aio_zone_report(BlockBackend *blk, int64_t offset,
                                uint32_t *nr_zones, BlockZoneDescriptor *zones,
                                BlockCompletionFunc *cb, void *opaque);

/** blk_aio_zone_mgmt: blk_co_zone_mgmt() with a callback */
BlockAIOCB *blk_aio_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                              int64_t offset, int64_t len,
                              BlockCompletionFunc *cb, void *opaque);

/**
 * blk_aio_zone_append: blk_co_zone_append() with a callback.  @offset and
 * @qiov stay valid until @cb is called.
 */
BlockAIOCB *blk_aio_zone_append(BlockBackend *blk, int64_t *offset,
                                QEMUIOVector *qiov, BdrvRequestFlags flags,
                                BlockCompletionFunc *cb, void *opaque);

/*
 * "I/O or GS" API functions. These functions can run without the BQL, but
 * only in one specific iothread/main loop.
 */

/**
 * blk_co_zone_report: describe zones.
 *
 * @offset: anywhere in the first zone to describe
 * @nr_zones: in, how many descriptors @zones has room for; out, how many were
 *            filled in, fewer where the disk ends before
 *
 * Returns 0; -ENOMEDIUM (no medium), -ENOTSUP (no zones), -EIO (@offset is
 * not on the disk), or what the driver fails with.  (virtio 1.3, 5.2.6,
 * VIRTIO_BLK_T_ZONE_REPORT)
 */
int generated_co_wrapper blk_zone_report(BlockBackend *blk, int64_t offset,
                                         uint32_t *nr_zones,
                                         BlockZoneDescriptor *zones);
int coroutine_fn blk_co_zone_report(BlockBackend *blk, int64_t offset,
                                    uint32_t *nr_zones,
                                    BlockZoneDescriptor *zones);

/**
 * blk_co_zone_mgmt: do @op on each zone of [@offset, @offset + @len), in
 * order, up to the first error.  Waits for reads and writes in flight there
 * and holds back later ones.  With the write cache off the result is on
 * stable storage when this returns.
 *
 * @offset: start of a zone
 * @len: whole zones, up to the end of the disk at most
 *
 * A reset of the whole disk, if it has more than one zone, is done as
 * BLK_ZO_RESET_ALL.
 *
 * Returns 0; -ENOMEDIUM (no medium), -ENOTSUP (no zones), -EPERM (read-only
 * disk or backend), -EIO (not on the disk), -BLK_ZERR_INVALID (not whole
 * zones, or the zone's type or state forbids it), -BLK_ZERR_OPEN,
 * -BLK_ZERR_ACTIVE, -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE, or another error
 * that the driver fails with.  (virtio 1.3, 5.2.6, VIRTIO_BLK_T_ZONE_OPEN to
 * _RESET_ALL)
 */
int generated_co_wrapper blk_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                                       int64_t offset, int64_t len);
int coroutine_fn blk_co_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                                  int64_t offset, int64_t len);

/**
 * blk_co_zone_append: write @qiov at the write pointer of a zone.
 *
 * @offset: in, the start of the zone; out and only on success, where the data
 *          went
 * @flags: BDRV_REQ_FUA, BDRV_REQ_REGISTERED_BUF
 *
 * Returns 0; -ENOMEDIUM (no medium), -ENOTSUP (no zones, or no append),
 * -EPERM (read-only disk or backend), -EIO (not on the disk),
 * -BLK_ZERR_INVALID (not the start of a zone, nothing to write, longer than
 * the zone or than blk_get_max_append_sectors(), past the zone's capacity, or
 * the zone's type or state forbids it), -BLK_ZERR_NOT_AT_WP (not a multiple
 * of the write granularity), -BLK_ZERR_OPEN, -BLK_ZERR_ACTIVE,
 * -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE, or another error that the driver fails
 * with.  (virtio 1.3, 5.2.6, VIRTIO_BLK_T_ZONE_APPEND)
 */
int generated_co_wrapper blk_zone_append(BlockBackend *blk, int64_t *offset,
                                         QEMUIOVector *qiov,
                                         BdrvRequestFlags flags);
int coroutine_fn blk_co_zone_append(BlockBackend *blk, int64_t *offset,
                                    QEMUIOVector *qiov,
                                    BdrvRequestFlags flags);

#endif /* BLOCK_BACKEND_ZONES_H */
