/*
 * QTest testcase for virtio-blk on a zoned disk: zones that are told to fail,
 * resets, threads, and disks that a device cannot have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/qmp/qdict.h"
#include "zoned-image.h"
#include "standard-headers/linux/pci_regs.h"

static void set_zone_state(Disk *d, uint64_t sector, const char *state)
{
    QDict *reply = qtest_qmp(d->qts,
                             "{ 'execute': 'blockdev-set-zone-state',"
                             "  'arguments': { 'node-name': 'disk',"
                             "                 'offset': %" PRId64 ","
                             "                 'state': %s } }",
                             sector * SECTOR, state);

    g_assert_true(qdict_haskey(reply, "return"));
    qobject_unref(reply);
}

static void assert_unusable(Disk *d, uint64_t sector, int read_status)
{
    g_assert_cmpint(read_sectors(d, sector, GRANULE), ==, read_status);
    g_assert_cmpint(write_sectors(d, sector + GRANULE, GRANULE), ==,
                    S_INVALID_CMD);
    g_assert_cmpint(append(d, sector, GRANULE), ==, S_INVALID_CMD);
    for (int type = T_OPEN; type <= T_RESET; type += 2) {
        g_assert_cmpint(zone_op(d, type, sector), ==, S_INVALID_CMD);
    }
}

/* The guest sees it at once, and no machine stops for it */
static void check_zone_faults(const char *device_options)
{
    Disk *d = disk_new_with(device_options);

    g_assert_cmpint(write_sectors(d, 2 * ZONE, GRANULE), ==, S_OK);
    set_zone_state(d, 2 * ZONE, "read-only");
    assert_zone(d, 2 * ZONE, ZS_RDONLY, 3 * ZONE);
    assert_unusable(d, 2 * ZONE, S_OK);
    set_zone_state(d, 2 * ZONE, "offline");
    assert_zone(d, 2 * ZONE, ZS_OFFLINE, 3 * ZONE);
    assert_unusable(d, 2 * ZONE, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    assert_zone(d, 2 * ZONE, ZS_OFFLINE, 3 * ZONE);
    set_zone_state(d, 2 * ZONE, "usable");
    assert_zone(d, 2 * ZONE, ZS_CLOSED, 2 * ZONE + GRANULE);
    g_assert_cmpint(write_sectors(d, 2 * ZONE + GRANULE, GRANULE), ==, S_OK);
    assert_zone(d, 2 * ZONE, ZS_IOPEN, 2 * ZONE + 2 * GRANULE);
    g_assert_true(is_running(d));
    disk_free(d);
}

static void test_zone_faults(void)
{
    check_zone_faults(",werror=stop,rerror=stop");
    check_zone_faults(",iothread=io0");
}

static void test_read_only(void)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS),
                         ZONED_NODE ",read-only=on", "");

    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(append(d, 2 * ZONE, GRANULE), ==, S_IOERR);
    for (int type = T_OPEN; type <= T_RESET_ALL; type += 2) {
        g_assert_cmpint(zone_op(d, type, 2 * ZONE), ==, S_IOERR);
    }
    assert_zone(d, 2 * ZONE, ZS_EMPTY, 2 * ZONE);
    disk_free(d);
}

static void test_iothread(void)
{
    Disk *d = disk_new_with(",iothread=io0,num-queues=2");
    QVirtQueue *vq0 = d->vq;
    QVirtQueue *vq1;

    /* both queues exist before the device starts */
    qvirtio_start_device(d->dev);
    qvirtqueue_cleanup(d->dev->bus, vq0, &d->alloc);
    qvirtio_set_features(d->dev, F_VERSION_1 | F_ZONED | 1ULL << 12);
    vq0 = qvirtqueue_setup(d->dev, &d->alloc, 0);
    vq1 = qvirtqueue_setup(d->dev, &d->alloc, 1);
    qvirtio_set_driver_ok(d->dev);

    for (int i = 0; i < 20; i++) {
        uint64_t where;

        d->vq = i % 2 ? vq1 : vq0;
        g_assert_cmpint(append_bytes(d, 2 * ZONE, GRANULE * SECTOR, &where),
                        ==, S_OK);
        g_assert_cmpint(where, ==, 2 * ZONE + i * GRANULE);
        assert_zone(d, 2 * ZONE, ZS_IOPEN, where + GRANULE);
        g_assert_cmpint(append(d, 2 * ZONE, 0), ==, S_INVALID_CMD);
    }
    g_assert_cmpint(zone_op(d, T_RESET, 2 * ZONE), ==, S_OK);
    qvirtqueue_cleanup(d->dev->bus, vq1, &d->alloc);
    d->vq = vq0;
    disk_free(d);
}

/* Reset the device while the @n requests are on their way, and start it anew */
static void reset_under(Disk *d, Request *r, int n)
{
    kick(d);
    qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    qvirtio_start_device(d->dev);
    for (int i = 0; i < n; i++) {
        request_done(d, &r[i]);
    }
    disk_start(d, F_VERSION_1 | F_ZONED);
}

/* The driver goes away while requests of all kinds are on their way */
static void reset_in_flight(Disk *d)
{
    for (int round = 0; round < 20; round++) {
        Request r[3 * ARRAY_SIZE(zone_requests)];

        for (int i = 0; i < ARRAY_SIZE(r); i++) {
            int type = zone_requests[i % ARRAY_SIZE(zone_requests)];

            r[i] = (Request) { .type = type, .sector = (2 + i % 3) * ZONE,
                               .in_len = type == T_REPORT ? 1024 : 8,
                               .out_len = type == T_APPEND ? GRANULE * SECTOR
                                                           : 0 };
            submit(d, &r[i]);
        }
        reset_under(d, r, ARRAY_SIZE(r));
        g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
        for (int i = 2; i < NR_ZONES; i++) {
            assert_zone(d, i * ZONE, ZS_EMPTY, i * ZONE);
        }
    }
    disk_free(d);
}

static void test_reset_all_in_flight(void)
{
    reset_in_flight(disk_new());
    reset_in_flight(disk_new_with(",iothread=io0"));
}

/* Of appends that were on their way, each is there or is not */
static void test_reset_in_flight(void)
{
    Disk *d = disk_new();

    for (int round = 0; round < 20; round++) {
        Request r[8] = { 0 };
        Zone z;

        for (int i = 0; i < ARRAY_SIZE(r); i++) {
            r[i] = (Request) { .type = i % 2 ? T_REPORT : T_APPEND,
                               .sector = 2 * ZONE, .in_len = 1024,
                               .out_len = i % 2 ? 0 : GRANULE * SECTOR };
            submit(d, &r[i]);
        }
        reset_under(d, r, ARRAY_SIZE(r));
        z = get_zone(d, 2 * ZONE);
        g_assert_cmpint((z.wp - z.start) % GRANULE, ==, 0);
        g_assert_cmpint(append(d, 2 * ZONE, GRANULE), ==, S_OK);
        g_assert_cmpint(get_zone(d, 2 * ZONE).wp, ==, z.wp + GRANULE);
    }
    disk_free(d);
}

/* What is refused when the device is made */

static void assert_refused(QTestState *qts, const char *driver,
                           const char *options, const char *words)
{
    g_auto(GStrv) expected = g_strsplit(words, "|", -1);
    g_autofree char *cmd =
        g_strdup_printf("{ 'execute': 'device_add', 'arguments': { "
                        "'driver': '%s', 'id': 'vd', 'drive': 'disk'%s } }",
                        driver, options);
    QDict *reply = qtest_qmp(qts, cmd, NULL);
    const char *desc;

    g_assert_true(qdict_haskey(reply, "error"));
    desc = qdict_get_str(qdict_get_qdict(reply, "error"), "desc");
    g_test_message("%s", desc);
    for (int i = 0; expected[i]; i++) {
        g_assert_nonnull(strstr(desc, expected[i]));
    }
    qobject_unref(reply);
}

/* A machine without the disk's device, and the device */
static QTestState *realize_start(const char *image)
{
    return qtest_initf("-machine pc "
                       "-blockdev driver=file,node-name=file,filename=%s "
                       ZONED_NODE, image);
}

static Disk *realize_add(QTestState *qts, char *image)
{
    Disk *d = g_new0(Disk, 1);

    qtest_qmp_device_add(qts, "virtio-blk-pci", "vd", "{ 'drive': 'disk', "
                         "'addr': %s }", stringify(PCI_SLOT));
    d->qts = qts;
    d->image = image;
    disk_find(d);
    return d;
}

static void test_realize_modern(void)
{
    char *image = image_new(IMAGE_SIZE, IMAGE_OPTIONS);
    QTestState *qts = realize_start(image);
    Disk *d;

    assert_refused(qts, "virtio-blk-pci-transitional", "",
                   "virtio-blk-pci-transitional|disable-legacy|"
                   "use virtio-blk-pci without");
    assert_refused(qts, "virtio-blk-pci", ", 'disable-legacy': 'off'",
                   "disable-legacy=off|use virtio-blk-pci without");
    assert_refused(qts, "virtio-blk-pci", ", 'disable-modern': true",
                   "disable-modern=on|use virtio-blk-pci without");

    /* and after all these it still works, without a legacy interface */
    d = realize_add(qts, image);
    g_assert_cmphex(qpci_config_readw(d->pci->pdev, PCI_DEVICE_ID), ==, 0x1042);
    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(write_sectors(d, 2 * ZONE, GRANULE), ==, S_OK);
    disk_free(d);
}

static void test_realize_block_sizes(void)
{
    char *image = image_new(IMAGE_SIZE, IMAGE_OPTIONS);
    QTestState *qts = realize_start(image);
    Disk *d;

    assert_refused(qts, "virtio-blk-pci", ", 'logical_block_size': 512",
                   "logical_block_size 512|write granularity 4096");
    assert_refused(qts, "virtio-blk-pci", ", 'logical_block_size': 8192",
                   "logical_block_size 8192|write granularity 4096");
    assert_refused(qts, "virtio-blk-pci", ", 'physical_block_size': 2097152",
                   "physical_block_size 2097152|zone size 1048576");
    /* blk_size and physical_block_exp */
    d = realize_add(qts, image);
    g_assert_cmpint(config_l(d, 20), ==, 4096);
    g_assert_cmpint(d->dev->bus->config_readb(d->dev, 24), ==, 0);
    disk_free(d);

    d = disk_new_with(",logical_block_size=4096,physical_block_size=8192,"
                      "backend_defaults=off");
    g_assert_cmpint(config_l(d, 20), ==, 4096);
    g_assert_cmpint(d->dev->bus->config_readb(d->dev, 24), ==, 1);
    disk_free(d);

    image = image_new("16M", "zone_size=1M,write_granularity=512");
    qts = realize_start(image);
    assert_refused(qts, "virtio-blk-pci", ", 'logical_block_size': 4096",
                   "logical_block_size 4096|write granularity 512");
    d = realize_add(qts, image);
    g_assert_cmpint(config_l(d, 20), ==, 512);
    g_assert_cmpint(d->dev->bus->config_readb(d->dev, 24), ==, 0);
    g_assert_cmpint(config_l(d, 88), ==, 512);
    disk_free(d);

    /* more than a page of many guests */
    image = image_new("16M", "zone_size=1M,write_granularity=64K");
    qts = realize_start(image);
    assert_refused(qts, "virtio-blk-pci", ", 'logical_block_size': 4096",
                   "logical_block_size 4096|write granularity 65536");
    d = realize_add(qts, image);
    g_assert_cmpint(config_l(d, 20), ==, 65536);
    g_assert_cmpint(config_l(d, 88), ==, 65536);
    disk_free(d);
}

/* A machine whose disk has no zones */
static Disk *plain_disk_new(void)
{
    Disk *d = g_new0(Disk, 1);

    d->qts = qtest_initf("-machine pc -blockdev driver=null-co,node-name=disk,"
                         "read-zeroes=on,size=16777216 "
                         "-device virtio-blk-pci,id=vd,drive=disk,addr=%d",
                         PCI_SLOT);
    disk_find(d);
    disk_start(d, F_VERSION_1);
    return d;
}

/* Set the boundaries of histograms; returns what is wrong, or NULL */
static char *set_boundaries(Disk *d, const char *option)
{
    QDict *reply = qtest_qmp(d->qts,
                             "{ 'execute': 'block-latency-histogram-set',"
                             "  'arguments': { 'id': %s, %s: [ 10, 100 ] } }",
                             QDEV_PATH, option);
    QDict *error = qdict_get_qdict(reply, "error");
    char *desc = error ? g_strdup(qdict_get_str(error, "desc")) : NULL;

    qobject_unref(reply);
    return desc;
}

/* A disk without zones has no histogram of appends, and refuses one */
static void test_plain_histogram(void)
{
    g_autofree char *desc = NULL;
    Disk *d = plain_disk_new();

    g_assert_null(set_boundaries(d, "boundaries"));
    desc = set_boundaries(d, "boundaries-zap");
    g_assert_nonnull(desc);
    g_assert_nonnull(strstr(desc, "boundaries-zap"));
    g_assert_nonnull(strstr(desc, "use boundaries-write"));
    disk_free(d);
}

/* Without zones, a zone request is not known, and changes nothing */
static void test_plain_merge(void)
{
    Disk *d = plain_disk_new();
    Request r[] = {
        { .type = T_IN, .sector = 0, .in_len = SECTOR },
        { .type = T_RESET, .sector = 0 },
        { .type = T_IN, .sector = 1, .in_len = SECTOR },
    };

    for (int i = 0; i < ARRAY_SIZE(r); i++) {
        submit(d, &r[i]);
    }
    kick(d);
    complete(d, r, ARRAY_SIZE(r));
    g_assert_cmpint(r[0].status, ==, S_OK);
    g_assert_cmpint(r[1].status, ==, S_UNSUPP);
    g_assert_cmpint(r[2].status, ==, S_OK);
    g_assert_cmpint(disk_stat(d, "rd_merged"), ==, 1);
    for (int i = 0; i < ARRAY_SIZE(r); i++) {
        request_done(d, &r[i]);
    }
    disk_free(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/virtio-blk-zoned/zone-faults", test_zone_faults);
    qtest_add_func("/virtio-blk-zoned/read-only", test_read_only);
    qtest_add_func("/virtio-blk-zoned/iothread", test_iothread);
    qtest_add_func("/virtio-blk-zoned/reset-in-flight", test_reset_in_flight);
    qtest_add_func("/virtio-blk-zoned/reset-all-in-flight",
                   test_reset_all_in_flight);
    qtest_add_func("/virtio-blk-zoned/realize-modern", test_realize_modern);
    qtest_add_func("/virtio-blk-zoned/realize-block-sizes",
                   test_realize_block_sizes);
    qtest_add_func("/virtio-blk-zoned/plain-histogram", test_plain_histogram);
    qtest_add_func("/virtio-blk-zoned/plain-merge", test_plain_merge);
    return g_test_run();
}
