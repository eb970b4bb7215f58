/*
 * Helpers of the unit tests for the zone state machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef ZONE_SET_TEST_H
#define ZONE_SET_TEST_H

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

static inline ZoneSet *new_with_limits(uint32_t max_open, uint32_t max_active)
{
    ZoneGeometry g = plain;

    g.max_open_zones = max_open;
    g.max_active_zones = max_active;
    return zone_set_new(&g);
}

/* Start a write of one granule at the write pointer of zone @i */
static inline int try_write(ZoneSet *zs, uint32_t i)
{
    return zone_set_write_begin(zs, i * ZONE + zone_set_wp(zs, i), GRAN);
}

static inline void write_zone(ZoneSet *zs, uint32_t i)
{
    g_assert_cmpint(try_write(zs, i), ==, 0);
}

static inline void mgmt(ZoneSet *zs, BlockZoneOp op, uint32_t i)
{
    g_assert_cmpint(zone_set_mgmt(zs, op, i), ==, 0);
}

static inline void load(ZoneSet *zs, uint32_t i, const char *state, uint64_t wp)
{
    BlockZoneState s;

    g_assert_true(blk_zone_state_parse(state, &s));
    g_assert_cmpint(zone_set_load(zs, i, s, wp), ==, 0);
}

/* The states, write pointers and counters of a zone set */
static inline char *dump(const ZoneSet *zs)
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

/* The zone as a report describes it */
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

#endif /* ZONE_SET_TEST_H */
