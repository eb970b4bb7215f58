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
 * The configuration space of a zoned disk.  What comes before the zones is
 * as for any other disk; secure erase is not offered.
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

/* What a zone report starts with */
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
 * VirtIOBlkZoned: the zones of a disk as its guest knows them.  Taken from the
 * backend when the device is realized and constant from then on, whatever
 * happens to the block graph; all zero for a disk without zones.
 *
 * @max_append_sectors: what one append can carry on its way through the
 *                      virtqueue and the block layer, and the disk takes
 */
typedef struct VirtIOBlkZoned {
    BlockZoneModel model;
    uint32_t zone_sectors;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
    uint32_t max_append_sectors;
    uint32_t write_granularity; /* in bytes */
} VirtIOBlkZoned;

struct VirtIOBlock;
struct VirtIOBlockReq;

/**
 * virtio_blk_zoned_default_blocksizes: a logical block of a host-managed disk
 * is as long as the write granularity, and so is a physical block of any zoned
 * disk of which the host does not say otherwise.  Called before
 * blkconf_blocksizes(); what the user has set stays, for
 * virtio_blk_zoned_realize() to refuse.
 */
void virtio_blk_zoned_default_blocksizes(BlockConf *conf);

/**
 * virtio_blk_zoned_realize: learn the zones of the backend, after
 * blkconf_blocksizes() and before the configuration space gets its size.
 * Decides about the features that depend on zones: VIRTIO_BLK_F_ZONED for a
 * zoned disk; neither discard nor write zeroes for a host-managed one.
 *
 * Returns false with @errp set for a disk that cannot be described to a guest:
 * block sizes that do not fit its zones, zones too long for the configuration
 * space, or no zone append on a host-managed disk.
 */
bool virtio_blk_zoned_realize(struct VirtIOBlock *s, Error **errp);

/**
 * virtio_blk_zoned_validate_features: the device's answer when a driver sets
 * FEATURES_OK.  Returns 0, or -EINVAL if the disk is host-managed and the
 * driver does not know zones.  (virtio 1.3, 5.2.5.2)
 */
int virtio_blk_zoned_validate_features(VirtIODevice *vdev);

/**
 * virtio_blk_zoned_get_config: the part of the configuration space that lies
 * behind struct virtio_blk_config, if this disk has one.  The zoned fields are
 * zero for a driver that has not accepted VIRTIO_BLK_F_ZONED; before that is
 * decided they go by what is offered.  @config has room for s->config_size
 * bytes.
 */
void virtio_blk_zoned_get_config(struct VirtIOBlock *s, uint8_t *config);

/**
 * virtio_blk_zoned_request_unit: what the length and place of a request must be
 * a multiple of, in bytes.  On a host-managed disk it is the sector, so that a
 * write of less than a logical block gets the status that its zone has for it.
 */
uint32_t virtio_blk_zoned_request_unit(struct VirtIOBlock *s);

/**
 * virtio_blk_zoned_can_merge: whether a request that ends at sector @end
 * (exclusive) may be made one with others that start at sector @start.
 */
bool virtio_blk_zoned_can_merge(struct VirtIOBlock *s, bool is_write,
                                uint64_t start, uint64_t end);

/** virtio_blk_zoned_is_request: whether @type is one of the zone requests */
bool virtio_blk_zoned_is_request(uint32_t type);

/**
 * virtio_blk_zoned_handle_request: deal with zone requests, and with those
 * that must not reach a host-managed disk, or not yet.
 *
 * @type: without VIRTIO_BLK_T_BARRIER
 * @in_iov, @in_num: what the guest can read, without the status byte
 * @out_iov, @out_num: what the guest sent, without the header
 *
 * Returns true if @req has been completed or will be; it is then not the
 * caller's any more.  The caller holds the AioContext of the backend.
 */
bool virtio_blk_zoned_handle_request(struct VirtIOBlockReq *req, uint32_t type,
                                     struct iovec *in_iov, unsigned in_num,
                                     struct iovec *out_iov, unsigned out_num);

/**
 * virtio_blk_zoned_handle_error: complete @req if @ret, a negative errno, is
 * an error that the zones of the disk explain.  Such errors are the guest's
 * business: they never stop the machine, whatever rerror= and werror= say.
 *
 * Returns false, and leaves @req alone, for other errors and if the guest
 * does not know zones.  The caller holds the AioContext of the backend.
 */
bool virtio_blk_zoned_handle_error(struct VirtIOBlockReq *req, int ret);

#endif /* HW_VIRTIO_BLK_ZONED_H */
