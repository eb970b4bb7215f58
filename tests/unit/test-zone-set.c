/*
 * Unit tests for the zone state machine: states, operations, faults, limits
 *
 * The results are written down here in the words that users see, as
 * tables where possible, and does not share code with the state machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "zone-set-test.h"

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

    /* The empty zone has given its active resource back */
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

/* A medium is read again; only what is explicitly open is so still */
static void test_open_again(void)
{
    ZoneSet *before = new_with_limits(3, 4);
    ZoneSet *zs = new_with_limits(3, 4);

    mgmt(before, BLK_ZO_OPEN, 1);
    write_zone(before, 2);
    mgmt(before, BLK_ZO_OPEN, 2);
    write_zone(before, 3);
    write_zone(before, 4);
    g_assert_cmpuint(zone_set_count(before, BLK_ZS_EOPEN), ==, 2);
    g_assert_cmpuint(zone_set_count(before, BLK_ZS_CLOSED), ==, 1);

    load(zs, 2, "closed", GRAN);
    load(zs, 3, "closed", GRAN);
    load(zs, 4, "closed", GRAN);
    zone_set_open_again(zs, before);
    g_assert_cmpint(zone_set_state(zs, 1), ==, BLK_ZS_EOPEN);
    g_assert_cmpint(zone_set_state(zs, 2), ==, BLK_ZS_EOPEN);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_CLOSED), ==, 2);
    g_assert_cmpuint(zone_set_wp(zs, 2), ==, GRAN);
    mgmt(zs, BLK_ZO_CLOSE, 1);
    g_assert_cmpint(zone_set_state(zs, 1), ==, BLK_ZS_EMPTY);
    zone_set_free(zs);

    /* A zone that somebody else has changed meanwhile is as it is now */
    zs = new_with_limits(3, 4);
    load(zs, 1, "full", GRAN);
    load(zs, 2, "offline", GRAN);
    zone_set_open_again(zs, before);
    g_assert_cmpint(zone_set_state(zs, 1), ==, BLK_ZS_FULL);
    g_assert_cmpint(zone_set_state(zs, 2), ==, BLK_ZS_OFFLINE);
    g_assert_cmpuint(zone_set_count(zs, BLK_ZS_EOPEN), ==, 0);
    zone_set_free(zs);
    zone_set_free(before);
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
    g_test_add_func("/zone-set/load/states", test_load);
    g_test_add_func("/zone-set/load/limits", test_load_limits);
    g_test_add_func("/zone-set/load/open-again", test_open_again);
    g_test_add_func("/zone-set/load/million", test_million_zones);

    return g_test_run();
}
