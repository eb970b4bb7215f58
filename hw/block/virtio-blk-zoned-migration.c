/*
 * virtio-blk on zoned disks: migration and snapshots
 *
 * A machine that goes on elsewhere needs a disk with the zones that its guest
 * was told of.  Which zones are open is no part of an image: where only a
 * process knows that, the next one is told here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "hw/virtio/virtio-access.h"
#include "virtio-blk-zoned-int.h"

static bool is_as_told(const char *what, uint64_t told, uint64_t now)
{
    if (told == now) {
        return true;
    }
    error_report("virtio-blk: the guest has a zoned disk with a %s of %" PRIu64
                 ", but here it is %" PRIu64, what, told, now);
    return false;
}

int virtio_blk_zoned_post_load(VirtIODevice *vdev)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);
    const VirtIOBlkZoned *z = &s->zoned;
    const struct virtio_blk_zoned_config *told = (void *)vdev->config;

    /* A guest with zones that comes to another disk has features too many */
    if (!virtio_blk_is_host_managed(s)) {
        return 0;
    }
    if ((vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) &&
        !virtio_blk_zones_negotiated(s)) {
        error_report("virtio-blk: the guest uses a disk without zones, but "
                     "here it is host-managed");
        return -EINVAL;
    }
    /* It may have read nothing yet */
    if (told->model == BLK_Z_NONE) {
        return 0;
    }
    if (is_as_told("zone size in sectors", le32_to_cpu(told->zone_sectors),
                   z->zone_sectors) &&
        is_as_told("capacity in sectors",
                   virtio_ldq_p(vdev, &told->base.capacity),
                   virtio_blk_disk_sectors(s)) &&
        is_as_told("limit on open zones", le32_to_cpu(told->max_open_zones),
                   z->max_open_zones) &&
        is_as_told("limit on active zones",
                   le32_to_cpu(told->max_active_zones), z->max_active_zones) &&
        is_as_told("longest append in sectors",
                   le32_to_cpu(told->max_append_sectors),
                   z->max_append_sectors) &&
        is_as_told("write granularity", le32_to_cpu(told->write_granularity),
                   z->write_granularity)) {
        return 0;
    }
    return -EINVAL;
}

static void forget_open_zones(VirtIOBlkZoned *z)
{
    g_clear_pointer(&z->open_zones, g_free);
    z->nr_open_zones = 0;
}

static bool open_zones_needed(void *opaque)
{
    VirtIOBlock *s = opaque;
    VirtIOBlkZoned *z = &s->zoned;
    GArray *zones = g_array_new(false, false, sizeof(uint32_t));
    AioContext *ctx = blk_get_aio_context(s->blk);

    forget_open_zones(z);
    aio_context_acquire(ctx);
    /* A disk that fails to tell, as it is damaged, has none open */
    if (virtio_blk_is_host_managed(s) &&
        blk_get_open_zones(s->blk, zones) >= 0) {
        z->nr_open_zones = zones->len;
    }
    aio_context_release(ctx);
    z->open_zones = (uint32_t *)g_array_free(zones, !z->nr_open_zones);
    return z->nr_open_zones;
}

static int open_zones_post_save(void *opaque)
{
    VirtIOBlock *s = opaque;

    forget_open_zones(&s->zoned);
    return 0;
}

static int open_zones_pre_load(void *opaque)
{
    return open_zones_post_save(opaque);
}

/* Before memory for the list is allocated */
static bool open_zones_fit(void *opaque, int version_id)
{
    VirtIOBlock *s = opaque;
    uint32_t nr_zones = blk_get_nr_zones(s->blk);

    if (s->zoned.nr_open_zones <= nr_zones) {
        return true;
    }
    error_report("virtio-blk: %" PRIu32 " zones are said to be open, but the "
                 "disk has only %" PRIu32, s->zoned.nr_open_zones, nr_zones);
    return false;
}

static int open_zones_post_load(void *opaque, int version_id)
{
    VirtIOBlock *s = opaque;
    VirtIOBlkZoned *z = &s->zoned;
    uint32_t nr_zones = blk_get_nr_zones(s->blk);
    AioContext *ctx = blk_get_aio_context(s->blk);
    GArray *zones;

    for (uint32_t i = 0; i < z->nr_open_zones; i++) {
        if (z->open_zones[i] >= nr_zones) {
            error_report("virtio-blk: zone %" PRIu32 " is said to be open, but "
                         "the disk has only %" PRIu32, z->open_zones[i],
                         nr_zones);
            return -EINVAL;
        }
    }
    zones = g_array_new(false, false, sizeof(uint32_t));
    g_array_append_vals(zones, z->open_zones, z->nr_open_zones);
    forget_open_zones(z);
    aio_context_acquire(ctx);
    blk_set_open_zones(s->blk, zones);
    aio_context_release(ctx);
    return 0;
}

static const VMStateDescription vmstate_open_zones = {
    .name = "virtio-blk-zoned/open-zones",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = open_zones_needed,
    .post_save = open_zones_post_save,
    .pre_load = open_zones_pre_load,
    .post_load = open_zones_post_load,
    .fields = (VMStateField[]) {
        VMSTATE_UINT32(zoned.nr_open_zones, VirtIOBlock),
        VMSTATE_VALIDATE("as many zones as the disk has at most",
                         open_zones_fit),
        VMSTATE_VARRAY_UINT32_ALLOC(zoned.open_zones, VirtIOBlock,
                                    zoned.nr_open_zones, 1,
                                    vmstate_info_uint32, uint32_t),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription *zoned_subsections[] = {
    &vmstate_open_zones,
    NULL
};

const VMStateDescription vmstate_virtio_blk_zoned = {
    .name = "virtio-blk-zoned",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (VMStateField[]) {
        VMSTATE_END_OF_LIST()
    },
    .subsections = zoned_subsections,
};
