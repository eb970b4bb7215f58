/*
 * virtio-blk on zoned disks: VIRTIO_BLK_F_ZONED of virtio 1.3
 *
 * Everything about zones that a guest sees, from the configuration space to
 * the status of each request.  The zones themselves belong to the backend:
 * nothing about their state is kept or guessed here.
 *
 * All decisions follow the features that the driver negotiated, not those
 * that the device offers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/iov.h"
#include "qemu/units.h"
#include "block/accounting.h"
#include "hw/virtio/virtio-access.h"
#include "hw/virtio/virtio-blk.h"
#include "hw/virtio/virtio-blk-zoned.h"
#include "sysemu/block-backend.h"
#include "trace.h"

/*
 * The most zones that one report returns, so that a guest cannot make it cost
 * more than 112 KiB of memory.  Drivers ask again for the rest.
 */
#define REPORT_MAX_ZONES 1024
QEMU_BUILD_BUG_ON(REPORT_MAX_ZONES *
                  (sizeof(BlockZoneDescriptor) +
                   sizeof(struct virtio_blk_zone_descriptor)) > 112 * KiB);

/*
 * VirtIOBlkZoneReq: a zone request on its way through the block layer
 *
 * @in_iov: what the guest can read, without the status byte; like @in_num, it
 *          lives as long as @req
 * @offset: append: start of the zone; once done, where the data went
 * @zones: report: room for @nr_zones descriptors; once done, that many zones
 * @reply: puts what the request returned into @in_iov; NULL if nothing
 */
typedef struct VirtIOBlkZoneReq VirtIOBlkZoneReq;
struct VirtIOBlkZoneReq {
    VirtIOBlockReq *req;
    struct iovec *in_iov;
    unsigned in_num;
    int64_t offset;
    uint32_t nr_zones;
    BlockZoneDescriptor *zones;
    void (*reply)(VirtIOBlkZoneReq *zr);
};

static bool is_host_managed(VirtIOBlock *s)
{
    return s->zoned.model == BLK_Z_HM;
}

/*
 * A legacy driver could set the bit although it is not offered to it; without
 * VIRTIO_F_VERSION_1 it means nothing.
 */
static bool zones_negotiated(VirtIOBlock *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    return s->zoned.model != BLK_Z_NONE &&
           virtio_vdev_has_feature(vdev, VIRTIO_BLK_F_ZONED) &&
           virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1);
}

static uint64_t disk_sectors(VirtIOBlock *s)
{
    uint64_t sectors;

    blk_get_geometry(s->blk, &sectors);
    return sectors;
}

/* Realize and configuration */

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
    blk_set_zones_accepted(blk, is_host_managed(s));
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
    if (is_host_managed(s) && !z->max_append_sectors) {
        error_setg(errp, "the host-managed disk's longest zone append (%"
                   PRIu32 " sectors) is shorter than its write granularity (%"
                   PRIu32 " bytes)", blk_get_max_append_sectors(blk),
                   z->write_granularity);
        return false;
    }

    virtio_add_feature(&s->host_features, VIRTIO_BLK_F_ZONED);
    if (is_host_managed(s)) {
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

    if (!is_host_managed(s)) {
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

    return is_host_managed(s) && !zones_negotiated(s) ? -EINVAL : 0;
}

void virtio_blk_zoned_get_config(VirtIOBlock *s, uint8_t *config)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);
    const VirtIOBlkZoned *z = &s->zoned;
    struct virtio_blk_zoned_config *zoned = (void *)config;
    bool decided = vdev->status & (VIRTIO_CONFIG_S_FEATURES_OK |
                                   VIRTIO_CONFIG_S_DRIVER_OK);
    bool shown = decided ? zones_negotiated(s)
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

/*
 * Merged requests get one status between them, so requests that can fail for
 * reasons of their own are not merged: a read that ends in the next zone would
 * fail the reads before it, and a write past the zone's capacity the writes
 * that fit.
 */
bool virtio_blk_zoned_can_merge(VirtIOBlock *s, bool is_write,
                                uint64_t start, uint64_t end)
{
    if (s->zoned.model == BLK_Z_NONE) {
        return true;
    }
    if (is_host_managed(s) && is_write) {
        return false;
    }
    return end - start <= s->zoned.zone_sectors - start % s->zoned.zone_sectors;
}

uint32_t virtio_blk_zoned_request_unit(VirtIOBlock *s)
{
    return is_host_managed(s) ? BDRV_SECTOR_SIZE
                              : s->conf.conf.logical_block_size;
}

/* Completion */

static uint8_t status_of_error(int ret)
{
    switch (-ret) {
    case BLK_ZERR_NOT_AT_WP:
        return VIRTIO_BLK_S_ZONE_UNALIGNED_WP;
    case BLK_ZERR_OPEN:
        return VIRTIO_BLK_S_ZONE_OPEN_RESOURCE;
    case BLK_ZERR_ACTIVE:
        return VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE;
    case BLK_ZERR_INVALID:
    case BLK_ZERR_RDONLY:
    case BLK_ZERR_OFFLINE:
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    case ENOTSUP:
        return VIRTIO_BLK_S_UNSUPP;
    default:
        return VIRTIO_BLK_S_IOERR;
    }
}

static void complete_failed(VirtIOBlockReq *req, uint8_t status)
{
    virtio_blk_req_complete(req, status);
    block_acct_failed(blk_get_stats(req->dev->blk), &req->acct);
    virtio_blk_free_request(req);
}

/* Whether what follows a request in its zone relies on its having been done */
static bool order_counts(VirtIOBlock *s)
{
    return is_host_managed(s) && zones_negotiated(s);
}

void virtio_blk_zoned_queue_restart(VirtIOBlockReq *req)
{
    VirtIOBlock *s = req->dev;
    VirtIOBlockReq *last = QSIMPLEQ_LAST(&s->rq, VirtIOBlockReq, next);
    VirtIOBlockReq *before = NULL;
    VirtIOBlockReq *other;

    if (order_counts(s)) {
        blk_set_changes_held(s->blk, true);
    }
    if (!order_counts(s) || !last || last->serial < req->serial) {
        QSIMPLEQ_INSERT_TAIL(&s->rq, req, next);
        return;
    }
    /* It was in flight when others came, and these wait already */
    QSIMPLEQ_FOREACH(other, &s->rq, next) {
        if (other->serial > req->serial) {
            break;
        }
        before = other;
    }
    if (before) {
        QSIMPLEQ_INSERT_AFTER(&s->rq, before, req, next);
    } else {
        QSIMPLEQ_INSERT_HEAD(&s->rq, req, next);
    }
}

bool virtio_blk_zoned_handle_error(VirtIOBlockReq *req, int ret)
{
    VirtIOBlock *s = req->dev;

    if (!zones_negotiated(s)) {
        return false;
    }
    if (order_counts(s) && !QSIMPLEQ_EMPTY(&s->rq) &&
        (ret == -ECANCELED || blk_zone_error_is(ret))) {
        /* Whether it is wrong will show behind those that wait */
        virtio_blk_restart_later(req);
        return true;
    }
    if (!blk_zone_error_is(ret)) {
        return false;
    }
    complete_failed(req, status_of_error(ret));
    return true;
}

/*
 * Errors of the medium follow rerror= and werror=, with one exception: a zone
 * request that failed cannot be ignored.  Where its data went or what the
 * zones are like is not known, and would have to be made up.
 */
static void zone_request_failed(VirtIOBlockReq *req, bool is_read, int ret)
{
    if (ret == -ENOTSUP) {
        complete_failed(req, status_of_error(ret));
    } else if (!virtio_blk_zoned_handle_error(req, ret) &&
               !virtio_blk_handle_rw_error(req, -ret, is_read, true)) {
        complete_failed(req, VIRTIO_BLK_S_IOERR);
    }
}

static void zone_request_complete(void *opaque, int ret)
{
    VirtIOBlkZoneReq *zr = opaque;
    VirtIOBlockReq *req = zr->req;
    VirtIOBlock *s = req->dev;

    aio_context_acquire(blk_get_aio_context(s->conf.conf.blk));
    trace_virtio_blk_zone_complete(VIRTIO_DEVICE(s), req, ret);
    if (ret < 0) {
        zone_request_failed(req, zr->zones != NULL, ret);
    } else {
        if (zr->reply) {
            zr->reply(zr);
        }
        virtio_blk_req_complete(req, VIRTIO_BLK_S_OK);
        block_acct_done(blk_get_stats(s->blk), &req->acct);
        virtio_blk_free_request(req);
    }
    aio_context_release(blk_get_aio_context(s->conf.conf.blk));

    g_free(zr->zones);
    g_free(zr);
}

/* Requests */

static VirtIOBlkZoneReq *zone_request_new(VirtIOBlockReq *req,
                                          struct iovec *in_iov,
                                          unsigned in_num)
{
    VirtIOBlkZoneReq *zr = g_new0(VirtIOBlkZoneReq, 1);

    zr->req = req;
    zr->in_iov = in_iov;
    zr->in_num = in_num;
    return zr;
}

static void encode_zone(struct virtio_blk_zone_descriptor *to,
                        const BlockZoneDescriptor *zone)
{
    *to = (struct virtio_blk_zone_descriptor) {
        .z_cap = cpu_to_le64(zone->cap >> BDRV_SECTOR_BITS),
        .z_start = cpu_to_le64(zone->start >> BDRV_SECTOR_BITS),
        .z_wp = cpu_to_le64(zone->wp >> BDRV_SECTOR_BITS),
        .z_type = zone->type,
        .z_state = zone->state,
    };
}

/*
 * The used length counts the whole buffer, as for any virtio-blk request: the
 * status is its last byte.  So what the zones do not fill is zeroed.
 */
static void zone_report_reply(VirtIOBlkZoneReq *zr)
{
    struct virtio_blk_zone_report header = {
        .nr_zones = cpu_to_le64(zr->nr_zones),
    };
    g_autofree struct virtio_blk_zone_descriptor *descs =
        g_new(struct virtio_blk_zone_descriptor, zr->nr_zones);
    size_t descs_size = zr->nr_zones * sizeof(*descs);
    size_t done;

    for (uint32_t i = 0; i < zr->nr_zones; i++) {
        encode_zone(&descs[i], &zr->zones[i]);
    }
    done = iov_from_buf(zr->in_iov, zr->in_num, 0, &header, sizeof(header));
    done += iov_from_buf(zr->in_iov, zr->in_num, done, descs, descs_size);
    iov_memset(zr->in_iov, zr->in_num, done, 0, -1);
}

/* Like the next two, returns the status of a request that is refused, or OK */
static uint8_t submit_report(VirtIOBlockReq *req, uint64_t sector,
                             struct iovec *in_iov, unsigned in_num)
{
    VirtIOBlock *s = req->dev;
    size_t size = iov_size(in_iov, in_num);
    VirtIOBlkZoneReq *zr;

    /* All of the buffer is written to, so that its length is bounded, too */
    if (sector >= disk_sectors(s) || size > BDRV_REQUEST_MAX_BYTES) {
        return VIRTIO_BLK_S_IOERR;
    }
    if (size < sizeof(struct virtio_blk_zone_report)) {
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    }
    size -= sizeof(struct virtio_blk_zone_report);

    zr = zone_request_new(req, in_iov, in_num);
    zr->reply = zone_report_reply;
    zr->nr_zones = MIN(size / sizeof(struct virtio_blk_zone_descriptor),
                       REPORT_MAX_ZONES);
    zr->zones = g_new(BlockZoneDescriptor, MAX(zr->nr_zones, 1));
    block_acct_start(blk_get_stats(s->blk), &req->acct, 0, BLOCK_ACCT_NONE);
    trace_virtio_blk_zone_report(VIRTIO_DEVICE(s), req, sector, zr->nr_zones);
    if (zr->nr_zones) {
        blk_aio_zone_report(s->blk, sector << BDRV_SECTOR_BITS, &zr->nr_zones,
                            zr->zones, zone_request_complete, zr);
    } else {
        zone_request_complete(zr, 0);
    }
    return VIRTIO_BLK_S_OK;
}

static uint8_t submit_mgmt(VirtIOBlockReq *req, BlockZoneOp op, uint64_t sector)
{
    VirtIOBlock *s = req->dev;
    uint64_t capacity = disk_sectors(s);
    uint64_t nr_sectors;

    if (!blk_is_writable(s->blk)) {
        return VIRTIO_BLK_S_IOERR;
    }
    if (op == BLK_ZO_RESET_ALL) {
        sector = 0;
        nr_sectors = capacity;
    } else {
        if (sector >= capacity) {
            return VIRTIO_BLK_S_IOERR;
        }
        if (!QEMU_IS_ALIGNED(sector, s->zoned.zone_sectors)) {
            return VIRTIO_BLK_S_ZONE_INVALID_CMD;
        }
        nr_sectors = MIN(s->zoned.zone_sectors, capacity - sector);
    }

    block_acct_start(blk_get_stats(s->blk), &req->acct, 0, BLOCK_ACCT_NONE);
    trace_virtio_blk_zone_mgmt(VIRTIO_DEVICE(s), req, blk_zone_op_name(op),
                               sector, nr_sectors);
    blk_aio_zone_mgmt(s->blk, op, sector << BDRV_SECTOR_BITS,
                      nr_sectors << BDRV_SECTOR_BITS, zone_request_complete,
                      zone_request_new(req, NULL, 0));
    return VIRTIO_BLK_S_OK;
}

/*
 * The sector comes first and the status last.  They are nine bytes in the
 * specification, but sixteen from Linux, which has padding between the two.
 */
/* The used length counts the whole buffer here, too */
static void zone_append_reply(VirtIOBlkZoneReq *zr)
{
    uint64_t sector = cpu_to_le64(zr->offset >> BDRV_SECTOR_BITS);
    size_t done;

    done = iov_from_buf(zr->in_iov, zr->in_num, 0, &sector, sizeof(sector));
    iov_memset(zr->in_iov, zr->in_num, done, 0, -1);
}

/* The checks of an append that need nothing but the request */
static uint8_t check_append(VirtIOBlock *s, uint64_t sector, size_t bytes,
                            size_t reply_size)
{
    if (!blk_is_writable(s->blk) || sector >= disk_sectors(s) ||
        !QEMU_IS_ALIGNED(bytes, virtio_blk_zoned_request_unit(s)) ||
        reply_size > BDRV_REQUEST_MAX_BYTES) {
        return VIRTIO_BLK_S_IOERR;
    }
    if (reply_size < sizeof(uint64_t)) {
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    }
    if (!s->zoned.max_append_sectors) {
        return VIRTIO_BLK_S_UNSUPP;
    }
    if (!QEMU_IS_ALIGNED(sector, s->zoned.zone_sectors) || !bytes ||
        bytes / BDRV_SECTOR_SIZE > s->zoned.max_append_sectors) {
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    }
    return VIRTIO_BLK_S_OK;
}

static uint8_t submit_append(VirtIOBlockReq *req, uint64_t sector,
                             struct iovec *in_iov, unsigned in_num,
                             struct iovec *out_iov, unsigned out_num)
{
    VirtIOBlock *s = req->dev;
    size_t bytes = iov_size(out_iov, out_num);
    uint8_t status = check_append(s, sector, bytes, iov_size(in_iov, in_num));
    VirtIOBlkZoneReq *zr;

    if (status != VIRTIO_BLK_S_OK) {
        block_acct_invalid(blk_get_stats(s->blk), BLOCK_ACCT_ZONE_APPEND);
        return status;
    }

    zr = zone_request_new(req, in_iov, in_num);
    zr->reply = zone_append_reply;
    zr->offset = sector << BDRV_SECTOR_BITS;
    qemu_iovec_init_external(&req->qiov, out_iov, out_num);
    block_acct_start(blk_get_stats(s->blk), &req->acct, bytes,
                     BLOCK_ACCT_ZONE_APPEND);
    trace_virtio_blk_zone_append(VIRTIO_DEVICE(s), req, sector,
                                 bytes / BDRV_SECTOR_SIZE);
    blk_aio_zone_append(s->blk, &zr->offset, &req->qiov, 0,
                        zone_request_complete, zr);
    return VIRTIO_BLK_S_OK;
}

bool virtio_blk_zoned_is_request(uint32_t type)
{
    switch (type) {
    case VIRTIO_BLK_T_ZONE_APPEND:
    case VIRTIO_BLK_T_ZONE_REPORT:
    case VIRTIO_BLK_T_ZONE_OPEN:
    case VIRTIO_BLK_T_ZONE_CLOSE:
    case VIRTIO_BLK_T_ZONE_FINISH:
    case VIRTIO_BLK_T_ZONE_RESET:
    case VIRTIO_BLK_T_ZONE_RESET_ALL:
        return true;
    default:
        return false;
    }
}

static uint8_t submit_zone_request(VirtIOBlockReq *req, uint32_t type,
                                   struct iovec *in_iov, unsigned in_num,
                                   struct iovec *out_iov, unsigned out_num)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(req->dev);
    uint64_t sector = virtio_ldq_p(vdev, &req->out.sector);

    switch (type) {
    case VIRTIO_BLK_T_ZONE_APPEND:
        return submit_append(req, sector, in_iov, in_num, out_iov, out_num);
    case VIRTIO_BLK_T_ZONE_REPORT:
        return submit_report(req, sector, in_iov, in_num);
    case VIRTIO_BLK_T_ZONE_OPEN:
        return submit_mgmt(req, BLK_ZO_OPEN, sector);
    case VIRTIO_BLK_T_ZONE_CLOSE:
        return submit_mgmt(req, BLK_ZO_CLOSE, sector);
    case VIRTIO_BLK_T_ZONE_FINISH:
        return submit_mgmt(req, BLK_ZO_FINISH, sector);
    case VIRTIO_BLK_T_ZONE_RESET:
        return submit_mgmt(req, BLK_ZO_RESET, sector);
    case VIRTIO_BLK_T_ZONE_RESET_ALL:
        return submit_mgmt(req, BLK_ZO_RESET_ALL, sector);
    default:
        g_assert_not_reached();
    }
}

/*
 * Whether a request other than those for zones must not reach the disk.  A
 * driver that did not accept VIRTIO_BLK_F_ZONED gets here if it never asked
 * whether its choice of features is fine, as legacy drivers do.
 */
static bool refuse_plain_request(VirtIOBlock *s, uint32_t type, uint8_t *status)
{
    if (!is_host_managed(s)) {
        return false;
    }
    if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES) {
        *status = VIRTIO_BLK_S_UNSUPP;
        return true;
    }
    *status = VIRTIO_BLK_S_IOERR;
    return !zones_negotiated(s);
}

/*
 * Whether a request must not overtake those that failed and wait for the
 * machine to go on.  The request may follow them in its zone, and the driver
 * does not know that they have failed.
 */
static bool must_wait_for_restart(VirtIOBlock *s, uint32_t type)
{
    return !QSIMPLEQ_EMPTY(&s->rq) && order_counts(s) &&
           (type == VIRTIO_BLK_T_OUT ||
            (virtio_blk_zoned_is_request(type) &&
             type != VIRTIO_BLK_T_ZONE_REPORT));
}

bool virtio_blk_zoned_handle_request(VirtIOBlockReq *req, uint32_t type,
                                     struct iovec *in_iov, unsigned in_num,
                                     struct iovec *out_iov, unsigned out_num)
{
    VirtIOBlock *s = req->dev;
    uint8_t status;

    if (must_wait_for_restart(s, type)) {
        virtio_blk_restart_later(req);
        return true;
    }
    if (!virtio_blk_zoned_is_request(type)) {
        if (!refuse_plain_request(s, type, &status)) {
            return false;
        }
    } else if (!zones_negotiated(s)) {
        status = VIRTIO_BLK_S_UNSUPP;
    } else {
        status = submit_zone_request(req, type, in_iov, in_num,
                                     out_iov, out_num);
        if (status == VIRTIO_BLK_S_OK) {
            return true;
        }
    }
    virtio_blk_req_complete(req, status);
    virtio_blk_free_request(req);
    return true;
}

/*
 * Migration and snapshots
 *
 * Which zones are open is no part of an image.  Where it is known to a process
 * only, the next one is told here.
 */

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
    if (!is_host_managed(s)) {
        return 0;
    }
    if ((vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) && !zones_negotiated(s)) {
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
                   disk_sectors(s)) &&
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
    if (is_host_managed(s) && blk_get_open_zones(s->blk, zones) >= 0) {
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
