/*
 * virtio-blk on zoned disks: what its files share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_BLOCK_VIRTIO_BLK_ZONED_INT_H
#define HW_BLOCK_VIRTIO_BLK_ZONED_INT_H

#include "hw/virtio/virtio-blk.h"
#include "hw/virtio/virtio-blk-zoned.h"
#include "sysemu/block-backend.h"

static inline bool virtio_blk_is_host_managed(VirtIOBlock *s)
{
    return s->zoned.model == BLK_Z_HM;
}

/*
 * A legacy driver could set the bit although it is not offered to it; without
 * VIRTIO_F_VERSION_1 it means nothing.
 */
static inline bool virtio_blk_zones_negotiated(VirtIOBlock *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    return s->zoned.model != BLK_Z_NONE &&
           virtio_vdev_has_feature(vdev, VIRTIO_BLK_F_ZONED) &&
           virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1);
}

static inline uint64_t virtio_blk_disk_sectors(VirtIOBlock *s)
{
    uint64_t sectors;

    blk_get_geometry(s->blk, &sectors);
    return sectors;
}

#endif /* HW_BLOCK_VIRTIO_BLK_ZONED_INT_H */
