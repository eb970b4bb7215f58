/*
 * Unit tests for zone requests in the block layer: what every zoned driver
 * can rely on, and what no driver has to do itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/throttle.h"
#include "block/dirty-bitmap.h"
#include "block/throttle-groups.h"
#include "block/zone-io.h"
#include "iothread.h"
#include "zone-disk.h"

static char data[GRAN];

/*
 * Arguments
 */

static void test_mgmt_arguments(void)
{
    static const struct {
        int64_t offset, len;
        int ret;
    } wrong[] = {
        { -ZONE, ZONE, -EIO },
        { 0, -ZONE, -EIO },
        { INT64_MAX - 1, ZONE, -EIO },
        { DISK, ZONE, -EIO },
        { NR_ZONES * ZONE, ZONE, -EIO },
        { 0, NR_ZONES * ZONE, -EIO },
        { ZONE, DISK, -EIO },
        { 512, ZONE, -BLK_ZERR_INVALID },
        { 0, ZONE - 512, -BLK_ZERR_INVALID },
        { 0, ZONE + GRAN, -BLK_ZERR_INVALID },
        { 0, 0, -BLK_ZERR_INVALID },
    };
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    int i;

    for (i = 0; i < ARRAY_SIZE(wrong); i++) {
        g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_OPEN, wrong[i].offset,
                                      wrong[i].len), ==, wrong[i].ret);
    }
    assert_log(d, "");

    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_OPEN, ZONE, 2 * ZONE), ==, 0);
    assert_log(d, "open 65536+131072");
    /* The last zone is short */
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_CLOSE, 7 * ZONE, 48 * KiB),
                    ==, 0);
    assert_log(d, "close 458752+49152");

    blk_unref(blk);
}

static void test_reset_all(void)
{
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);

    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, 0, DISK), ==, 0);
    assert_log(d, "reset-all 0+507904");
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, 0, 7 * ZONE), ==, 0);
    assert_log(d, "reset 0+458752");
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_FINISH, 0, DISK), ==, 0);
    assert_log(d, "finish 0+507904");

    blk_unref(blk);
}

static void test_append_arguments(void)
{
    static const struct {
        int64_t offset;
        size_t bytes;
        int ret;
    } wrong[] = {
        { -ZONE, GRAN, -EIO },
        { DISK, GRAN, -EIO },
        { INT64_MAX - 4095, GRAN, -EIO },
        { GRAN, GRAN, -BLK_ZERR_INVALID },
        { 0, 0, -BLK_ZERR_INVALID },
        { 0, 36 * KiB, -BLK_ZERR_INVALID },
    };
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    BlockDriverState *bs = blk_bs(blk);
    int64_t offset;
    int i;

    for (i = 0; i < ARRAY_SIZE(wrong); i++) {
        offset = wrong[i].offset;
        g_assert_cmpint(append(blk, &offset, wrong[i].bytes), ==,
                        wrong[i].ret);
        g_assert_cmpint(offset, ==, wrong[i].offset);
    }
    assert_log(d, "");

    /* The state of the zone comes before the length, so the driver decides */
    g_assert_cmpint(append_at(blk, 2 * ZONE, 512), ==, 0);
    assert_log(d, "append 131072+512");

    offset = ZONE;
    g_assert_cmpint(append(blk, &offset, 32 * KiB), ==, 0);
    g_assert_cmpint(offset, ==, ZONE);
    offset = ZONE;
    g_assert_cmpint(append(blk, &offset, GRAN), ==, 0);
    g_assert_cmpint(offset, ==, ZONE + 32 * KiB);
    assert_log(d, "append 65536+32768, append 65536+4096");

    /* Longer than the last zone, though not than an append can be */
    bs->bl.max_append_sectors = ZONE / BDRV_SECTOR_SIZE;
    g_assert_cmpint(append_at(blk, 7 * ZONE, 52 * KiB), ==, -BLK_ZERR_INVALID);
    bs->bl.max_append_sectors = 0;
    g_assert_cmpint(append_at(blk, 0, GRAN), ==, -ENOTSUP);
    assert_log(d, "");

    blk_unref(blk);
}

static void test_report_arguments(void)
{
    BlockZoneDescriptor zones[NR_ZONES];
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    uint32_t nr_zones = 2;

    g_assert_cmpint(blk_zone_report(blk, -1, &nr_zones, zones), ==, -EIO);
    g_assert_cmpint(blk_zone_report(blk, DISK, &nr_zones, zones), ==, -EIO);
    g_assert_cmpint(nr_zones, ==, 2);
    assert_log(d, "");

    /* From anywhere in a zone, and not past the end */
    g_assert_cmpint(blk_zone_report(blk, ZONE + 513, &nr_zones, zones), ==, 0);
    g_assert_cmpint(nr_zones, ==, 2);
    g_assert_cmpint(zones[0].start, ==, ZONE);
    assert_log(d, "report 65536+2");
    nr_zones = UINT32_MAX;
    g_assert_cmpint(blk_zone_report(blk, 6 * ZONE, &nr_zones, zones), ==, 0);
    g_assert_cmpint(nr_zones, ==, 2);
    g_assert_cmpint(zones[1].length, ==, 48 * KiB);
    assert_log(d, "report 393216+2");

    nr_zones = 0;
    g_assert_cmpint(blk_zone_report(blk, 0, &nr_zones, zones), ==, 0);
    g_assert_cmpint(nr_zones, ==, 0);
    assert_log(d, "");

    blk_unref(blk);
}

static void assert_all_fail(BlockBackend *blk, int report, int change)
{
    BlockZoneDescriptor zone;
    uint32_t nr_zones = 1;

    g_assert_cmpint(blk_zone_report(blk, 0, &nr_zones, &zone), ==, report);
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, 0, ZONE), ==, change);
    g_assert_cmpint(append_at(blk, 0, GRAN), ==, change);
}

static void test_unfit_disks(void)
{
    BlockDriverState *bs;
    BlockBackend *blk;

    blk = blk_new(qemu_get_aio_context(), BLK_PERM_ALL, BLK_PERM_ALL);
    assert_all_fail(blk, -ENOMEDIUM, -ENOMEDIUM);
    g_assert_cmpint(blk_get_zoned(blk), ==, BLK_Z_NONE);
    g_assert_cmpint(blk_get_zone_size(blk), ==, 0);
    blk_unref(blk);

    bs = new_disk(BLK_Z_NONE, "plain");
    blk = new_backend(bs);
    assert_all_fail(blk, -ENOTSUP, -ENOTSUP);
    g_assert_cmpint(blk_get_zoned(blk), ==, BLK_Z_NONE);
    g_assert_cmpint(blk_get_nr_zones(blk), ==, 0);
    blk_unref(blk);
    bdrv_unref(bs);

    bs = new_disk_with_flags(BLK_Z_HM, "read-only", 0);
    blk = blk_new_with_bs(bs, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL,
                          &error_abort);
    assert_all_fail(blk, 0, -EPERM);
    blk_unref(blk);
    bdrv_unref(bs);

    /* A backend that has not asked to write */
    bs = new_disk(BLK_Z_HM, "writable");
    blk = blk_new_with_bs(bs, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL,
                          &error_abort);
    assert_all_fail(blk, 0, -EPERM);
    blk_unref(blk);
    bdrv_unref(bs);
}

static void test_getters(void)
{
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);

    g_assert_cmpint(blk_get_zoned(blk), ==, BLK_Z_HM);
    g_assert_cmpint(blk_get_zone_size(blk), ==, ZONE);
    g_assert_cmpint(blk_get_nr_zones(blk), ==, NR_ZONES);
    g_assert_cmpint(blk_get_max_append_sectors(blk), ==, 64);
    g_assert_cmpint(blk_get_max_open_zones(blk), ==, 3);
    g_assert_cmpint(blk_get_max_active_zones(blk), ==, 4);
    g_assert_cmpint(blk_get_write_granularity(blk), ==, GRAN);
    blk_unref(blk);
}

static void assert_unaligned(BlockBackend *blk, int64_t offset, int ret)
{
    TestDisk *d = blk_bs(blk)->opaque;

    g_assert_cmpint(blk_pwrite(blk, offset, 100, data, 0), ==, ret);
    g_assert(!strstr(d->log->str, "write"));
    g_string_truncate(d->log, 0);
}

/* A write off the request alignment is not filled up with other data */
static void test_no_padding(void)
{
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);

    g_assert_cmpint(blk_pwrite(blk, 0, 511, data, 0), ==, -BLK_ZERR_NOT_AT_WP);
    g_assert_cmpint(blk_pwrite(blk, 1, 512, data, 0), ==, -BLK_ZERR_NOT_AT_WP);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 100, 0), ==,
                    -BLK_ZERR_NOT_AT_WP);
    assert_log(d, "report 0+1, report 0+1, report 0+1");

    /* Where the zone has a reason of its own, it comes first */
    d->state[1] = BLK_ZS_FULL;
    d->state[2] = BLK_ZS_RDONLY;
    d->state[3] = BLK_ZS_OFFLINE;
    assert_unaligned(blk, ZONE, -BLK_ZERR_INVALID);
    assert_unaligned(blk, 2 * ZONE, -BLK_ZERR_RDONLY);
    assert_unaligned(blk, 3 * ZONE, -BLK_ZERR_OFFLINE);
    assert_unaligned(blk, 3 * ZONE - 1, -BLK_ZERR_INVALID);

    /* A conventional zone has no write pointer that could move */
    d->type[0] = BLK_ZT_CONV;
    d->state[0] = BLK_ZS_NOT_WP;
    g_assert_cmpint(blk_pwrite(blk, 0, 511, data, 0), ==, 0);
    assert_log(d, "report 0+1, read 0+512, write 0+512");

    g_assert_cmpint(blk_pread(blk, 1, 5, data, 0), ==, 0);
    assert_log(d, "read 0+512");

    blk_unref(blk);
}

/* Reads that a device that knows zones cannot make at once; others do */
static void test_span(void)
{
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);

    d->type[0] = d->type[1] = BLK_ZT_CONV;
    g_assert_cmpint(blk_pread(blk, 4 * ZONE - 512, 1024, data, 0), ==, 0);
    assert_log(d, "read 261632+1024");

    blk_set_zones_accepted(blk, true);
    g_assert_cmpint(blk_pread(blk, 3 * ZONE - 512, 512, data, 0), ==, 0);
    assert_log(d, "read 196096+512");
    g_assert_cmpint(blk_pread(blk, ZONE - 512, 1024, data, 0), ==, 0);
    assert_log(d, "report 0+8, read 65024+1024");
    g_assert_cmpint(blk_pread(blk, 2 * ZONE - 512, 1024, data, 0), ==,
                    -BLK_ZERR_INVALID);
    g_assert_cmpint(blk_pread(blk, 4 * ZONE - 512, 1024, data, 0), ==,
                    -BLK_ZERR_INVALID);
    g_assert(!strstr(d->log->str, "read"));
    blk_unref(blk);
}

/*
 * Order
 */

static void test_mgmt_order(void)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, sizeof(data));
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    int write = PENDING, read = PENDING, reset = PENDING, late = PENDING,
        other = PENDING;

    d->hold = true;
    blk_aio_pwritev(blk, GRAN, &qiov, 0, set_result, &write);
    blk_aio_preadv(blk, 0, &qiov, 0, set_result, &read);
    assert_log(d, "write 4096+4096, read 0+4096");

    /* The reset waits for what is in flight, and others wait for the reset */
    blk_aio_zone_mgmt(blk, BLK_ZO_RESET, 0, ZONE, set_result, &reset);
    blk_aio_pwritev(blk, 0, &qiov, 0, set_result, &late);
    settle();
    assert_log(d, "");

    /* Other zones are not concerned */
    blk_aio_pwritev(blk, ZONE, &qiov, 0, set_result, &other);
    assert_log(d, "write 65536+4096");

    release(d);
    wait_for(&late);
    assert_log(d, "reset 0+65536, write 0+4096");
    g_assert_cmpint(write | read | reset | late | other, ==, 0);

    blk_unref(blk);
}

static void hold_changes(void *opaque, int ret)
{
    g_assert_cmpint(ret, ==, -EIO);
    blk_set_changes_held(opaque, true);
}

/* A write fails, and its device is going to repeat it before all others */
static void test_held_changes(void)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, sizeof(data));
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    BlockBackend *other = new_backend(blk_bs(blk));
    int reset = PENDING, write = PENDING, append = PENDING;
    int64_t append_at = 0;

    d->hold = true;
    d->error = -EIO;
    blk_aio_pwritev(blk, 0, &qiov, 0, hold_changes, blk);
    blk_aio_zone_mgmt(blk, BLK_ZO_RESET, 0, ZONE, set_result, &reset);
    blk_aio_pwritev(blk, 0, &qiov, 0, set_result, &write);
    blk_aio_zone_append(blk, &append_at, &qiov, 0, set_result, &append);
    settle();
    assert_log(d, "write 0+4096");
    release(d);
    wait_for(&reset);
    wait_for(&write);
    wait_for(&append);
    g_assert_cmpint(reset, ==, -ECANCELED);
    g_assert_cmpint(write, ==, -ECANCELED);
    g_assert_cmpint(append, ==, -ECANCELED);
    assert_log(d, "");

    /* Readers and other users of the disk do not care */
    d->error = 0;
    g_assert_cmpint(blk_pread(blk, 0, GRAN, data, 0), ==, 0);
    g_assert_cmpint(blk_pwrite(other, 0, GRAN, data, 0), ==, 0);
    assert_log(d, "read 0+4096, write 0+4096");

    blk_set_changes_held(blk, false);
    g_assert_cmpint(blk_pwrite(blk, 0, GRAN, data, 0), ==, 0);
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, 0, ZONE), ==, 0);
    assert_log(d, "write 0+4096, reset 0+65536");

    blk_unref(other);
    blk_unref(blk);
}

/*
 * Faults come from beside the users of the disk, by no backend
 */

typedef struct FaultJob {
    BlockDriverState *bs;
    int64_t offset;
    int ret;
} FaultJob;

static void coroutine_fn fault_entry(void *opaque)
{
    FaultJob *job = opaque;

    job->ret = bdrv_co_zone_set_fault(job->bs, BLK_ZF_OFFLINE, job->offset);
}

static void start_fault(FaultJob *job, BlockDriverState *bs, int64_t offset)
{
    *job = (FaultJob) { .bs = bs, .offset = offset, .ret = PENDING };
    qemu_coroutine_enter(qemu_coroutine_create(fault_entry, job));
}

static int set_fault(BlockDriverState *bs, int64_t offset)
{
    FaultJob job;

    start_fault(&job, bs, offset);
    wait_for(&job.ret);
    return job.ret;
}

static void test_fault_arguments(void)
{
    BlockDriverState *bs = new_disk(BLK_Z_HM, "disk");
    BlockDriverState *raw = open_raw(0, -1, &error_abort);
    BlockDriverState *plain = new_disk(BLK_Z_NONE, "plain");
    TestDisk *d = bs->opaque;

    g_assert_cmpint(set_fault(bs, -ZONE), ==, -EIO);
    g_assert_cmpint(set_fault(bs, DISK), ==, -EIO);
    g_assert_cmpint(set_fault(bs, NR_ZONES * ZONE), ==, -EIO);
    g_assert_cmpint(set_fault(bs, GRAN), ==, -BLK_ZERR_INVALID);
    g_assert_cmpint(set_fault(plain, 0), ==, -ENOTSUP);
    /* A window does not pass it on: the disk itself has a name */
    g_assert_cmpint(set_fault(raw, 0), ==, -ENOTSUP);
    bs->open_flags &= ~BDRV_O_RDWR;
    g_assert_cmpint(set_fault(bs, 0), ==, -EPERM);
    bs->open_flags |= BDRV_O_RDWR | BDRV_O_INACTIVE;
    g_assert_cmpint(set_fault(bs, 0), ==, -EPERM);
    bs->open_flags &= ~BDRV_O_INACTIVE;
    assert_log(d, "");

    g_assert_cmpint(set_fault(bs, 7 * ZONE), ==, 0);
    assert_log(d, "fault 2 458752");
    d->error = -BLK_ZERR_ACTIVE;
    g_assert_cmpint(set_fault(bs, ZONE), ==, -BLK_ZERR_ACTIVE);

    bdrv_unref(plain);
    bdrv_unref(raw);
    bdrv_unref(bs);
}

static void test_fault_order(void)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, sizeof(data));
    BlockZoneDescriptor zone;
    uint32_t nr_zones = 1;
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    int write = PENDING, late = PENDING, report = PENDING, other = PENDING;
    FaultJob job;

    d->hold = true;
    blk_aio_pwritev(blk, ZONE, &qiov, 0, set_result, &write);
    assert_log(d, "write 65536+4096");

    /* It waits for what is in flight, and the others wait for it */
    start_fault(&job, blk_bs(blk), ZONE);
    blk_aio_pwritev(blk, ZONE + GRAN, &qiov, 0, set_result, &late);
    blk_aio_zone_report(blk, ZONE, &nr_zones, &zone, set_result, &report);
    settle();
    assert_log(d, "");
    blk_aio_pwritev(blk, 2 * ZONE, &qiov, 0, set_result, &other);
    assert_log(d, "write 131072+4096");

    release(d);
    wait_for(&late);
    wait_for(&report);
    g_assert_true(g_str_has_prefix(d->log->str, "fault 2 65536, "));
    g_assert_cmpint(write | late | report | other | job.ret, ==, 0);

    /* There is something to flush afterwards */
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_string_truncate(d->log, 0);
    g_assert_cmpint(set_fault(blk_bs(blk), ZONE), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    assert_log(d, "fault 2 65536, flush");

    blk_unref(blk);
}

static void test_append_order(void)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, sizeof(data));
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    int64_t first_at = ZONE, second_at = ZONE, late_at = ZONE;
    int first = PENDING, second = PENDING, finish = PENDING, late = PENDING;

    /* Appends to a zone run in parallel */
    d->hold = true;
    blk_aio_zone_append(blk, &first_at, &qiov, 0, set_result, &first);
    blk_aio_zone_append(blk, &second_at, &qiov, 0, set_result, &second);
    assert_log(d, "append 65536+4096, append 65536+4096");

    blk_aio_zone_mgmt(blk, BLK_ZO_FINISH, ZONE, ZONE, set_result, &finish);
    blk_aio_zone_append(blk, &late_at, &qiov, 0, set_result, &late);
    settle();
    assert_log(d, "");

    release(d);
    wait_for(&late);
    assert_log(d, "finish 65536+65536, append 65536+4096");
    g_assert_cmpint(first | second | finish | late, ==, 0);
    g_assert_cmpint(first_at, ==, ZONE);
    g_assert_cmpint(second_at, ==, ZONE + GRAN);
    g_assert_cmpint(late_at, ==, ZONE + 2 * GRAN);

    blk_unref(blk);
}

static void test_report_order(void)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, sizeof(data));
    BlockZoneDescriptor zone;
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    uint32_t nr_zones = 1;
    int write = PENDING, reset = PENDING, report = PENDING;

    /* A report does not wait for writes */
    d->hold = true;
    blk_aio_pwritev(blk, 0, &qiov, 0, set_result, &write);
    blk_aio_zone_report(blk, 0, &nr_zones, &zone, set_result, &report);
    assert_log(d, "write 0+4096, report 0+1");
    release(d);
    wait_for(&report);
    wait_for(&write);

    /* But it shows a zone as it is before or after a reset, not within */
    d->hold = true;
    report = PENDING;
    blk_aio_zone_mgmt(blk, BLK_ZO_RESET, 0, ZONE, set_result, &reset);
    blk_aio_zone_report(blk, 0, &nr_zones, &zone, set_result, &report);
    settle();
    assert_log(d, "reset 0+65536");
    release(d);
    wait_for(&report);
    assert_log(d, "report 0+1");

    blk_unref(blk);
}

static void test_drain(void)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, sizeof(data));
    BlockZoneDescriptor zone;
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    BlockDriverState *bs = blk_bs(blk);
    uint32_t nr_zones = 1;
    int64_t offset = ZONE;
    int open = PENDING, append = PENDING, report = PENDING, late = PENDING;

    d->hold = true;
    blk_aio_zone_mgmt(blk, BLK_ZO_OPEN, 0, ZONE, set_result, &open);
    blk_aio_zone_append(blk, &offset, &qiov, 0, set_result, &append);
    blk_aio_zone_report(blk, 2 * ZONE, &nr_zones, &zone, set_result, &report);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), release, d);
    bdrv_drained_begin(bs);
    g_assert_cmpint(open, ==, 0);
    g_assert_cmpint(append, ==, 0);
    g_assert_cmpint(report, ==, 0);
    assert_log(d, "open 0+65536, append 65536+4096, report 131072+1");

    /* A request that comes during the drain waits for its end */
    blk_aio_zone_mgmt(blk, BLK_ZO_CLOSE, 0, ZONE, set_result, &late);
    settle();
    assert_log(d, "");
    bdrv_drained_end(bs);
    wait_for(&late);
    assert_log(d, "close 0+65536");

    blk_unref(blk);
}

static void test_throttle(void)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, data, sizeof(data));
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    ThrottleGroupMember *tgm = &blk_get_public(blk)->throttle_group_member;
    int64_t first_at = 0, second_at = 0;
    int first = PENDING, second = PENDING, reset = PENDING;
    ThrottleConfig cfg;

    /* One byte each second: the second append is not due for an hour */
    throttle_config_init(&cfg);
    cfg.buckets[THROTTLE_BPS_WRITE].avg = 1;
    blk_io_limits_enable(blk, "group");
    blk_set_io_limits(blk, &cfg);

    blk_aio_zone_append(blk, &first_at, &qiov, 0, set_result, &first);
    wait_for(&first);
    blk_aio_zone_append(blk, &second_at, &qiov, 0, set_result, &second);
    blk_aio_zone_mgmt(blk, BLK_ZO_RESET, 0, ZONE, set_result, &reset);
    settle();
    g_assert_cmpint(tgm->pending_reqs[true], ==, 2);
    assert_log(d, "append 0+4096");

    blk_io_limits_disable(blk);
    wait_for(&second);
    wait_for(&reset);
    assert_log(d, "append 0+4096, reset 0+65536");

    blk_unref(blk);
}

/*
 * Traces that a request leaves
 */

static void test_dirty_bitmap(void)
{
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);
    BlockDriverState *bs = blk_bs(blk);
    BdrvDirtyBitmap *bitmap = bdrv_create_dirty_bitmap(bs, GRAN, "bitmap",
                                                       &error_abort);

    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_OPEN, 0, ZONE), ==, 0);
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_CLOSE, 0, ZONE), ==, 0);
    g_assert_cmpint(bdrv_get_dirty_count(bitmap), ==, 0);

    /* An append, where the data went */
    d->wp[1] = ZONE + 2 * GRAN;
    g_assert_cmpint(append_at(blk, ZONE, GRAN), ==, 0);
    g_assert_cmpint(bdrv_get_dirty_count(bitmap), ==, GRAN);
    g_assert_true(bdrv_dirty_bitmap_get(bitmap, ZONE + 2 * GRAN));

    /* One that failed may have written anywhere in its zone */
    d->error = -EIO;
    g_assert_cmpint(append_at(blk, ZONE, GRAN), ==, -EIO);
    d->error = 0;
    g_assert_cmpint(bdrv_get_dirty_count(bitmap), ==, ZONE);
    g_assert_true(bdrv_dirty_bitmap_get(bitmap, ZONE));

    bdrv_clear_dirty_bitmap(bitmap, NULL);
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, 3 * ZONE, ZONE), ==, 0);
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_FINISH, 5 * ZONE, ZONE), ==, 0);
    g_assert_cmpint(bdrv_get_dirty_count(bitmap), ==, 2 * ZONE);
    g_assert_true(bdrv_dirty_bitmap_get(bitmap, 3 * ZONE));
    g_assert_true(bdrv_dirty_bitmap_get(bitmap, 6 * ZONE - GRAN));

    /* Nothing changes without a bitmap that must know of it */
    d->log->len = 0;
    bdrv_dirty_bitmap_set_readonly(bitmap, true);
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, 0, ZONE), ==, -EPERM);
    g_assert_cmpint(append_at(blk, 0, GRAN), ==, -EPERM);
    g_assert_cmpint(d->log->len, ==, 0);

    bdrv_dirty_bitmap_set_readonly(bitmap, false);
    bdrv_release_dirty_bitmap(bitmap);
    blk_unref(blk);
}

static void test_write_cache(void)
{
    TestDisk *d;
    BlockBackend *blk = new_zoned_backend(&d);

    blk_set_enable_write_cache(blk, false);
    g_assert_cmpint(append_at(blk, 0, GRAN), ==, 0);
    assert_log(d, "append 0+4096, flush");
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_FINISH, 0, ZONE), ==, 0);
    assert_log(d, "finish 0+65536, flush");
    /* No zone stays open longer than the program runs */
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_OPEN, 0, ZONE), ==, 0);
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_CLOSE, 0, ZONE), ==, 0);
    assert_log(d, "open 0+65536, close 0+65536");

    blk_set_enable_write_cache(blk, true);
    g_assert_cmpint(append_at(blk, ZONE, GRAN), ==, 0);
    assert_log(d, "append 65536+4096");
    /* and a flush knows that there is something to flush */
    g_assert_cmpint(blk_flush(blk), ==, 0);
    assert_log(d, "flush");
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, ZONE, ZONE), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    assert_log(d, "reset 65536+65536, flush");

    blk_unref(blk);
}

/*
 * Threads
 */

typedef struct ThreadJob {
    BlockBackend *blk;
    TestDisk *disk;
    QEMUIOVector qiov;
    int64_t offset;
    int ret;
    QemuEvent done;
} ThreadJob;

static void thread_done(void *opaque, int ret)
{
    ThreadJob *job = opaque;

    job->ret = ret;
    qemu_event_set(&job->done);
}

static void thread_append(void *opaque)
{
    ThreadJob *job = opaque;

    job->disk->hold = true;
    blk_aio_zone_append(job->blk, &job->offset, &job->qiov, 0, thread_done,
                        job);
    aio_bh_schedule_oneshot(qemu_get_current_aio_context(), release,
                            job->disk);
}

static void test_iothread(void)
{
    IOThread *thread = iothread_new();
    AioContext *ctx = iothread_get_aio_context(thread);
    ThreadJob job = {
        .qiov = QEMU_IOVEC_INIT_BUF(job.qiov, data, sizeof(data)),
        .offset = 2 * ZONE,
        .ret = PENDING,
    };

    job.blk = new_zoned_backend(&job.disk);
    qemu_event_init(&job.done, false);
    blk_set_aio_context(job.blk, ctx, &error_abort);

    aio_bh_schedule_oneshot(ctx, thread_append, &job);
    qemu_event_wait(&job.done);
    g_assert_cmpint(job.ret, ==, 0);
    g_assert_true(job.disk->ctx == ctx);
    assert_log(job.disk, "append 131072+4096");

    /* A request from the main thread runs in the thread of the disk */
    aio_context_acquire(ctx);
    g_assert_cmpint(blk_zone_mgmt(job.blk, BLK_ZO_RESET, 0, ZONE), ==, 0);
    g_assert_true(job.disk->ctx == ctx);

    blk_set_aio_context(job.blk, qemu_get_aio_context(), &error_abort);
    aio_context_release(ctx);
    blk_unref(job.blk);
    qemu_event_destroy(&job.done);
    iothread_join(thread);
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    module_call_init(MODULE_INIT_QOM);

    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zone-io/arguments/mgmt", test_mgmt_arguments);
    g_test_add_func("/zone-io/arguments/append", test_append_arguments);
    g_test_add_func("/zone-io/arguments/report", test_report_arguments);
    g_test_add_func("/zone-io/arguments/unfit-disks", test_unfit_disks);
    g_test_add_func("/zone-io/reset-all", test_reset_all);
    g_test_add_func("/zone-io/getters", test_getters);
    g_test_add_func("/zone-io/no-padding", test_no_padding);
    g_test_add_func("/zone-io/span", test_span);
    g_test_add_func("/zone-io/order/mgmt", test_mgmt_order);
    g_test_add_func("/zone-io/order/held", test_held_changes);
    g_test_add_func("/zone-io/faults/arguments", test_fault_arguments);
    g_test_add_func("/zone-io/faults/order", test_fault_order);
    g_test_add_func("/zone-io/order/append", test_append_order);
    g_test_add_func("/zone-io/order/report", test_report_order);
    g_test_add_func("/zone-io/drain", test_drain);
    g_test_add_func("/zone-io/throttle", test_throttle);
    g_test_add_func("/zone-io/dirty-bitmap", test_dirty_bitmap);
    g_test_add_func("/zone-io/write-cache", test_write_cache);
    g_test_add_func("/zone-io/iothread", test_iothread);

    return g_test_run();
}
