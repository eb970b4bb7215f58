/*
 * Zone requests on block backends
 *
 * Included by sysemu/block-backend.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_BACKEND_ZONES_H
#define BLOCK_BACKEND_ZONES_H

#include "block-backend-common.h"
#include "block/zone.h"

/**
 * DOC: Zone requests on backends
 *
 * Devices, exports and tools use these functions for the zones of a disk.  A
 * request counts as in flight on the backend and waits while that is drained.
 * All but reports, which do not get to the medium, pass its throttle group.
 *
 * blk_co_zone_report() and its like run in a coroutine in the backend's
 * AioContext.  blk_zone_report() and its like do the same for callers that are
 * in no coroutine: they run an event loop until the request is done.
 */

/*
 * Global state (GS) API. These functions run under the BQL.
 */

/**
 * blk_set_zones_accepted - say whether the device on a backend knows zones
 * @blk: the backend
 * @accepted: whether the device that is attached, or will be, knows zones
 *
 * A device that knows none is refused a host-managed disk, because it would
 * write to the disk in any order.
 *
 * Devices call this before they take their permissions, that is, before
 * blkconf_apply_backend_options().  It is false again for the next device.
 * Backends without a device, those of tools for one, get host-managed disks
 * anyway, unless they are refused them.
 *
 * Context: Global state API, runs under the BQL.
 */
void blk_set_zones_accepted(BlockBackend *blk, bool accepted);

/**
 * blk_set_zones_passed_through - say that a device passes its guest's commands
 * to the drive
 * @blk: the backend
 *
 * For SCSI passthrough, in place of blk_set_zones_accepted().  Its writes do
 * not come through the node, which need not be open with cache.direct=on then.
 *
 * Context: Global state API, runs under the BQL.
 */
void blk_set_zones_passed_through(BlockBackend *blk);

/**
 * blk_refuse_zones - say that the user of a backend does not know zones
 * @blk: the backend
 * @user: who that is, as the subject of an error message; is copied
 *
 * For users that are no devices and write to the disk like to an ordinary one:
 * an export, a job, a format.  From now on the user is refused a host-managed
 * disk, by whichever way one would come below @blk.
 *
 * Context: Global state API, runs under the BQL.
 */
void blk_refuse_zones(BlockBackend *blk, const char *user);

int generated_co_wrapper blk_get_open_zones(BlockBackend *blk, GArray *zones);
/**
 * blk_co_get_open_zones - which zones the device has explicitly open
 * @blk: the backend, of which no request is in flight
 * @zones: gets the numbers of these zones, as uint32_t
 *
 * For a device that another process goes on with.  A disk that remembers by
 * itself what is open, as a drive of the host does, has no such zones.  Works
 * while the disk is drained or inactive, too.
 *
 * Context: Global state API, runs under the BQL.
 * Returns: 0, or what a report fails with.
 */
int coroutine_fn blk_co_get_open_zones(BlockBackend *blk, GArray *zones);

/**
 * blk_set_open_zones - open zones that were open where the device comes from
 * @blk: the backend
 * @zones: as blk_co_get_open_zones() gave them, each on the disk; belongs to
 *         @blk from now on
 *
 * They are opened now, or once the disk is active: when this process takes it
 * over.  They replace what an earlier call said.  A zone that cannot be opened
 * costs a warning.
 *
 * Context: Global state API, runs under the BQL.
 */
void blk_set_open_zones(BlockBackend *blk, GArray *zones);

/*
 * I/O API functions. These functions are thread-safe.
 */

/**
 * blk_get_zoned - the zone model of the disk
 * @blk: the backend
 *
 * Context: I/O API, thread-safe; so are the getters below.
 *
 * Returns: %BLK_Z_NONE for a disk without zones, and where there is no medium;
 * the getters below return 0 there.
 */
BlockZoneModel blk_get_zoned(BlockBackend *blk);

/**
 * blk_strerror - what is wrong, in words
 * @blk: the backend that a request failed on
 * @ret: the negative errno that it failed with
 *
 * Context: I/O API, thread-safe.
 *
 * Returns: words of zone errors if the disk is zoned, or those of strerror().
 */
const char *blk_strerror(BlockBackend *blk, int ret);

/**
 * blk_get_zone_size - the size of each zone but perhaps the last
 * @blk: the backend
 *
 * Returns: bytes, a power of two.
 */
uint64_t blk_get_zone_size(BlockBackend *blk);

/**
 * blk_get_nr_zones - the number of zones
 * @blk: the backend
 *
 * Returns: how many zones there are, a smaller last zone included.
 */
uint32_t blk_get_nr_zones(BlockBackend *blk);

/**
 * blk_get_max_open_zones - the limit on open zones
 * @blk: the backend
 *
 * Returns: the limit, 0 for none.
 */
uint32_t blk_get_max_open_zones(BlockBackend *blk);

/**
 * blk_get_max_active_zones - the limit on open and closed zones
 * @blk: the backend
 *
 * Returns: the limit, 0 for none.
 */
uint32_t blk_get_max_active_zones(BlockBackend *blk);

/**
 * blk_get_max_append_sectors - the longest zone append
 * @blk: the backend
 *
 * Returns: 512-byte sectors; 0 if there is no append.
 */
uint32_t blk_get_max_append_sectors(BlockBackend *blk);

/**
 * blk_get_write_granularity - the unit of writes to sequential zones
 * @blk: the backend
 *
 * Returns: bytes, a power of two.
 */
uint32_t blk_get_write_granularity(BlockBackend *blk);

/**
 * blk_set_changes_held - let no request change the disk, or let them again
 * @blk: the backend
 * @held: whether requests are held back
 *
 * For a device that is going to repeat a request that has failed (werror=stop).
 * What it submitted after that one, and what still waits for it, for throttling
 * or for the end of a drained section, fails with -ECANCELED in its turn, and
 * can be repeated behind the failed one.  Reads and reports do not care.
 *
 * Context: I/O API; called in the backend's AioContext: in the callback of the
 * request that has failed, and when the device starts again, with nothing in
 * flight.
 */
void blk_set_changes_held(BlockBackend *blk, bool held);

/**
 * blk_aio_zone_report - blk_co_zone_report() with a callback
 * @blk: the backend
 * @offset: in bytes, anywhere in the first zone to describe
 * @nr_zones: as for blk_co_zone_report(); valid until @cb is called
 * @zones: the descriptors; valid until @cb is called
 * @cb: called with the outcome, never before this function returns
 * @opaque: passed to @cb
 *
 * Context: I/O API; called, and calls back, in the backend's AioContext.  So
 * are the two below.
 *
 * Returns: the request, which cannot be cancelled, only waited for.
 */
BlockAIOCB *blk_aio_zone_report(BlockBackend *blk, int64_t offset,
                                uint32_t *nr_zones, BlockZoneDescriptor *zones,
                                BlockCompletionFunc *cb, void *opaque);

/**
 * blk_aio_zone_mgmt - blk_co_zone_mgmt() with a callback
 * @blk: the backend
 * @op: the operation
 * @offset: start of a zone, in bytes
 * @len: whole zones, up to the end of the disk at most
 * @cb: called with the outcome, never before this function returns
 * @opaque: passed to @cb
 *
 * Returns: the request, which cannot be cancelled, only waited for.
 */
BlockAIOCB *blk_aio_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                              int64_t offset, int64_t len,
                              BlockCompletionFunc *cb, void *opaque);

/**
 * blk_aio_zone_append - blk_co_zone_append() with a callback
 * @blk: the backend
 * @offset: as for blk_co_zone_append(); valid until @cb is called
 * @qiov: the data; valid until @cb is called
 * @flags: %BDRV_REQ_FUA, %BDRV_REQ_REGISTERED_BUF
 * @cb: called with the outcome, never before this function returns
 * @opaque: passed to @cb
 *
 * Returns: the request, which cannot be cancelled, only waited for.
 */
BlockAIOCB *blk_aio_zone_append(BlockBackend *blk, int64_t *offset,
                                QEMUIOVector *qiov, BdrvRequestFlags flags,
                                BlockCompletionFunc *cb, void *opaque);

/*
 * "I/O or GS" API functions. These functions can run without the BQL, but
 * only in one specific iothread/main loop.
 */

int generated_co_wrapper blk_zone_report(BlockBackend *blk, int64_t offset,
                                         uint32_t *nr_zones,
                                         BlockZoneDescriptor *zones);
/**
 * blk_co_zone_report - describe zones (virtio 1.3, 5.2.6,
 * VIRTIO_BLK_T_ZONE_REPORT)
 * @blk: the backend
 * @offset: in bytes, anywhere in the first zone to describe
 * @nr_zones: in, how many descriptors @zones has room for; out, how many were
 *            filled in, fewer where the disk ends before.  Unchanged on error.
 * @zones: the descriptors
 *
 * Returns:
 * * 0 - on success
 * * -ENOMEDIUM - there is no medium
 * * -ENOTSUP - the disk has no zones
 * * -EIO - @offset is not on the disk
 * * another negative errno - from the driver
 */
int coroutine_fn blk_co_zone_report(BlockBackend *blk, int64_t offset,
                                    uint32_t *nr_zones,
                                    BlockZoneDescriptor *zones);

int generated_co_wrapper blk_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                                       int64_t offset, int64_t len);
/**
 * blk_co_zone_mgmt - do an operation on each zone of a range (virtio 1.3,
 * 5.2.6, VIRTIO_BLK_T_ZONE_OPEN and the like)
 * @blk: the backend
 * @op: the operation
 * @offset: start of a zone, in bytes
 * @len: whole zones, up to the end of the disk at most
 *
 * Zones are taken in their order, up to the first error.  The request waits
 * for reads and writes in flight to these zones, and holds back later ones.
 * With the write cache off the result of a finish or reset is on stable storage
 * when this returns.
 *
 * A reset of the whole disk, if it has more than one zone, is done as
 * %BLK_ZO_RESET_ALL.
 *
 * Returns:
 * * 0 - on success
 * * -ENOMEDIUM - there is no medium
 * * -ENOTSUP - the disk has no zones
 * * -EPERM - the disk or the backend is read-only
 * * -EIO - the range is not on the disk
 * * -BLK_ZERR_INVALID - the range is not whole zones, or a zone's type or state
 *   forbids @op
 * * -BLK_ZERR_OPEN, -BLK_ZERR_ACTIVE - a limit is reached
 * * -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE - a zone has failed
 * * another negative errno - from the driver
 */
int coroutine_fn blk_co_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                                  int64_t offset, int64_t len);

int generated_co_wrapper blk_zone_append(BlockBackend *blk, int64_t *offset,
                                         QEMUIOVector *qiov,
                                         BdrvRequestFlags flags);
/**
 * blk_co_zone_append - write at the write pointer of a zone (virtio 1.3, 5.2.6,
 * VIRTIO_BLK_T_ZONE_APPEND; the Zone Append command of NVMe)
 * @blk: the backend
 * @offset: in, the start of the zone; out and only on success, where the data
 *          went; in bytes
 * @qiov: the data
 * @flags: %BDRV_REQ_FUA, %BDRV_REQ_REGISTERED_BUF
 *
 * With the write cache off the data is on stable storage when this returns.
 *
 * Returns:
 * * 0 - on success
 * * -ENOMEDIUM - there is no medium
 * * -ENOTSUP - the disk has no zones, or no append
 * * -EPERM - the disk or the backend is read-only
 * * -EIO - @offset is not on the disk
 * * -BLK_ZERR_INVALID - @offset is not the start of a zone, there is nothing to
 *   write, or more than the zone's length, what is left of its capacity or
 *   blk_get_max_append_sectors(); or the zone's type or state forbids it
 * * -BLK_ZERR_NOT_AT_WP - the length is not a multiple of the write granularity
 * * -BLK_ZERR_OPEN, -BLK_ZERR_ACTIVE - a limit is reached
 * * -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE - the zone has failed
 * * another negative errno - from the driver
 */
int coroutine_fn blk_co_zone_append(BlockBackend *blk, int64_t *offset,
                                    QEMUIOVector *qiov,
                                    BdrvRequestFlags flags);

#endif /* BLOCK_BACKEND_ZONES_H */
