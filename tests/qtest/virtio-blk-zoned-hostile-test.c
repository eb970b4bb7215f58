/*
 * QTest testcase for virtio-blk on a zoned disk: requests that no sane driver
 * makes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/qmp/qdict.h"
#include "zoned-image.h"
#include "standard-headers/linux/virtio_config.h"

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

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
    return g_test_run();
}
