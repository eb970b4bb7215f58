/*
 * Unit tests for the names of zone states, operations and errors
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"

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

    g_test_add_func("/zone-names/states", test_state_names);
    g_test_add_func("/zone-names/operations", test_op_names);
    g_test_add_func("/zone-names/errors", test_errors);

    return g_test_run();
}
