/*
 * Unit tests for zoned host devices where the headers of the kernel, at the
 * time when QEMU is built, know no zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include "qapi/error.h"
#include "block/block_int.h"

/* What sysfs says of the device */
static const char *zoned_attribute;
static bool is_partition;
/* How long a zone is in the kernel's eyes; -1 if it does not know the call */
static int64_t zone_sectors = -1;

static int device_stat(int fd, struct stat *st)
{
    *st = (struct stat) { .st_mode = S_IFBLK, .st_rdev = makedev(8, 16) };
    return 0;
}

static gboolean device_attribute(const char *path, char **text, gsize *len,
                                 GError **errp)
{
    const char *zoned_path = is_partition
        ? "/sys/dev/block/8:16/../queue/zoned"
        : "/sys/dev/block/8:16/queue/zoned";

    if (is_partition && g_str_equal(path, "/sys/dev/block/8:16/partition")) {
        *text = g_strdup("1\n");
        return true;
    }
    if (zoned_attribute && g_str_equal(path, zoned_path)) {
        *text = g_strdup(zoned_attribute);
        return true;
    }
    return false;
}

static int device_ioctl(int fd, unsigned long request, uint32_t *result)
{
    g_assert_cmpint(request, ==, _IOR(0x12, 132, uint32_t));
    if (zone_sectors < 0) {
        errno = ENOTTY;
        return -1;
    }
    *result = zone_sectors;
    return 0;
}

/* The file once more, with other names, as it is built there */
#undef CONFIG_BLKZONED
#define host_zoned_probe     unzoned_probe
#define host_zoned_limits    unzoned_limits
#define host_zoned_error     unzoned_error
#define host_zoned_co_report unzoned_co_report
#define host_zoned_co_mgmt   unzoned_co_mgmt
#define fstat                device_stat
#define ioctl                device_ioctl
#define g_file_get_contents  device_attribute
#include "../../block/host-zoned.c"

static void assert_refused(const char *words)
{
    Error *err = NULL;
    HostZoned hz;

    g_assert_cmpint(host_zoned_probe(0, true, &hz, &err), ==, -ENOTSUP);
    g_assert_nonnull(strstr(error_get_pretty(err), words));
    error_free(err);
}

static void test_refused(void)
{
    is_partition = false;
    zoned_attribute = "host-managed\n";
    assert_refused("built without support");
    is_partition = true;
    assert_refused("partition");
}

/* A device of which nothing is known is not taken for one without zones */
static void test_no_sysfs(void)
{
    is_partition = false;
    zoned_attribute = NULL;
    zone_sectors = 8192;
    assert_refused("/sys");
}

/* A host-aware device whose zones cannot be used is a disk like others */
static void test_host_aware(void)
{
    HostZoned hz;

    zoned_attribute = "host-aware\n";
    for (int i = 0; i < 4; i++) {
        is_partition = i & 1;
        g_assert_cmpint(host_zoned_probe(0, i & 2, &hz, &error_abort), ==, 0);
        g_assert_cmpint(hz.model, ==, BLK_Z_NONE);
    }
}

/* Devices that have no zones are not concerned */
static void test_plain(void)
{
    static const char *const texts[] = { "none\n", "", NULL };
    HostZoned hz;

    is_partition = false;
    for (int i = 0; i < 2 * ARRAY_SIZE(texts); i++) {
        zoned_attribute = texts[i / 2];
        zone_sectors = i % 2 ? 0 : -1;
        g_assert_cmpint(host_zoned_probe(0, false, &hz, &error_abort), ==, 0);
        g_assert_cmpint(hz.model, ==, BLK_Z_NONE);
    }
}

/* The kernel's error for a refusal depends on the kind of drive */
static void test_errors(void)
{
    g_assert_cmpint(host_zoned_error(0), ==, 0);
    g_assert_cmpint(host_zoned_error(-EIO), ==, -EIO);
    g_assert_cmpint(host_zoned_error(-EREMOTEIO), ==, -EIO);
    g_assert_cmpint(host_zoned_error(-ENODATA), ==, -ENODATA);
    g_assert_cmpint(host_zoned_error(-BLK_ZERR_OPEN), ==, -BLK_ZERR_OPEN);
    g_assert_cmpint(host_zoned_error(-BLK_ZERR_ACTIVE), ==, -BLK_ZERR_ACTIVE);
    g_assert_cmpint(host_zoned_error(-BLK_ZERR_NOT_AT_WP), ==, -EIO);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-zoned/refused", test_refused);
    g_test_add_func("/host-zoned/no-sysfs", test_no_sysfs);
    g_test_add_func("/host-zoned/plain", test_plain);
    g_test_add_func("/host-zoned/host-aware", test_host_aware);
    g_test_add_func("/host-zoned/errors", test_errors);
    return g_test_run();
}
