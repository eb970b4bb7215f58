/*
 * Zone errors, states and operations in words
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"

static const struct {
    int error;
    const char *words;
} zone_errors[] = {
    { BLK_ZERR_NOT_AT_WP, "not at the write pointer" },
    { BLK_ZERR_INVALID,   "not allowed by the zone's type, state or capacity" },
    { BLK_ZERR_OPEN,      "too many open zones" },
    { BLK_ZERR_ACTIVE,    "too many active zones" },
    { BLK_ZERR_RDONLY,    "zone is read-only" },
    { BLK_ZERR_OFFLINE,   "zone is offline" },
};

static const char *const zone_state_names[] = {
    [BLK_ZS_NOT_WP]  = "not-wp",
    [BLK_ZS_EMPTY]   = "empty",
    [BLK_ZS_IOPEN]   = "imp-open",
    [BLK_ZS_EOPEN]   = "exp-open",
    [BLK_ZS_CLOSED]  = "closed",
    [BLK_ZS_RDONLY]  = "read-only",
    [BLK_ZS_FULL]    = "full",
    [BLK_ZS_OFFLINE] = "offline",
};

static const char *const zone_op_names[] = {
    [BLK_ZO_OPEN]      = "open",
    [BLK_ZO_CLOSE]     = "close",
    [BLK_ZO_FINISH]    = "finish",
    [BLK_ZO_RESET]     = "reset",
    [BLK_ZO_RESET_ALL] = "reset-all",
};

/* The words for @ret, or NULL if it is no zone error */
static const char *find_zone_error(int ret)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(zone_errors); i++) {
        if (zone_errors[i].error == -ret) {
            return zone_errors[i].words;
        }
    }
    return NULL;
}

bool blk_zone_error_is(int ret)
{
    return find_zone_error(ret) != NULL;
}

const char *blk_zone_strerror(int ret)
{
    return find_zone_error(ret) ?: strerror(-ret);
}

int blk_zone_medium_error(int ret)
{
    return blk_zone_error_is(ret) ? -EIO : ret;
}

const char *blk_zone_state_name(BlockZoneState state)
{
    return state < ARRAY_SIZE(zone_state_names) ? zone_state_names[state]
                                                : NULL;
}

bool blk_zone_state_parse(const char *name, BlockZoneState *state)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(zone_state_names); i++) {
        if (zone_state_names[i] && g_str_equal(zone_state_names[i], name)) {
            *state = i;
            return true;
        }
    }
    return false;
}

const char *blk_zone_op_name(BlockZoneOp op)
{
    return op < ARRAY_SIZE(zone_op_names) ? zone_op_names[op] : NULL;
}
