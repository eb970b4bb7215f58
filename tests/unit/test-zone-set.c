/*
 * Unit tests for the zone state machine and the names of zone states
 *
 * What is expected is written down here in the words that users see, as
 * tables where possible, and does not share code with the state machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "block/zone-set.h"

#define ZONE (64 * KiB)
#define CAP  (48 * KiB)
#define GRAN (4 * KiB)

/* Zone 0 is conventional, the last one is short; no limits */
static const ZoneGeometry plain = {
    .size = 7 * ZONE + 16 * KiB,
    .zone_size = ZONE,
    .zone_capacity = CAP,
    .conventional_zones = 1,
    .write_granularity = GRAN,
};

static const char *state_of(const ZoneSet *zs, uint32_t i)
{
    return blk_zone_state_name(zone_set_state(zs, i));
}

#define assert_state(zs, i, name) \
    g_assert_cmpstr(state_of(zs, i), ==, name)

#define assert_zone(zs, i, name, wp) do {               \
        assert_state(zs, i, name);                      \
        g_assert_cmpuint(zone_set_wp(zs, i), ==, wp);   \
    } while (0)

static ZoneSet *new_with_limits(uint32_t max_open, uint32_t max_active)
{
    ZoneGeometry g = plain;

    g.max_open_zones = max_open;
    g.max_active_zones = max_active;
    return zone_set_new(&g);
}

/* Start a write of one granule at the write pointer of zone @i */
static int try_write(ZoneSet *zs, uint32_t i)
{
    return zone_set_write_begin(zs, i * ZONE + zone_set_wp(zs, i), GRAN);
}

static void write_zone(ZoneSet *zs, uint32_t i)
{
    g_assert_cmpint(try_write(zs, i), ==, 0);
}

static void mgmt(ZoneSet *zs, BlockZoneOp op, uint32_t i)
{
    g_assert_cmpint(zone_set_mgmt(zs, op, i), ==, 0);
}

static void load(ZoneSet *zs, uint32_t i, const char *state, uint64_t wp)
{
    BlockZoneState s;

    g_assert_true(blk_zone_state_parse(state, &s));
    g_assert_cmpint(zone_set_load(zs, i, s, wp), ==, 0);
}

/* The states, write pointers and counters of a zone set */
static char *dump(const ZoneSet *zs)
{
    uint32_t n = zone_geometry_nr_zones(zone_set_geometry(zs));
    GString *s = g_string_new("");

    for (uint32_t i = 0; i < n; i++) {
        g_string_append_printf(s, "%s %" PRIu64 "\n", state_of(zs, i),
                               zone_set_wp(zs, i));
    }
    for (int state = 0; state <= BLK_ZS_OFFLINE; state++) {
        g_string_append_printf(s, "%" PRIu32 " ", zone_set_count(zs, state));
    }
    return g_string_free(s, false);
}

/* @request returns -@error, which may be 0, and changes nothing */
#define assert_unchanged(zs, request, error) do {       \
        g_autofree char *before_ = dump(zs);            \
        g_autofree char *after_ = NULL;                 \
        g_assert_cmpint(request, ==, -(error));         \
        after_ = dump(zs);                              \
        g_assert_cmpstr(before_, ==, after_);           \
    } while (0)

/*
 * The whole table: states and operations
 */

enum { OPEN, CLOSE, FINISH, RESET, RESET_ALL, WRITE, APPEND, READ, NR_OPS };

static const char *const op_names[NR_OPS] = {
    "open", "close", "finish", "reset", "reset-all", "write", "append", "read",
};

/*
 * What becomes of a zone in the state of the first column, with some data in
 * it or without: the name of its state then, or an error after a '!'.
 */
static const struct {
    const char *state;
    bool has_data;
    const char *result[NR_OPS];
} table[] = {
    /*
     *             open        close       finish      reset
     *             reset-all   write       append      read
     */
    { "not-wp",   false,
                 { "!invalid", "!invalid", "!invalid", "!invalid",
                   "not-wp",   "not-wp",   "!invalid", "not-wp" } },
    { "empty",    false,
                 { "exp-open", "!invalid", "full",     "empty",
                   "empty",    "imp-open", "imp-open", "empty" } },
    /* A zone that was opened by a write which then failed */
    { "imp-open", false,
                 { "exp-open", "empty",    "full",     "empty",
                   "empty",    "imp-open", "imp-open", "imp-open" } },
    { "imp-open", true,
                 { "exp-open", "closed",   "full",     "empty",
                   "empty",    "imp-open", "imp-open", "imp-open" } },
    { "exp-open", false,
                 { "exp-open", "empty",    "full",     "empty",
                   "empty",    "exp-open", "exp-open", "exp-open" } },
    { "exp-open", true,
                 { "exp-open", "closed",   "full",     "empty",
                   "empty",    "exp-open", "exp-open", "exp-open" } },
    { "closed",   true,
                 { "exp-open", "closed",   "full",     "empty",
                   "empty",    "imp-open", "imp-open", "closed" } },
    { "full",     false,
                 { "!invalid", "!invalid", "full",     "empty",
                   "empty",    "!invalid", "!invalid", "full" } },
    { "full",     true,
                 { "!invalid", "!invalid", "full",     "empty",
                   "empty",    "!invalid", "!invalid", "full" } },
    { "read-only", false,
                 { "!rdonly",  "!rdonly",  "!rdonly",  "!rdonly",
                   "read-only", "!rdonly", "!rdonly",  "read-only" } },
    { "read-only", true,
                 { "!rdonly",  "!rdonly",  "!rdonly",  "!rdonly",
                   "read-only", "!rdonly", "!rdonly",  "read-only" } },
    { "offline",  true,
                 { "!offline", "!offline", "!offline", "!offline",
                   "offline",  "!offline", "!offline", "!offline" } },
};

static int error_number(const char *name)
{
    if (g_str_equal(name, "!invalid")) {
        return BLK_ZERR_INVALID;
    } else if (g_str_equal(name, "!rdonly")) {
        return BLK_ZERR_RDONLY;
    }
    g_assert_cmpstr(name, ==, "!offline");
    return BLK_ZERR_OFFLINE;
}

/* Bring zone @i of a new set into @state; zone 0 is "not-wp" already */
static void make_state(ZoneSet *zs, uint32_t i, const char *state,
                       bool has_data)
{
    if (g_str_equal(state, "imp-open")) {
        write_zone(zs, i);
        if (!has_data) {
            zone_set_write_abort(zs, i, 0);
        }
    } else if (g_str_equal(state, "exp-open")) {
        mgmt(zs, BLK_ZO_OPEN, i);
        if (has_data) {
            write_zone(zs, i);
        }
    } else if (!g_str_equal(state, "not-wp")) {
        load(zs, i, state, has_data ? GRAN : 0);
    }
    assert_zone(zs, i, state, has_data ? GRAN : 0);
}

static int apply(ZoneSet *zs, int op, uint32_t i)
{
    uint64_t where;

    switch (op) {
    case OPEN:
        return zone_set_mgmt(zs, BLK_ZO_OPEN, i);
    case CLOSE:
        return zone_set_mgmt(zs, BLK_ZO_CLOSE, i);
    case FINISH:
        return zone_set_mgmt(zs, BLK_ZO_FINISH, i);
    case RESET:
        return zone_set_mgmt(zs, BLK_ZO_RESET, i);
    case RESET_ALL:
        return zone_set_mgmt(zs, BLK_ZO_RESET_ALL, i);
    case WRITE:
        return try_write(zs, i);
    case APPEND:
        return zone_set_append_begin(zs, i * ZONE, GRAN, &where);
    default:
        return zone_set_check_read(zs, i * ZONE, ZONE);
    }
}

static uint64_t expected_wp(int op, const char *state, uint64_t wp)
{
    if (g_str_equal(state, "empty") || g_str_equal(state, "not-wp")) {
        return 0;
    }
    return op == WRITE || op == APPEND ? wp + GRAN : wp;
}

static void test_table(void)
{
    for (size_t row = 0; row < ARRAY_SIZE(table); row++) {
        for (int op = 0; op < NR_OPS; op++) {
            const char *state = table[row].state;
            const char *result = table[row].result[op];
            uint32_t i = g_str_equal(state, "not-wp") ? 0 : 2;
            ZoneSet *zs = zone_set_new(&plain);
            uint64_t wp;

            g_test_message("%s zone, %s data, %s: %s expected", state,
                           table[row].has_data ? "some" : "no", op_names[op],
                           result);
            make_state(zs, i, state, table[row].has_data);
            wp = zone_set_wp(zs, i);
            if (result[0] == '!') {
                assert_unchanged(zs, apply(zs, op, i), error_number(result));
            } else {
                g_assert_cmpint(apply(zs, op, i), ==, 0);
                assert_zone(zs, i, result, expected_wp(op, result, wp));
            }
            zone_set_free(zs);
        }
    }
}

/*
 * Faults: what becomes of a zone in the state of the first column when it is
 * made usable, read-only and offline
 */

static const BlockZoneFault faults[] = {
    BLK_ZF_NONE, BLK_ZF_RDONLY, BLK_ZF_OFFLINE,
};

static const struct {
    const char *state;
    bool has_data;
    const char *result[ARRAY_SIZE(faults)];
} fault_table[] = {
    { "not-wp",    false, { "!invalid", "!invalid",  "!invalid" } },
    { "empty",     false, { "empty",    "read-only", "offline" } },
    { "imp-open",  false, { "imp-open", "read-only", "offline" } },
    { "imp-open",  true,  { "imp-open", "read-only", "offline" } },
    { "exp-open",  false, { "exp-open", "read-only", "offline" } },
    { "exp-open",  true,  { "exp-open", "read-only", "offline" } },
    { "closed",    true,  { "closed",   "read-only", "offline" } },
    { "full",      false, { "full",     "read-only", "offline" } },
    { "full",      true,  { "full",     "read-only", "offline" } },
    { "read-only", false, { "empty",    "read-only", "offline" } },
    { "read-only", true,  { "closed",   "read-only", "offline" } },
    { "offline",   false, { "empty",    "read-only", "offline" } },
    { "offline",   true,  { "closed",   "read-only", "offline" } },
};

static void test_fault_table(void)
{
    for (size_t row = 0; row < ARRAY_SIZE(fault_table); row++) {
        for (size_t f = 0; f < ARRAY_SIZE(faults); f++) {
            const char *state = fault_table[row].state;
            const char *result = fault_table[row].result[f];
            uint32_t i = g_str_equal(state, "not-wp") ? 0 : 2;
            ZoneSet *zs = zone_set_new(&plain);
            uint64_t wp;

            g_test_message("%s zone, %s data, fault %zu: %s expected", state,
                           fault_table[row].has_data ? "some" : "no", f,
                           result);
            make_state(zs, i, state, fault_table[row].has_data);
            wp = zone_set_wp(zs, i);
            if (result[0] == '!') {
                assert_unchanged(zs, zone_set_fault(zs, faults[f], i),
                                 error_number(result));
            } else if (g_str_equal(result, state)) {
                assert_unchanged(zs, zone_set_fault(zs, faults[f], i), 0);
            } else {
                g_assert_cmpint(zone_set_fault(zs, faults[f], i), ==, 0);
                assert_zone(zs, i, result, wp);
            }
            zone_set_free(zs);
        }
    }
}

static void fault(ZoneSet *zs, BlockZoneFault f, uint32_t i)
{
    g_assert_cmpint(zone_set_fault(zs, f, i), ==, 0);
}

/* A zone comes back with its data, and goes on where it was */
static void test_fault_keeps_data(void)
{
    ZoneSet *zs = zone_set_new(&plain);

    for (size_t f = 1; f < ARRAY_SIZE(faults); f++) {
        uint32_t full = 2 * f, short_one = 7;

        load(zs, full, "full", CAP);
        fault(zs, faults[f], full);
        assert_unchanged(zs, zone_set_mgmt(zs, BLK_ZO_RESET_ALL, full), 0);
        fault(zs, BLK_ZF_NONE, full);
        assert_zone(zs, full, "full", CAP);

        /* Nobody knows any more that it was finished */
        write_zone(zs, full + 1);
        mgmt(zs, BLK_ZO_FINISH, full + 1);
        fault(zs, faults[f], full + 1);
        fault(zs, BLK_ZF_NONE, full + 1);
        assert_zone(zs, full + 1, "closed", GRAN);
        write_zone(zs, full + 1);
        assert_zone(zs, full + 1, "imp-open", 2 * GRAN);

        /* The last zone is full at less than the capacity of the others */
        load(zs, short_one, "full", 16 * KiB);
        fault(zs, faults[f], short_one);
        fault(zs, BLK_ZF_NONE, short_one);
        assert_zone(zs, short_one, "full", 16 * KiB);
    }
    zone_set_free(zs);
}

/* A failed zone gives its resources back, and may need one to return */
static void test_fault_resources(void)
{
    ZoneSet *zs = new_with_limits(1, 2);

    mgmt(zs, BLK_ZO_OPEN, 1);
    assert_unchanged(zs, zone_set_mgmt(zs, BLK_ZO_OPEN, 2), BLK_ZERR_OPEN);
    fault(zs, BLK_ZF_OFFLINE, 1);
    write_zone(zs, 2);
    mgmt(zs, BLK_ZO_CLOSE, 2);
    write_zone(zs, 3);
    assert_unchanged(zs, try_write(zs, 4), BLK_ZERR_ACTIVE);

    /* It has left the order of implicitly open zones */
    fault(zs, BLK_ZF_RDONLY, 3);
    write_zone(zs, 4);
    write_zone(zs, 2);
    assert_zone(zs, 4, "closed", GRAN);

    assert_unchanged(zs, zone_set_fault(zs, BLK_ZF_NONE, 3), BLK_ZERR_ACTIVE);
    fault(zs, BLK_ZF_OFFLINE, 3);
    assert_unchanged(zs, zone_set_fault(zs, BLK_ZF_NONE, 3), BLK_ZERR_ACTIVE);
    /* Zone 1 holds nothing, and a full zone would not be active either */
    fault(zs, BLK_ZF_NONE, 1);
    assert_zone(zs, 1, "empty", 0);
    load(zs, 5, "read-only", CAP);
    fault(zs, BLK_ZF_NONE, 5);
    assert_zone(zs, 5, "full", CAP);

    mgmt(zs, BLK_ZO_RESET, 4);
    fault(zs, BLK_ZF_NONE, 3);
    assert_zone(zs, 3, "closed", GRAN);
    zone_set_free(zs);
}

/*
 * Limits
 */

static void test_open_limit(void)
{
    ZoneSet *zs = new_with_limits(2, 0);

    /* Explicitly open zones are never closed to make room */
    mgmt(zs, BLK_ZO_OPEN, 1);
    mgmt(zs, BLK_ZO_OPEN, 2);
    assert_unchanged(zs, zone_set_mgmt(zs, BLK_ZO_OPEN, 3), BLK_ZERR_OPEN);
    assert_unchanged(zs, try_write(zs, 3), BLK_ZERR_OPEN);
    write_zone(zs, 2);
    mgmt(zs, BLK_ZO_OPEN, 2);

    /* Closed, finished and reset zones give their resource back */
    mgmt(zs, BLK_ZO_CLOSE, 2);
    write_zone(zs, 3);
    assert_zone(zs, 2, "closed", GRAN);
    mgmt(zs, BLK_ZO_FINISH, 3);
    mgmt(zs, BLK_ZO_OPEN, 4);
    assert_unchanged(zs, zone_set_mgmt(zs, BLK_ZO_OPEN, 2), BLK_ZERR_OPEN);
    mgmt(zs, BLK_ZO_RESET, 4);
    mgmt(zs, BLK_ZO_OPEN, 2);
    assert_zone(zs, 2, "exp-open", GRAN);

    /* A finish needs none */
    mgmt(zs, BLK_ZO_FINISH, 5);
    assert_state(zs, 5, "full");
    zone_set_free(zs);
}

static void test_implicit_close(void)
{
    ZoneSet *zs = new_with_limits(3, 0);

    mgmt(zs, BLK_ZO_OPEN, 1);
    write_zone(zs, 2);
    write_zone(zs, 3);
    write_zone(zs, 1);
    write_zone(zs, 2);

    /* Zone 1 was opened explicitly, zone 3 written longer ago than zone 2 */
    write_zone(zs, 4);
    assert_state(zs, 1, "exp-open");
    assert_state(zs, 2, "imp-open");
    assert_zone(zs, 3, "closed", GRAN);
    assert_state(zs, 4, "imp-open");

    /* An explicit open makes room in the same way */
    mgmt(zs, BLK_ZO_OPEN, 3);
    assert_zone(zs, 2, "closed", 2 * GRAN);
    mgmt(zs, BLK_ZO_OPEN, 2);
    assert_state(zs, 4, "closed");
    assert_unchanged(zs, try_write(zs, 4), BLK_ZERR_OPEN);

    /* A zone that was closed and written again is the last in order */
    mgmt(zs, BLK_ZO_CLOSE, 1);
    mgmt(zs, BLK_ZO_CLOSE, 2);
    mgmt(zs, BLK_ZO_CLOSE, 3);
    write_zone(zs, 1);
    write_zone(zs, 2);
    write_zone(zs, 3);
    mgmt(zs, BLK_ZO_CLOSE, 1);
    write_zone(zs, 1);
    write_zone(zs, 5);
    assert_state(zs, 1, "imp-open");
    assert_state(zs, 2, "closed");
    assert_state(zs, 3, "imp-open");
    zone_set_free(zs);
}

/* An explicit open takes a zone out of the order of implicitly open ones */
static void test_implicit_to_explicit(void)
{
    ZoneSet *zs = new_with_limits(2, 0);

    write_zone(zs, 1);
    write_zone(zs, 2);
    mgmt(zs, BLK_ZO_OPEN, 1);
    write_zone(zs, 3);
    assert_state(zs, 1, "exp-open");
    assert_state(zs, 2, "closed");
    zone_set_free(zs);
}

static void test_refused_write_is_no_use(void)
{
    ZoneSet *zs = new_with_limits(2, 0);

    write_zone(zs, 1);
    write_zone(zs, 2);
    assert_unchanged(zs, zone_set_write_begin(zs, ZONE, GRAN),
                     BLK_ZERR_NOT_AT_WP);
    g_assert_cmpint(zone_set_write_begin(zs, ZONE + GRAN, 0), ==, 0);
    write_zone(zs, 3);
    assert_state(zs, 1, "closed");
    assert_state(zs, 2, "imp-open");
    zone_set_free(zs);
}

static void test_active_limit(void)
{
    ZoneSet *zs = new_with_limits(0, 3);

    mgmt(zs, BLK_ZO_OPEN, 1);
    write_zone(zs, 2);
    write_zone(zs, 3);
    mgmt(zs, BLK_ZO_CLOSE, 3);
    assert_unchanged(zs, zone_set_mgmt(zs, BLK_ZO_OPEN, 4), BLK_ZERR_ACTIVE);
    assert_unchanged(zs, try_write(zs, 4), BLK_ZERR_ACTIVE);

    /* Zones that are active already need no further resource */
    mgmt(zs, BLK_ZO_OPEN, 3);
    mgmt(zs, BLK_ZO_OPEN, 2);
    write_zone(zs, 1);

    /* To close a zone helps only if that makes it empty */
    mgmt(zs, BLK_ZO_CLOSE, 1);
    assert_unchanged(zs, try_write(zs, 4), BLK_ZERR_ACTIVE);
    mgmt(zs, BLK_ZO_RESET, 1);
    mgmt(zs, BLK_ZO_OPEN, 4);
    mgmt(zs, BLK_ZO_CLOSE, 4);
    assert_state(zs, 4, "empty");
    write_zone(zs, 5);
    assert_unchanged(zs, try_write(zs, 4), BLK_ZERR_ACTIVE);
    mgmt(zs, BLK_ZO_FINISH, 3);
    write_zone(zs, 4);

    /* A finish needs none */
    mgmt(zs, BLK_ZO_FINISH, 6);
    assert_state(zs, 6, "full");
    zone_set_free(zs);
}

static void test_both_limits(void)
{
    ZoneSet *zs = new_with_limits(1, 2);

    mgmt(zs, BLK_ZO_OPEN, 1);
    assert_unchanged(zs, try_write(zs, 2), BLK_ZERR_OPEN);
    write_zone(zs, 1);
    mgmt(zs, BLK_ZO_CLOSE, 1);
    mgmt(zs, BLK_ZO_OPEN, 2);

    /* Both used up: the active resource is named */
    assert_unchanged(zs, try_write(zs, 3), BLK_ZERR_ACTIVE);
    assert_unchanged(zs, zone_set_mgmt(zs, BLK_ZO_OPEN, 3), BLK_ZERR_ACTIVE);
    /* Zone 1 is active, so that only the open resource is missing */
    assert_unchanged(zs, try_write(zs, 1), BLK_ZERR_OPEN);

    /* An implicit close frees no active resource, so none takes place */
    write_zone(zs, 2);
    mgmt(zs, BLK_ZO_CLOSE, 2);
    write_zone(zs, 2);
    assert_state(zs, 2, "imp-open");
    assert_unchanged(zs, try_write(zs, 3), BLK_ZERR_ACTIVE);
    write_zone(zs, 1);
    assert_state(zs, 2, "closed");
    zone_set_free(zs);
}

static void test_limits_of_one(void)
{
    ZoneSet *zs = new_with_limits(1, 1);

    write_zone(zs, 1);
    write_zone(zs, 1);
    assert_unchanged(zs, try_write(zs, 2), BLK_ZERR_ACTIVE);
    mgmt(zs, BLK_ZO_FINISH, 1);
    write_zone(zs, 2);
    mgmt(zs, BLK_ZO_RESET, 2);
    mgmt(zs, BLK_ZO_OPEN, 3);
    zone_set_free(zs);

    zs = new_with_limits(1, 0);
    for (uint32_t i = 1; i < 8; i++) {
        write_zone(zs, i);
        g_assert_cmpuint(zone_set_count(zs, BLK_ZS_IOPEN), ==, 1);
        g_assert_cmpuint(zone_set_count(zs, BLK_ZS_CLOSED), ==, i - 1);
    }
    zone_set_free(zs);
}

static void test_no_limits(void)
{
    ZoneSet *zs = new_with_limits(0, 0);

    for (uint32_t i = 1; i < 5; i++) {
        write_zone(zs, i);
    }
    for (uint32_t i = 5; i < 8; i++) {
        mgmt(zs, BLK_ZO_OPEN, i);
    }
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_IOPEN), ==, 4);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_EOPEN), ==, 3);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_NOT_WP), ==, 1);
    zone_set_free(zs);
}

/* An implicit close of a zone without data empties it, as any close does */
static void test_implicit_close_of_aborted(void)
{
    ZoneSet *zs = new_with_limits(1, 2);

    write_zone(zs, 1);
    zone_set_write_abort(zs, 1, 0);
    assert_zone(zs, 1, "imp-open", 0);
    write_zone(zs, 2);
    assert_state(zs, 1, "empty");

    /* That gave the active resource back */
    write_zone(zs, 3);
    assert_state(zs, 2, "closed");
    assert_unchanged(zs, try_write(zs, 1), BLK_ZERR_ACTIVE);
    zone_set_free(zs);

    /* But without an active resource there is no implicit close at all */
    zs = new_with_limits(1, 1);
    write_zone(zs, 1);
    zone_set_write_abort(zs, 1, 0);
    assert_unchanged(zs, try_write(zs, 2), BLK_ZERR_ACTIVE);
    zone_set_free(zs);
}

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

static void test_write_errors(void)
{
    const uint64_t end = plain.size;
    const struct {
        uint64_t offset;
        uint64_t bytes;
        int error;
    } cases[] = {
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
    for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
        g_test_message("write of 0x%" PRIx64 " at 0x%" PRIx64, cases[n].bytes,
                       cases[n].offset);
        assert_unchanged(zs, zone_set_write_begin(zs, cases[n].offset,
                                                  cases[n].bytes),
                         cases[n].error);
    }
    zone_set_free(zs);
}

static void test_append_errors(void)
{
    const uint64_t end = plain.size;
    const struct {
        uint64_t offset;
        uint64_t bytes;
        int error;
    } cases[] = {
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
    for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
        uint64_t where = 12345;

        g_test_message("append of 0x%" PRIx64 " at 0x%" PRIx64,
                       cases[n].bytes, cases[n].offset);
        assert_unchanged(zs, zone_set_append_begin(zs, cases[n].offset,
                                                   cases[n].bytes, &where),
                         cases[n].error);
        g_assert_cmpuint(where, ==, 12345);
    }
    zone_set_free(zs);
}

static void test_read_checks(void)
{
    const uint64_t end = plain.size;
    const struct {
        uint64_t offset;
        uint64_t bytes;
        int error;
    } cases[] = {
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

    for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
        g_test_message("read of 0x%" PRIx64 " at 0x%" PRIx64, cases[n].bytes,
                       cases[n].offset);
        assert_unchanged(zs, zone_set_check_read(zs, cases[n].offset,
                                                 cases[n].bytes),
                         cases[n].error);
    }
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

    /* What was written before stays */
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

#define assert_desc(zs, i, start_, length_, cap_, wp_, type_, state_) do {  \
        BlockZoneDescriptor d_;                                             \
        zone_set_get(zs, i, &d_);                                           \
        g_assert_cmpuint(d_.start, ==, start_);                             \
        g_assert_cmpuint(d_.length, ==, length_);                           \
        g_assert_cmpuint(d_.cap, ==, cap_);                                 \
        g_assert_cmpuint(d_.wp, ==, wp_);                                   \
        g_assert_cmpint(d_.type, ==, type_);                                \
        g_assert_cmpstr(blk_zone_state_name(d_.state), ==, state_);         \
    } while (0)

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

/*
 * Loading
 */

static void test_load(void)
{
    const struct {
        uint32_t zone;
        BlockZoneState state;
        uint64_t wp;
        int error;
    } cases[] = {
        { 1, BLK_ZS_EMPTY, 0,               0 },
        { 1, BLK_ZS_CLOSED, GRAN,           0 },
        { 1, BLK_ZS_CLOSED, CAP - GRAN,     0 },
        { 1, BLK_ZS_FULL, 0,                0 },
        { 1, BLK_ZS_FULL, GRAN,             0 },
        { 1, BLK_ZS_FULL, CAP,              0 },
        { 1, BLK_ZS_RDONLY, 0,              0 },
        { 1, BLK_ZS_RDONLY, CAP,            0 },
        { 1, BLK_ZS_OFFLINE, 0,             0 },
        { 1, BLK_ZS_OFFLINE, CAP,           0 },
        { 7, BLK_ZS_FULL, 16 * KiB,         0 },
        { 1, BLK_ZS_EMPTY, GRAN,            EINVAL },
        { 1, BLK_ZS_CLOSED, 0,              EINVAL },
        { 1, BLK_ZS_CLOSED, CAP,            EINVAL },
        { 1, BLK_ZS_CLOSED, 512,            EINVAL },
        { 1, BLK_ZS_FULL, CAP + GRAN,       EINVAL },
        { 1, BLK_ZS_FULL, 1,                EINVAL },
        { 1, BLK_ZS_FULL, UINT64_MAX,       EINVAL },
        { 1, BLK_ZS_RDONLY, CAP + GRAN,     EINVAL },
        { 1, BLK_ZS_OFFLINE, CAP - 1,       EINVAL },
        { 1, BLK_ZS_IOPEN, GRAN,            EINVAL },
        { 1, BLK_ZS_EOPEN, 0,               EINVAL },
        { 1, BLK_ZS_NOT_WP, 0,              EINVAL },
        { 1, 5, 0,                          EINVAL },
        { 1, 255, 0,                        EINVAL },
        { 7, BLK_ZS_FULL, 16 * KiB + GRAN,  EINVAL },
        { 0, BLK_ZS_EMPTY, 0,               EINVAL },
        { 0, BLK_ZS_NOT_WP, 0,              EINVAL },
        { 0, BLK_ZS_FULL, ZONE,             EINVAL },
    };

    for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
        ZoneSet *zs = zone_set_new(&plain);
        uint32_t i = cases[n].zone;

        g_test_message("zone %" PRIu32 ", state %d, wp 0x%" PRIx64, i,
                       cases[n].state, cases[n].wp);
        if (cases[n].error) {
            assert_unchanged(zs, zone_set_load(zs, i, cases[n].state,
                                               cases[n].wp), cases[n].error);
        } else {
            g_assert_cmpint(zone_set_load(zs, i, cases[n].state, cases[n].wp),
                            ==, 0);
            assert_zone(zs, i, blk_zone_state_name(cases[n].state),
                        cases[n].wp);
            g_assert_cmpuint(zone_set_count(zs, cases[n].state), >, 0);
        }
        zone_set_free(zs);
    }
}

static void test_load_limits(void)
{
    ZoneSet *zs = new_with_limits(1, 2);

    load(zs, 1, "closed", GRAN);
    load(zs, 2, "closed", GRAN);
    assert_unchanged(zs, zone_set_load(zs, 3, BLK_ZS_CLOSED, GRAN),
                     BLK_ZERR_ACTIVE);
    load(zs, 3, "full", GRAN);
    load(zs, 4, "read-only", GRAN);
    load(zs, 5, "offline", GRAN);

    /* Only zones that are loaded as closed count as active */
    assert_unchanged(zs, try_write(zs, 6), BLK_ZERR_ACTIVE);
    mgmt(zs, BLK_ZO_RESET, 1);
    write_zone(zs, 6);
    zone_set_free(zs);
}

/* The size of a zone in memory is asserted where the structure is */
static void test_million_zones(void)
{
    const uint32_t n = 1000000;
    ZoneGeometry g = {
        .size = n * MiB,
        .zone_size = MiB,
        .zone_capacity = MiB,
        .max_open_zones = n / 2,
        .write_granularity = GRAN,
    };
    ZoneSet *zs = zone_set_new(&g);

    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_EMPTY), ==, n);
    for (uint32_t i = 0; i < n; i++) {
        BlockZoneState state = i % 4 == 3 ? BLK_ZS_FULL : BLK_ZS_CLOSED;

        g_assert_cmpint(zone_set_load(zs, i, state, GRAN), ==, 0);
    }
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_FULL), ==, n / 4);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_CLOSED), ==, n - n / 4);
    for (uint32_t i = 3; i < n; i += 4) {
        mgmt(zs, BLK_ZO_RESET, i);
    }

    /* Each write past the limit closes the zone half the device back */
    for (uint32_t i = 0; i < n; i++) {
        uint64_t where;

        g_assert_cmpint(zone_set_append_begin(zs, i * MiB, GRAN, &where),
                        ==, 0);
        if (i >= n / 2) {
            assert_state(zs, i - n / 2, "closed");
        }
    }
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_IOPEN), ==, n / 2);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_CLOSED), ==, n / 2);
    zone_set_free(zs);
}

/*
 * Property test: random requests to a zone set and to a naive model of it
 *
 * The model keeps no state and counts nothing.  It has facts about each zone,
 * from which state and counts follow, and a clock for the order of use.
 */

#define MODEL_MAX_ZONES 12

typedef enum { SHUT, OPENED_BY_WRITE, OPENED_BY_USER } ModelOpen;

typedef struct {
    bool conventional;
    bool read_only;
    bool offline;
    bool full;
    ModelOpen open;
    uint64_t start;         /* of the zone, absolute like the others */
    uint64_t end;
    uint64_t writable_end;
    uint64_t submitted;     /* end of the writes submitted */
    uint64_t completed;     /* end of the writes completed */
    unsigned last_write;
} ModelZone;

typedef struct {
    ZoneGeometry g;
    uint32_t n;
    unsigned clock;
    ModelZone zones[MODEL_MAX_ZONES];
} Model;

static bool model_active(const ModelZone *z)
{
    if (z->conventional || z->read_only || z->offline || z->full) {
        return false;
    }
    return z->open != SHUT || z->submitted > z->start;
}

static BlockZoneState model_state(const ModelZone *z)
{
    if (z->conventional) {
        return BLK_ZS_NOT_WP;
    } else if (z->read_only) {
        return BLK_ZS_RDONLY;
    } else if (z->offline) {
        return BLK_ZS_OFFLINE;
    } else if (z->full) {
        return BLK_ZS_FULL;
    } else if (z->open == OPENED_BY_USER) {
        return BLK_ZS_EOPEN;
    } else if (z->open == OPENED_BY_WRITE) {
        return BLK_ZS_IOPEN;
    }
    return z->submitted > z->start ? BLK_ZS_CLOSED : BLK_ZS_EMPTY;
}

static void model_init(Model *m, const ZoneGeometry *g)
{
    *m = (Model) { .g = *g };
    for (uint64_t start = 0; start < g->size; start += g->zone_size) {
        ModelZone *z = &m->zones[m->n];

        z->conventional = m->n < g->conventional_zones;
        z->start = start;
        z->end = MIN(start + g->zone_size, g->size);
        z->writable_end = MIN(start + g->zone_capacity, z->end);
        z->submitted = start;
        z->completed = start;
        m->n++;
    }
}

/* Find resources to open @z, or to keep it open, for a write or for a user */
static int model_open(Model *m, ModelZone *z, ModelOpen how)
{
    uint32_t active = 0, open = 0;
    ModelZone *oldest = NULL;

    for (ModelZone *o = m->zones; o < m->zones + m->n; o++) {
        active += model_active(o);
        open += o->open != SHUT;
        if (o->open == OPENED_BY_WRITE &&
            (!oldest || o->last_write < oldest->last_write)) {
            oldest = o;
        }
    }
    if (!model_active(z) && m->g.max_active_zones &&
        active == m->g.max_active_zones) {
        return -BLK_ZERR_ACTIVE;
    }
    if (z->open == SHUT && m->g.max_open_zones && open == m->g.max_open_zones) {
        if (!oldest) {
            return -BLK_ZERR_OPEN;
        }
        oldest->open = SHUT;
    }
    z->open = MAX(z->open, how);
    return 0;
}

static int model_mgmt(Model *m, BlockZoneOp op, ModelZone *z)
{
    bool unchangeable = z->conventional || z->read_only || z->offline;
    bool partly = z->open != SHUT || model_active(z);

    if (unchangeable && op != BLK_ZO_RESET_ALL) {
        return z->read_only ? -BLK_ZERR_RDONLY :
               z->offline ? -BLK_ZERR_OFFLINE : -BLK_ZERR_INVALID;
    }
    switch (op) {
    case BLK_ZO_OPEN:
        return z->full ? -BLK_ZERR_INVALID : model_open(m, z, OPENED_BY_USER);
    case BLK_ZO_CLOSE:
        z->open = SHUT;
        return partly ? 0 : -BLK_ZERR_INVALID;
    case BLK_ZO_FINISH:
        z->open = SHUT;
        z->full = true;
        return 0;
    default:
        if (!unchangeable) {
            z->open = SHUT;
            z->full = false;
            z->submitted = z->completed = z->start;
        }
        return 0;
    }
}

/* The zone at @offset, NULL if there is none */
static ModelZone *model_find(Model *m, uint64_t offset)
{
    for (uint32_t i = 0; i < m->n; i++) {
        if (offset < m->zones[i].end) {
            return &m->zones[i];
        }
    }
    return NULL;
}

static int model_place(Model *m, uint64_t offset, uint64_t bytes)
{
    if (offset + bytes > m->g.size) {
        return -EIO;
    }
    for (uint32_t i = 0; i < m->n; i++) {
        ModelZone *z = &m->zones[i];

        if (!z->conventional && offset < z->end && offset + bytes > z->start &&
            bytes && (offset < z->start || offset + bytes > z->end)) {
            return -BLK_ZERR_INVALID;
        }
    }
    return 0;
}

static int model_write_here(Model *m, ModelZone *z, uint64_t offset,
                            uint64_t bytes)
{
    int ret;

    if (z->read_only) {
        return -BLK_ZERR_RDONLY;
    } else if (z->offline) {
        return -BLK_ZERR_OFFLINE;
    } else if (bytes == 0 || z->conventional) {
        return 0;
    } else if (z->full || z->submitted == z->writable_end) {
        return -BLK_ZERR_INVALID;
    } else if (offset != z->submitted || bytes % m->g.write_granularity) {
        return -BLK_ZERR_NOT_AT_WP;
    } else if (offset + bytes > z->writable_end) {
        return -BLK_ZERR_INVALID;
    }
    ret = model_open(m, z, OPENED_BY_WRITE);
    if (ret == 0) {
        z->submitted += bytes;
        z->last_write = ++m->clock;
    }
    return ret;
}

static int model_write(Model *m, uint64_t offset, uint64_t bytes)
{
    int ret = model_place(m, offset, bytes);
    ModelZone *z = model_find(m, offset);

    return ret == 0 && z ? model_write_here(m, z, offset, bytes) : ret;
}

static int model_append(Model *m, uint64_t offset, uint64_t bytes,
                        uint64_t *where)
{
    int ret = model_place(m, offset, bytes);
    ModelZone *z = model_find(m, offset);
    uint64_t wp;

    if (ret < 0) {
        return ret;
    } else if (!z) {
        return -EIO;
    } else if (z->conventional || z->start != offset) {
        return -BLK_ZERR_INVALID;
    }
    wp = z->submitted;
    ret = model_write_here(m, z, wp, bytes);
    if (ret == 0) {
        *where = wp;
    }
    return ret;
}

static int model_read(Model *m, uint64_t offset, uint64_t bytes)
{
    int ret = model_place(m, offset, bytes);
    ModelZone *z = model_find(m, offset);

    return ret == 0 && z && z->offline ? -BLK_ZERR_OFFLINE : ret;
}

static void compare(const Model *m, const ZoneSet *zs)
{
    uint32_t count[BLK_ZS_OFFLINE + 1] = {};

    for (uint32_t i = 0; i < m->n; i++) {
        const ModelZone *z = &m->zones[i];
        BlockZoneState state = model_state(z);
        bool has_wp = state == BLK_ZS_EMPTY || model_active(z);

        count[state]++;
        assert_zone(zs, i, blk_zone_state_name(state),
                    z->submitted - z->start);
        assert_desc(zs, i, z->start, z->end - z->start,
                    (z->conventional ? z->end : z->writable_end) - z->start,
                    has_wp ? z->submitted : z->end,
                    z->conventional ? BLK_ZT_CONV : BLK_ZT_SWR,
                    blk_zone_state_name(state));
    }
    for (int state = 0; state <= BLK_ZS_OFFLINE; state++) {
        g_assert_cmpuint(zone_set_count(zs, state), ==, count[state]);
    }
}

static bool one_in(int n)
{
    return g_test_rand_int_range(0, n) == 0;
}

/* A number of granules in [0, @max], both ends more often than the rest */
static uint64_t random_granules(const ZoneGeometry *g, uint64_t max)
{
    uint64_t n = max / g->write_granularity;

    switch (g_test_rand_int_range(0, 4)) {
    case 0:
        return 0;
    case 1:
        return n * g->write_granularity;
    default:
        return g_test_rand_int_range(0, n + 1) * g->write_granularity;
    }
}

static ZoneGeometry random_geometry(void)
{
    uint32_t gran = one_in(2) ? 512 : 4096;
    uint32_t n = g_test_rand_int_range(1, MODEL_MAX_ZONES + 1);
    ZoneGeometry g = {
        .zone_size = gran * 8,
        .write_granularity = gran,
        .conventional_zones = one_in(2) ? 0 : g_test_rand_int_range(0, n + 1),
        .max_open_zones = g_test_rand_int_range(0, 5),
        .max_active_zones = one_in(3) ? 0 : g_test_rand_int_range(1, 7),
    };

    g.size = n * g.zone_size - gran * g_test_rand_int_range(0, 8);
    g.zone_capacity = gran * g_test_rand_int_range(1, 9);
    if (g.max_active_zones) {
        g.max_open_zones = MIN(g.max_open_zones, g.max_active_zones);
    }
    return g;
}

/* What a medium may hold, and what it may not */
static void random_load(Model *m, ZoneSet *zs)
{
    static const BlockZoneState states[] = {
        BLK_ZS_EMPTY, BLK_ZS_CLOSED, BLK_ZS_FULL, BLK_ZS_RDONLY,
        BLK_ZS_OFFLINE,
    };

    for (uint32_t i = 0; i < m->n; i++) {
        ModelZone *z = &m->zones[i];
        ModelZone old = *z;
        BlockZoneState state = states[g_test_rand_int_range(0, 5)];
        uint64_t cap = z->writable_end - z->start;
        uint64_t wp = random_granules(&m->g, cap);
        uint32_t active = 0;
        int ret = 0;

        for (uint32_t j = 0; j < m->n; j++) {
            active += model_active(&m->zones[j]);
        }
        z->submitted = z->completed = z->start + wp;
        z->full = state == BLK_ZS_FULL;
        z->read_only = state == BLK_ZS_RDONLY;
        z->offline = state == BLK_ZS_OFFLINE;
        if (z->conventional || model_state(z) != state ||
            (state == BLK_ZS_CLOSED && wp == cap)) {
            ret = -EINVAL;
        } else if (model_active(z) && m->g.max_active_zones &&
                   active == m->g.max_active_zones) {
            ret = -BLK_ZERR_ACTIVE;
        }
        if (ret < 0) {
            *z = old;
        }
        g_assert_cmpint(zone_set_load(zs, i, state, wp), ==, ret);
    }
}

/* Now and then, a number that fits nothing */
static uint64_t disturb(const Model *m, uint64_t x)
{
    switch (g_test_rand_int_range(0, 40)) {
    case 0:
        return x + 1;
    case 1:
        return x + m->g.write_granularity;
    case 2:
        return x + m->g.zone_size;
    case 3:
        return x + m->g.write_granularity / 2;
    case 4:
        return m->g.size;
    case 5:
        return 0;
    default:
        return x;
    }
}

static void random_write(Model *m, ZoneSet *zs, ModelZone *z)
{
    uint64_t offset = disturb(m, z->submitted);
    uint64_t left = z->writable_end - z->submitted;
    uint64_t bytes = disturb(m, one_in(4) ? left : m->g.write_granularity);

    g_assert_cmpint(zone_set_write_begin(zs, offset, bytes), ==,
                    model_write(m, offset, bytes));
}

static void random_append(Model *m, ZoneSet *zs, ModelZone *z)
{
    uint64_t offset = disturb(m, z->start);
    uint64_t bytes = disturb(m, m->g.write_granularity);
    uint64_t where = 1, model_where = 1;

    g_assert_cmpint(zone_set_append_begin(zs, offset, bytes, &where), ==,
                    model_append(m, offset, bytes, &model_where));
    g_assert_cmpuint(where, ==, model_where);
}

static void random_read(Model *m, ZoneSet *zs, ModelZone *z)
{
    uint64_t offset = disturb(m, z->start);
    uint64_t bytes = disturb(m, z->end - z->start);

    g_assert_cmpint(zone_set_check_read(zs, offset, bytes), ==,
                    model_read(m, offset, bytes));
}

static void random_completion(Model *m, ZoneSet *zs, ModelZone *z)
{
    uint32_t i = z - m->zones;

    if (z->conventional || z->submitted == z->completed) {
        return;
    }
    z->completed += random_granules(&m->g, z->submitted - z->completed);
    zone_set_write_end(zs, i, z->completed - z->start);
    if (z->completed == z->writable_end) {
        z->full = true;
        z->open = SHUT;
    } else if (one_in(3)) {
        zone_set_write_abort(zs, i, z->completed - z->start);
        z->submitted = z->completed;
    }
}

static void random_mgmt(Model *m, ZoneSet *zs, ModelZone *z)
{
    BlockZoneOp op = g_test_rand_int_range(0, BLK_ZO_RESET_ALL + 1);

    if (z->submitted == z->completed) {
        g_assert_cmpint(zone_set_mgmt(zs, op, z - m->zones), ==,
                        model_mgmt(m, op, z));
    }
}

/* That a zone was finished is forgotten with its fault */
static int model_fault(Model *m, BlockZoneFault fault, ModelZone *z)
{
    ModelZone usable = *z;
    uint32_t active = 0;

    if (z->conventional) {
        return -BLK_ZERR_INVALID;
    }
    if (fault != BLK_ZF_NONE) {
        z->open = SHUT;
        z->read_only = fault == BLK_ZF_RDONLY;
        z->offline = fault == BLK_ZF_OFFLINE;
        return 0;
    }
    if (!z->read_only && !z->offline) {
        return 0;
    }
    usable.read_only = usable.offline = false;
    usable.full = z->submitted == z->writable_end;
    for (uint32_t i = 0; i < m->n; i++) {
        active += model_active(&m->zones[i]);
    }
    if (model_active(&usable) && m->g.max_active_zones &&
        active == m->g.max_active_zones) {
        return -BLK_ZERR_ACTIVE;
    }
    *z = usable;
    return 0;
}

static void random_fault(Model *m, ZoneSet *zs, ModelZone *z)
{
    BlockZoneFault fault = one_in(4) ? g_test_rand_int_range(1, 3)
                                     : BLK_ZF_NONE;

    if (z->submitted == z->completed) {
        g_assert_cmpint(zone_set_fault(zs, fault, z - m->zones), ==,
                        model_fault(m, fault, z));
    }
}

static void test_random(void)
{
    for (int round = 0; round < 200; round++) {
        ZoneGeometry g = random_geometry();
        ZoneSet *zs = zone_set_new(&g);
        Model m;

        g_test_message("%" PRIu64 " bytes, zones of %" PRIu64 ", capacity %"
                       PRIu64 ", granularity %" PRIu32 ", %" PRIu32
                       " conventional, at most %" PRIu32 " open, %" PRIu32
                       " active", g.size, g.zone_size, g.zone_capacity,
                       g.write_granularity, g.conventional_zones,
                       g.max_open_zones, g.max_active_zones);
        model_init(&m, &g);
        if (one_in(2)) {
            random_load(&m, zs);
        }
        compare(&m, zs);
        for (int step = 0; step < 1000; step++) {
            ModelZone *z = &m.zones[g_test_rand_int_range(0, m.n)];

            switch (g_test_rand_int_range(0, 11)) {
            case 0 ... 2:
                random_write(&m, zs, z);
                break;
            case 3 ... 4:
                random_append(&m, zs, z);
                break;
            case 5:
                random_read(&m, zs, z);
                break;
            case 6 ... 7:
                random_completion(&m, zs, z);
                break;
            case 8:
                random_fault(&m, zs, z);
                break;
            default:
                random_mgmt(&m, zs, z);
                break;
            }
            compare(&m, zs);
        }
        zone_set_free(zs);
    }
}

/*
 * Names
 */

static void test_state_names(void)
{
    static const struct {
        BlockZoneState state;
        const char *name;
    } names[] = {
        { BLK_ZS_NOT_WP, "not-wp" },
        { BLK_ZS_EMPTY, "empty" },
        { BLK_ZS_IOPEN, "imp-open" },
        { BLK_ZS_EOPEN, "exp-open" },
        { BLK_ZS_CLOSED, "closed" },
        { BLK_ZS_RDONLY, "read-only" },
        { BLK_ZS_FULL, "full" },
        { BLK_ZS_OFFLINE, "offline" },
    };
    static const char *const wrong[] = {
        "", "emp", "emptyy", "Empty", "imp_open", "5", "(null)",
    };
    size_t nr_named = 0;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        BlockZoneState state = 99;

        g_assert_cmpstr(blk_zone_state_name(names[i].state), ==,
                        names[i].name);
        g_assert_true(blk_zone_state_parse(names[i].name, &state));
        g_assert_cmpint(state, ==, names[i].state);
    }
    for (int state = 0; state < 300; state++) {
        nr_named += blk_zone_state_name(state) != NULL;
    }
    g_assert_cmpuint(nr_named, ==, ARRAY_SIZE(names));
    g_assert_null(blk_zone_state_name(-1));

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        BlockZoneState state = BLK_ZS_CLOSED;

        g_assert_false(blk_zone_state_parse(wrong[i], &state));
        g_assert_cmpint(state, ==, BLK_ZS_CLOSED);
    }
}

static void test_op_names(void)
{
    g_assert_cmpstr(blk_zone_op_name(BLK_ZO_OPEN), ==, "open");
    g_assert_cmpstr(blk_zone_op_name(BLK_ZO_CLOSE), ==, "close");
    g_assert_cmpstr(blk_zone_op_name(BLK_ZO_FINISH), ==, "finish");
    g_assert_cmpstr(blk_zone_op_name(BLK_ZO_RESET), ==, "reset");
    g_assert_cmpstr(blk_zone_op_name(BLK_ZO_RESET_ALL), ==, "reset-all");
}

static void test_errors(void)
{
    static const int zone_errors[] = {
        BLK_ZERR_NOT_AT_WP, BLK_ZERR_INVALID, BLK_ZERR_OPEN, BLK_ZERR_ACTIVE,
        BLK_ZERR_RDONLY, BLK_ZERR_OFFLINE,
    };
    static const int other_errors[] = {
        EIO, EINVAL, ENOSPC, ENOTSUP, EPERM, ENOMEDIUM, EACCES,
    };

    for (size_t i = 0; i < ARRAY_SIZE(zone_errors); i++) {
        int ret = -zone_errors[i];

        g_assert_true(blk_zone_error_is(ret));
        g_assert_false(blk_zone_error_is(-ret));
        g_assert_cmpint(blk_zone_medium_error(ret), ==, -EIO);
        g_assert_cmpstr(blk_zone_strerror(ret), !=, strerror(-ret));
        for (size_t j = 0; j < i; j++) {
            g_assert_cmpint(ret, !=, -zone_errors[j]);
            g_assert_cmpstr(blk_zone_strerror(ret), !=,
                            blk_zone_strerror(-zone_errors[j]));
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(other_errors); i++) {
        int ret = -other_errors[i];

        g_assert_false(blk_zone_error_is(ret));
        g_assert_cmpint(blk_zone_medium_error(ret), ==, ret);
        g_assert_cmpstr(blk_zone_strerror(ret), ==, strerror(-ret));
    }
    g_assert_false(blk_zone_error_is(0));
    g_assert_cmpint(blk_zone_medium_error(0), ==, 0);
    g_assert_cmpint(blk_zone_medium_error(4096), ==, 4096);

    g_assert_cmpstr(blk_zone_strerror(-BLK_ZERR_NOT_AT_WP), ==,
                    "not at the write pointer");
    g_assert_cmpstr(blk_zone_strerror(-BLK_ZERR_OPEN), ==,
                    "too many open zones");
    g_assert_cmpstr(blk_zone_strerror(-BLK_ZERR_ACTIVE), ==,
                    "too many active zones");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zone-set/table", test_table);
    g_test_add_func("/zone-set/faults/table", test_fault_table);
    g_test_add_func("/zone-set/faults/data", test_fault_keeps_data);
    g_test_add_func("/zone-set/faults/resources", test_fault_resources);
    g_test_add_func("/zone-set/limits/open", test_open_limit);
    g_test_add_func("/zone-set/limits/active", test_active_limit);
    g_test_add_func("/zone-set/limits/both", test_both_limits);
    g_test_add_func("/zone-set/limits/one", test_limits_of_one);
    g_test_add_func("/zone-set/limits/none", test_no_limits);
    g_test_add_func("/zone-set/implicit-close/order", test_implicit_close);
    g_test_add_func("/zone-set/implicit-close/explicit",
                    test_implicit_to_explicit);
    g_test_add_func("/zone-set/implicit-close/refused",
                    test_refused_write_is_no_use);
    g_test_add_func("/zone-set/implicit-close/aborted",
                    test_implicit_close_of_aborted);
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
    g_test_add_func("/zone-set/load/states", test_load);
    g_test_add_func("/zone-set/load/limits", test_load_limits);
    g_test_add_func("/zone-set/load/million", test_million_zones);
    g_test_add_func("/zone-set/random", test_random);
    g_test_add_func("/zone-names/states", test_state_names);
    g_test_add_func("/zone-names/operations", test_op_names);
    g_test_add_func("/zone-names/errors", test_errors);

    return g_test_run();
}
