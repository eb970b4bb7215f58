/*
 * Unit tests for the zone state machine: which requests are refused, and with
 * which error; writes in flight; geometry
 *
 * The results are written down here in the words that users see, as
 * tables where possible, and does not share code with the state machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "zone-set-test.h"

/*
 * Which error, where several hold
 */

/*
 * Zones 0 and 1 conventional, 2 full, 3 read-only, 4 offline, 5 closed with
 * one granule, 6 empty, 7 short and empty, without a free resource in @zs
 */
static ZoneSet *new_mixed(uint32_t max_open, uint32_t max_active)
{
    ZoneGeometry g = plain;
    ZoneSet *zs;

    g.conventional_zones = 2;
    g.max_open_zones = max_open;
    g.max_active_zones = max_active;
    zs = zone_set_new(&g);
    load(zs, 2, "full", 2 * GRAN);
    load(zs, 3, "read-only", GRAN);
    load(zs, 4, "offline", GRAN);
    load(zs, 5, "closed", GRAN);
    return zs;
}

typedef struct RequestCase {
    uint64_t offset;
    uint64_t bytes;
    int error;
} RequestCase;

/* None of them changes anything, be it refused or not */
static void try_requests(ZoneSet *zs,
                         int (*request)(ZoneSet *, uint64_t, uint64_t),
                         const RequestCase *cases, size_t nr_cases)
{
    for (size_t n = 0; n < nr_cases; n++) {
        g_test_message("0x%" PRIx64 " bytes at 0x%" PRIx64, cases[n].bytes,
                       cases[n].offset);
        assert_unchanged(zs, request(zs, cases[n].offset, cases[n].bytes),
                         cases[n].error);
    }
}

static int try_append(ZoneSet *zs, uint64_t offset, uint64_t bytes)
{
    uint64_t where = 12345;
    int ret = zone_set_append_begin(zs, offset, bytes, &where);

    g_assert_cmpuint(where, ==, 12345);
    return ret;
}

static int check_read(ZoneSet *zs, uint64_t offset, uint64_t bytes)
{
    return zone_set_check_read(zs, offset, bytes);
}

static void test_write_errors(void)
{
    const uint64_t end = plain.size;
    const RequestCase cases[] = {
        /* Past the end, over: overflow, two zones, write pointer */
        { end - GRAN, 2 * GRAN,             EIO },
        { end, GRAN,                        EIO },
        { end + GRAN, 0,                    EIO },
        { 6 * ZONE + GRAN, 2 * ZONE,        EIO },
        { 4 * ZONE, end,                    EIO },
        { 6 * ZONE, UINT64_MAX,             EIO },
        { UINT64_MAX, 2,                    EIO },
        { UINT64_MAX - GRAN + 1, GRAN,      EIO },
        /* Two zones, over: full, read-only, offline, write pointer */
        { ZONE, ZONE + GRAN,                BLK_ZERR_INVALID },
        { 2 * ZONE, 2 * ZONE,               BLK_ZERR_INVALID },
        { 3 * ZONE, ZONE + GRAN,            BLK_ZERR_INVALID },
        { 4 * ZONE, ZONE + 1,               BLK_ZERR_INVALID },
        { 7 * ZONE - 1, 2,                  BLK_ZERR_INVALID },
        { 0, end,                           BLK_ZERR_INVALID },
        /* State, over: write pointer, granularity, capacity */
        { 2 * ZONE + GRAN, GRAN,            BLK_ZERR_INVALID },
        { 2 * ZONE + 2 * GRAN, 1,           BLK_ZERR_INVALID },
        { 3 * ZONE, GRAN,                   BLK_ZERR_RDONLY },
        { 3 * ZONE + GRAN, CAP,             BLK_ZERR_RDONLY },
        { 4 * ZONE + 3, ZONE - 3,           BLK_ZERR_OFFLINE },
        /* Write pointer and granularity, over: capacity, resources */
        { 5 * ZONE, GRAN,                   BLK_ZERR_NOT_AT_WP },
        { 5 * ZONE, ZONE,                   BLK_ZERR_NOT_AT_WP },
        { 5 * ZONE + 2 * GRAN, CAP,         BLK_ZERR_NOT_AT_WP },
        { 5 * ZONE + GRAN, CAP + 1,         BLK_ZERR_NOT_AT_WP },
        { 5 * ZONE + GRAN, 512,             BLK_ZERR_NOT_AT_WP },
        { 6 * ZONE + 512, GRAN,             BLK_ZERR_NOT_AT_WP },
        { 6 * ZONE + CAP, GRAN,             BLK_ZERR_NOT_AT_WP },
        /* Capacity, over: resources */
        { 5 * ZONE + GRAN, CAP,             BLK_ZERR_INVALID },
        { 6 * ZONE, CAP + GRAN,             BLK_ZERR_INVALID },
        { 6 * ZONE, ZONE,                   BLK_ZERR_INVALID },
        /* Resources */
        { 6 * ZONE, GRAN,                   BLK_ZERR_ACTIVE },
        { 5 * ZONE + GRAN, GRAN,            BLK_ZERR_OPEN },
        /* Nothing to write */
        { 3 * ZONE, 0,                      BLK_ZERR_RDONLY },
        { 4 * ZONE + 1, 0,                  BLK_ZERR_OFFLINE },
    };
    ZoneSet *zs = new_mixed(1, 2);

    mgmt(zs, BLK_ZO_OPEN, 7);
    try_requests(zs, zone_set_write_begin, cases, ARRAY_SIZE(cases));
    zone_set_free(zs);
}

static void test_append_errors(void)
{
    const uint64_t end = plain.size;
    const RequestCase cases[] = {
        { end, 0,                           EIO },
        { end, GRAN,                        EIO },
        { 7 * ZONE, ZONE,                   EIO },
        { 8 * ZONE, GRAN,                   EIO },
        { UINT64_MAX - ZONE + 1, ZONE,      EIO },
        { 0, GRAN,                          BLK_ZERR_INVALID },
        { 0, 0,                             BLK_ZERR_INVALID },
        { ZONE, 2 * ZONE,                   BLK_ZERR_INVALID },
        { 3 * ZONE + GRAN, GRAN,            BLK_ZERR_INVALID },
        { 4 * ZONE + 512, GRAN,             BLK_ZERR_INVALID },
        { 5 * ZONE + GRAN, GRAN,            BLK_ZERR_INVALID },
        { 6 * ZONE, ZONE + GRAN,            BLK_ZERR_INVALID },
        { 2 * ZONE, 1,                      BLK_ZERR_INVALID },
        { 3 * ZONE, CAP,                    BLK_ZERR_RDONLY },
        { 3 * ZONE, 0,                      BLK_ZERR_RDONLY },
        { 4 * ZONE, 1,                      BLK_ZERR_OFFLINE },
        { 5 * ZONE, CAP + 1,                BLK_ZERR_NOT_AT_WP },
        { 5 * ZONE, 512,                    BLK_ZERR_NOT_AT_WP },
        /* Zone 5 has a granule less than its capacity left */
        { 5 * ZONE, CAP,                    BLK_ZERR_INVALID },
        /* So has zone 7, which ends where the device ends */
        { 7 * ZONE, 16 * KiB,               BLK_ZERR_INVALID },
        { 6 * ZONE, GRAN,                   BLK_ZERR_ACTIVE },
        { 5 * ZONE, GRAN,                   BLK_ZERR_OPEN },
    };
    ZoneSet *zs = new_mixed(1, 2);

    mgmt(zs, BLK_ZO_OPEN, 7);
    write_zone(zs, 7);
    try_requests(zs, try_append, cases, ARRAY_SIZE(cases));
    zone_set_free(zs);
}

static void test_read_checks(void)
{
    const uint64_t end = plain.size;
    const RequestCase cases[] = {
        { 0, 2 * ZONE,                      0 },
        { ZONE - 1, 2,                      0 },
        { 2 * ZONE, ZONE,                   0 },
        { 3 * ZONE + 1, ZONE - 1,           0 },
        { 7 * ZONE, 16 * KiB,               0 },
        { end, 0,                           0 },
        { 3 * ZONE, 0,                      0 },
        { end, 1,                           EIO },
        { end + 1, 0,                       EIO },
        { 7 * ZONE, 16 * KiB + 1,           EIO },
        { 3 * ZONE, end,                    EIO },
        { UINT64_MAX, UINT64_MAX,           EIO },
        { 2 * ZONE - 1, 2,                  BLK_ZERR_INVALID },
        { 0, end,                           BLK_ZERR_INVALID },
        { 4 * ZONE, ZONE + 1,               BLK_ZERR_INVALID },
        { 4 * ZONE, 1,                      BLK_ZERR_OFFLINE },
        { 5 * ZONE - 1, 1,                  BLK_ZERR_OFFLINE },
        { 4 * ZONE, 0,                      BLK_ZERR_OFFLINE },
    };
    ZoneSet *zs = new_mixed(0, 0);

    try_requests(zs, check_read, cases, ARRAY_SIZE(cases));
    zone_set_free(zs);
}

/* A request for nothing needs a place, but neither resources nor alignment */
static void test_zero_bytes(void)
{
    ZoneSet *zs = new_mixed(1, 1);
    uint64_t where;

    assert_unchanged(zs, zone_set_write_begin(zs, 2 * ZONE + 7, 0), 0);
    assert_unchanged(zs, zone_set_write_begin(zs, 5 * ZONE, 0), 0);
    assert_unchanged(zs, zone_set_write_begin(zs, 6 * ZONE, 0), 0);
    assert_unchanged(zs, zone_set_write_begin(zs, plain.size, 0), 0);
    assert_unchanged(zs, zone_set_append_begin(zs, 5 * ZONE, 0, &where), 0);
    g_assert_cmpuint(where, ==, 5 * ZONE + GRAN);
    assert_unchanged(zs, zone_set_append_begin(zs, 6 * ZONE, 0, &where), 0);
    g_assert_cmpuint(where, ==, 6 * ZONE);
    zone_set_free(zs);
}

/*
 * Writes in flight
 */

static void test_append(void)
{
    ZoneSet *zs = zone_set_new(&plain);
    uint64_t where;

    g_assert_cmpint(zone_set_append_begin(zs, ZONE, 2 * GRAN, &where), ==, 0);
    g_assert_cmpuint(where, ==, ZONE);
    g_assert_cmpint(zone_set_append_begin(zs, ZONE, GRAN, &where), ==, 0);
    g_assert_cmpuint(where, ==, ZONE + 2 * GRAN);
    g_assert_cmpint(zone_set_append_begin(zs, 2 * ZONE, CAP, &where), ==, 0);
    g_assert_cmpuint(where, ==, 2 * ZONE);
    assert_zone(zs, 1, "imp-open", 3 * GRAN);
    zone_set_free(zs);
}

static void test_full_at_completion(void)
{
    ZoneSet *zs = new_with_limits(1, 1);
    uint64_t where;

    g_assert_cmpint(zone_set_write_begin(zs, ZONE, GRAN), ==, 0);
    g_assert_cmpint(zone_set_write_begin(zs, ZONE + GRAN, CAP - GRAN), ==, 0);
    assert_zone(zs, 1, "imp-open", CAP);

    /* Nothing more fits; wherever it starts, the zone counts as full */
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE + CAP, GRAN),
                     BLK_ZERR_INVALID);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE, 512), BLK_ZERR_INVALID);
    assert_unchanged(zs, zone_set_append_begin(zs, ZONE, GRAN, &where),
                     BLK_ZERR_INVALID);

    zone_set_write_end(zs, 1, GRAN);
    assert_zone(zs, 1, "imp-open", CAP);
    assert_unchanged(zs, try_write(zs, 2), BLK_ZERR_ACTIVE);
    zone_set_write_end(zs, 1, CAP);
    assert_zone(zs, 1, "full", CAP);
    zone_set_write_end(zs, 1, CAP);
    assert_zone(zs, 1, "full", CAP);

    /* The resources are free again, the place in the order is gone */
    write_zone(zs, 2);
    zone_set_free(zs);

    /* Explicitly open zones become full as well */
    zs = zone_set_new(&plain);
    mgmt(zs, BLK_ZO_OPEN, 1);
    g_assert_cmpint(zone_set_write_begin(zs, ZONE, CAP), ==, 0);
    zone_set_write_end(zs, 1, CAP);
    assert_state(zs, 1, "full");
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_EOPEN), ==, 0);
    zone_set_free(zs);
}

static void test_abort(void)
{
    ZoneSet *zs = zone_set_new(&plain);

    /* Data that was written before stays */
    write_zone(zs, 1);
    write_zone(zs, 1);
    zone_set_write_end(zs, 1, GRAN);
    zone_set_write_abort(zs, 1, GRAN);
    assert_zone(zs, 1, "imp-open", GRAN);
    g_assert_cmpint(zone_set_write_begin(zs, ZONE + GRAN, GRAN), ==, 0);

    /* A write that would have filled the zone can be tried again */
    g_assert_cmpint(zone_set_write_begin(zs, 2 * ZONE, CAP), ==, 0);
    zone_set_write_abort(zs, 2, 0);
    assert_zone(zs, 2, "imp-open", 0);
    g_assert_cmpint(zone_set_write_begin(zs, 2 * ZONE, CAP), ==, 0);
    zone_set_write_end(zs, 2, CAP);
    assert_zone(zs, 2, "full", CAP);

    /* An explicitly open zone stays so */
    mgmt(zs, BLK_ZO_OPEN, 3);
    write_zone(zs, 3);
    zone_set_write_abort(zs, 3, 0);
    assert_zone(zs, 3, "exp-open", 0);
    zone_set_free(zs);
}

/* Writes that are still in flight when their zone is implicitly closed */
static void test_closed_in_flight(void)
{
    ZoneSet *zs = new_with_limits(1, 3);

    g_assert_cmpint(zone_set_write_begin(zs, ZONE, CAP), ==, 0);
    write_zone(zs, 2);
    assert_zone(zs, 1, "closed", CAP);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE + CAP, GRAN),
                     BLK_ZERR_INVALID);
    zone_set_write_end(zs, 1, CAP);
    assert_zone(zs, 1, "full", CAP);

    write_zone(zs, 3);
    assert_zone(zs, 2, "closed", GRAN);
    zone_set_write_abort(zs, 2, 0);
    assert_zone(zs, 2, "empty", 0);

    write_zone(zs, 4);
    write_zone(zs, 3);
    write_zone(zs, 4);
    assert_zone(zs, 3, "closed", 2 * GRAN);
    zone_set_write_abort(zs, 3, GRAN);
    assert_zone(zs, 3, "closed", GRAN);

    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_IOPEN), ==, 1);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_CLOSED), ==, 1);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_FULL), ==, 1);
    zone_set_free(zs);
}

/* A finished zone knows how much of it holds data, until its reset */
static void test_finish_keeps_wp(void)
{
    ZoneSet *zs = zone_set_new(&plain);
    BlockZoneDescriptor desc;

    write_zone(zs, 1);
    mgmt(zs, BLK_ZO_FINISH, 1);
    assert_zone(zs, 1, "full", GRAN);
    zone_set_get(zs, 1, &desc);
    g_assert_cmpuint(desc.wp, ==, 2 * ZONE);

    mgmt(zs, BLK_ZO_FINISH, 1);
    assert_zone(zs, 1, "full", GRAN);
    mgmt(zs, BLK_ZO_RESET, 1);
    assert_zone(zs, 1, "empty", 0);
    g_assert_cmpint(zone_set_write_begin(zs, ZONE, GRAN), ==, 0);
    zone_set_free(zs);
}

/*
 * Geometry
 */

static void test_report(void)
{
    ZoneSet *zs = new_mixed(0, 0);

    g_assert_cmpuint(zone_geometry_nr_zones(zone_set_geometry(zs)), ==, 8);
    write_zone(zs, 6);
    mgmt(zs, BLK_ZO_OPEN, 7);

    assert_desc(zs, 0, 0, ZONE, ZONE, ZONE, BLK_ZT_CONV, "not-wp");
    assert_desc(zs, 1, ZONE, ZONE, ZONE, 2 * ZONE, BLK_ZT_CONV, "not-wp");
    assert_desc(zs, 2, 2 * ZONE, ZONE, CAP, 3 * ZONE, BLK_ZT_SWR, "full");
    assert_desc(zs, 3, 3 * ZONE, ZONE, CAP, 4 * ZONE, BLK_ZT_SWR, "read-only");
    assert_desc(zs, 4, 4 * ZONE, ZONE, CAP, 5 * ZONE, BLK_ZT_SWR, "offline");
    assert_desc(zs, 5, 5 * ZONE, ZONE, CAP, 5 * ZONE + GRAN, BLK_ZT_SWR,
                "closed");
    assert_desc(zs, 6, 6 * ZONE, ZONE, CAP, 6 * ZONE + GRAN, BLK_ZT_SWR,
                "imp-open");
    assert_desc(zs, 7, 7 * ZONE, 16 * KiB, 16 * KiB, 7 * ZONE, BLK_ZT_SWR,
                "exp-open");
    mgmt(zs, BLK_ZO_RESET, 7);
    assert_desc(zs, 7, 7 * ZONE, 16 * KiB, 16 * KiB, 7 * ZONE, BLK_ZT_SWR,
                "empty");
    zone_set_free(zs);
}

/* Fill zone @i, of @cap bytes, granule by granule, and not a granule more */
static void fill_zone(ZoneSet *zs, uint32_t i, uint64_t cap)
{
    const ZoneGeometry *g = zone_set_geometry(zs);
    uint64_t start = i * g->zone_size;

    for (uint64_t pos = 0; pos < cap; pos += g->write_granularity) {
        g_assert_cmpint(zone_set_write_begin(zs, start + pos,
                                             g->write_granularity), ==, 0);
        assert_zone(zs, i, "imp-open", pos + g->write_granularity);
        zone_set_write_end(zs, i, pos + g->write_granularity);
    }
    assert_zone(zs, i, "full", cap);
}

static void test_capacity(void)
{
    ZoneSet *zs = zone_set_new(&plain);

    /* A zone in the middle, and the short last zone */
    fill_zone(zs, 1, CAP);
    fill_zone(zs, 7, 16 * KiB);
    zone_set_free(zs);
}

/* A last zone that is shorter than the zones, yet longer than the capacity */
static void test_last_zone_above_capacity(void)
{
    ZoneGeometry g = plain;
    ZoneSet *zs;

    g.size = 2 * ZONE + CAP + GRAN;
    zs = zone_set_new(&g);
    assert_desc(zs, 2, 2 * ZONE, CAP + GRAN, CAP, 2 * ZONE, BLK_ZT_SWR,
                "empty");
    assert_unchanged(zs, zone_set_write_begin(zs, 2 * ZONE, CAP + GRAN),
                     BLK_ZERR_INVALID);
    fill_zone(zs, 2, CAP);
    assert_desc(zs, 2, 2 * ZONE, CAP + GRAN, CAP, g.size, BLK_ZT_SWR, "full");
    zone_set_free(zs);
}

static void test_granularity(void)
{
    ZoneGeometry g = plain;
    ZoneSet *zs;

    g.write_granularity = 512;
    zs = zone_set_new(&g);
    g_assert_cmpint(zone_set_write_begin(zs, ZONE, 512), ==, 0);
    g_assert_cmpint(zone_set_write_begin(zs, ZONE + 512, 1536), ==, 0);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE + 2048, 511),
                     BLK_ZERR_NOT_AT_WP);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE + 2048, 513),
                     BLK_ZERR_NOT_AT_WP);
    assert_zone(zs, 1, "imp-open", 2048);
    fill_zone(zs, 2, CAP);
    zone_set_free(zs);

    g.write_granularity = 4096;
    zs = zone_set_new(&g);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE, 512),
                     BLK_ZERR_NOT_AT_WP);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE, 4608),
                     BLK_ZERR_NOT_AT_WP);
    g_assert_cmpint(zone_set_write_begin(zs, ZONE, 4096), ==, 0);
    zone_set_free(zs);
}

static void test_conventional(void)
{
    ZoneGeometry g = plain;
    ZoneSet *zs;
    uint64_t where;

    /* Any order, any alignment, over several of them; but not beyond */
    g.conventional_zones = 3;
    g.max_open_zones = 1;
    g.max_active_zones = 1;
    zs = zone_set_new(&g);
    mgmt(zs, BLK_ZO_OPEN, 4);
    assert_unchanged(zs, zone_set_write_begin(zs, 0, 3 * ZONE), 0);
    assert_unchanged(zs, zone_set_write_begin(zs, 2 * ZONE + 1, 511), 0);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE, 1), 0);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE, 0), 0);
    assert_unchanged(zs, zone_set_check_read(zs, 1, 3 * ZONE - 1), 0);
    assert_unchanged(zs, zone_set_write_begin(zs, 0, 3 * ZONE + 1),
                     BLK_ZERR_INVALID);
    assert_unchanged(zs, zone_set_check_read(zs, 1, 3 * ZONE),
                     BLK_ZERR_INVALID);
    zone_set_free(zs);

    /* All zones conventional, more of them asked for than there are */
    g.conventional_zones = 100;
    zs = zone_set_new(&g);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_NOT_WP), ==, 8);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_EMPTY), ==, 0);
    assert_unchanged(zs, zone_set_write_begin(zs, 0, g.size), 0);
    assert_unchanged(zs, zone_set_write_begin(zs, 1, g.size), EIO);
    assert_unchanged(zs, zone_set_append_begin(zs, 7 * ZONE, GRAN, &where),
                     BLK_ZERR_INVALID);
    assert_desc(zs, 7, 7 * ZONE, 16 * KiB, 16 * KiB, g.size, BLK_ZT_CONV,
                "not-wp");
    zone_set_free(zs);
}

/* Offsets beyond 4 GiB, zones included */
static void test_large(void)
{
    ZoneGeometry g = {
        .size = 64 * TiB,
        .zone_size = 8 * GiB,
        .zone_capacity = 7 * GiB,
        .write_granularity = 4096,
    };
    ZoneSet *zs = zone_set_new(&g);
    uint64_t where;

    g_assert_cmpint(zone_set_write_begin(zs, 64 * TiB - 8 * GiB, 5 * GiB),
                    ==, 0);
    g_assert_cmpint(zone_set_append_begin(zs, 64 * TiB - 8 * GiB, 2 * GiB,
                                          &where), ==, 0);
    g_assert_cmpuint(where, ==, 64 * TiB - 3 * GiB);
    zone_set_write_end(zs, 8191, 7 * GiB);
    assert_desc(zs, 8191, 64 * TiB - 8 * GiB, 8 * GiB, 7 * GiB, 64 * TiB,
                BLK_ZT_SWR, "full");
    zone_set_free(zs);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zone-set/errors/write", test_write_errors);
    g_test_add_func("/zone-set/errors/append", test_append_errors);
    g_test_add_func("/zone-set/errors/read", test_read_checks);
    g_test_add_func("/zone-set/errors/zero-bytes", test_zero_bytes);
    g_test_add_func("/zone-set/write/append", test_append);
    g_test_add_func("/zone-set/write/full", test_full_at_completion);
    g_test_add_func("/zone-set/write/abort", test_abort);
    g_test_add_func("/zone-set/write/closed", test_closed_in_flight);
    g_test_add_func("/zone-set/write/finish", test_finish_keeps_wp);
    g_test_add_func("/zone-set/geometry/report", test_report);
    g_test_add_func("/zone-set/geometry/capacity", test_capacity);
    g_test_add_func("/zone-set/geometry/last", test_last_zone_above_capacity);
    g_test_add_func("/zone-set/geometry/granularity", test_granularity);
    g_test_add_func("/zone-set/geometry/conventional", test_conventional);
    g_test_add_func("/zone-set/geometry/large", test_large);

    return g_test_run();
}
