/*
 * QTest testcase for virtio-blk on a zoned disk: every zone request and every
 * status of virtio 1.3, seen through the virtqueue like a guest sees them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "zoned-image.h"

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
    g_assert_cmpint(disk_stat(d, "zone_append_merged"), ==, 0);
    disk_free(d);
}

static void test_append_statistics_for_people(void)
{
    Disk *d = disk_new();
    g_autofree char *before = qtest_hmp(d->qts, "info blockstats");
    g_autofree char *after = NULL;

    g_assert_nonnull(strstr(before, " zone_append_bytes=0 "
                                    "zone_append_operations=0 "));
    g_assert_cmpint(append(d, 2 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(append(d, 2 * ZONE, 2 * GRANULE), ==, S_OK);
    after = qtest_hmp(d->qts, "info blockstats");
    g_assert_nonnull(strstr(after, " zone_append_bytes=12288 "
                                   "zone_append_operations=2 "
                                   "zone_append_total_time_ns="));
    disk_free(d);
}

/* Statistics of intervals and histograms, which have names of their own */
static void test_append_latency(void)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS),
                         "-drive driver=zoned,if=none,id=disk,"
                         "file.driver=raw,file.file=file,"
                         "stats-intervals.0=10", "");
    QDict *reply, *stats, *timed;

    disk_start(d, F_VERSION_1 | F_ZONED);
    qtest_qmp_assert_success(d->qts,
        "{ 'execute': 'block-latency-histogram-set', 'arguments':"
        "  { 'id': %s, 'boundaries-zap': [ 1000000000 ] } }", QDEV_PATH);
    g_assert_cmpint(append(d, 2 * ZONE, GRANULE), ==, S_OK);

    reply = disk_stats(d, &stats);
    timed = qobject_to(QDict, qlist_peek(qdict_get_qlist(stats,
                                                         "timed_stats")));
    g_assert_cmpint(qdict_get_int(timed, "max_zone_append_latency_ns"), >, 0);
    g_assert_true(qdict_haskey(timed, "avg_zone_append_queue_depth"));
    stats = qdict_get_qdict(stats, "zone_append_latency_histogram");
    g_assert_cmpint(qlist_size(qdict_get_qlist(stats, "bins")), ==, 2);
    qobject_unref(reply);
    disk_free(d);
}

/*
 * A report waits for no limit of a throttle group, as it does not get to the
 * medium.  Time is that of the clock that the test steps.
 */
static void test_throttled_report(void)
{
    const int64_t limit_ns = 1000 * 1000;
    uint8_t in[64 + NR_ZONES * 64];
    Disk *d = disk_new();
    int64_t now, last;
    int nr_appends = 0;

    qtest_qmp_assert_success(d->qts,
        "{ 'execute': 'block_set_io_throttle', 'arguments': { 'id': %s,"
        "  'bps': 0, 'bps_rd': 0, 'bps_wr': 0,"
        "  'iops': 1000, 'iops_rd': 0, 'iops_wr': 0 } }", QDEV_PATH);
    /* More than a burst, until an append waits */
    now = qtest_clock_step(d->qts, 0);
    do {
        g_assert_cmpint(nr_appends++, <, CAP / GRANULE);
        g_assert_cmpint(append(d, 2 * ZONE, GRANULE), ==, S_OK);
        last = now;
        now = qtest_clock_step(d->qts, 0);
    } while (now - last < limit_ns / 2);

    for (int i = 0; i < 20; i++) {
        g_assert_cmpint(run(d, (Request) { .type = T_REPORT,
                                           .in_len = sizeof(in) }, in),
                        ==, S_OK);
    }
    g_assert_cmpint(qtest_clock_step(d->qts, 0) - now, <, limit_ns);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/virtio-blk-zoned/append", test_append);
    qtest_add_func("/virtio-blk-zoned/append-layout", test_append_layout);
    qtest_add_func("/virtio-blk-zoned/append-errors", test_append_errors);
    qtest_add_func("/virtio-blk-zoned/append-statistics",
                   test_append_statistics);
    qtest_add_func("/virtio-blk-zoned/append-statistics-for-people",
                   test_append_statistics_for_people);
    qtest_add_func("/virtio-blk-zoned/append-latency", test_append_latency);
    qtest_add_func("/virtio-blk-zoned/throttled-report",
                   test_throttled_report);
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
    return g_test_run();
}
