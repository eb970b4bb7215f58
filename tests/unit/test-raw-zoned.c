/*
 * Unit tests for windows on a zoned disk
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "zone-disk.h"

static void test_raw_window(void)
{
    BlockZoneDescriptor zones[NR_ZONES];
    BlockDriverState *disk = new_disk(BLK_Z_HM, "disk");
    BlockDriverState *raw = open_raw(2 * ZONE, 3 * ZONE, &error_abort);
    BlockBackend *blk = new_backend(raw);
    TestDisk *d = disk->opaque;
    uint32_t nr_zones = NR_ZONES;
    int64_t offset = ZONE;

    g_assert_cmpint(blk_get_zoned(blk), ==, BLK_Z_HM);
    g_assert_cmpint(blk_get_nr_zones(blk), ==, 3);
    g_assert_cmpint(blk_get_zone_size(blk), ==, ZONE);
    g_assert_cmpint(blk_get_write_granularity(blk), ==, GRAN);
    g_assert_cmpint(blk_get_max_append_sectors(blk), ==, 64);
    g_assert_cmpint(blk_get_max_open_zones(blk), ==, 3);
    g_assert_cmpint(blk_get_max_active_zones(blk), ==, 4);

    d->wp[3] = 3 * ZONE + GRAN;
    g_assert_cmpint(blk_zone_report(blk, ZONE, &nr_zones, zones), ==, 0);
    assert_log(d, "report 196608+2");
    g_assert_cmpint(nr_zones, ==, 2);
    g_assert_cmpint(zones[0].start, ==, ZONE);
    g_assert_cmpint(zones[0].wp, ==, ZONE + GRAN);
    g_assert_cmpint(zones[1].start, ==, 2 * ZONE);
    g_assert_cmpint(zones[1].wp, ==, 2 * ZONE);

    g_assert_cmpint(append(blk, &offset, GRAN), ==, 0);
    assert_log(d, "append 196608+4096");
    g_assert_cmpint(offset, ==, ZONE + GRAN);

    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_OPEN, 2 * ZONE, ZONE), ==, 0);
    assert_log(d, "open 262144+65536");
    /* All of the window is not all of the disk */
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, 0, 3 * ZONE), ==, 0);
    assert_log(d, "reset-all 131072+196608");
    g_assert_cmpint(blk_zone_mgmt(blk, BLK_ZO_RESET, 3 * ZONE, ZONE), ==,
                    -EIO);
    assert_log(d, "");

    blk_unref(blk);
    bdrv_unref(raw);
    bdrv_unref(disk);
}

/* @error says what is wrong, the value and the zone size */
static void assert_raw_refused(int64_t offset, int64_t size,
                               const char *option, const char *value)
{
    Error *err = NULL;

    g_assert_null(open_raw(offset, size, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), option));
    g_assert_nonnull(strstr(error_get_pretty(err), value));
    g_assert_nonnull(strstr(error_get_pretty(err), "65536"));
    error_free(err);
}

static void test_raw_refused(void)
{
    BlockDriverState *disk = new_disk(BLK_Z_HM, "disk");
    BlockDriverState *raw;

    assert_raw_refused(GRAN, -1, "offset", "4096");
    assert_raw_refused(ZONE, ZONE + GRAN, "size", "69632");
    assert_raw_refused(0, 512, "size", "512");

    /* Up to the end of the disk, where the last zone is short */
    raw = open_raw(6 * ZONE, DISK - 6 * ZONE, &error_abort);
    g_assert_cmpint(raw->bl.nr_zones, ==, 2);
    bdrv_unref(raw);
    raw = open_raw(7 * ZONE, -1, &error_abort);
    g_assert_cmpint(raw->bl.nr_zones, ==, 1);
    bdrv_unref(raw);
    bdrv_unref(disk);

    /* A host-aware disk becomes an ordinary one instead */
    disk = new_disk(BLK_Z_HA, "disk");
    raw = open_raw(GRAN, -1, &error_abort);
    g_assert_cmpint(raw->bl.zoned, ==, BLK_Z_NONE);
    bdrv_unref(raw);
    raw = open_raw(ZONE, -1, &error_abort);
    g_assert_cmpint(raw->bl.zoned, ==, BLK_Z_HA);
    bdrv_unref(raw);
    bdrv_unref(disk);
}

/* A guest must not make the disk look like one of another format */
static void test_raw_probed(void)
{
    static const char header[GRAN] = "QFI\xfb\0\0\0\x03";
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, (void *)header, GRAN);
    BlockDriverState *disk = new_disk(BLK_Z_HA, "disk");
    QDict *options = qdict_new();
    BlockDriverState *raw;
    BlockBackend *blk;
    TestDisk *d = disk->opaque;
    int64_t offset = 0;

    qdict_put_str(options, "file", "disk");
    raw = bdrv_open(NULL, NULL, options, BDRV_O_RDWR, &error_abort);
    g_assert_true(raw->probed);
    blk = new_backend(raw);
    g_string_truncate(d->log, 0);

    g_assert_cmpint(blk_pwrite(blk, 0, GRAN, header, 0), ==, -EPERM);
    g_assert_cmpint(blk_zone_append(blk, &offset, &qiov, 0), ==, -EPERM);
    assert_log(d, "");
    offset = ZONE;
    g_assert_cmpint(blk_zone_append(blk, &offset, &qiov, 0), ==, 0);
    assert_log(d, "append 65536+4096");
    blk_unref(blk);
    bdrv_unref(raw);

    /* It is the user's choice */
    raw = open_raw(0, -1, &error_abort);
    blk = new_backend(raw);
    offset = 0;
    g_assert_cmpint(blk_zone_append(blk, &offset, &qiov, 0), ==, 0);
    blk_unref(blk);
    bdrv_unref(raw);
    bdrv_unref(disk);
}

static int reopen_raw(BlockDriverState *raw, int64_t offset, Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_int(options, "offset", offset);
    return bdrv_reopen(raw, options, true, errp);
}

static void test_raw_reopen(void)
{
    BlockDriverState *disk = new_disk(BLK_Z_HM, "disk");
    BlockDriverState *raw = open_raw(0, -1, &error_abort);
    Error *err = NULL;

    g_assert_cmpint(raw->bl.nr_zones, ==, NR_ZONES);
    g_assert_cmpint(reopen_raw(raw, 3 * ZONE, &error_abort), ==, 0);
    g_assert_cmpint(raw->bl.nr_zones, ==, NR_ZONES - 3);

    g_assert_cmpint(reopen_raw(raw, GRAN, &err), <, 0);
    error_free_or_abort(&err);
    g_assert_cmpint(raw->bl.nr_zones, ==, NR_ZONES - 3);

    bdrv_unref(raw);
    bdrv_unref(disk);
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    module_call_init(MODULE_INIT_QOM);

    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/raw-zoned/window", test_raw_window);
    g_test_add_func("/raw-zoned/refused", test_raw_refused);
    g_test_add_func("/raw-zoned/probed", test_raw_probed);
    g_test_add_func("/raw-zoned/reopen", test_raw_reopen);

    return g_test_run();
}
