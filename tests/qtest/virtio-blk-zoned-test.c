/*
 * QTest testcase for virtio-blk on a zoned disk: every zone request and every
 * status of virtio 1.3, seen through the virtqueue like a guest sees them
 *
 * All disks are images of the zoned format.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "libqos/virtio-mmio.h"
#include "zoned-disk.h"
#include "standard-headers/linux/pci_regs.h"
#include "standard-headers/linux/virtio_config.h"

static const int zone_requests[] = {
    T_APPEND, T_REPORT, T_OPEN, T_CLOSE, T_FINISH, T_RESET, T_RESET_ALL,
};

/*
 * The usual disk: 15.5 MiB, so that the last zone is smaller than the others
 * and than their capacity.  All sectors are 512 bytes.
 */
#define IMAGE_OPTIONS "zone_size=1M,zone_capacity=768K,conventional_zones=2," \
                      "max_open_zones=3,max_active_zones=5," \
                      "max_append_bytes=64K,write_granularity=4096"
#define IMAGE_SIZE    "15872K"
#define DISK_SECTORS  31744
#define NR_ZONES      16
#define ZONE          2048  /* sectors of a zone */
#define CAP           1536  /* sectors of a zone that can be written */
#define MAX_APPEND    128   /* sectors */
#define GRANULE       8     /* sectors */

#define ZONED_NODE    "-blockdev driver=zoned,node-name=disk,file=file"

#define QDEV_PATH     "/machine/peripheral/vd/virtio-backend"
#define BUFFER_SIZE   (1024 * 1024)

/* Machine and image */

static void run_qemu_img(const char *args)
{
    g_autofree char *img = realpath(getenv("QTEST_QEMU_IMG"), NULL);
    g_autofree char *cmd = g_strdup_printf("%s %s", img, args);
    g_autofree char *out = NULL, *err = NULL;
    int rc;

    g_assert_true(g_spawn_command_line_sync(cmd, &out, &err, &rc, NULL));
    if (rc) {
        g_test_message("%s: %s%s", cmd, out, err);
    }
    g_assert_cmpint(rc, ==, 0);
}

static char *image_new(const char *size, const char *options)
{
    char *path = g_strdup_printf("%s/qtest-zoned.XXXXXX", g_get_tmp_dir());
    g_autofree char *args = NULL;
    int fd = g_mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    args = g_strdup_printf("create -q -f zoned -o %s %s %s", options, path,
                           size);
    run_qemu_img(args);
    return path;
}

static char *image_contents(const char *path, size_t *len)
{
    char *contents;

    g_assert_true(g_file_get_contents(path, &contents, len, NULL));
    return contents;
}

/* A machine whose disk has no driver yet */
static Disk *disk_probe(char *image, const char *nodes,
                        const char *device_options)
{
    Disk *d = g_new0(Disk, 1);

    d->image = image;
    d->qts = qtest_initf("-machine pc -object iothread,id=io0 "
                         "-blockdev driver=file,node-name=file,filename=%s %s "
                         "-device virtio-blk-pci,id=vd,drive=disk,addr=%d%s",
                         image, nodes, PCI_SLOT, device_options);
    disk_find(d);
    return d;
}

static Disk *disk_new_with(const char *device_options)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS), ZONED_NODE,
                         device_options);

    disk_start(d, F_VERSION_1 | F_ZONED);
    return d;
}

static Disk *disk_new(void)
{
    return disk_new_with("");
}

/* Statistic @name of the disk */
static int64_t disk_stat(Disk *d, const char *name)
{
    QDict *reply = qtest_qmp(d->qts, "{ 'execute': 'query-blockstats' }");
    const QListEntry *entry;
    int64_t n = -1;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(reply, "return"), entry) {
        QDict *dev = qobject_to(QDict, qlist_entry_obj(entry));

        if (!g_strcmp0(qdict_get_try_str(dev, "qdev"), QDEV_PATH)) {
            n = qdict_get_int(qdict_get_qdict(dev, "stats"), name);
        }
    }
    g_assert_cmpint(n, >=, 0);
    qobject_unref(reply);
    return n;
}

/* Features and configuration */

static void assert_config(Disk *d, bool zoned)
{
    g_assert_cmpint(d->dev->bus->config_readq(d->dev, 0), ==, DISK_SECTORS);
    for (int i = 60; i < 72; i++) {
        g_assert_cmphex(d->dev->bus->config_readb(d->dev, i), ==, 0);
    }
    g_assert_cmpint(config_l(d, 72), ==, zoned ? ZONE : 0);
    g_assert_cmpint(config_l(d, 76), ==, zoned ? 3 : 0);
    g_assert_cmpint(config_l(d, 80), ==, zoned ? 5 : 0);
    g_assert_cmpint(config_l(d, 84), ==, zoned ? MAX_APPEND : 0);
    g_assert_cmpint(config_l(d, 88), ==, zoned ? 4096 : 0);
    g_assert_cmphex(config_l(d, 92), ==, zoned ? 1 : 0);
    /* behind its end */
    g_assert_cmphex(config_l(d, 96), ==, UINT32_MAX);
}

static void test_config(void)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS), ZONED_NODE, "");
    uint64_t features = qvirtio_get_features(d->dev);

    g_assert_cmphex(features & F_ZONED, !=, 0);
    g_assert_cmphex(features & F_DISCARD, ==, 0);
    g_assert_cmphex(features & F_WRITE_ZEROES, ==, 0);
    assert_config(d, true);
    disk_start(d, F_VERSION_1 | F_ZONED);
    assert_config(d, true);
    /* a driver can write to the whole space; only wce takes it */
    for (int i = 0; i < 96; i++) {
        qpci_io_writeb(d->pci->pdev, d->pci->bar,
                       d->pci->device_cfg_offset + i, i == 32 ? 1 : 0xff);
    }
    assert_config(d, true);
    disk_free(d);
}

static bool features_accepted(Disk *d, uint64_t features)
{
    QVirtioPCIDevice *pci = d->pci;

    qvirtio_start_device(d->dev);
    if (features & F_VERSION_1) {
        d->dev->bus->set_features(d->dev, features);
    } else {
        /* libqos knows no such driver; common configuration, 4.1.4.3 */
        for (int i = 0; i < 2; i++) {
            uint64_t base = pci->common_cfg_offset;

            qpci_io_writel(pci->pdev, pci->bar, base + 8, i);
            qpci_io_writel(pci->pdev, pci->bar, base + 12, features >> 32 * i);
        }
    }
    d->dev->bus->set_status(d->dev, d->dev->bus->get_status(d->dev) |
                            VIRTIO_CONFIG_S_FEATURES_OK);
    return d->dev->bus->get_status(d->dev) & VIRTIO_CONFIG_S_FEATURES_OK;
}

/* Every request is answered with an error */
static void assert_nothing_works(Disk *d)
{
    const uint8_t dwz[16] = { [0] = 2 * ZONE & 0xff, [1] = 2 * ZONE >> 8,
                              [8] = GRANULE };

    g_assert_cmpint(read_sectors(d, 0, GRANULE), ==, S_IOERR);
    g_assert_cmpint(write_sectors(d, 0, GRANULE), ==, S_IOERR);
    g_assert_cmpint(write_sectors(d, 2 * ZONE, GRANULE), ==, S_IOERR);
    g_assert_cmpint(zone_op(d, T_FLUSH, 0), ==, S_IOERR);
    g_assert_cmpint(run(d, (Request) { .type = T_GET_ID, .in_len = 20 }, NULL),
                    ==, S_IOERR);
    g_assert_cmpint(run(d, (Request) { .type = T_DISCARD, .out = dwz,
                                       .out_len = sizeof(dwz) }, NULL),
                    ==, S_UNSUPP);
    g_assert_cmpint(run(d, (Request) { .type = T_WRITE_ZEROES, .out = dwz,
                                       .out_len = sizeof(dwz) }, NULL),
                    ==, S_UNSUPP);
    for (int i = 0; i < ARRAY_SIZE(zone_requests); i++) {
        g_assert_cmpint(zone_op(d, zone_requests[i], 2 * ZONE), ==, S_UNSUPP);
    }
}

static void test_features_refused(void)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS), ZONED_NODE, "");
    g_autofree char *before = NULL, *after = NULL;
    size_t before_len, after_len;

    before = image_contents(d->image, &before_len);
    g_assert_false(features_accepted(d, F_VERSION_1 | F_BLK_SIZE));
    g_assert_false(features_accepted(d, F_BLK_SIZE | F_ZONED));
    g_assert_false(features_accepted(d, 0));

    /* a driver that does not care */
    qvirtio_start_device(d->dev);
    d->dev->features = F_VERSION_1 | F_BLK_SIZE;
    d->dev->bus->set_features(d->dev, d->dev->features);
    d->dev->features_negotiated = true;
    d->vq = qvirtqueue_setup(d->dev, &d->alloc, 0);
    d->dev->bus->set_status(d->dev, d->dev->bus->get_status(d->dev) |
                            VIRTIO_CONFIG_S_DRIVER_OK);
    assert_nothing_works(d);
    assert_config(d, false);

    after = image_contents(d->image, &after_len);
    g_assert_cmpmem(before, before_len, after, after_len);

    qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    g_assert_true(features_accepted(d, F_VERSION_1 | F_ZONED));
    d->vq = NULL;
    disk_free(d);
}

/* microvm has virtio-mmio with its legacy interface */
static void test_legacy_mmio(void)
{
    g_autofree char *image = image_new(IMAGE_SIZE, IMAGE_OPTIONS);
    g_autofree char *before = NULL, *after = NULL;
    size_t before_len, after_len;
    QVirtioMMIODevice mmio = { 0 };
    uint64_t base = 0xfeb00000;
    Disk d = { .dev = &mmio.vdev };

    before = image_contents(image, &before_len);
    d.qts = qtest_initf("-machine microvm "
                        "-global virtio-mmio.force-legacy=true "
                        "-blockdev driver=file,node-name=file,filename=%s "
                        "-blockdev driver=zoned,node-name=disk,file=file "
                        "-device virtio-blk-device,drive=disk", image);
    alloc_init(&d.alloc, 0, 1024 * 1024, 64 * 1024 * 1024, 4096);
    /* slots are filled from the last one on */
    for (int i = 0; i < 32; i++) {
        if (qtest_readl(d.qts, base + i * 512 + 8) == 2) {
            base += i * 512;
            break;
        }
    }
    qvirtio_mmio_init_device(&mmio, d.qts, base, 4096);
    qvirtio_start_device(d.dev);
    g_assert_cmphex(qvirtio_get_features(d.dev) & F_ZONED, ==, 0);
    disk_start(&d, F_ZONED | F_BLK_SIZE);
    assert_nothing_works(&d);

    qvirtqueue_cleanup(d.dev->bus, d.vq, &d.alloc);
    qtest_quit(d.qts);
    after = image_contents(image, &after_len);
    g_assert_cmpmem(before, before_len, after, after_len);
    alloc_destroy(&d.alloc);
    unlink(image);
}

static void test_plain_disk(void)
{
    Disk *d = g_new0(Disk, 1);

    d->qts = qtest_initf("-machine pc -blockdev driver=null-co,node-name=disk,"
                         "read-zeroes=on,size=16777216 "
                         "-device virtio-blk-pci,drive=disk,addr=%d", PCI_SLOT);
    disk_find(d);
    g_assert_cmphex(qvirtio_get_features(d->dev) & F_ZONED, ==, 0);
    g_assert_cmphex(qvirtio_get_features(d->dev) & F_WRITE_ZEROES, !=, 0);
    disk_start(d, F_VERSION_1 | F_ZONED);
    /* the space ends where it did before there were zones */
    g_assert_cmphex(d->dev->bus->config_readb(d->dev, 56), ==, 1);
    g_assert_cmphex(d->dev->bus->config_readb(d->dev, 57), ==, UINT8_MAX);
    for (int i = 0; i < ARRAY_SIZE(zone_requests); i++) {
        g_assert_cmpint(zone_op(d, zone_requests[i], 0), ==, S_UNSUPP);
    }
    g_assert_cmpint(read_sectors(d, 0, 1), ==, S_OK);
    disk_free(d);
}

/* Append */

static void test_append(void)
{
    Disk *d = disk_new();
    g_autofree uint8_t *data = g_malloc(GRANULE * SECTOR);
    g_autofree uint8_t *back = g_malloc(GRANULE * SECTOR);
    uint8_t in[8];
    uint64_t where;
    Request r = { .type = T_APPEND, .sector = 3 * ZONE, .out = data,
                  .out_len = GRANULE * SECTOR, .in_len = 8 };

    memset(data, 0x77, GRANULE * SECTOR);
    g_assert_cmpint(append_bytes(d, 3 * ZONE, 2 * GRANULE * SECTOR, &where),
                    ==, S_OK);
    g_assert_cmpint(where, ==, 3 * ZONE);
    g_assert_cmpint(run(d, r, in), ==, S_OK);
    g_assert_cmpint(ldq_le_p(in), ==, 3 * ZONE + 2 * GRANULE);
    assert_zone(d, 3 * ZONE, ZS_IOPEN, 3 * ZONE + 3 * GRANULE);

    g_assert_cmpint(run(d, (Request) { .type = T_IN,
                                       .sector = 3 * ZONE + 2 * GRANULE,
                                       .in_len = GRANULE * SECTOR }, back),
                    ==, S_OK);
    g_assert_cmpmem(back, GRANULE * SECTOR, data, GRANULE * SECTOR);

    /* as much as one can carry, to the end of a zone */
    for (int i = 0; i < CAP / MAX_APPEND; i++) {
        g_assert_cmpint(append_bytes(d, 5 * ZONE, MAX_APPEND * SECTOR, &where),
                        ==, S_OK);
        g_assert_cmpint(where, ==, 5 * ZONE + i * MAX_APPEND);
    }
    assert_zone(d, 5 * ZONE, ZS_FULL, 0);
    g_assert_cmpint(append(d, 5 * ZONE, GRANULE), ==, S_INVALID_CMD);
    disk_free(d);
}

/*
 * The reply has the sector first and the status last, however many bytes there
 * are (Linux has 16) and however they are scattered
 */
static void test_append_layout(void)
{
    Disk *d = disk_new();
    static const size_t steps[] = { 3, 4, 8, 9, 16, 100, 65536 };
    uint64_t wp = 2 * ZONE;
    uint8_t in[40];

    for (int i = 0; i < ARRAY_SIZE(steps); i++) {
        for (int in_len = 8; in_len < sizeof(in); in_len += 7) {
            Request r = { .type = T_APPEND, .sector = 2 * ZONE,
                          .out_len = GRANULE * SECTOR, .in_len = in_len,
                          .step = steps[i] };

            if (r.out_len / r.step > d->vq->size / 2) {
                /* a chain as long as the queue allows */
                r.step = r.out_len / (d->vq->size / 2);
            }
            g_assert_cmpint(run(d, r, in), ==, S_OK);
            g_assert_cmpint(ldq_le_p(in), ==, wp);
            wp += GRANULE;
        }
    }

    /* only the reply in pieces, each byte of it */
    for (int step = 1; step <= 9; step++) {
        Request r = { .type = T_APPEND, .sector = 2 * ZONE,
                      .out_len = GRANULE * SECTOR, .in_len = 8,
                      .in_step = step };

        submit(d, &r);
        kick(d);
        complete(d, &r, 1);
        g_assert_cmpint(r.status, ==, S_OK);
        request_in(d, &r, in);
        g_assert_cmpint(ldq_le_p(in), ==, wp);
        g_assert_cmpint(r.used_len, ==, 9);
        request_done(d, &r);
        wp += GRANULE;
    }
    disk_free(d);
}

static void test_append_errors(void)
{
    Disk *d = disk_new();
    uint64_t where;

    g_assert_cmpint(append(d, 0, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, 2 * ZONE + GRANULE, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, 2 * ZONE + 1, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, 2 * ZONE, 0), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, 2 * ZONE, MAX_APPEND + GRANULE), ==,
                    S_INVALID_CMD);
    g_assert_cmpint(append(d, 2 * ZONE, GRANULE + 1), ==, S_UNALIGNED_WP);
    g_assert_cmpint(append_bytes(d, 2 * ZONE, 100, &where), ==, S_IOERR);
    g_assert_cmphex(where, ==, 0xa5a5a5a5a5a5a5a5ULL);
    g_assert_cmpint(append(d, DISK_SECTORS, GRANULE), ==, S_IOERR);
    g_assert_cmpint(append(d, 16 * ZONE, GRANULE), ==, S_IOERR);
    g_assert_cmpint(append(d, DISK_SECTORS, 0), ==, S_IOERR);
    /* times 512, these would be the start of zone 2 */
    g_assert_cmpint(append(d, (1ULL << 55) + 2 * ZONE, GRANULE), ==, S_IOERR);
    g_assert_cmpint(append(d, UINT64_MAX, GRANULE), ==, S_IOERR);
    g_assert_cmpint(append(d, UINT64_MAX - ZONE + 1, 0), ==, S_IOERR);

    /* no room for append_sector */
    for (int in_len = 0; in_len < 8; in_len++) {
        g_assert_cmpint(run(d, (Request) { .type = T_APPEND, .sector = 2 * ZONE,
                                           .out_len = GRANULE * SECTOR,
                                           .in_len = in_len }, NULL),
                        ==, S_INVALID_CMD);
    }
    assert_zone(d, 2 * ZONE, ZS_EMPTY, 2 * ZONE);

    /* the smaller last zone: past what is left of it */
    for (int i = 0; i < DISK_SECTORS % ZONE / MAX_APPEND; i++) {
        g_assert_cmpint(append(d, 15 * ZONE, MAX_APPEND), ==, S_OK);
    }
    g_assert_cmpint(append(d, 15 * ZONE, GRANULE), ==, S_INVALID_CMD);
    assert_zone(d, 15 * ZONE, ZS_FULL, 0);
    disk_free(d);
}

static void test_append_statistics(void)
{
    Disk *d = disk_new();

    g_assert_cmpint(append(d, 2 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(append(d, 2 * ZONE, 2 * GRANULE), ==, S_OK);
    g_assert_cmpint(append(d, 2 * ZONE, GRANULE + 1), ==, S_UNALIGNED_WP);
    g_assert_cmpint(append(d, 2 * ZONE, 0), ==, S_INVALID_CMD);
    g_assert_cmpint(disk_stat(d, "zone_append_operations"), ==, 2);
    g_assert_cmpint(disk_stat(d, "zone_append_bytes"), ==,
                    3 * GRANULE * SECTOR);
    g_assert_cmpint(disk_stat(d, "failed_zone_append_operations"), ==, 1);
    g_assert_cmpint(disk_stat(d, "invalid_zone_append_operations"), ==, 1);
    g_assert_cmpint(disk_stat(d, "wr_operations"), ==, 0);
    disk_free(d);
}

/* Report */

static void test_report(void)
{
    Disk *d = disk_new();
    const size_t len = REPORT_HEADER + (NR_ZONES + 3) * REPORT_ZONE + 17;
    g_autofree uint8_t *in = g_malloc(len);
    Request r = { .type = T_REPORT, .in_len = len };

    g_assert_cmpint(write_sectors(d, 2 * ZONE, 3 * GRANULE), ==, S_OK);
    submit(d, &r);
    kick(d);
    complete(d, &r, 1);
    g_assert_cmpint(r.status, ==, S_OK);
    g_assert_cmpint(r.used_len, ==, len + 1);
    request_in(d, &r, in);
    request_done(d, &r);

    g_assert_cmpint(ldq_le_p(in), ==, NR_ZONES);
    for (int i = 8; i < REPORT_HEADER; i++) {
        g_assert_cmphex(in[i], ==, 0);
    }
    for (int i = 0; i < NR_ZONES; i++) {
        Zone z = decode_zone(in + REPORT_HEADER + i * REPORT_ZONE);

        g_assert_cmpint(z.start, ==, i * ZONE);
        if (i < 2) {
            g_assert_cmpint(z.type, ==, ZT_CONV);
            g_assert_cmpint(z.state, ==, ZS_NOT_WP);
            g_assert_cmpint(z.cap, ==, ZONE);
        } else {
            g_assert_cmpint(z.type, ==, ZT_SWR);
            g_assert_cmpint(z.state, ==, i == 2 ? ZS_IOPEN : ZS_EMPTY);
            g_assert_cmpint(z.wp, ==, i * ZONE + (i == 2 ? 3 * GRANULE : 0));
            g_assert_cmpint(z.cap, ==, i < 15 ? CAP : DISK_SECTORS % ZONE);
        }
    }
    for (int i = REPORT_HEADER + NR_ZONES * REPORT_ZONE; i < len; i++) {
        g_assert_cmphex(in[i], ==, 0);
    }
    disk_free(d);
}

/* A report of each size is answered, in whatever descriptors it comes */
static void test_report_sizes(void)
{
    Disk *d = disk_new();
    static const size_t lens[] = {
        0, 1, 7, 8, 9, 62, 63, 64, 65, 100, 127, 128, 129, 191, 192, 300,
    };
    static const size_t steps[] = { 0, 3, 8, 63, 64, 65, 4096 };
    uint8_t in[300];

    for (int i = 0; i < ARRAY_SIZE(lens); i++) {
        for (int j = 0; j < ARRAY_SIZE(steps); j++) {
            Request r = { .type = T_REPORT, .sector = 4 * ZONE + 5,
                          .in_len = lens[i], .step = steps[j] };
            int status = run(d, r, in);
            int n = ((int)lens[i] - REPORT_HEADER) / REPORT_ZONE;

            if (lens[i] < REPORT_HEADER) {
                g_assert_cmpint(status, ==, S_INVALID_CMD);
                continue;
            }
            g_assert_cmpint(status, ==, S_OK);
            g_assert_cmpint(ldq_le_p(in), ==, n);
            for (int k = 0; k < n; k++) {
                Zone z = decode_zone(in + REPORT_HEADER + k * REPORT_ZONE);

                g_assert_cmpint(z.start, ==, (4 + k) * ZONE);
            }
        }
    }
    disk_free(d);
}

static void test_report_place(void)
{
    Disk *d = disk_new();
    uint8_t in[1024];
    Request r = { .type = T_REPORT, .in_len = sizeof(in) };

    for (r.sector = 14 * ZONE; r.sector < DISK_SECTORS; r.sector += 511) {
        uint64_t first = r.sector / ZONE;

        g_assert_cmpint(run(d, r, in), ==, S_OK);
        g_assert_cmpint(ldq_le_p(in), ==, NR_ZONES - first);
        g_assert_cmpint(decode_zone(in + REPORT_HEADER).start, ==,
                        first * ZONE);
    }
    r.sector = DISK_SECTORS;
    g_assert_cmpint(run(d, r, in), ==, S_IOERR);
    r.sector = 1ULL << 55;
    g_assert_cmpint(run(d, r, in), ==, S_IOERR);
    r.sector = UINT64_MAX;
    g_assert_cmpint(run(d, r, in), ==, S_IOERR);
    r.in_len = 0;
    g_assert_cmpint(run(d, r, in), ==, S_IOERR);
    disk_free(d);
}

/* More zones than a report returns at once: loop over it as drivers do */
static void test_report_many(void)
{
    const uint64_t zone = 128, zones = 5000;
    g_autofree uint8_t *in = g_malloc(BUFFER_SIZE);
    Disk *d = disk_probe(image_new("327680000", "zone_size=64K"), ZONED_NODE,
                         "");
    uint64_t next = 0;

    disk_start(d, F_VERSION_1 | F_ZONED);
    while (next < zones) {
        uint64_t n;

        g_assert_cmpint(run(d, (Request) { .type = T_REPORT,
                                           .sector = next * zone,
                                           .in_len = BUFFER_SIZE }, in),
                        ==, S_OK);
        n = ldq_le_p(in);
        g_assert_cmpint(n, >, 0);
        for (uint64_t i = 0; i < n; i++) {
            Zone z = decode_zone(in + REPORT_HEADER + i * REPORT_ZONE);

            g_assert_cmpint(z.start, ==, (next + i) * zone);
        }
        next += n;
    }
    g_assert_cmpint(next, ==, zones);
    disk_free(d);
}

/* Zone management */

static void test_mgmt(void)
{
    Disk *d = disk_new();
    const uint64_t z = 4 * ZONE;

    g_assert_cmpint(zone_op(d, T_CLOSE, z), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_OPEN, z), ==, S_OK);
    assert_zone(d, z, ZS_EOPEN, z);
    g_assert_cmpint(zone_op(d, T_CLOSE, z), ==, S_OK);
    assert_zone(d, z, ZS_EMPTY, z);

    g_assert_cmpint(write_sectors(d, z, GRANULE), ==, S_OK);
    assert_zone(d, z, ZS_IOPEN, z + GRANULE);
    g_assert_cmpint(zone_op(d, T_OPEN, z), ==, S_OK);
    assert_zone(d, z, ZS_EOPEN, z + GRANULE);
    g_assert_cmpint(zone_op(d, T_CLOSE, z), ==, S_OK);
    assert_zone(d, z, ZS_CLOSED, z + GRANULE);
    g_assert_cmpint(zone_op(d, T_FINISH, z), ==, S_OK);
    assert_zone(d, z, ZS_FULL, 0);
    g_assert_cmpint(zone_op(d, T_OPEN, z), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_CLOSE, z), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_FINISH, z), ==, S_OK);
    g_assert_cmpint(zone_op(d, T_RESET, z), ==, S_OK);
    assert_zone(d, z, ZS_EMPTY, z);

    /* the last zone is not as long as the others */
    g_assert_cmpint(zone_op(d, T_FINISH, 15 * ZONE), ==, S_OK);
    assert_zone(d, 15 * ZONE, ZS_FULL, 0);
    disk_free(d);
}

static void test_mgmt_errors(void)
{
    Disk *d = disk_new();

    for (int type = T_OPEN; type <= T_RESET; type += 2) {
        g_assert_cmpint(zone_op(d, type, 0), ==, S_INVALID_CMD);
        g_assert_cmpint(zone_op(d, type, ZONE), ==, S_INVALID_CMD);
        g_assert_cmpint(zone_op(d, type, 2 * ZONE + 1), ==, S_INVALID_CMD);
        g_assert_cmpint(zone_op(d, type, 3 * ZONE - GRANULE), ==,
                        S_INVALID_CMD);
        g_assert_cmpint(zone_op(d, type, DISK_SECTORS), ==, S_IOERR);
        g_assert_cmpint(zone_op(d, type, NR_ZONES * ZONE), ==, S_IOERR);
        g_assert_cmpint(zone_op(d, type, 1ULL << 55), ==, S_IOERR);
        g_assert_cmpint(zone_op(d, type, -(uint64_t)ZONE), ==, S_IOERR);
        g_assert_cmpint(zone_op(d, type, UINT64_MAX), ==, S_IOERR);
    }
    for (int i = 2; i < NR_ZONES; i++) {
        assert_zone(d, i * ZONE, ZS_EMPTY, i * ZONE);
    }
    disk_free(d);
}

static void test_reset_all(void)
{
    Disk *d = disk_new();

    g_assert_cmpint(write_sectors(d, 0, GRANULE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 2 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(zone_op(d, T_OPEN, 3 * ZONE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 4 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(zone_op(d, T_CLOSE, 4 * ZONE), ==, S_OK);
    g_assert_cmpint(zone_op(d, T_FINISH, 15 * ZONE), ==, S_OK);

    /* the sector means nothing */
    g_assert_cmpint(zone_op(d, T_RESET_ALL, UINT64_MAX), ==, S_OK);
    assert_zone(d, 0, ZS_NOT_WP, 0);
    for (int i = 2; i < NR_ZONES; i++) {
        assert_zone(d, i * ZONE, ZS_EMPTY, i * ZONE);
    }
    disk_free(d);
}

static void test_resources(void)
{
    Disk *d = disk_new();

    for (int i = 2; i < 5; i++) {
        g_assert_cmpint(zone_op(d, T_OPEN, i * ZONE), ==, S_OK);
        g_assert_cmpint(write_sectors(d, i * ZONE, GRANULE), ==, S_OK);
    }
    /* explicitly open zones are not closed to make room */
    g_assert_cmpint(zone_op(d, T_OPEN, 5 * ZONE), ==, S_OPEN_RESOURCE);
    g_assert_cmpint(write_sectors(d, 5 * ZONE, GRANULE), ==, S_OPEN_RESOURCE);
    g_assert_cmpint(append(d, 5 * ZONE, GRANULE), ==, S_OPEN_RESOURCE);
    assert_zone(d, 5 * ZONE, ZS_EMPTY, 5 * ZONE);

    g_assert_cmpint(zone_op(d, T_CLOSE, 2 * ZONE), ==, S_OK);
    g_assert_cmpint(zone_op(d, T_CLOSE, 3 * ZONE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 5 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 6 * ZONE, GRANULE), ==, S_OK);

    /* three open, two closed */
    g_assert_cmpint(zone_op(d, T_OPEN, 7 * ZONE), ==, S_ACTIVE_RESOURCE);
    g_assert_cmpint(write_sectors(d, 7 * ZONE, GRANULE), ==, S_ACTIVE_RESOURCE);
    g_assert_cmpint(append(d, 7 * ZONE, GRANULE), ==, S_ACTIVE_RESOURCE);
    assert_zone(d, 7 * ZONE, ZS_EMPTY, 7 * ZONE);

    /* an implicitly open zone is closed to make room */
    g_assert_cmpint(zone_op(d, T_OPEN, 2 * ZONE), ==, S_OK);
    assert_zone(d, 5 * ZONE, ZS_CLOSED, 5 * ZONE + GRANULE);
    disk_free(d);
}

/* Reads and writes */

static void test_write_errors(void)
{
    Disk *d = disk_new();
    const uint64_t z = 4 * ZONE;

    g_assert_cmpint(write_sectors(d, z + GRANULE, GRANULE), ==, S_UNALIGNED_WP);
    g_assert_cmpint(write_sectors(d, z, GRANULE / 2), ==, S_UNALIGNED_WP);
    assert_zone(d, z, ZS_EMPTY, z);
    g_assert_cmpint(write_sectors(d, z, CAP - GRANULE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, z, GRANULE), ==, S_UNALIGNED_WP);
    g_assert_cmpint(write_sectors(d, z + CAP - GRANULE, 2 * GRANULE), ==,
                    S_INVALID_CMD);
    g_assert_cmpint(write_sectors(d, z + CAP - GRANULE,
                                  ZONE - CAP + 2 * GRANULE), ==, S_INVALID_CMD);
    assert_zone(d, z, ZS_IOPEN, z + CAP - GRANULE);
    g_assert_cmpint(write_sectors(d, z + CAP - GRANULE, GRANULE), ==, S_OK);
    assert_zone(d, z, ZS_FULL, 0);
    g_assert_cmpint(write_sectors(d, z, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(write_sectors(d, z + CAP, GRANULE), ==, S_INVALID_CMD);

    /* conventional zones take any write, but not into a sequential zone */
    g_assert_cmpint(write_sectors(d, ZONE - 1, 2), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 2 * ZONE - GRANULE, 2 * GRANULE), ==,
                    S_INVALID_CMD);

    g_assert_cmpint(write_sectors(d, DISK_SECTORS, GRANULE), ==, S_IOERR);
    g_assert_cmpint(write_sectors(d, DISK_SECTORS - GRANULE, 2 * GRANULE), ==,
                    S_IOERR);
    g_assert_cmpint(write_sectors(d, (1ULL << 55) + 5 * ZONE, GRANULE), ==,
                    S_IOERR);
    assert_zone(d, 5 * ZONE, ZS_EMPTY, 5 * ZONE);
    disk_free(d);
}

static void test_read(void)
{
    Disk *d = disk_new();
    uint8_t in[2 * GRANULE * SECTOR];
    Request r = { .type = T_IN, .sector = 4 * ZONE, .in_len = sizeof(in) };

    g_assert_cmpint(write_sectors(d, 4 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(run(d, r, in), ==, S_OK);
    for (int i = 0; i < sizeof(in); i++) {
        g_assert_cmphex(in[i], ==, i < GRANULE * SECTOR ? 0x5a : 0);
    }
    g_assert_cmpint(read_sectors(d, 4 * ZONE + CAP, 1), ==, S_OK);
    g_assert_cmpint(read_sectors(d, 5 * ZONE - 1, 2), ==, S_INVALID_CMD);
    g_assert_cmpint(read_sectors(d, 2 * ZONE - 1, 2), ==, S_INVALID_CMD);
    g_assert_cmpint(read_sectors(d, ZONE - 1, 2), ==, S_OK);
    g_assert_cmpint(read_sectors(d, DISK_SECTORS - 1, 2), ==, S_IOERR);
    disk_free(d);
}

static void run_two(Disk *d, Request *r)
{
    submit(d, &r[0]);
    submit(d, &r[1]);
    kick(d);
    complete(d, r, 2);
    request_done(d, &r[0]);
    request_done(d, &r[1]);
}

static void test_merge(void)
{
    Disk *d = disk_new();
    Request across[2] = {
        { .type = T_IN, .sector = 5 * ZONE - 1, .in_len = SECTOR },
        { .type = T_IN, .sector = 5 * ZONE, .in_len = SECTOR },
    };
    Request inside[2] = {
        { .type = T_IN, .sector = 5 * ZONE - 2, .in_len = SECTOR },
        { .type = T_IN, .sector = 5 * ZONE - 1, .in_len = SECTOR },
    };
    Request spans[2] = {
        { .type = T_IN, .sector = 5 * ZONE - 2, .in_len = SECTOR },
        { .type = T_IN, .sector = 5 * ZONE - 1, .in_len = 2 * SECTOR },
    };
    Request past_capacity[2] = {
        { .type = T_OUT, .sector = 4 * ZONE + CAP - GRANULE,
          .out_len = GRANULE * SECTOR },
        { .type = T_OUT, .sector = 4 * ZONE + CAP,
          .out_len = GRANULE * SECTOR },
    };

    run_two(d, across);
    g_assert_cmpint(across[0].status, ==, S_OK);
    g_assert_cmpint(across[1].status, ==, S_OK);
    g_assert_cmpint(disk_stat(d, "rd_merged"), ==, 0);

    run_two(d, inside);
    g_assert_cmpint(inside[0].status, ==, S_OK);
    g_assert_cmpint(inside[1].status, ==, S_OK);
    g_assert_cmpint(disk_stat(d, "rd_merged"), ==, 1);

    run_two(d, spans);
    g_assert_cmpint(spans[0].status, ==, S_OK);
    g_assert_cmpint(spans[1].status, ==, S_INVALID_CMD);

    g_assert_cmpint(write_sectors(d, 4 * ZONE, CAP - GRANULE), ==, S_OK);
    run_two(d, past_capacity);
    g_assert_cmpint(past_capacity[0].status, ==, S_OK);
    g_assert_cmpint(past_capacity[1].status, ==, S_INVALID_CMD);
    disk_free(d);
}

/* A zone request sees what the requests before it in the queue did */
static void test_order(void)
{
    Disk *d = disk_new();
    Request r[2] = {
        { .type = T_OUT, .sector = 6 * ZONE, .out_len = GRANULE * SECTOR },
        { .type = T_FINISH, .sector = 6 * ZONE },
    };

    run_two(d, r);
    g_assert_cmpint(r[0].status, ==, S_OK);
    g_assert_cmpint(r[1].status, ==, S_OK);
    assert_zone(d, 6 * ZONE, ZS_FULL, 0);
    disk_free(d);
}

static void test_unknown_requests(void)
{
    Disk *d = disk_new();
    static const int types[] = {
        T_DISCARD, T_WRITE_ZEROES, 14, 17, 19, 21, 23, 25, 27, 28, 0x7fffffff,
    };

    for (int i = 0; i < ARRAY_SIZE(types); i++) {
        g_assert_cmpint(run(d, (Request) { .type = types[i],
                                           .sector = 2 * ZONE, .out_len = 16,
                                           .in_len = 8 }, NULL),
                        ==, S_UNSUPP);
    }
    /* with the flag for barriers, which old drivers set */
    g_assert_cmpint(zone_op(d, T_OPEN | 0x80000000, 2 * ZONE), ==, S_OK);
    disk_free(d);
}

/* Whatever a guest makes up is answered, and the disk survives it */
static void test_made_up_requests(void)
{
    Disk *d = disk_new_with(",werror=stop,rerror=stop");
    static const int steps[] = { 0, 0, 16, 17, 100, 4096 };
    static const uint64_t odd_sectors[] = {
        1, GRANULE, CAP, DISK_SECTORS, 1ULL << 32, 1ULL << 54, 1ULL << 55,
        1ULL << 63, UINT64_MAX, UINT64_MAX - ZONE + 1,
    };
    GRand *rand = g_rand_new_with_seed(2026);

    for (int i = 0; i < 1000; i++) {
        Request r = {
            .type = g_rand_int_range(rand, 0, 32),
            .sector = g_rand_int_range(rand, 0, NR_ZONES) * ZONE,
            .step = steps[g_rand_int_range(rand, 0, ARRAY_SIZE(steps))],
            .out_len = g_rand_int_range(rand, 0, 5) * 1024,
            .in_len = g_rand_int_range(rand, 0, 300),
        };
        int status;

        if (g_rand_boolean(rand)) {
            r.sector += odd_sectors[g_rand_int_range(rand, 0,
                                                     ARRAY_SIZE(odd_sectors))];
        }
        if (r.step == 16 || r.step == 17) {
            r.out_len /= 2; /* the queue has 256 descriptors */
        }
        status = run(d, r, NULL);
        g_assert_cmpint(status, <=, S_ACTIVE_RESOURCE);
    }
    g_rand_free(rand);
    g_assert_true(is_running(d));
    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    g_assert_cmpint(append(d, 2 * ZONE, GRANULE), ==, S_OK);
    disk_free(d);
}

/* Hostile requests */

/*
 * A chain of descriptors as no sane driver makes it.  All that carry data have
 * the same memory, which no other request uses, so that there can be more data
 * than memory.
 *
 * @header_len, @status_len: 0: no such descriptor
 * @header_write, @data_write, @status_write: the device is to write there
 * @nr_data: how many descriptors of @data_len bytes carry data
 */
typedef struct Chain {
    uint32_t type;
    uint64_t sector;
    size_t header_len;
    bool header_write;
    int nr_data;
    size_t data_len;
    bool data_write;
    size_t status_len;
    bool status_write;
} Chain;

#define CHAIN_DATA (64 * 1024 * 1024)

static Chain chain_of(uint32_t type, uint64_t sector)
{
    return (Chain) { .type = type, .sector = sector, .header_len = 16,
                     .data_write = type == T_REPORT || type == T_IN,
                     .status_len = 1, .status_write = true };
}

/* As submit(), of the headers alone; a request that can be waited for */
static Request submit_chain(Disk *d, const Chain *c)
{
    QVirtQueue *vq = d->vq;
    uint16_t idx = qtest_readw(d->qts, vq->avail + 2);
    Request r = { .addr = guest_alloc(&d->alloc, 64), .head = vq->free_head };

    qtest_memset(d->qts, r.addr, 0, 16);
    qtest_writel(d->qts, r.addr, c->type);
    qtest_writeq(d->qts, r.addr + 8, c->sector);
    qtest_writeb(d->qts, r.addr + 16, S_NONE);
    if (c->header_len) {
        qvirtqueue_add(d->qts, vq, r.addr, c->header_len, c->header_write,
                       c->nr_data || c->status_len);
    }
    for (int i = 0; i < c->nr_data; i++) {
        qvirtqueue_add(d->qts, vq, CHAIN_DATA, c->data_len, c->data_write,
                       i < c->nr_data - 1 || c->status_len);
    }
    if (c->status_len) {
        qvirtqueue_add(d->qts, vq, r.addr + 16, c->status_len, c->status_write,
                       false);
    }
    qtest_writew(d->qts, vq->avail + 4 + 2 * (idx % vq->size), r.head);
    qtest_writew(d->qts, vq->avail + 2, idx + 1);
    return r;
}

static int run_chain(Disk *d, Chain c)
{
    Request r = submit_chain(d, &c);

    kick(d);
    complete(d, &r, 1);
    request_done(d, &r);
    return r.status;
}

static void disk_restart(Disk *d)
{
    qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    qvirtio_start_device(d->dev);
    disk_start(d, F_VERSION_1 | F_ZONED);
}

/* The device gives up on the driver, and lives on after a reset */
static void assert_breaks(Disk *d, Chain c)
{
    Request r = submit_chain(d, &c);

    kick(d);
    for (int i = 0; i < 50 && !(d->dev->bus->get_status(d->dev) &
                                VIRTIO_CONFIG_S_NEEDS_RESET); i++) {
        qtest_clock_step(d->qts, 100);
    }
    g_assert_cmphex(d->dev->bus->get_status(d->dev) &
                    VIRTIO_CONFIG_S_NEEDS_RESET, !=, 0);
    g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));
    request_done(d, &r);
    disk_restart(d);
    g_assert_cmpint(get_zone(d, 2 * ZONE).state, ==, ZS_EMPTY);
}

/* Where writable buffers belong are read-only ones, or the other way round */
static void test_wrong_buffers(void)
{
    Disk *d = disk_new();
    uint8_t guard[512];

    for (int i = 0; i < ARRAY_SIZE(zone_requests); i++) {
        Chain good = chain_of(zone_requests[i], 2 * ZONE), c;

        c = good, c.header_write = true;
        assert_breaks(d, c);
        c = good, c.header_len = 0;
        assert_breaks(d, c);
        c = good, c.header_len = 15;
        assert_breaks(d, c);
        c = good, c.status_write = false;
        assert_breaks(d, c);
        c = good, c.status_len = 0;
        assert_breaks(d, c);
    }

    /* there is no buffer for the report, and no data for the append */
    qtest_memset(d->qts, CHAIN_DATA, FILL, sizeof(guard));
    for (int i = 0; i < 2; i++) {
        Chain c = chain_of(i ? T_REPORT : T_APPEND, 2 * ZONE);

        c.nr_data = 1;
        c.data_len = 4096;
        c.data_write = i == 0;
        g_assert_cmpint(run_chain(d, c), ==, S_INVALID_CMD);
    }
    qtest_memread(d->qts, CHAIN_DATA, guard, sizeof(guard));
    for (int i = 0; i < sizeof(guard); i++) {
        g_assert_cmphex(guard[i], ==, FILL);
    }
    assert_zone(d, 2 * ZONE, ZS_EMPTY, 2 * ZONE);
    disk_free(d);
}

/* At the end of the disk, past it, and where bytes or the sum overflow */
static void test_past_the_end(void)
{
    Disk *d = disk_new();
    static const int types[] = {
        T_IN, T_OUT, T_APPEND, T_REPORT, T_OPEN, T_CLOSE, T_FINISH, T_RESET,
    };
    static const uint64_t sectors[] = {
        DISK_SECTORS, DISK_SECTORS + 1, NR_ZONES * ZONE, 1ULL << 32,
        1ULL << 54, (1ULL << 54) + 2 * ZONE, 1ULL << 55,
        (1ULL << 55) + 2 * ZONE, 1ULL << 63, (1ULL << 63) + 2 * ZONE,
        -(uint64_t)ZONE, -(uint64_t)GRANULE, UINT64_MAX,
    };
    static const size_t lens[] = { 0, SECTOR, GRANULE * SECTOR };

    for (int i = 0; i < ARRAY_SIZE(types); i++) {
        for (int j = 0; j < ARRAY_SIZE(sectors); j++) {
            for (int k = 0; k < ARRAY_SIZE(lens); k++) {
                Chain c = chain_of(types[i], sectors[j]);

                if ((types[i] == T_IN || types[i] == T_OUT) && !lens[k] &&
                    sectors[j] == DISK_SECTORS) {
                    continue; /* nothing, at the end, is on the disk */
                }
                c.nr_data = lens[k] ? 1 : 0;
                c.data_len = lens[k];
                g_assert_cmpint(run_chain(d, c), ==, S_IOERR);
            }
        }
    }
    g_assert_cmpint(read_sectors(d, DISK_SECTORS - 1, 1), ==, S_OK);
    g_assert_cmpint(read_sectors(d, DISK_SECTORS - 1, 2), ==, S_IOERR);
    g_assert_cmpint(write_sectors(d, DISK_SECTORS - GRANULE, 2 * GRANULE), ==,
                    S_IOERR);
    for (int i = 2; i < NR_ZONES; i++) {
        assert_zone(d, i * ZONE, ZS_EMPTY, i * ZONE);
    }
    disk_free(d);
}

/* Of every length from 0 on, and not a byte further */
static void test_report_each_size(void)
{
    Disk *d = disk_new();
    const size_t max = REPORT_HEADER + 3 * REPORT_ZONE + 1;
    g_autofree uint8_t *in = g_malloc(max + 1);

    for (size_t len = 0; len <= max; len++) {
        uint64_t n = len < REPORT_HEADER ? 0 :
                     (len - REPORT_HEADER) / REPORT_ZONE;
        Chain c = chain_of(T_REPORT, 2 * ZONE);

        qtest_memset(d->qts, CHAIN_DATA, FILL, max + 1);
        c.nr_data = len ? 1 : 0;
        c.data_len = len;
        g_assert_cmpint(run_chain(d, c), ==,
                        len < REPORT_HEADER ? S_INVALID_CMD : S_OK);
        qtest_memread(d->qts, CHAIN_DATA, in, max + 1);
        g_assert_cmphex(in[len], ==, FILL);
        if (len < REPORT_HEADER) {
            g_assert_cmphex(in[0], ==, FILL);
            continue;
        }
        g_assert_cmpint(ldq_le_p(in), ==, n);
        for (size_t i = REPORT_HEADER + n * REPORT_ZONE; i < len; i++) {
            g_assert_cmphex(in[i], ==, 0);
        }
    }
    disk_free(d);
}

/* Every zone request, with its header and all else cut into pieces */
static void test_scattered(void)
{
    Disk *d = disk_new();

    for (size_t step = 1; step <= 17; step++) {
        for (int i = 0; i < ARRAY_SIZE(zone_requests); i++) {
            bool is_append = zone_requests[i] == T_APPEND;
            Request r = { .type = zone_requests[i], .sector = 3 * ZONE,
                          .in_len = is_append ? 8 : 0, .step = step };

            if (r.type == T_REPORT) {
                r.in_len = REPORT_HEADER + REPORT_ZONE + 5;
            }
            g_assert_cmpint(run(d, r, NULL), ==,
                            is_append || r.type == T_CLOSE ? S_INVALID_CMD
                                                           : S_OK);
            if (r.type == T_OPEN) {
                g_assert_cmpint(append(d, 3 * ZONE, GRANULE), ==, S_OK);
                r.type = T_CLOSE;
                g_assert_cmpint(run(d, r, NULL), ==, S_OK);
                g_assert_cmpint(zone_op(d, T_RESET, 3 * ZONE), ==, S_OK);
                assert_zone(d, 3 * ZONE, ZS_EMPTY, 3 * ZONE);
            }
        }
    }
    disk_free(d);
}

/* More data than there is memory, and more than one request can have */
static void test_huge_buffers(void)
{
    Disk *d = disk_new_with(",queue-size=1024");
    const size_t data_len = 32 * 1024 * 1024;
    Chain c;

    for (int nr_data = 1; nr_data <= 1000; nr_data += 111) {
        c = chain_of(T_APPEND, 2 * ZONE);
        c.nr_data = nr_data;
        c.data_len = data_len;
        g_assert_cmpint(run_chain(d, c), ==, S_INVALID_CMD);
    }
    c.type = T_OUT;
    g_assert_cmpint(run_chain(d, c), ==, S_IOERR);
    c = chain_of(T_REPORT, 0);
    c.data_len = data_len;
    c.nr_data = 2;
    g_assert_cmpint(run_chain(d, c), ==, S_OK);
    g_assert_cmpint(qtest_readq(d->qts, CHAIN_DATA), ==, 0);
    /* 2 GiB and more */
    for (c.nr_data = 64; c.nr_data <= 1000; c.nr_data += 234) {
        g_assert_cmpint(run_chain(d, c), ==, S_IOERR);
    }
    assert_zone(d, 2 * ZONE, ZS_EMPTY, 2 * ZONE);
    disk_free(d);
}

/* Peak of the memory that QEMU has taken, in KiB */
static uint64_t peak_memory(const char *pidfile)
{
    g_autofree char *pid = NULL, *path = NULL, *status = NULL;

    g_assert_true(g_file_get_contents(pidfile, &pid, NULL, NULL));
    path = g_strdup_printf("/proc/%s/status", g_strstrip(pid));
    g_assert_true(g_file_get_contents(path, &status, NULL, NULL));
    g_assert_nonnull(strstr(status, "VmHWM:"));
    return g_ascii_strtoull(strstr(status, "VmHWM:") + 6, NULL, 10);
}

/*
 * A report of the largest disk that there is, into the largest buffer: as many
 * zones as a report has at most, and memory for no more, however many of these
 * are under way at once
 */
static void test_report_largest(void)
{
    const uint64_t zones = 16386048;
    char *image = image_new("8389656576", "zone_size=512,"
                            "write_granularity=512,max_append_bytes=512");
    g_autofree char *pidfile = g_strdup_printf("%s.pid", image);
    g_autofree char *options =
        g_strdup_printf(",queue-size=1024 -pidfile %s", pidfile);
    Disk *d = disk_probe(image, ZONED_NODE, options);
    Request r[16];
    uint64_t before;
    Chain c = chain_of(T_REPORT, 0);

    disk_start(d, F_VERSION_1 | F_ZONED);
    c.nr_data = 31;
    c.data_len = 2 * 1024 * 1024;
    /* the guest's memory is QEMU's as well, once it was written to */
    g_assert_cmpint(run_chain(d, c), ==, S_OK);
    g_assert_cmpint(qtest_readq(d->qts, CHAIN_DATA + c.data_len - 64), ==, 0);
    before = peak_memory(pidfile);
    for (int i = 0; i < ARRAY_SIZE(r); i++) {
        r[i] = submit_chain(d, &c);
    }
    kick(d);
    complete(d, r, ARRAY_SIZE(r));
    for (int i = 0; i < ARRAY_SIZE(r); i++) {
        g_assert_cmpint(r[i].status, ==, S_OK);
        request_done(d, &r[i]);
    }
    g_assert_cmpint(peak_memory(pidfile) - before, <, 16 * 1024);

    /* all of its descriptors are in the same memory: the last ones are zero */
    c.nr_data = 1;
    for (c.sector = 0; c.sector < zones; c.sector += zones / 4 - 1) {
        uint64_t n = MIN(1024, zones - c.sector);
        uint8_t last[REPORT_ZONE];

        g_assert_cmpint(run_chain(d, c), ==, S_OK);
        g_assert_cmpint(qtest_readq(d->qts, CHAIN_DATA), ==, n);
        qtest_memread(d->qts, CHAIN_DATA + REPORT_HEADER +
                      (n - 1) * REPORT_ZONE, last, sizeof(last));
        g_assert_cmpint(decode_zone(last).start, ==, c.sector + n - 1);
    }
    unlink(pidfile);
    disk_free(d);
}

/*
 * A driver that begins too early.  Whether the device answers it at once or
 * when the driver is ready, no request is lost or does what it must not.
 */
static void test_before_driver_ok(void)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS), ZONED_NODE, "");
    Request r[ARRAY_SIZE(zone_requests)];

    /* before it has said which features it takes, whatever libqos thinks */
    d->dev->features_negotiated = true;
    d->vq = qvirtqueue_setup(d->dev, &d->alloc, 0);
    for (int i = 0; i < ARRAY_SIZE(zone_requests); i++) {
        Chain c = chain_of(zone_requests[i], 2 * ZONE);

        r[i] = submit_chain(d, &c);
        kick(d);
        qtest_clock_step(d->qts, 100);
        g_assert_cmpint(qtest_readb(d->qts, r[i].addr + 16), !=, S_OK);
    }
    qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    for (int i = 0; i < ARRAY_SIZE(zone_requests); i++) {
        request_done(d, &r[i]);
    }

    /* before DRIVER_OK */
    qvirtio_start_device(d->dev);
    qvirtio_set_features(d->dev, F_VERSION_1 | F_ZONED);
    d->vq = qvirtqueue_setup(d->dev, &d->alloc, 0);
    for (int i = 0; i < 3; i++) {
        r[i] = (Request) { .type = i == 1 ? T_REPORT : T_APPEND,
                           .sector = 2 * ZONE, .in_len = 200,
                           .out_len = i == 1 ? 0 : GRANULE * SECTOR };
        submit(d, &r[i]);
    }
    kick(d);
    qtest_clock_step(d->qts, 100);
    qvirtio_set_driver_ok(d->dev);
    kick(d);
    complete(d, r, 3);
    for (int i = 0; i < 3; i++) {
        g_assert_cmpint(r[i].status, ==, S_OK);
        request_done(d, &r[i]);
    }
    assert_zone(d, 2 * ZONE, ZS_IOPEN, 2 * ZONE + 2 * GRANULE);
    disk_free(d);
}

/* Policies, threads, resets */

/* What is the guest's mistake does not stop it */
static void test_zone_error_policy(void)
{
    Disk *d = disk_new_with(",werror=stop,rerror=stop");

    g_assert_cmpint(write_sectors(d, 4 * ZONE + GRANULE, GRANULE), ==,
                    S_UNALIGNED_WP);
    g_assert_cmpint(read_sectors(d, 5 * ZONE - 1, 2), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, 0, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, 2 * ZONE, GRANULE + 1), ==, S_UNALIGNED_WP);
    g_assert_cmpint(append(d, DISK_SECTORS, GRANULE), ==, S_IOERR);
    g_assert_cmpint(zone_op(d, T_CLOSE, 2 * ZONE), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_OPEN, DISK_SECTORS), ==, S_IOERR);
    g_assert_true(is_running(d));
    disk_free(d);
}

/* Places in the image, in sectors */
#define ROOT(copy)  ((2 + (copy)) * 8)
#define TABLE(copy) ((4 + (copy)) * 8)
#define ANYWHERE    -1

/* The zones are the last part of the image */
static int64_t image_sector(const char *image, uint64_t disk_sector)
{
    struct stat st;

    g_assert_cmpint(stat(image, &st), ==, 0);
    return st.st_size / SECTOR - DISK_SECTORS + disk_sector;
}

/*
 * A disk whose medium fails the first @times requests of type @iotype at
 * @sector of the image.  Its driver is not there yet.
 */
static Disk *disk_probe_faulty(char *image, const char *iotype, int64_t sector,
                               int error, int times,
                               const char *device_options)
{
    g_autoptr(GString) nodes = g_string_new("-blockdev driver=blkdebug,"
                                            "node-name=dbg,image=file");

    for (int i = 0; i < times; i++) {
        g_string_append_printf(nodes, ",inject-error.%d.event=none,"
                               "inject-error.%d.iotype=%s,"
                               "inject-error.%d.errno=%d,"
                               "inject-error.%d.once=on",
                               i, i, iotype, i, error, i);
        if (sector != ANYWHERE) {
            g_string_append_printf(nodes, ",inject-error.%d.sector=%" PRId64,
                                   i, sector);
        }
    }
    g_string_append(nodes, " -blockdev driver=zoned,node-name=disk,file=dbg");
    return disk_probe(image, nodes->str, device_options);
}

/* A disk whose medium fails the first write to zone 2, once */
static Disk *disk_new_failing(const char *device_options)
{
    char *image = image_new(IMAGE_SIZE, IMAGE_OPTIONS);
    Disk *d = disk_probe_faulty(image, "write", image_sector(image, 2 * ZONE),
                                EIO, 1, device_options);

    disk_start(d, F_VERSION_1 | F_ZONED);
    return d;
}

static void test_medium_error(void)
{
    static const char *const policies[] = { "report", "ignore" };
    uint64_t where;

    /* even if it shall be ignored: nobody knows where the data went */
    for (int i = 0; i < ARRAY_SIZE(policies); i++) {
        g_autofree char *options = g_strdup_printf(",werror=%s", policies[i]);
        Disk *d = disk_new_failing(options);

        g_assert_cmpint(append_bytes(d, 2 * ZONE, GRANULE * SECTOR, &where),
                        ==, S_IOERR);
        g_assert_cmpint(append_bytes(d, 2 * ZONE, GRANULE * SECTOR, &where),
                        ==, S_OK);
        g_assert_cmpint(where, ==, 2 * ZONE);
        disk_free(d);
    }
}

/* The machine stops, and the request is done when it goes on */
static void test_medium_error_stop(void)
{
    static const size_t steps[] = { 0, 32 };

    for (int i = 0; i < ARRAY_SIZE(steps); i++) {
        Disk *d = disk_new_failing(",werror=stop");
        Request r = { .type = T_APPEND, .sector = 2 * ZONE, .in_len = 8,
                      .out_len = GRANULE * SECTOR, .step = steps[i],
                      .in_step = 9 };
        uint8_t in[8];

        submit(d, &r);
        kick(d);
        qtest_qmp_eventwait(d->qts, "STOP");
        g_assert_false(is_running(d));
        g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));

        qobject_unref(qtest_qmp(d->qts, "{ 'execute': 'cont' }"));
        complete(d, &r, 1);
        g_assert_cmpint(r.status, ==, S_OK);
        request_in(d, &r, in);
        g_assert_cmpint(ldq_le_p(in), ==, 2 * ZONE);
        request_done(d, &r);
        assert_zone(d, 2 * ZONE, ZS_IOPEN, 2 * ZONE + GRANULE);
        disk_free(d);
    }
}

static void submit_write(Disk *d, Request *r, uint64_t sector)
{
    *r = (Request) { .type = T_OUT, .sector = sector,
                     .out_len = GRANULE * SECTOR };
    submit(d, r);
}

/*
 * Of many writes to a zone the first fails, and the others with it.  They are
 * done when the machine goes on, in the order in which they were submitted,
 * and what comes meanwhile does not overtake them.
 */
static void test_medium_error_stop_queue(void)
{
    enum { N = 70, LATE = 4 };
    /* Without ioeventfd the device hears a driver even while it is stopped */
    Disk *d = disk_new_failing(",werror=stop,ioeventfd=off");
    Request r[N + LATE];
    int i;

    for (i = 0; i < N; i++) {
        submit_write(d, &r[i], 2 * ZONE + i * GRANULE);
    }
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    for (; i < N + LATE; i++) {
        submit_write(d, &r[i], 2 * ZONE + i * GRANULE);
    }
    kick(d);
    g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));

    qobject_unref(qtest_qmp(d->qts, "{ 'execute': 'cont' }"));
    complete(d, r, N + LATE);
    for (i = 0; i < N + LATE; i++) {
        g_assert_cmpint(r[i].status, ==, S_OK);
        request_done(d, &r[i]);
    }
    assert_zone(d, 2 * ZONE, ZS_IOPEN, 2 * ZONE + (N + LATE) * GRANULE);
    disk_free(d);
}

/*
 * Requests that the medium fails several times.  The machine stops, and when
 * the cause is gone the requests are done as if nothing had been.
 */

/* What precedes the requests */
typedef enum {
    NEW_ZONE,                   /* nothing */
    WRITTEN_ZONE,               /* its first granule is written */
    RESET_ZONE,                 /* a reset after a write that was flushed */
} Before;

#define ZONE_2 -2

/*
 * @iotype, @sector: what fails in the image; ZONE_2: the start of that zone
 * @sync: there is no write cache, so that each request ends with a commit
 * @type, @requests: so many of this type, one after the other in zone 2
 * @sectors: that each of them writes or reads
 * @state, @wp: of zone 2 at the end, @wp being relative to its start
 */
typedef struct MediumCase {
    const char *iotype;
    int64_t sector;
    bool sync;
    Before before;
    int type;
    int requests;
    uint32_t sectors;
    int state;
    uint64_t wp;
} MediumCase;

static const MediumCase medium_cases[] = {
    { "write", ZONE_2, false, NEW_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "write", ZONE_2, false, NEW_ZONE, T_APPEND, 1, 8, ZS_IOPEN, 8 },
    { "read", ZONE_2, false, WRITTEN_ZONE, T_IN, 1, 8, ZS_IOPEN, 8 },
    /* Before new data is written there is a commit */
    { "write", TABLE(1), false, RESET_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "write", TABLE(1), false, RESET_ZONE, T_APPEND, 1, 8, ZS_IOPEN, 8 },
    { "write", TABLE(1), false, RESET_ZONE, T_FLUSH, 1, 0, ZS_EMPTY, 0 },
    /* The first commit: a root that says unclean, one that names the data */
    { "write", ROOT(1), false, WRITTEN_ZONE, T_FLUSH, 2, 0, ZS_IOPEN, 8 },
    { "write", ROOT(0), false, WRITTEN_ZONE, T_FLUSH, 2, 0, ZS_IOPEN, 8 },
    { "flush", ANYWHERE, false, WRITTEN_ZONE, T_FLUSH, 2, 0, ZS_IOPEN, 8 },
    { "write", ROOT(1), true, NEW_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "write", ROOT(0), true, NEW_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "flush", ANYWHERE, true, NEW_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "write", ROOT(0), true, NEW_ZONE, T_OUT, 1, CAP, ZS_FULL, 0 },
    { "write", ROOT(0), true, NEW_ZONE, T_APPEND, 1, 8, ZS_IOPEN, 8 },
    { "flush", ANYWHERE, true, NEW_ZONE, T_APPEND, 1, 8, ZS_IOPEN, 8 },
    { "write", TABLE(1), true, NEW_ZONE, T_FINISH, 1, 0, ZS_FULL, 0 },
    { "flush", ANYWHERE, true, NEW_ZONE, T_RESET, 1, 0, ZS_EMPTY, 0 },
};

static Disk *disk_new_for_case(const MediumCase *c, int error, int times,
                               const char *device_options)
{
    char *image = image_new(IMAGE_SIZE, IMAGE_OPTIONS);
    int64_t sector = c->sector == ZONE_2 ? image_sector(image, 2 * ZONE)
                                         : c->sector;
    Disk *d = disk_probe_faulty(image, c->iotype, sector, error, times,
                                device_options);

    g_test_message("%s at %" PRId64 ": %s, %d requests %d, sync %d", c->iotype,
                   sector, strerror(error), c->requests, c->type, c->sync);
    /* A driver that cannot flush gets no write cache */
    disk_start(d, F_VERSION_1 | F_ZONED | (c->sync ? 0 : F_FLUSH));
    if (c->before != NEW_ZONE) {
        g_assert_cmpint(write_sectors(d, 2 * ZONE, GRANULE), ==, S_OK);
    }
    if (c->before == RESET_ZONE) {
        g_assert_cmpint(run(d, (Request) { .type = T_FLUSH }, NULL), ==, S_OK);
        g_assert_cmpint(zone_op(d, T_RESET, 2 * ZONE), ==, S_OK);
    }
    return d;
}

static Request request_of_case(const MediumCase *c, int i)
{
    Request r = { .type = c->type, .sector = 2 * ZONE };

    switch (c->type) {
    case T_IN:
        r.in_len = c->sectors * SECTOR;
        break;
    case T_APPEND:
        r.in_len = 8;
        r.out_len = c->sectors * SECTOR;
        break;
    case T_OUT:
        r.sector += i * c->sectors;
        r.out_len = c->sectors * SECTOR;
        break;
    case T_FLUSH:
        r.sector = 0;
        break;
    }
    return r;
}

/* Wait until the machine has stopped because of @error in a request */
static void wait_for_stop(Disk *d, bool is_read, int error)
{
    QDict *event = qtest_qmp_eventwait_ref(d->qts, "BLOCK_IO_ERROR");
    QDict *data = qdict_get_qdict(event, "data");

    g_assert_cmpstr(qdict_get_str(data, "action"), ==, "stop");
    g_assert_cmpstr(qdict_get_str(data, "operation"), ==,
                    is_read ? "read" : "write");
    g_assert_cmpint(qdict_get_bool(data, "nospace"), ==, error == ENOSPC);
    qobject_unref(event);
    qtest_qmp_eventwait(d->qts, "STOP");
    g_assert_false(is_running(d));
    g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));
}

/*
 * A machine that stops flushes, and this may fail, too.  So the faults last for
 * one stop or for two.
 */
static void check_medium_stop(const MediumCase *c, int error,
                              const char *device_options)
{
    Disk *d = disk_new_for_case(c, error, 3, device_options);
    Request r[8];
    uint8_t in[8];

    for (int i = 0; i < c->requests; i++) {
        r[i] = request_of_case(c, i);
        submit(d, &r[i]);
    }
    kick(d);
    wait_for_stop(d, c->type == T_IN, error);
    go_on(d);
    complete_and_resume(d, r, c->requests);

    if (c->type == T_APPEND) {
        request_in(d, &r[0], in);
        g_assert_cmpint(ldq_le_p(in), ==, 2 * ZONE);
    }
    for (int i = 0; i < c->requests; i++) {
        g_assert_cmpint(r[i].status, ==, S_OK);
        request_done(d, &r[i]);
    }
    assert_zone(d, 2 * ZONE, c->state, 2 * ZONE + c->wp);
    g_assert_true(is_running(d));
    disk_free(d);
}

static void test_medium_stop(void)
{
    for (int i = 0; i < ARRAY_SIZE(medium_cases); i++) {
        check_medium_stop(&medium_cases[i], EIO, ",werror=stop,rerror=stop");
    }
}

/* The same when an iothread does the work */
static void test_medium_stop_iothread(void)
{
    for (int i = 0; i < ARRAY_SIZE(medium_cases); i++) {
        check_medium_stop(&medium_cases[i], EIO,
                          ",iothread=io0,werror=stop,rerror=stop");
    }
}

/* Without werror= a machine stops when there is no space */
static void test_medium_full(void)
{
    for (int i = 0; i < ARRAY_SIZE(medium_cases); i++) {
        if (medium_cases[i].type != T_IN) {
            check_medium_stop(&medium_cases[i], ENOSPC, "");
        }
    }
}

/* It does not stop for other errors: the guest is told, and tries again */
static void test_medium_report(void)
{
    for (int i = 0; i < ARRAY_SIZE(medium_cases); i++) {
        const MediumCase *c = &medium_cases[i];
        Disk *d = disk_new_for_case(c, EIO, 2, "");
        Request r = request_of_case(c, 0);

        for (int try = 0; try < 2; try++) {
            g_assert_cmpint(run(d, r, NULL), ==, S_IOERR);
        }
        g_assert_cmpint(run(d, r, NULL), ==, S_OK);
        assert_zone(d, 2 * ZONE, c->state,
                    2 * ZONE + (c->requests == 1 ? c->wp : GRANULE));
        g_assert_true(is_running(d));
        disk_free(d);
    }
}

/*
 * An open or close changes nothing that outlasts a crash, so that there is
 * nothing that can fail.  It could not be tried again: a zone without data is
 * not closed twice.
 */
static void test_medium_open_close(void)
{
    Disk *d = disk_probe_faulty(image_new(IMAGE_SIZE, IMAGE_OPTIONS), "flush",
                                ANYWHERE, EIO, 1, ",werror=stop");

    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(zone_op(d, T_OPEN, 2 * ZONE), ==, S_OK);
    assert_zone(d, 2 * ZONE, ZS_EOPEN, 2 * ZONE);
    g_assert_cmpint(zone_op(d, T_CLOSE, 2 * ZONE), ==, S_OK);
    assert_zone(d, 2 * ZONE, ZS_EMPTY, 2 * ZONE);
    g_assert_true(is_running(d));
    disk_free(d);
}

/* Zones that fail by the monitor's command */

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

/* A request that waits for the machine to go on is dropped by a reset */
static void test_reset_stopped(void)
{
    Disk *d = disk_new_failing(",werror=stop");
    Request r = { .type = T_APPEND, .sector = 2 * ZONE, .in_len = 8,
                  .out_len = GRANULE * SECTOR };

    submit(d, &r);
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    qvirtio_start_device(d->dev);
    qobject_unref(qtest_qmp(d->qts, "{ 'execute': 'cont' }"));
    request_done(d, &r);
    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(get_zone(d, 2 * ZONE).wp, ==, 2 * ZONE);
    disk_free(d);
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
                   "virtio-blk-pci-transitional|disable-legacy");
    assert_refused(qts, "virtio-blk-pci", ", 'disable-legacy': 'off'",
                   "disable-legacy=off");
    assert_refused(qts, "virtio-blk-pci", ", 'disable-modern': true",
                   "disable-modern=on");

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/virtio-blk-zoned/config", test_config);
    qtest_add_func("/virtio-blk-zoned/features-refused", test_features_refused);
    qtest_add_func("/virtio-blk-zoned/legacy-mmio", test_legacy_mmio);
    qtest_add_func("/virtio-blk-zoned/plain-disk", test_plain_disk);
    qtest_add_func("/virtio-blk-zoned/append", test_append);
    qtest_add_func("/virtio-blk-zoned/append-layout", test_append_layout);
    qtest_add_func("/virtio-blk-zoned/append-errors", test_append_errors);
    qtest_add_func("/virtio-blk-zoned/append-statistics",
                   test_append_statistics);
    qtest_add_func("/virtio-blk-zoned/report", test_report);
    qtest_add_func("/virtio-blk-zoned/report-sizes", test_report_sizes);
    qtest_add_func("/virtio-blk-zoned/report-place", test_report_place);
    qtest_add_func("/virtio-blk-zoned/report-many", test_report_many);
    qtest_add_func("/virtio-blk-zoned/mgmt", test_mgmt);
    qtest_add_func("/virtio-blk-zoned/mgmt-errors", test_mgmt_errors);
    qtest_add_func("/virtio-blk-zoned/reset-all", test_reset_all);
    qtest_add_func("/virtio-blk-zoned/resources", test_resources);
    qtest_add_func("/virtio-blk-zoned/write-errors", test_write_errors);
    qtest_add_func("/virtio-blk-zoned/read", test_read);
    qtest_add_func("/virtio-blk-zoned/merge", test_merge);
    qtest_add_func("/virtio-blk-zoned/order", test_order);
    qtest_add_func("/virtio-blk-zoned/unknown-requests", test_unknown_requests);
    qtest_add_func("/virtio-blk-zoned/made-up-requests",
                   test_made_up_requests);
    qtest_add_func("/virtio-blk-zoned/wrong-buffers", test_wrong_buffers);
    qtest_add_func("/virtio-blk-zoned/past-the-end", test_past_the_end);
    qtest_add_func("/virtio-blk-zoned/report-each-size", test_report_each_size);
    qtest_add_func("/virtio-blk-zoned/scattered", test_scattered);
    qtest_add_func("/virtio-blk-zoned/huge-buffers", test_huge_buffers);
    qtest_add_func("/virtio-blk-zoned/report-largest", test_report_largest);
    qtest_add_func("/virtio-blk-zoned/before-driver-ok", test_before_driver_ok);
    qtest_add_func("/virtio-blk-zoned/zone-error-policy",
                   test_zone_error_policy);
    qtest_add_func("/virtio-blk-zoned/medium-error", test_medium_error);
    qtest_add_func("/virtio-blk-zoned/medium-error-stop",
                   test_medium_error_stop);
    qtest_add_func("/virtio-blk-zoned/medium-error-stop-queue",
                   test_medium_error_stop_queue);
    qtest_add_func("/virtio-blk-zoned/medium-stop", test_medium_stop);
    qtest_add_func("/virtio-blk-zoned/medium-stop-iothread",
                   test_medium_stop_iothread);
    qtest_add_func("/virtio-blk-zoned/medium-full", test_medium_full);
    qtest_add_func("/virtio-blk-zoned/medium-report", test_medium_report);
    qtest_add_func("/virtio-blk-zoned/medium-open-close",
                   test_medium_open_close);
    qtest_add_func("/virtio-blk-zoned/zone-faults", test_zone_faults);
    qtest_add_func("/virtio-blk-zoned/reset-stopped", test_reset_stopped);
    qtest_add_func("/virtio-blk-zoned/read-only", test_read_only);
    qtest_add_func("/virtio-blk-zoned/iothread", test_iothread);
    qtest_add_func("/virtio-blk-zoned/reset-in-flight", test_reset_in_flight);
    qtest_add_func("/virtio-blk-zoned/reset-all-in-flight",
                   test_reset_all_in_flight);
    qtest_add_func("/virtio-blk-zoned/realize-modern", test_realize_modern);
    qtest_add_func("/virtio-blk-zoned/realize-block-sizes",
                   test_realize_block_sizes);
    return g_test_run();
}
