/*
 * virtio-blk on zoned disks: what the guest is told when the device starts
 *
 * Which disks a device can have, the features and the configuration space
 * (virtio 1.3, VIRTIO_BLK_F_ZONED).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "virtio-blk-zoned-int.h"

/*
 * Drivers take the logical block for the shortest write.  So the logical block
 * of a host-managed disk has to be the write granularity: with a shorter one,
 * the guest's first write would fail.
 */
void virtio_blk_zoned_default_blocksizes(BlockConf *conf)
{
    BlockZoneModel model = blk_get_zoned(conf->blk);
    uint32_t granularity = blk_get_write_granularity(conf->blk);
    BlockSizes host;

    if (model == BLK_Z_NONE) {
        return;
    }
    if (model == BLK_Z_HM) {
        conf->logical_block_size = conf->logical_block_size ?: granularity;
    } else if (conf->backend_defaults == ON_OFF_AUTO_OFF ||
               !blk_probe_blocksizes(conf->blk, &host)) {
        return;
    }
    if (!conf->physical_block_size) {
        conf->physical_block_size = MAX(granularity, conf->logical_block_size);
    }
}

static bool check_multiple(const char *what, uint64_t value,
                           const char *property, uint32_t block_size,
                           Error **errp)
{
    if (QEMU_IS_ALIGNED(value, block_size)) {
        return true;
    }
    error_setg(errp, "%s %" PRIu32 " does not fit the zoned disk: its %s %"
               PRIu64 " is not a multiple of it", property, block_size, what,
               value);
    return false;
}

static bool check_shortest_write(BlockBackend *blk, uint32_t logical,
                                 Error **errp)
{
    uint32_t granularity = blk_get_write_granularity(blk);

    if (blk_get_zoned(blk) != BLK_Z_HM) {
        return check_multiple("write granularity", granularity,
                              "logical_block_size", logical, errp);
    }
    if (logical == granularity) {
        return true;
    }
    error_setg(errp, "logical_block_size %" PRIu32 " does not fit the "
               "host-managed zoned disk: it must be the write granularity %"
               PRIu32, logical, granularity);
    return false;
}

/*
 * The physical block size is a hint about speed and may be longer than the
 * granularity, as it is on some drives, but not reach over two zones.
 */
static bool check_block_sizes(const BlockConf *conf, Error **errp)
{
    uint32_t logical = conf->logical_block_size;
    uint64_t zone_size = blk_get_zone_size(conf->blk);
    int64_t capacity = blk_getlength(conf->blk);

    if (capacity < 0) {
        error_setg_errno(errp, -capacity, "Cannot get the disk's capacity");
        return false;
    }
    return check_shortest_write(conf->blk, logical, errp) &&
           check_multiple("zone size", zone_size,
                          "logical_block_size", logical, errp) &&
           check_multiple("capacity", capacity,
                          "logical_block_size", logical, errp) &&
           check_multiple("zone size", zone_size, "physical_block_size",
                          conf->physical_block_size, errp);
}

/*
 * An append is one request to the backend, never split.  The virtqueue sets
 * no bound: VIRTIO_BLK_F_SIZE_MAX is not offered, so that seg_max segments
 * can carry more than the block layer takes.
 */
static uint32_t max_append_sectors(BlockBackend *blk)
{
    uint64_t bytes = blk_get_max_append_sectors(blk) * BDRV_SECTOR_SIZE;

    bytes = MIN(bytes, blk_get_zone_size(blk));
    bytes = MIN(bytes, blk_get_max_transfer(blk));
    bytes = MIN(bytes, BDRV_REQUEST_MAX_BYTES);
    bytes = QEMU_ALIGN_DOWN(bytes, blk_get_write_granularity(blk));
    return bytes / BDRV_SECTOR_SIZE;
}

bool virtio_blk_zoned_realize(VirtIOBlock *s, Error **errp)
{
    BlockConf *conf = &s->conf.conf;
    BlockBackend *blk = conf->blk;
    VirtIOBlkZoned *z = &s->zoned;
    uint64_t zone_sectors = blk_get_zone_size(blk) / BDRV_SECTOR_SIZE;

    *z = (VirtIOBlkZoned) { .model = blk_get_zoned(blk) };
    virtio_clear_feature(&s->host_features, VIRTIO_BLK_F_ZONED);
    /* A driver that has seen a disk without zones must not get any later */
    blk_set_zones_accepted(blk, virtio_blk_is_host_managed(s));
    if (z->model == BLK_Z_NONE) {
        return true;
    }

    if (!check_block_sizes(conf, errp)) {
        return false;
    }
    if (zone_sectors > UINT32_MAX) {
        error_setg(errp, "zones of %" PRIu64 " sectors are too long for "
                   "virtio-blk, the limit is %" PRIu32, zone_sectors,
                   UINT32_MAX);
        return false;
    }

    z->zone_sectors = zone_sectors;
    z->max_open_zones = blk_get_max_open_zones(blk);
    z->max_active_zones = blk_get_max_active_zones(blk);
    z->max_append_sectors = max_append_sectors(blk);
    z->write_granularity = blk_get_write_granularity(blk);
    if (virtio_blk_is_host_managed(s) && !z->max_append_sectors) {
        error_setg(errp, "the host-managed disk's longest zone append (%"
                   PRIu32 " sectors) is shorter than its write granularity (%"
                   PRIu32 " bytes)", blk_get_max_append_sectors(blk),
                   z->write_granularity);
        return false;
    }

    virtio_add_feature(&s->host_features, VIRTIO_BLK_F_ZONED);
    if (virtio_blk_is_host_managed(s)) {
        virtio_clear_feature(&s->host_features, VIRTIO_BLK_F_DISCARD);
        virtio_clear_feature(&s->host_features, VIRTIO_BLK_F_WRITE_ZEROES);
    }
    return true;
}

/* What takes virtio 1 from a transport, and what gives it back */
static const struct {
    const char *transport;
    const char *option;
    const char *instead;
} legacy_options[] = {
    { "virtio-mmio", "force-legacy=on",
      "-global virtio-mmio.force-legacy=off" },
    { "virtio-ccw-device", "max_revision=0", "max_revision=1 or above" },
};

bool virtio_blk_zoned_check_legacy(VirtIOBlock *s, Error **errp)
{
    DeviceState *proxy = qdev_get_parent_bus(DEVICE(s))->parent;
    const char *type = object_get_typename(OBJECT(proxy));

    if (!virtio_blk_is_host_managed(s)) {
        return true;
    }
    for (int i = 0; i < ARRAY_SIZE(legacy_options); i++) {
        if (object_dynamic_cast(OBJECT(proxy), legacy_options[i].transport)) {
            error_setg(errp, "%s with %s cannot have a host-managed zoned "
                       "disk, which needs virtio 1: use %s", type,
                       legacy_options[i].option, legacy_options[i].instead);
            return false;
        }
    }
    error_setg(errp, "%s without virtio 1 cannot have a host-managed zoned "
               "disk: use virtio-blk-pci", type);
    return false;
}

int virtio_blk_zoned_validate_features(VirtIODevice *vdev)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);

    return virtio_blk_is_host_managed(s) && !virtio_blk_zones_negotiated(s) ?
           -EINVAL : 0;
}

void virtio_blk_zoned_get_config(VirtIOBlock *s, uint8_t *config)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);
    const VirtIOBlkZoned *z = &s->zoned;
    struct virtio_blk_zoned_config *zoned = (void *)config;
    bool decided = vdev->status & (VIRTIO_CONFIG_S_FEATURES_OK |
                                   VIRTIO_CONFIG_S_DRIVER_OK);
    bool shown = decided ? virtio_blk_zones_negotiated(s)
                         : virtio_host_has_feature(vdev, VIRTIO_BLK_F_ZONED);

    if (s->config_size <= sizeof(zoned->base)) {
        return;
    }
    memset(config + sizeof(zoned->base), 0,
           s->config_size - sizeof(zoned->base));
    if (!shown) {
        return;
    }
    zoned->zone_sectors = cpu_to_le32(z->zone_sectors);
    zoned->max_open_zones = cpu_to_le32(z->max_open_zones);
    zoned->max_active_zones = cpu_to_le32(z->max_active_zones);
    zoned->max_append_sectors = cpu_to_le32(z->max_append_sectors);
    zoned->write_granularity = cpu_to_le32(z->write_granularity);
    zoned->model = z->model;
}
