/*
 * Zoned block devices of the host (Linux)
 *
 * The zone part of the block driver host_device; see
 * zone-queue.h for its writes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_HOST_ZONED_H
#define BLOCK_HOST_ZONED_H

#include "block/block_int-common.h"

/*
 * HostZoned: what the kernel says of a device
 *
 * @model: BLK_Z_NONE if the device has no zones; nothing else is valid then
 * @zone_size: in bytes, a power of two
 * @write_granularity: in bytes
 * @max_append_bytes: 0 if the kernel names none
 * @max_open_zones: 0: no limit
 * @max_active_zones: 0: no limit
 */
typedef struct HostZoned {
    BlockZoneModel model;
    uint64_t zone_size;
    uint32_t write_granularity;
    uint64_t max_append_bytes;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
} HostZoned;

/*
 * host_zoned_probe: look whether @fd is a zoned block device, and what kind
 * of.  No zone is read.
 *
 * @direct: whether @fd was opened for direct I/O
 *
 * A host-aware device passes for one without zones if they cannot be used: for
 * a partition, without direct I/O, or if this QEMU was built without the
 * kernel's zone calls.
 *
 * Returns 0, or -ENOTSUP with an error set for a host-managed device that
 * cannot be used: a partition, with zones of a length that is no power of two,
 * if sysfs cannot be read, or if this QEMU was built without the kernel's zone
 * calls.  Writes without direct I/O are refused elsewhere.
 */
int host_zoned_probe(int fd, bool direct, HostZoned *hz, Error **errp);

/*
 * host_zoned_limits: fill in what BlockLimits says about zones, for a device
 * that has some.  @bl->max_hw_transfer is set already.
 *
 * @bytes: size of the device
 */
void host_zoned_limits(const HostZoned *hz, int64_t bytes, BlockLimits *bl);

/*
 * host_zoned_co_report: as BlockDriver.bdrv_co_zone_report, of @fd.
 *
 * Returns 0 or -errno of the kernel's report, which is no zone error.
 */
int coroutine_fn host_zoned_co_report(BlockDriverState *bs, int fd,
                                      int64_t offset, uint32_t *nr_zones,
                                      BlockZoneDescriptor *zones);

/*
 * host_zoned_co_mgmt: as BlockDriver.bdrv_co_zone_mgmt, on @fd, by one call
 * for the whole range.  BLK_ZO_RESET_ALL of a part of the device takes a report
 * of it, and a call for each run of zones that are not empty and can be reset.
 * BLK_ZO_OPEN and BLK_ZO_CLOSE take a report too: not all devices refuse what
 * the state of a zone forbids.
 *
 * Returns 0, -BLK_ZERR_OPEN, -BLK_ZERR_ACTIVE; for the first zone of the range
 * that does not allow @op -BLK_ZERR_INVALID, -BLK_ZERR_RDONLY or
 * -BLK_ZERR_OFFLINE; -ENOTSUP if the kernel does not know @op; or what else
 * the device fails with.
 */
int coroutine_fn host_zoned_co_mgmt(BlockDriverState *bs, int fd,
                                    BlockZoneOp op, int64_t offset,
                                    int64_t bytes);

/*
 * host_zoned_error: what the kernel returned for a request, as the block layer
 * names it.  All that it returns goes through here, and nobody else asks what
 * kind of drive there is.
 *
 * The errors for exhausted zone resources stay; no other reads as a zone error.
 * -EIO means that the drive failed or refused the request, for any of many
 * causes: that is what the kernel has for NVMe.  For what SCSI and SATA drives
 * refuse it has -EREMOTEIO.
 */
int host_zoned_error(int ret);

#endif /* BLOCK_HOST_ZONED_H */
