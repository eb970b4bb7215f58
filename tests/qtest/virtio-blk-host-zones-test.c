/*
 * QTest testcase for virtio-blk on a zoned drive of the host
 *
 * It needs a drive, so it is not among the tests that run anywhere.  A guest
 * with an emulated drive runs single cases.
 *
 *   ZONED_DEVICE   the drive: zones of 4 MiB, the first two conventional
 *                  and all others with a capacity of 3 MiB; three can be open
 *   ZONED_CONFIGS  the folder in configfs, if it is a null_blk drive, of which
 *                  four zones can be active
 *   ZONED_GRANULARITY  what its write granularity is
 *   ZONED_RIVAL    set if somebody else writes to the drive at the same time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "zoned-disk.h"

#define ZONE    8192    /* sectors of a zone */
#define CAP     6144    /* sectors of a zone that can be written */
#define GRANULE 8       /* sectors */

/* How many requests are in flight at a time */
#define DEPTH   16
/* Sectors of the longest request in flight */
#define LONGEST (8 * GRANULE)

/* The guest's disk, which no driver has yet, with more options */
static Disk *disk_probe(const char *options)
{
    Disk *d = g_new0(Disk, 1);

    d->qts = qtest_initf("-machine pc -nodefaults "
                         "-blockdev driver=host_device,"
                         "node-name=disk,filename=%s,cache.direct=on "
                         "-device virtio-blk-pci,drive=disk,addr=%d%s",
                         getenv("ZONED_DEVICE"), PCI_SLOT, options);
    disk_find(d);
    return d;
}

static Disk *disk_new(void)
{
    Disk *d = disk_probe("");

    disk_start(d, F_VERSION_1 | F_ZONED);
    return d;
}

/* The same for mistakes of the guest, which must not stop the machine */
static Disk *disk_new_stopping(void)
{
    Disk *d = disk_probe(",werror=stop,rerror=stop");

    disk_start(d, F_VERSION_1 | F_ZONED);
    return d;
}

/* Set an attribute of the null_blk drive */
static void set_attribute(const char *name, const char *fmt, ...)
{
    g_autofree char *path = g_build_filename(getenv("ZONED_CONFIGS"), name,
                                             NULL);
    FILE *file = fopen(path, "w");
    va_list ap;

    g_assert_nonnull(file);
    va_start(ap, fmt);
    g_assert_cmpint(vfprintf(file, fmt, ap), >, 0);
    va_end(ap);
    g_assert_cmpint(fclose(file), ==, 0);
}

/* What the drive itself has */
static void read_drive(uint64_t sector, void *buf, size_t bytes)
{
    int fd = open(getenv("ZONED_DEVICE"), O_RDONLY);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pread(fd, buf, bytes, sector * SECTOR), ==, bytes);
    close(fd);
}

/*
 * What the drive is like
 */

static void test_limits(void)
{
    Disk *d = disk_new();

    g_assert_cmpint(d->dev->bus->config_readq(d->dev, 0), ==, 64 * ZONE);
    g_assert_cmpint(config_l(d, 72), ==, ZONE);
    g_assert_cmpint(config_l(d, 76), ==, 3);
    g_assert_cmpint(config_l(d, 80), ==, 4);
    g_assert_cmpint(config_l(d, 84), >=, LONGEST);
    g_assert_cmpint(config_l(d, 84), <=, ZONE);
    g_assert_cmpint(config_l(d, 88), ==, SECTOR);
    g_assert_cmpint(config_l(d, 92), ==, 1);
    disk_free(d);
}

static void test_granularity(void)
{
    uint32_t granularity = atoi(getenv("ZONED_GRANULARITY"));
    uint32_t sectors = granularity / SECTOR;
    Disk *d = disk_new();

    /* blk_size, physical_block_exp, write_granularity */
    g_assert_cmpint(config_l(d, 20), ==, granularity);
    g_assert_cmpint(d->dev->bus->config_readb(d->dev, 24), ==, 0);
    g_assert_cmpint(config_l(d, 88), ==, granularity);

    g_assert_cmpint(zone_op(d, T_RESET, 2 * ZONE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 2 * ZONE, sectors), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 2 * ZONE + sectors, sectors - 1), ==,
                    S_UNALIGNED_WP);
    g_assert_cmpint(append(d, 2 * ZONE, sectors - 1), ==, S_UNALIGNED_WP);
    g_assert_cmpint(append(d, 2 * ZONE, sectors), ==, S_OK);
    assert_zone(d, 2 * ZONE, ZS_IOPEN, 2 * ZONE + 2 * sectors);
    g_assert_cmpint(read_sectors(d, 2 * ZONE + 1, 1), ==, S_OK);
    disk_free(d);
}

/*
 * Status of each error
 */

static void test_open_zones(void)
{
    Disk *d = disk_new_stopping();
    int i;

    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    for (i = 2; i < 5; i++) {
        g_assert_cmpint(zone_op(d, T_OPEN, i * ZONE), ==, S_OK);
    }
    g_assert_cmpint(zone_op(d, T_OPEN, 5 * ZONE), ==, S_OPEN_RESOURCE);
    g_assert_cmpint(write_sectors(d, 5 * ZONE, GRANULE), ==, S_OPEN_RESOURCE);
    g_assert_cmpint(append(d, 5 * ZONE, GRANULE), ==, S_OPEN_RESOURCE);
    assert_zone(d, 5 * ZONE, ZS_EMPTY, 5 * ZONE);
    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    disk_free(d);
}

static void test_active_zones(void)
{
    Disk *d = disk_new_stopping();
    int i;

    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    for (i = 2; i < 6; i++) {
        g_assert_cmpint(write_sectors(d, i * ZONE, GRANULE), ==, S_OK);
        g_assert_cmpint(zone_op(d, T_CLOSE, i * ZONE), ==, S_OK);
    }
    g_assert_cmpint(zone_op(d, T_OPEN, 6 * ZONE), ==, S_ACTIVE_RESOURCE);
    g_assert_cmpint(write_sectors(d, 6 * ZONE, GRANULE), ==, S_ACTIVE_RESOURCE);
    g_assert_cmpint(append(d, 6 * ZONE, GRANULE), ==, S_ACTIVE_RESOURCE);
    assert_zone(d, 6 * ZONE, ZS_EMPTY, 6 * ZONE);
    g_assert_cmpint(zone_op(d, T_FINISH, 5 * ZONE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 6 * ZONE, GRANULE), ==, S_OK);
    disk_free(d);
}

static void test_write_errors(void)
{
    Disk *d = disk_new_stopping();
    const uint64_t z = 2 * ZONE;

    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    g_assert_cmpint(write_sectors(d, z + GRANULE, GRANULE), ==, S_UNALIGNED_WP);
    g_assert_cmpint(write_sectors(d, z, GRANULE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, z, GRANULE), ==, S_UNALIGNED_WP);
    g_assert_cmpint(write_sectors(d, z + GRANULE, CAP), ==, S_INVALID_CMD);
    g_assert_cmpint(write_sectors(d, z + ZONE - GRANULE, 2 * GRANULE), ==,
                    S_INVALID_CMD);
    g_assert_cmpint(read_sectors(d, z + ZONE - GRANULE, 2 * GRANULE), ==,
                    S_INVALID_CMD);
    assert_zone(d, z, ZS_IOPEN, z + GRANULE);
    g_assert_cmpint(zone_op(d, T_FINISH, z), ==, S_OK);
    g_assert_cmpint(write_sectors(d, z, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, z, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_OPEN, z), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_CLOSE, z), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_CLOSE, z + ZONE), ==, S_INVALID_CMD);
    assert_zone(d, z + ZONE, ZS_EMPTY, z + ZONE);
    g_assert_cmpint(append(d, 0, GRANULE), ==, S_INVALID_CMD);
    for (int type = T_OPEN; type <= T_RESET; type += 2) {
        g_assert_cmpint(zone_op(d, type, 0), ==, S_INVALID_CMD);
    }
    g_assert_cmpint(write_sectors(d, ZONE - GRANULE, 2 * GRANULE), ==, S_OK);
    g_assert_cmpint(zone_op(d, T_RESET, z), ==, S_OK);
    g_assert_cmpint(write_sectors(d, z, GRANULE), ==, S_OK);
    disk_free(d);
}

/* A zone that was fine a moment ago */
static void check_lost_zone(Disk *d, uint64_t zone, const char *attribute,
                            int state, int read_status)
{
    g_assert_cmpint(write_sectors(d, zone, GRANULE), ==, S_OK);
    set_attribute(attribute, "%" PRIu64, zone);
    g_assert_cmpint(write_sectors(d, zone + GRANULE, GRANULE), ==,
                    S_INVALID_CMD);
    g_assert_cmpint(append(d, zone, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(read_sectors(d, zone, GRANULE), ==, read_status);
    for (int type = T_OPEN; type <= T_RESET; type += 2) {
        g_assert_cmpint(zone_op(d, type, zone), ==, S_INVALID_CMD);
    }
    assert_zone(d, zone, state, get_zone(d, zone).wp);
    /* The others do not care, nor does a reset of all */
    g_assert_cmpint(write_sectors(d, 2 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    assert_zone(d, 2 * ZONE, ZS_EMPTY, 2 * ZONE);
    assert_zone(d, zone, state, get_zone(d, zone).wp);

    /* null_blk makes an empty zone of it when it is told twice */
    set_attribute(attribute, "%" PRIu64, zone);
    g_assert_cmpint(append(d, zone, GRANULE), ==, S_OK);
    g_assert_cmpint(zone_op(d, T_RESET, zone), ==, S_OK);
}

static void test_lost_zones(void)
{
    Disk *d = disk_new_stopping();

    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    check_lost_zone(d, 8 * ZONE, "zone_readonly", ZS_RDONLY, S_OK);
    check_lost_zone(d, 9 * ZONE, "zone_offline", ZS_OFFLINE, S_INVALID_CMD);
    disk_free(d);
}

/*
 * Many requests in flight
 */

typedef struct Flight {
    Request requests[DEPTH];
    uint8_t *data[DEPTH];
} Flight;

/* A wave of requests of random lengths, each word of which is unlike others */
static void flight_init(Flight *f, int type, uint64_t sector,
                        uint32_t first_tag)
{
    for (int i = 0; i < DEPTH; i++) {
        size_t bytes = g_test_rand_int_range(1, LONGEST / GRANULE + 1) *
                       GRANULE * SECTOR;

        f->data[i] = g_malloc(bytes);
        for (size_t at = 0; at < bytes; at += sizeof(uint32_t)) {
            stl_le_p(f->data[i] + at, first_tag + i + (at << 12));
        }
        f->requests[i] = (Request) {
            .type = type, .sector = sector, .out = f->data[i],
            .out_len = bytes, .in_len = type == T_APPEND ? 8 : 0,
        };
        if (type == T_OUT) {
            sector += bytes / SECTOR;
        }
    }
}

/* The device learns of all at once, as a drive is faster than this driver */
static void flight_start(Disk *d, Flight *f)
{
    for (int i = 0; i < DEPTH; i++) {
        submit(d, &f->requests[i]);
    }
    kick(d);
}

static void flight_free(Disk *d, Flight *f)
{
    for (int i = 0; i < DEPTH; i++) {
        request_done(d, &f->requests[i]);
        g_free(f->data[i]);
    }
}

/* Whether the data of request @i is at @sector, for the guest and the drive */
static void assert_data_at(Disk *d, const Flight *f, int i, uint64_t sector)
{
    const Request *r = &f->requests[i];
    g_autofree uint8_t *seen = g_malloc(r->out_len);

    g_assert_cmpint(run(d, (Request) { .type = T_IN, .sector = sector,
                                       .in_len = r->out_len }, seen),
                    ==, S_OK);
    g_assert_cmpmem(seen, r->out_len, r->out, r->out_len);
    read_drive(sector, seen, r->out_len);
    g_assert_cmpmem(seen, r->out_len, r->out, r->out_len);
}

/* Mark what request @i was told to have, which nobody else was */
static void take_place(const Flight *f, int i, uint64_t start, uint64_t sector,
                       bool *taken)
{
    uint32_t sectors = f->requests[i].out_len / SECTOR;

    g_assert_cmpint(sector, >=, start);
    g_assert_cmpint(sector + sectors, <=, start + CAP);
    for (uint32_t j = 0; j < sectors; j++) {
        g_assert_false(taken[sector - start + j]);
        taken[sector - start + j] = true;
    }
}

/*
 * A wave of appends to zone @zone.  Returns how many succeeded; @taken has a
 * mark for each sector that an earlier one was told to have.
 */
static int append_wave(Disk *d, uint64_t zone, uint32_t first_tag, bool *taken)
{
    uint64_t where[DEPTH];
    int done = 0;
    Flight f;

    flight_init(&f, T_APPEND, zone, first_tag);
    flight_start(d, &f);
    complete(d, f.requests, DEPTH);
    for (int i = 0; i < DEPTH; i++) {
        request_in(d, &f.requests[i], &where[i]);
        if (f.requests[i].status == S_OK) {
            take_place(&f, i, zone, le64_to_cpu(where[i]), taken);
            done++;
        }
    }
    /* Only now: a later one could have taken its place */
    for (int i = 0; i < DEPTH; i++) {
        if (f.requests[i].status == S_OK) {
            assert_data_at(d, &f, i, le64_to_cpu(where[i]));
        }
    }
    flight_free(d, &f);
    return done;
}

static uint32_t count_taken(const bool *taken)
{
    uint32_t count = 0;

    for (int i = 0; i < CAP; i++) {
        count += taken[i];
    }
    return count;
}

/* Sectors of @zone that can still be written */
static uint32_t room_in(Disk *d, uint64_t zone)
{
    Zone z = get_zone(d, zone);

    return z.state == ZS_FULL ? 0 : zone + CAP - z.wp;
}

/*
 * The rival's appends, and Linux, which splits what is in flight, can leave the
 * write pointer at any sector.  So the zone need not get full: too little may
 * be left for the shortest of our appends, and for those of the rival.
 */
static void test_appenders(void)
{
    Disk *d = disk_new();
    g_autofree bool *taken = g_new0(bool, CAP);
    uint32_t left, room = CAP;
    uint32_t tag = 0;

    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    do {
        int done = append_wave(d, 3 * ZONE, tag, taken);

        left = room;
        room = room_in(d, 3 * ZONE);
        /* Somebody has got something */
        g_assert_cmpint(room, <, left);
        if (!getenv("ZONED_RIVAL")) {
            /* All of them, and nothing is left out */
            g_assert_cmpint(done, ==, DEPTH);
            g_assert_cmpint(CAP - room, ==, count_taken(taken));
        }
        tag += DEPTH;
    } while (room >= DEPTH * LONGEST);
    disk_free(d);
}

/* Appends in flight when the drive fails those that touch one block */
static void test_appenders_failing(void)
{
    Disk *d = disk_new();
    g_autofree bool *taken = g_new0(bool, CAP);
    const uint64_t bad = 3 * ZONE + 5 * GRANULE;
    int done;

    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    set_attribute("badblocks", "+%" PRIu64 "-%" PRIu64, bad, bad + GRANULE - 1);
    done = append_wave(d, 3 * ZONE, 0, taken);
    g_assert_cmpint(done, <, DEPTH);
    g_assert_false(taken[5 * GRANULE]);

    set_attribute("badblocks", "-%" PRIu64 "-%" PRIu64, bad, bad + GRANULE - 1);
    done = append_wave(d, 3 * ZONE, DEPTH, taken);
    g_assert_cmpint(done, ==, DEPTH);
    g_assert_cmpint(zone_op(d, T_RESET, 3 * ZONE), ==, S_OK);
    memset(taken, 0, CAP * sizeof(bool));
    done = append_wave(d, 3 * ZONE, 2 * DEPTH, taken);
    g_assert_cmpint(done, ==, DEPTH);
    disk_free(d);
}

/*
 * The drive fails the first of the @n requests, all of which go to @zone.  The
 * machine stops, and they are done when it goes on, in their order.
 */
static void check_stop(Disk *d, uint64_t zone, Request *r, int n)
{
    set_attribute("badblocks", "+%" PRIu64 "-%" PRIu64, zone,
                  zone + GRANULE - 1);
    for (int i = 0; i < n; i++) {
        submit(d, &r[i]);
    }
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));

    set_attribute("badblocks", "-%" PRIu64 "-%" PRIu64, zone,
                  zone + GRANULE - 1);
    go_on(d);
    complete(d, r, n);
    for (int i = 0; i < n; i++) {
        g_assert_cmpint(r[i].status, ==, S_OK);
        request_done(d, &r[i]);
    }
}

static Request write_of_granule(uint64_t sector)
{
    return (Request) { .type = T_OUT, .sector = sector,
                       .out_len = GRANULE * SECTOR };
}

static void test_stop(void)
{
    Disk *d = disk_probe(",werror=stop");
    const uint64_t zone = 3 * ZONE;
    Request r[4];

    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    for (int i = 0; i < 4; i++) {
        r[i] = write_of_granule(zone + i * GRANULE);
    }
    check_stop(d, zone, r, 4);
    assert_zone(d, zone, ZS_IOPEN, zone + 4 * GRANULE);

    g_assert_cmpint(zone_op(d, T_RESET, zone), ==, S_OK);
    r[0] = r[2] = write_of_granule(zone);
    r[1] = (Request) { .type = T_RESET, .sector = zone };
    check_stop(d, zone, r, 3);
    assert_zone(d, zone, ZS_IOPEN, zone + GRANULE);
    disk_free(d);
}

/* The drive holds the first write for seconds; the zone is lost meanwhile */
static void test_lost_in_flight(void)
{
    Disk *d = disk_new();
    const uint64_t zone = 3 * ZONE;
    bool failed = false;
    Flight f;

    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    /* The zone is known then */
    g_assert_cmpint(write_sectors(d, zone, GRANULE), ==, S_OK);
    flight_init(&f, T_OUT, zone + GRANULE, 0);
    flight_start(d, &f);
    g_usleep(G_USEC_PER_SEC / 2);
    set_attribute("zone_readonly", "%" PRIu64, zone);
    complete(d, f.requests, DEPTH);

    for (int i = 0; i < DEPTH; i++) {
        if (f.requests[i].status == S_OK) {
            g_assert_false(failed);
            assert_data_at(d, &f, i, f.requests[i].sector);
        } else {
            g_assert_cmpint(f.requests[i].status, ==, S_INVALID_CMD);
            failed = true;
        }
    }
    g_assert_true(failed);
    flight_free(d, &f);

    set_attribute("zone_readonly", "%" PRIu64, zone);
    g_assert_cmpint(zone_op(d, T_RESET, zone), ==, S_OK);
    g_assert_cmpint(write_sectors(d, zone, GRANULE), ==, S_OK);
    disk_free(d);
}

/*
 * Host-aware drives
 */

static void test_host_aware_zones(void)
{
    Disk *d = disk_probe("");

    g_assert_cmphex(qvirtio_get_features(d->dev) & F_ZONED, !=, 0);
    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(config_l(d, 72), ==, ZONE);
    g_assert_cmpint(config_l(d, 84), >, 0);
    g_assert_cmpint(config_l(d, 92), ==, 2);
    g_assert_cmpint(get_zone(d, 0).type, ==, ZT_CONV);
    g_assert_cmpint(get_zone(d, 2 * ZONE).type, ==, ZT_SWP);

    g_assert_cmpint(zone_op(d, T_RESET_ALL, 0), ==, S_OK);
    assert_zone(d, 3 * ZONE, ZS_EMPTY, 3 * ZONE);
    g_assert_cmpint(append(d, 3 * ZONE, GRANULE), ==, S_OK);
    assert_zone(d, 3 * ZONE, ZS_IOPEN, 3 * ZONE + GRANULE);
    g_assert_cmpint(write_sectors(d, 3 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 4 * ZONE - 1, 2), ==, S_OK);
    g_assert_cmpint(append(d, 0, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_FINISH, 5 * ZONE), ==, S_OK);
    assert_zone(d, 5 * ZONE, ZS_FULL, 0);
    disk_free(d);
}

/* A driver that does not accept zones gets a disk like any other */
static void test_host_aware_plain(void)
{
    Disk *d = disk_probe("");
    uint8_t in[2 * SECTOR];

    disk_start(d, F_VERSION_1);
    for (int i = 72; i < 96; i += 4) {
        g_assert_cmphex(config_l(d, i), ==, 0);
    }
    g_assert_cmpint(write_sectors(d, 4 * ZONE - 1, 2), ==, S_OK);
    g_assert_cmpint(write_sectors(d, 7 * ZONE + 5, 1), ==, S_OK);
    g_assert_cmpint(run(d, (Request) { .type = T_IN, .sector = 4 * ZONE - 1,
                                       .in_len = sizeof(in) }, in), ==, S_OK);
    g_assert_cmphex(in[0], ==, 0x5a);
    g_assert_cmpint(zone_op(d, T_RESET, 4 * ZONE), ==, S_UNSUPP);
    g_assert_cmpint(append(d, 4 * ZONE, GRANULE), ==, S_UNSUPP);
    disk_free(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/host-zones/limits", test_limits);
    qtest_add_func("/host-zones/granularity", test_granularity);
    qtest_add_func("/host-zones/open-zones", test_open_zones);
    qtest_add_func("/host-zones/active-zones", test_active_zones);
    qtest_add_func("/host-zones/write-errors", test_write_errors);
    qtest_add_func("/host-zones/lost-zones", test_lost_zones);
    qtest_add_func("/host-zones/appenders", test_appenders);
    qtest_add_func("/host-zones/appenders-failing", test_appenders_failing);
    qtest_add_func("/host-zones/stop", test_stop);
    qtest_add_func("/host-zones/lost-in-flight", test_lost_in_flight);
    qtest_add_func("/host-zones/host-aware-zones", test_host_aware_zones);
    qtest_add_func("/host-zones/host-aware-plain", test_host_aware_plain);
    return g_test_run();
}
