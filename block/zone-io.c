/*
 * Zone requests on nodes of the block graph: the one place where their
 * arguments are checked, and where they are ordered against reads and writes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/dirty-bitmap.h"
#include "block/write-threshold.h"
#include "block/zone-io.h"
#include "trace.h"

static bool is_inserted(BlockDriverState *bs)
{
    return bs && bs->drv && bdrv_is_inserted(bs);
}

static bool has_zones(BlockDriverState *bs)
{
    return bs->bl.zoned != BLK_Z_NONE && bs->bl.zone_size;
}

void bdrv_zone_limits_copy(BlockLimits *to, const BlockLimits *from,
                           uint64_t bytes)
{
    to->zoned = from->zoned;
    to->zone_size = from->zone_size;
    to->nr_zones = DIV_ROUND_UP(bytes, from->zone_size);
    to->max_append_sectors = from->max_append_sectors;
    to->max_open_zones = from->max_open_zones;
    to->max_active_zones = from->max_active_zones;
    to->write_granularity = from->write_granularity;
}

/* The end of the zone that starts at @offset, on a disk of @size bytes */
static int64_t zone_end(BlockDriverState *bs, int64_t offset, int64_t size)
{
    return offset + MIN(bs->bl.zone_size, size - offset);
}

/* Whether @bs can be changed at all, as writes check it */
static int check_writable(BlockDriverState *bs)
{
    if (bdrv_is_read_only(bs) || bdrv_has_readonly_bitmaps(bs)) {
        return -EPERM;
    }
    return 0;
}

/*
 * Called when nothing that is ordered before the request is in flight any
 * more; the node may have lost its driver meanwhile.
 */
static int check_before_change(BdrvChild *child)
{
    BlockDriverState *bs = child->bs;

    assert(!(bs->open_flags & BDRV_O_INACTIVE));
    assert(!(bs->open_flags & BDRV_O_NO_IO));
    assert(child->perm & BLK_PERM_WRITE);

    if (child->changes_held) {
        return -ECANCELED;
    }
    return bs->drv ? 0 : -ENOMEDIUM;
}

static int check_report(BlockDriverState *bs, int64_t offset, int64_t *size)
{
    if (!is_inserted(bs)) {
        return -ENOMEDIUM;
    }
    if (!has_zones(bs) || !bs->drv->bdrv_co_zone_report) {
        return -ENOTSUP;
    }

    *size = bdrv_getlength(bs);
    if (*size < 0) {
        return *size;
    }
    if (offset < 0 || offset >= *size) {
        return -EIO;
    }
    return 0;
}

int coroutine_fn bdrv_co_zone_report(BlockDriverState *bs, int64_t offset,
                                     uint32_t *nr_zones,
                                     BlockZoneDescriptor *zones)
{
    BdrvTrackedRequest req;
    int64_t size, start;
    uint32_t nr, asked;
    int ret;
    IO_CODE();

    trace_bdrv_co_zone_report(bs, offset, *nr_zones);

    ret = check_report(bs, offset, &size);
    if (ret < 0) {
        return ret;
    }

    start = QEMU_ALIGN_DOWN(offset, bs->bl.zone_size);
    asked = MIN(*nr_zones, DIV_ROUND_UP(size - start, bs->bl.zone_size));
    if (asked == 0) {
        *nr_zones = 0;
        return 0;
    }

    bdrv_inc_in_flight(bs);
    bdrv_tracked_request_begin(&req, bs, start,
                               MIN(asked * bs->bl.zone_size, size - start),
                               BDRV_TRACKED_READ);
    bdrv_wait_serialising_requests(&req);

    nr = asked;
    ret = bs->drv ? bs->drv->bdrv_co_zone_report(bs, start, &nr, zones)
                  : -ENOMEDIUM;
    if (ret >= 0) {
        assert(nr <= asked);
        *nr_zones = nr;
        ret = 0;
    }

    bdrv_tracked_request_end(&req);
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_fn bdrv_co_zone_check_span(BlockDriverState *bs, int64_t offset,
                                         int64_t bytes)
{
    BlockZoneDescriptor zones[16];
    uint64_t zone_size = bs->bl.zone_size;
    int64_t end = offset + bytes;
    IO_CODE();

    if (!has_zones(bs) || bytes == 0 ||
        offset / zone_size == (end - 1) / zone_size) {
        return 0;
    }
    while (offset < end) {
        uint32_t i, nr_zones = ARRAY_SIZE(zones);
        int ret = bdrv_co_zone_report(bs, offset, &nr_zones, zones);

        if (ret < 0) {
            return ret;
        }
        for (i = 0; i < nr_zones && offset < end; i++) {
            if (zones[i].type == BLK_ZT_SWR) {
                return -BLK_ZERR_INVALID;
            }
            offset = zones[i].start + zones[i].length;
        }
    }
    return 0;
}

int bdrv_zone_write_error(BlockZoneState state)
{
    switch (state) {
    case BLK_ZS_FULL:
        return -BLK_ZERR_INVALID;
    case BLK_ZS_RDONLY:
        return -BLK_ZERR_RDONLY;
    case BLK_ZS_OFFLINE:
        return -BLK_ZERR_OFFLINE;
    default:
        return 0;
    }
}

int coroutine_fn bdrv_co_zone_check_unaligned(BlockDriverState *bs,
                                              int64_t offset, int64_t bytes)
{
    BlockZoneDescriptor zone;
    uint32_t nr_zones = 1;
    int ret;
    IO_CODE();

    ret = bdrv_co_zone_check_span(bs, offset, bytes);
    if (ret >= 0) {
        ret = bdrv_co_zone_report(bs, offset, &nr_zones, &zone);
    }
    if (ret < 0) {
        return ret;
    }
    if (zone.state == BLK_ZS_NOT_WP) {
        return 0;
    }
    return bdrv_zone_write_error(zone.state) ?: -BLK_ZERR_NOT_AT_WP;
}

static int check_mgmt(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      int64_t *size)
{
    int ret;

    if (!is_inserted(bs)) {
        return -ENOMEDIUM;
    }
    if (!has_zones(bs) || !bs->drv->bdrv_co_zone_mgmt) {
        return -ENOTSUP;
    }
    ret = check_writable(bs);
    if (ret < 0) {
        return ret;
    }

    ret = bdrv_check_request(offset, bytes, NULL);
    if (ret < 0) {
        return ret;
    }
    *size = bdrv_getlength(bs);
    if (*size < 0) {
        return *size;
    }
    if (offset >= *size || bytes > *size - offset) {
        return -EIO;
    }

    if (bytes == 0 || !QEMU_IS_ALIGNED(offset, bs->bl.zone_size)) {
        return -BLK_ZERR_INVALID;
    }
    if (!QEMU_IS_ALIGNED(bytes, bs->bl.zone_size) && offset + bytes != *size) {
        return -BLK_ZERR_INVALID;
    }
    return 0;
}

int coroutine_fn bdrv_co_zone_mgmt(BdrvChild *child, BlockZoneOp op,
                                   int64_t offset, int64_t bytes)
{
    BlockDriverState *bs = child->bs;
    BdrvTrackedRequest req;
    int64_t size;
    int ret;
    IO_CODE();

    trace_bdrv_co_zone_mgmt(bs, blk_zone_op_name(op), offset, bytes);

    ret = check_mgmt(bs, offset, bytes, &size);
    if (ret < 0) {
        return ret;
    }

    if (op == BLK_ZO_RESET && bytes == size && bytes > bs->bl.zone_size) {
        op = BLK_ZO_RESET_ALL;
    }

    bdrv_inc_in_flight(bs);
    bdrv_tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_WRITE);
    bdrv_make_request_serialising(&req, 1);

    ret = check_before_change(child);
    if (ret < 0) {
        goto out;
    }

    ret = bs->drv->bdrv_co_zone_mgmt(bs, op, offset, bytes);

    /* Even a request that failed may have changed some of its zones */
    qatomic_inc(&bs->write_gen);
    if (bdrv_zone_op_changes_data(op)) {
        bdrv_bsc_invalidate_range(bs, offset, bytes);
        bdrv_set_dirty(bs, offset, bytes);
    }

out:
    bdrv_tracked_request_end(&req);
    bdrv_dec_in_flight(bs);
    return ret;
}

static int check_fault(BlockDriverState *bs, int64_t offset, int64_t *size)
{
    if (!is_inserted(bs)) {
        return -ENOMEDIUM;
    }
    if (!has_zones(bs) || !bs->drv->bdrv_co_zone_set_fault) {
        return -ENOTSUP;
    }
    if (bdrv_is_read_only(bs) || (bs->open_flags & BDRV_O_INACTIVE)) {
        return -EPERM;
    }

    *size = bdrv_getlength(bs);
    if (*size < 0) {
        return *size;
    }
    if (offset < 0 || offset >= *size) {
        return -EIO;
    }
    return QEMU_IS_ALIGNED(offset, bs->bl.zone_size) ? 0 : -BLK_ZERR_INVALID;
}

int coroutine_fn bdrv_co_zone_set_fault(BlockDriverState *bs,
                                        BlockZoneFault fault, int64_t offset)
{
    BdrvTrackedRequest req;
    int64_t size;
    int ret;
    IO_CODE();

    trace_bdrv_co_zone_set_fault(bs, fault, offset);

    ret = check_fault(bs, offset, &size);
    if (ret < 0) {
        return ret;
    }

    bdrv_inc_in_flight(bs);
    bdrv_tracked_request_begin(&req, bs, offset,
                               zone_end(bs, offset, size) - offset,
                               BDRV_TRACKED_WRITE);
    bdrv_make_request_serialising(&req, 1);

    ret = bs->drv ? bs->drv->bdrv_co_zone_set_fault(bs, fault, offset)
                  : -ENOMEDIUM;

    /* Something to flush; but no data has changed */
    qatomic_inc(&bs->write_gen);

    bdrv_tracked_request_end(&req);
    bdrv_dec_in_flight(bs);
    return ret;
}

static int check_append(BlockDriverState *bs, int64_t offset, size_t bytes,
                        int64_t *size)
{
    BlockLimits *bl;
    int ret;

    if (!is_inserted(bs)) {
        return -ENOMEDIUM;
    }
    bl = &bs->bl;
    if (!has_zones(bs) || !bl->max_append_sectors ||
        !bs->drv->bdrv_co_zone_append) {
        return -ENOTSUP;
    }
    ret = check_writable(bs);
    if (ret < 0) {
        return ret;
    }

    *size = bdrv_getlength(bs);
    if (*size < 0) {
        return *size;
    }
    if (offset < 0 || offset >= *size) {
        return -EIO;
    }

    if (!QEMU_IS_ALIGNED(offset, bl->zone_size)) {
        return -BLK_ZERR_INVALID;
    }
    if (bytes == 0 || bytes > BDRV_REQUEST_MAX_BYTES ||
        bytes > (uint64_t)bl->max_append_sectors * BDRV_SECTOR_SIZE ||
        bytes > zone_end(bs, offset, *size) - offset) {
        return -BLK_ZERR_INVALID;
    }
    return 0;
}

/* Calls the driver, with what it does not know of @flags done here */
static int coroutine_fn driver_append(BlockDriverState *bs, int64_t *offset,
                                      QEMUIOVector *qiov,
                                      BdrvRequestFlags flags)
{
    bool emulate_fua = flags & ~bs->supported_write_flags & BDRV_REQ_FUA;
    int ret;

    ret = bs->drv->bdrv_co_zone_append(bs, offset, qiov,
                                       flags & bs->supported_write_flags);

    /* Before the flush, which has something to do only if this has changed */
    qatomic_inc(&bs->write_gen);
    if (ret >= 0 && emulate_fua) {
        ret = bdrv_co_flush(bs);
    }
    return MIN(ret, 0);
}

int coroutine_fn bdrv_co_zone_append(BdrvChild *child, int64_t *offset,
                                     QEMUIOVector *qiov,
                                     BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;
    BdrvTrackedRequest req;
    int64_t where = *offset;
    int64_t size;
    int ret;
    IO_CODE();

    trace_bdrv_co_zone_append(bs, *offset, qiov->size, flags);
    assert(!(flags & ~(BDRV_REQ_FUA | BDRV_REQ_REGISTERED_BUF)));

    ret = check_append(bs, *offset, qiov->size, &size);
    if (ret < 0) {
        return ret;
    }

    bdrv_inc_in_flight(bs);
    /* Where the data goes is not known yet, but the zone is */
    bdrv_tracked_request_begin(&req, bs, *offset,
                               zone_end(bs, *offset, size) - *offset,
                               BDRV_TRACKED_WRITE);
    bdrv_wait_serialising_requests(&req);

    ret = check_before_change(child);
    if (ret < 0) {
        goto out;
    }

    ret = driver_append(bs, &where, qiov, flags);
    trace_bdrv_co_zone_append_done(bs, where, qiov->size, ret);

    if (ret < 0) {
        /* Any part of the zone may have changed */
        bdrv_set_dirty(bs, req.offset, req.bytes);
        goto out;
    }
    assert(where >= req.offset &&
           where - req.offset <= req.bytes - (int64_t)qiov->size);
    bdrv_write_threshold_check_write(bs, where, qiov->size);
    stat64_max(&bs->wr_highest_offset, where + qiov->size);
    bdrv_set_dirty(bs, where, qiov->size);
    *offset = where;

out:
    bdrv_tracked_request_end(&req);
    bdrv_dec_in_flight(bs);
    return ret;
}
