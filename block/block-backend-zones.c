/*
 * Zone requests on block backends
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "block/block_int.h"
#include "block/coroutines.h"
#include "block/zone-io.h"
#include "sysemu/block-backend.h"
#include "sysemu/replay.h"

/* The limits of a zoned disk, NULL if @blk has none */
static const BlockLimits *blk_zone_limits(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);

    return bs && bs->bl.zoned != BLK_Z_NONE ? &bs->bl : NULL;
}

BlockZoneModel blk_get_zoned(BlockBackend *blk)
{
    const BlockLimits *bl = blk_zone_limits(blk);
    IO_CODE();

    return bl ? bl->zoned : BLK_Z_NONE;
}

uint64_t blk_get_zone_size(BlockBackend *blk)
{
    const BlockLimits *bl = blk_zone_limits(blk);
    IO_CODE();

    return bl ? bl->zone_size : 0;
}

uint32_t blk_get_nr_zones(BlockBackend *blk)
{
    const BlockLimits *bl = blk_zone_limits(blk);
    IO_CODE();

    return bl ? bl->nr_zones : 0;
}

uint32_t blk_get_max_open_zones(BlockBackend *blk)
{
    const BlockLimits *bl = blk_zone_limits(blk);
    IO_CODE();

    return bl ? bl->max_open_zones : 0;
}

uint32_t blk_get_max_active_zones(BlockBackend *blk)
{
    const BlockLimits *bl = blk_zone_limits(blk);
    IO_CODE();

    return bl ? bl->max_active_zones : 0;
}

uint32_t blk_get_max_append_sectors(BlockBackend *blk)
{
    const BlockLimits *bl = blk_zone_limits(blk);
    IO_CODE();

    return bl ? bl->max_append_sectors : 0;
}

uint32_t blk_get_write_granularity(BlockBackend *blk)
{
    const BlockLimits *bl = blk_zone_limits(blk);
    IO_CODE();

    return bl ? bl->write_granularity : 0;
}

const char *blk_strerror(BlockBackend *blk, int ret)
{
    return blk_get_zoned(blk) == BLK_Z_NONE ? strerror(-ret)
                                            : blk_zone_strerror(ret);
}

/* To be called between exactly one pair of blk_inc/dec_in_flight() */
static int coroutine_fn blk_co_do_zone_report(BlockBackend *blk, int64_t offset,
                                              uint32_t *nr_zones,
                                              BlockZoneDescriptor *zones)
{
    BdrvChild *root;
    int ret;

    /*
     * No throttling: limits are for what the medium does, and a report does not
     * get to it.
     */
    ret = blk_co_zone_request_begin(blk, &root);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_co_zone_report(root->bs, offset, nr_zones, zones);
    blk_co_zone_request_end(root);
    return ret;
}

int coroutine_fn blk_co_zone_report(BlockBackend *blk, int64_t offset,
                                    uint32_t *nr_zones,
                                    BlockZoneDescriptor *zones)
{
    int ret;
    IO_OR_GS_CODE();

    blk_inc_in_flight(blk);
    ret = blk_co_do_zone_report(blk, offset, nr_zones, zones);
    blk_dec_in_flight(blk);
    return ret;
}

/* To be called between exactly one pair of blk_inc/dec_in_flight() */
static int coroutine_fn blk_co_do_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                                            int64_t offset, int64_t len)
{
    BdrvChild *root;
    int ret;

    ret = blk_co_zone_request_begin(blk, &root);
    if (ret < 0) {
        return ret;
    }
    /* One operation without data */
    blk_co_zone_throttle_write(blk, 0);
    if (blk_is_writable(blk)) {
        ret = bdrv_co_zone_mgmt(root, op, offset, len);
    } else {
        ret = -EPERM;
    }
    /*
     * If the flush fails, the request is tried again.  A second reset or finish
     * does no harm, but a zone without data cannot be closed twice.
     */
    if (ret >= 0 && bdrv_zone_op_changes_data(op) &&
        !blk_enable_write_cache(blk)) {
        ret = bdrv_co_flush(root->bs);
    }
    blk_co_zone_request_end(root);
    return ret;
}

int coroutine_fn blk_co_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                                  int64_t offset, int64_t len)
{
    int ret;
    IO_OR_GS_CODE();

    blk_inc_in_flight(blk);
    ret = blk_co_do_zone_mgmt(blk, op, offset, len);
    blk_dec_in_flight(blk);
    return ret;
}

/* To be called between exactly one pair of blk_inc/dec_in_flight() */
static int coroutine_fn blk_co_do_zone_append(BlockBackend *blk,
                                              int64_t *offset,
                                              QEMUIOVector *qiov,
                                              BdrvRequestFlags flags)
{
    BdrvChild *root;
    int ret;

    ret = blk_co_zone_request_begin(blk, &root);
    if (ret < 0) {
        return ret;
    }
    blk_co_zone_throttle_write(blk, qiov->size);
    if (!blk_enable_write_cache(blk)) {
        flags |= BDRV_REQ_FUA;
    }
    if (blk_is_writable(blk)) {
        ret = bdrv_co_zone_append(root, offset, qiov, flags);
    } else {
        ret = -EPERM;
    }
    blk_co_zone_request_end(root);
    return ret;
}

int coroutine_fn blk_co_zone_append(BlockBackend *blk, int64_t *offset,
                                    QEMUIOVector *qiov,
                                    BdrvRequestFlags flags)
{
    int ret;
    IO_OR_GS_CODE();

    blk_inc_in_flight(blk);
    ret = blk_co_do_zone_append(blk, offset, qiov, flags);
    blk_dec_in_flight(blk);
    return ret;
}

#define NOT_DONE 0x7fffffff /* while the request's coroutine is not done */

/* A zone request with a callback */
typedef struct BlkZoneAIOCB {
    BlockAIOCB common;
    BlockBackend *blk;
    union {
        struct {
            int64_t offset;
            uint32_t *nr_zones;
            BlockZoneDescriptor *zones;
        } report;
        struct {
            BlockZoneOp op;
            int64_t offset;
            int64_t len;
        } mgmt;
        struct {
            int64_t *offset;
            QEMUIOVector *qiov;
            BdrvRequestFlags flags;
        } append;
    };
    int ret;
    bool has_returned;
} BlkZoneAIOCB;

static AioContext *blk_zone_aiocb_get_aio_context(BlockAIOCB *acb_)
{
    BlkZoneAIOCB *acb = container_of(acb_, BlkZoneAIOCB, common);

    return blk_get_aio_context(acb->blk);
}

static const AIOCBInfo blk_zone_aiocb_info = {
    .aiocb_size         = sizeof(BlkZoneAIOCB),
    .get_aio_context    = blk_zone_aiocb_get_aio_context,
};

static BlkZoneAIOCB *blk_zone_aio_get(BlockBackend *blk,
                                      BlockCompletionFunc *cb, void *opaque)
{
    BlkZoneAIOCB *acb = blk_aio_get(&blk_zone_aiocb_info, blk, cb, opaque);

    blk_inc_in_flight(blk);
    acb->blk = blk;
    acb->ret = NOT_DONE;
    acb->has_returned = false;
    return acb;
}

static void blk_zone_aio_complete(BlkZoneAIOCB *acb)
{
    acb->common.cb(acb->common.opaque, acb->ret);
    blk_dec_in_flight(acb->blk);
    qemu_aio_unref(acb);
}

static void blk_zone_aio_complete_bh(void *opaque)
{
    blk_zone_aio_complete(opaque);
}

/*
 * Called by the request's coroutine.  The callback must not be called before
 * the caller of blk_aio_zone_*() has its BlockAIOCB.
 */
static void coroutine_fn blk_zone_aio_done(BlkZoneAIOCB *acb, int ret)
{
    acb->ret = ret;
    if (acb->has_returned) {
        blk_zone_aio_complete(acb);
    }
}

static BlockAIOCB *blk_zone_aio_start(BlkZoneAIOCB *acb,
                                      CoroutineEntry *entry)
{
    bdrv_coroutine_enter(blk_bs(acb->blk), qemu_coroutine_create(entry, acb));

    acb->has_returned = true;
    if (acb->ret != NOT_DONE) {
        replay_bh_schedule_oneshot_event(blk_get_aio_context(acb->blk),
                                         blk_zone_aio_complete_bh, acb);
    }
    return &acb->common;
}

static void coroutine_fn blk_aio_zone_report_entry(void *opaque)
{
    BlkZoneAIOCB *acb = opaque;

    blk_zone_aio_done(acb, blk_co_do_zone_report(acb->blk, acb->report.offset,
                                                 acb->report.nr_zones,
                                                 acb->report.zones));
}

BlockAIOCB *blk_aio_zone_report(BlockBackend *blk, int64_t offset,
                                uint32_t *nr_zones, BlockZoneDescriptor *zones,
                                BlockCompletionFunc *cb, void *opaque)
{
    BlkZoneAIOCB *acb = blk_zone_aio_get(blk, cb, opaque);
    IO_CODE();

    acb->report.offset = offset;
    acb->report.nr_zones = nr_zones;
    acb->report.zones = zones;
    return blk_zone_aio_start(acb, blk_aio_zone_report_entry);
}

static void coroutine_fn blk_aio_zone_mgmt_entry(void *opaque)
{
    BlkZoneAIOCB *acb = opaque;

    blk_zone_aio_done(acb, blk_co_do_zone_mgmt(acb->blk, acb->mgmt.op,
                                               acb->mgmt.offset,
                                               acb->mgmt.len));
}

BlockAIOCB *blk_aio_zone_mgmt(BlockBackend *blk, BlockZoneOp op,
                              int64_t offset, int64_t len,
                              BlockCompletionFunc *cb, void *opaque)
{
    BlkZoneAIOCB *acb = blk_zone_aio_get(blk, cb, opaque);
    IO_CODE();

    acb->mgmt.op = op;
    acb->mgmt.offset = offset;
    acb->mgmt.len = len;
    return blk_zone_aio_start(acb, blk_aio_zone_mgmt_entry);
}

static void coroutine_fn blk_aio_zone_append_entry(void *opaque)
{
    BlkZoneAIOCB *acb = opaque;

    blk_zone_aio_done(acb, blk_co_do_zone_append(acb->blk, acb->append.offset,
                                                 acb->append.qiov,
                                                 acb->append.flags));
}

BlockAIOCB *blk_aio_zone_append(BlockBackend *blk, int64_t *offset,
                                QEMUIOVector *qiov, BdrvRequestFlags flags,
                                BlockCompletionFunc *cb, void *opaque)
{
    BlkZoneAIOCB *acb = blk_zone_aio_get(blk, cb, opaque);
    IO_CODE();

    acb->append.offset = offset;
    acb->append.qiov = qiov;
    acb->append.flags = flags;
    return blk_zone_aio_start(acb, blk_aio_zone_append_entry);
}

/* Whether it takes a word of ours to keep the zones of @bs open */
static bool forgets_open_zones(BlockDriverState *bs)
{
    while (bs && bs->drv && bs->drv->passes_zones_through) {
        bs = bdrv_primary_bs(bs);
    }
    return bs && bs->drv && bs->drv->keeps_open_zones_in_memory;
}

/* How many zones a report is asked for at once */
#define REPORT_ZONES 256

int coroutine_fn blk_co_get_open_zones(BlockBackend *blk, GArray *zones)
{
    BlockDriverState *bs = blk_bs(blk);
    g_autofree BlockZoneDescriptor *descs = NULL;
    uint32_t first, nr_zones, i;
    int ret;

    if (!forgets_open_zones(bs)) {
        return 0;
    }
    descs = g_new(BlockZoneDescriptor, REPORT_ZONES);
    for (first = 0; first < bs->bl.nr_zones; first += nr_zones) {
        nr_zones = MIN(REPORT_ZONES, bs->bl.nr_zones - first);
        ret = bdrv_co_zone_report(bs, first * bs->bl.zone_size, &nr_zones,
                                  descs);
        if (ret < 0) {
            return ret;
        }
        for (i = 0; i < nr_zones; i++) {
            if (descs[i].state == BLK_ZS_EOPEN) {
                uint32_t zone = first + i;

                g_array_append_val(zones, zone);
            }
        }
    }
    return 0;
}

static int coroutine_fn open_zone(BdrvChild *child, uint32_t zone)
{
    BlockDriverState *bs = child->bs;
    int64_t offset = zone * bs->bl.zone_size;
    int64_t size = bdrv_getlength(bs);

    if (size < 0) {
        return size;
    }
    if (!(child->perm & BLK_PERM_WRITE)) {
        return -EPERM;
    }
    return bdrv_co_zone_mgmt(child, BLK_ZO_OPEN, offset,
                             MIN(bs->bl.zone_size, size - offset));
}

int coroutine_fn bdrv_co_set_open_zones(BdrvChild *child, GArray *zones)
{
    guint i;

    for (i = 0; i < zones->len; i++) {
        uint32_t zone = g_array_index(zones, uint32_t, i);
        int ret = open_zone(child, zone);

        if (ret < 0) {
            warn_report("Zone %" PRIu32 " of node '%s', which the guest has "
                        "open, cannot be opened again: %s", zone,
                        bdrv_get_node_name(child->bs), blk_zone_strerror(ret));
        }
    }
    return 0;
}
