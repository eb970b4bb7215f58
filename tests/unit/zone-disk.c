/*
 * Helpers of unit tests: a zoned disk that writes its calls down
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "zone-disk.h"

/* Of the disk that is being made */
static BlockZoneModel new_disk_model;
static bool new_disk_is_slow;

static int coroutine_fn G_GNUC_PRINTF(2, 3)
disk_call(TestDisk *d, const char *fmt, ...)
{
    va_list ap;

    if (d->log->len) {
        g_string_append(d->log, ", ");
    }
    va_start(ap, fmt);
    g_string_append_vprintf(d->log, fmt, ap);
    va_end(ap);

    d->ctx = qemu_get_current_aio_context();
    if (d->hold) {
        qemu_co_queue_wait(&d->held, NULL);
    }
    return d->error;
}

static int disk_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    TestDisk *d = bs->opaque;
    int i;

    d->log = g_string_new(NULL);
    d->hold = new_disk_is_slow;
    d->alignment = new_disk_is_slow ? GRAN : 512;
    qemu_co_queue_init(&d->held);
    for (i = 0; i < NR_ZONES; i++) {
        d->wp[i] = i * ZONE;
        d->type[i] = BLK_ZT_SWR;
        d->state[i] = BLK_ZS_CLOSED;
    }
    return 0;
}

static void disk_close(BlockDriverState *bs)
{
    TestDisk *d = bs->opaque;

    g_string_free(d->log, true);
}

static int64_t disk_getlength(BlockDriverState *bs)
{
    return DISK;
}

static void disk_refresh_limits(BlockDriverState *bs, Error **errp)
{
    TestDisk *d = bs->opaque;

    bs->bl.request_alignment = d->alignment;
    bs->bl.zoned = new_disk_model;
    if (new_disk_model == BLK_Z_NONE) {
        return;
    }
    bs->bl.zone_size = ZONE;
    bs->bl.nr_zones = NR_ZONES;
    bs->bl.max_append_sectors = 32 * KiB / BDRV_SECTOR_SIZE;
    bs->bl.max_open_zones = 3;
    bs->bl.max_active_zones = 4;
    bs->bl.write_granularity = GRAN;
}

static int coroutine_fn disk_preadv(BlockDriverState *bs, int64_t offset,
                                    int64_t bytes, QEMUIOVector *qiov,
                                    BdrvRequestFlags flags)
{
    TestDisk *d = bs->opaque;
    int ret = disk_call(d, "read %" PRId64 "+%" PRId64, offset, bytes);

    qemu_iovec_from_buf(qiov, 0, d->data + offset, bytes);
    return ret;
}

static int coroutine_fn disk_pwritev(BlockDriverState *bs, int64_t offset,
                                     int64_t bytes, QEMUIOVector *qiov,
                                     BdrvRequestFlags flags)
{
    TestDisk *d = bs->opaque;
    int ret = disk_call(d, "write %" PRId64 "+%" PRId64, offset, bytes);

    qemu_iovec_to_buf(qiov, 0, d->data + offset, bytes);
    return ret;
}

static int coroutine_fn disk_flush(BlockDriverState *bs)
{
    return disk_call(bs->opaque, "flush");
}

static int coroutine_fn disk_zone_report(BlockDriverState *bs, int64_t offset,
                                         uint32_t *nr_zones,
                                         BlockZoneDescriptor *zones)
{
    TestDisk *d = bs->opaque;
    uint32_t i;

    for (i = 0; i < *nr_zones; i++) {
        uint64_t start = offset + i * ZONE;

        zones[i] = (BlockZoneDescriptor) {
            .start = start,
            .length = MIN(ZONE, DISK - start),
            .cap = MIN(ZONE, DISK - start),
            .wp = d->wp[start / ZONE],
            .type = d->type[start / ZONE],
            .state = d->state[start / ZONE],
        };
    }
    return disk_call(d, "report %" PRId64 "+%" PRIu32, offset, *nr_zones);
}

static int coroutine_fn disk_zone_mgmt(BlockDriverState *bs, BlockZoneOp op,
                                       int64_t offset, int64_t bytes)
{
    return disk_call(bs->opaque, "%s %" PRId64 "+%" PRId64,
                     blk_zone_op_name(op), offset, bytes);
}

static int coroutine_fn disk_zone_set_fault(BlockDriverState *bs,
                                            BlockZoneFault fault,
                                            int64_t offset)
{
    return disk_call(bs->opaque, "fault %d %" PRId64, fault, offset);
}

static int coroutine_fn disk_zone_append(BlockDriverState *bs, int64_t *offset,
                                         QEMUIOVector *qiov,
                                         BdrvRequestFlags flags)
{
    TestDisk *d = bs->opaque;
    uint64_t *wp = &d->wp[*offset / ZONE];
    int64_t where = *wp;
    int ret;

    *wp += qiov->size;
    ret = disk_call(d, "append %" PRId64 "+%zu", *offset, qiov->size);
    *offset = where;
    return ret;
}

static BlockDriver bdrv_test_disk = {
    .format_name            = "test-disk",
    .instance_size          = sizeof(TestDisk),
    .bdrv_open              = disk_open,
    .bdrv_close             = disk_close,
    .bdrv_getlength         = disk_getlength,
    .bdrv_refresh_limits    = disk_refresh_limits,
    .bdrv_co_preadv         = disk_preadv,
    .bdrv_co_pwritev        = disk_pwritev,
    .bdrv_co_flush_to_disk  = disk_flush,
    .bdrv_co_zone_report    = disk_zone_report,
    .bdrv_co_zone_mgmt      = disk_zone_mgmt,
    .bdrv_co_zone_append    = disk_zone_append,
    .bdrv_co_zone_set_fault = disk_zone_set_fault,
};

BlockDriverState *new_disk_with_flags(BlockZoneModel model, const char *name,
                                      int flags)
{
    new_disk_model = model;
    return bdrv_new_open_driver(&bdrv_test_disk, name, flags, &error_abort);
}

BlockDriverState *new_disk(BlockZoneModel model, const char *name)
{
    return new_disk_with_flags(model, name, BDRV_O_RDWR);
}

BlockDriverState *new_slow_disk(BlockZoneModel model, const char *name)
{
    BlockDriverState *bs;

    new_disk_is_slow = true;
    bs = new_disk(model, name);
    new_disk_is_slow = false;
    return bs;
}
