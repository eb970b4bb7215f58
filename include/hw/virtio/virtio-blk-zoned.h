/*
 * virtio-blk on zoned disks: the interface with the guest (virtio 1.3,
 * VIRTIO_BLK_F_ZONED) and the hooks that virtio-blk.c calls
 *
 * The constants have the names of the specification, with the values of
 * linux/virtio_blk.h; the copy of that header in standard-headers is older
 * than zones.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VIRTIO_BLK_ZONED_H
#define HW_VIRTIO_BLK_ZONED_H

#include "standard-headers/linux/virtio_blk.h"
#include "block/zone.h"
#include "hw/block/block.h"
#include "hw/virtio/virtio.h"
#include "migration/vmstate.h"

/* Feature bit */
#define VIRTIO_BLK_F_ZONED 17

/* Request types */
#define VIRTIO_BLK_T_ZONE_APPEND    15
#define VIRTIO_BLK_T_ZONE_REPORT    16
#define VIRTIO_BLK_T_ZONE_OPEN      18
#define VIRTIO_BLK_T_ZONE_CLOSE     20
#define VIRTIO_BLK_T_ZONE_FINISH    22
#define VIRTIO_BLK_T_ZONE_RESET     24
#define VIRTIO_BLK_T_ZONE_RESET_ALL 26

/* Status codes */
#define VIRTIO_BLK_S_ZONE_INVALID_CMD     3
#define VIRTIO_BLK_S_ZONE_UNALIGNED_WP    4
#define VIRTIO_BLK_S_ZONE_OPEN_RESOURCE   5
#define VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE 6

/*
 * The configuration space of a zoned disk.  The fields before the zones are
 * those of any disk; secure erase is not offered.
 */
struct virtio_blk_zoned_config {
    struct virtio_blk_config base;
    uint8_t secure_erase[12];
    uint32_t zone_sectors;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
    uint32_t max_append_sectors;
    uint32_t write_granularity; /* in bytes */
    uint8_t model;              /* enum BlockZoneModel */
    uint8_t unused[3];
} QEMU_PACKED;

QEMU_BUILD_BUG_ON(offsetof(struct virtio_blk_zoned_config, zone_sectors) != 72);
QEMU_BUILD_BUG_ON(sizeof(struct virtio_blk_zoned_config) != 96);

/* The start of a zone report */
struct virtio_blk_zone_report {
    uint64_t nr_zones;
    uint8_t reserved[56];
} QEMU_PACKED;

/* One zone of a zone report */
struct virtio_blk_zone_descriptor {
    uint64_t z_cap;   /* in sectors, like the next two */
    uint64_t z_start;
    uint64_t z_wp;
    uint8_t z_type;   /* enum BlockZoneType */
    uint8_t z_state;  /* enum BlockZoneState */
    uint8_t reserved[38];
} QEMU_PACKED;

QEMU_BUILD_BUG_ON(sizeof(struct virtio_blk_zone_report) != 64);
QEMU_BUILD_BUG_ON(sizeof(struct virtio_blk_zone_descriptor) != 64);

/**
 * struct VirtIOBlkZoned - the zones of a disk as its guest knows them
 *
 * @model: host-managed or host-aware; %BLK_Z_NONE for a disk without zones,
 *         where all else is 0
 * @zone_sectors: size of each zone but perhaps the last, in 512-byte sectors
 * @max_open_zones: 0 for no limit
 * @max_active_zones: 0 for no limit
 * @max_append_sectors: what one append can carry on its way through the
 *                      virtqueue and the block layer, and the disk takes, in
 *                      512-byte sectors
 * @write_granularity: unit of writes to sequential zones, in bytes
 * @open_zones: the zones that the guest has explicitly open; only while the
 *              device's state is saved or loaded
 * @nr_open_zones: length of that list
 *
 * Taken from the backend when the device is realized and constant from then on,
 * whatever happens to the block graph.
 */
typedef struct VirtIOBlkZoned {
    BlockZoneModel model;
    uint32_t zone_sectors;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
    uint32_t max_append_sectors;
    uint32_t write_granularity;
    uint32_t *open_zones;
    uint32_t nr_open_zones;
} VirtIOBlkZoned;

/*
 * What migration takes along of struct VirtIOBlock's zones: the list of those
 * that are explicitly open.  Where there are none, and for disks without zones,
 * that is not a single byte.
 */
extern const VMStateDescription vmstate_virtio_blk_zoned;

struct VirtIOBlock;
struct VirtIOBlockReq;

/**
 * virtio_blk_zoned_default_blocksizes - choose block sizes that fit the zones
 * @conf: of the device; sizes that the user has set stay, for
 *        virtio_blk_zoned_realize() to refuse
 *
 * A logical block of a host-managed disk is as long as the write granularity,
 * and so is a physical block of any zoned disk of which the host does not say
 * otherwise.  Called before blkconf_blocksizes().
 *
 * Context: BQL.
 */
void virtio_blk_zoned_default_blocksizes(BlockConf *conf);

/**
 * virtio_blk_zoned_realize - learn the zones of the backend
 * @s: the device, after blkconf_blocksizes() and before the configuration space
 *     gets its size
 * @errp: set on failure
 *
 * Decides about the features that depend on zones: VIRTIO_BLK_F_ZONED for a
 * zoned disk; neither discard nor write zeroes for a host-managed one.
 *
 * Context: BQL.
 *
 * Returns: false for a disk that cannot be described to a guest: block sizes
 * that do not fit its zones, zones too long for the configuration space, or no
 * zone append on a host-managed disk.
 */
bool virtio_blk_zoned_realize(struct VirtIOBlock *s, Error **errp);

/**
 * virtio_blk_zoned_check_legacy - whether a device that has only a legacy
 * interface can have its disk
 * @s: the device
 * @errp: set on failure
 *
 * A host-managed one it cannot: a legacy driver would write to it like to an
 * ordinary disk, and is not told of zones.
 *
 * Context: BQL, after virtio_blk_zoned_realize().
 *
 * Returns: false if not.
 */
bool virtio_blk_zoned_check_legacy(struct VirtIOBlock *s, Error **errp);

/**
 * virtio_blk_zoned_validate_features - the device's answer when a driver sets
 * FEATURES_OK (virtio 1.3, 5.2.5.2)
 * @vdev: the device
 *
 * Context: BQL.
 *
 * Returns: 0, or -EINVAL if the disk is host-managed and the driver does not
 * know zones.
 */
int virtio_blk_zoned_validate_features(VirtIODevice *vdev);

/**
 * virtio_blk_zoned_post_load - compare the disk with what the guest was told
 * @vdev: the device, with the state that it had elsewhere
 *
 * A guest reads once what its zones are like.  It cannot go on with a disk that
 * differs from that, and what it was told has come along with it.
 *
 * Returns: 0, or -EINVAL, with an error that has both values.
 */
int virtio_blk_zoned_post_load(VirtIODevice *vdev);

/**
 * virtio_blk_zoned_get_config - fill in the part of the configuration space
 * that lies behind struct virtio_blk_config
 * @s: the device
 * @config: room for s->config_size bytes, which may be less than that
 *
 * The zoned fields are zero for a driver that has not accepted
 * VIRTIO_BLK_F_ZONED; before that is decided they go by what is offered.
 *
 * Context: BQL.
 */
void virtio_blk_zoned_get_config(struct VirtIOBlock *s, uint8_t *config);

/**
 * virtio_blk_zoned_request_unit - the unit of place and length of a request
 * @s: the device
 *
 * Context: AioContext of the backend, held.
 *
 * Returns: bytes.  On a host-managed disk it is the sector, so that a write of
 * less than a logical block gets the status that its zone has for it.
 */
uint32_t virtio_blk_zoned_request_unit(struct VirtIOBlock *s);

/**
 * virtio_blk_zoned_can_merge - whether requests may be made one
 * @s: the device
 * @is_write: whether they are writes
 * @start: first sector of the first request
 * @end: end of the last request, the first sector behind it
 *
 * Context: AioContext of the backend, held.
 *
 * Returns: false for writes to a host-managed disk, and for what would reach
 * over a zone's end.
 */
bool virtio_blk_zoned_can_merge(struct VirtIOBlock *s, bool is_write,
                                uint64_t start, uint64_t end);

/**
 * virtio_blk_zoned_is_request - whether a type is that of a zone request
 * @type: without VIRTIO_BLK_T_BARRIER
 *
 * Returns: true for the seven types that VIRTIO_BLK_F_ZONED adds.
 */
bool virtio_blk_zoned_is_request(uint32_t type);

/**
 * virtio_blk_zoned_handle_request - deal with zone requests, and with requests
 * that must not reach a host-managed disk, or not yet
 * @req: the request
 * @type: without VIRTIO_BLK_T_BARRIER
 * @in_iov: what the guest can read, without the status byte
 * @in_num: length of @in_iov
 * @out_iov: what the guest sent, without the header
 * @out_num: length of @out_iov
 *
 * Context: AioContext of the backend, held.
 *
 * Returns: true if @req has been completed or will be; it is then not the
 * caller's any more.
 */
bool virtio_blk_zoned_handle_request(struct VirtIOBlockReq *req, uint32_t type,
                                     struct iovec *in_iov, unsigned in_num,
                                     struct iovec *out_iov, unsigned out_num);

/**
 * virtio_blk_zoned_queue_restart - start a request when the machine goes on
 * @req: the request
 *
 * It comes after all that wait already; on a host-managed disk, in the order in
 * which the driver submitted them.  From then on no request that is in flight
 * to such a disk changes it any more, if it has not begun to.
 *
 * Context: AioContext of the backend, held.
 */
void virtio_blk_zoned_queue_restart(struct VirtIOBlockReq *req);

/**
 * virtio_blk_zoned_handle_error - complete a request that failed for a reason
 * that lies in the zones of the disk
 * @req: the request
 * @ret: a negative errno
 *
 * Such errors are the guest's business: they never stop the machine, whatever
 * rerror= and werror= say.  But while others wait for the machine to go on, the
 * reason may be that these are not done yet.  @req is then started behind them.
 *
 * Context: AioContext of the backend, held.
 *
 * Returns: false, with @req left alone, for other errors and if the guest does
 * not know zones.
 */
bool virtio_blk_zoned_handle_error(struct VirtIOBlockReq *req, int ret);

#endif /* HW_VIRTIO_BLK_ZONED_H */
