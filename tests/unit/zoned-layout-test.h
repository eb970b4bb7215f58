/*
 * An image for the unit tests of its header and of its other blocks
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_ZONED_LAYOUT_TEST_H
#define TESTS_UNIT_ZONED_LAYOUT_TEST_H

#include "block/zoned-layout.h"

/* Some zones more than one block of the table holds; the last one is short */
#define NR_ZONES (ZONED_ZONES_PER_BLOCK + 3)

static inline ZonedHeader new_header(void)
{
    ZonedHeader h = {
        .geometry = {
            .size = (NR_ZONES - 1) * 64 * KiB + 16 * KiB,
            .zone_size = 64 * KiB,
            .zone_capacity = 48 * KiB,
            .conventional_zones = 2,
            .max_open_zones = 3,
            .max_active_zones = 4,
            .write_granularity = 4096,
        },
        .max_append_bytes = 32 * KiB,
    };

    zoned_header_init(&h);
    h.datasum_key = 12345;
    return h;
}

#endif /* TESTS_UNIT_ZONED_LAYOUT_TEST_H */
