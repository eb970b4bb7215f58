/*
 * virtio-blk on zoned disks: requests
 *
 * Zone requests on their way to the block layer and back, the status of each
 * error, and what a host-managed disk asks of all requests.  The zones
 * themselves belong to the backend: nothing about their state is kept or
 * guessed here.
 *
 * All decisions follow the features that the driver negotiated, not those
 * that the device offers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "qemu/units.h"
#include "block/accounting.h"
#include "hw/virtio/virtio-access.h"
#include "trace.h"
#include "virtio-blk-zoned-int.h"

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
    if (virtio_blk_is_host_managed(s) && is_write) {
        return false;
    }
    return end - start <= s->zoned.zone_sectors - start % s->zoned.zone_sectors;
}

uint32_t virtio_blk_zoned_request_unit(VirtIOBlock *s)
{
    return virtio_blk_is_host_managed(s) ? BDRV_SECTOR_SIZE
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
    return virtio_blk_is_host_managed(s) && virtio_blk_zones_negotiated(s);
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

    if (!virtio_blk_zones_negotiated(s)) {
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
    if (sector >= virtio_blk_disk_sectors(s) || size > BDRV_REQUEST_MAX_BYTES) {
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
    uint64_t capacity = virtio_blk_disk_sectors(s);
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
 * The used length counts the whole buffer here, too.
 */
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
    if (!blk_is_writable(s->blk) || sector >= virtio_blk_disk_sectors(s) ||
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
    if (!virtio_blk_is_host_managed(s)) {
        return false;
    }
    if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES) {
        *status = VIRTIO_BLK_S_UNSUPP;
        return true;
    }
    *status = VIRTIO_BLK_S_IOERR;
    return !virtio_blk_zones_negotiated(s);
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
    } else if (!virtio_blk_zones_negotiated(s)) {
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
