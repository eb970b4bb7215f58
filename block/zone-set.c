/*
 * The zone state machine: the zones of an emulated zoned device
 *
 * Decides what becomes of a zone when it is written or managed, and with
 * which error a request is refused.  See include/block/zone-set.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "block/zone-set.h"

/* No zone: the end of the list of implicitly open zones */
#define ZONE_NONE UINT32_MAX

#define ZONE_NR_STATES (BLK_ZS_OFFLINE + 1)

/* One more operation beside those of BlockZoneOp */
#define ZONE_OP_WRITE (BLK_ZO_RESET_ALL + 1)

/*
 * One zone of a device that may have millions.
 *
 * @wp: how much holds data, relative to the zone's start
 * @prev, @next: neighbours among the implicitly open zones, if it is one
 * @state: a BlockZoneState
 */
typedef struct Zone {
    uint64_t wp;
    uint32_t prev;
    uint32_t next;
    uint8_t state;
} Zone;

QEMU_BUILD_BUG_ON(sizeof(Zone) > 24);

/*
 * @nr_zones: length of @zones
 * @count: how many zones are in each state
 * @oldest, @newest: ends of the list of the implicitly open zones, which is in
 *                   the order of their last writes
 *
 * A closed zone always holds data: one that has none is empty.
 */
struct ZoneSet {
    ZoneGeometry geometry;
    uint32_t nr_zones;
    uint32_t count[ZONE_NR_STATES];
    uint32_t oldest;
    uint32_t newest;
    Zone *zones;
};

/*
 * The next state of a zone after an operation, or an error.
 *
 * A finish goes to full without a stop at an open state, so that it needs no
 * resource even where it starts from an empty or closed zone.
 */
static const int next_state[][ZONE_NR_STATES] = {
    [BLK_ZO_OPEN] = {
        [BLK_ZS_NOT_WP]  = -BLK_ZERR_INVALID,
        [BLK_ZS_EMPTY]   = BLK_ZS_EOPEN,
        [BLK_ZS_IOPEN]   = BLK_ZS_EOPEN,
        [BLK_ZS_EOPEN]   = BLK_ZS_EOPEN,
        [BLK_ZS_CLOSED]  = BLK_ZS_EOPEN,
        [BLK_ZS_RDONLY]  = -BLK_ZERR_RDONLY,
        [BLK_ZS_FULL]    = -BLK_ZERR_INVALID,
        [BLK_ZS_OFFLINE] = -BLK_ZERR_OFFLINE,
    },
    [BLK_ZO_CLOSE] = {
        [BLK_ZS_NOT_WP]  = -BLK_ZERR_INVALID,
        [BLK_ZS_EMPTY]   = -BLK_ZERR_INVALID,
        [BLK_ZS_IOPEN]   = BLK_ZS_CLOSED,
        [BLK_ZS_EOPEN]   = BLK_ZS_CLOSED,
        [BLK_ZS_CLOSED]  = BLK_ZS_CLOSED,
        [BLK_ZS_RDONLY]  = -BLK_ZERR_RDONLY,
        [BLK_ZS_FULL]    = -BLK_ZERR_INVALID,
        [BLK_ZS_OFFLINE] = -BLK_ZERR_OFFLINE,
    },
    [BLK_ZO_FINISH] = {
        [BLK_ZS_NOT_WP]  = -BLK_ZERR_INVALID,
        [BLK_ZS_EMPTY]   = BLK_ZS_FULL,
        [BLK_ZS_IOPEN]   = BLK_ZS_FULL,
        [BLK_ZS_EOPEN]   = BLK_ZS_FULL,
        [BLK_ZS_CLOSED]  = BLK_ZS_FULL,
        [BLK_ZS_RDONLY]  = -BLK_ZERR_RDONLY,
        [BLK_ZS_FULL]    = BLK_ZS_FULL,
        [BLK_ZS_OFFLINE] = -BLK_ZERR_OFFLINE,
    },
    [BLK_ZO_RESET] = {
        [BLK_ZS_NOT_WP]  = -BLK_ZERR_INVALID,
        [BLK_ZS_EMPTY]   = BLK_ZS_EMPTY,
        [BLK_ZS_IOPEN]   = BLK_ZS_EMPTY,
        [BLK_ZS_EOPEN]   = BLK_ZS_EMPTY,
        [BLK_ZS_CLOSED]  = BLK_ZS_EMPTY,
        [BLK_ZS_RDONLY]  = -BLK_ZERR_RDONLY,
        [BLK_ZS_FULL]    = BLK_ZS_EMPTY,
        [BLK_ZS_OFFLINE] = -BLK_ZERR_OFFLINE,
    },
    [BLK_ZO_RESET_ALL] = {
        [BLK_ZS_NOT_WP]  = BLK_ZS_NOT_WP,
        [BLK_ZS_EMPTY]   = BLK_ZS_EMPTY,
        [BLK_ZS_IOPEN]   = BLK_ZS_EMPTY,
        [BLK_ZS_EOPEN]   = BLK_ZS_EMPTY,
        [BLK_ZS_CLOSED]  = BLK_ZS_EMPTY,
        [BLK_ZS_RDONLY]  = BLK_ZS_RDONLY,
        [BLK_ZS_FULL]    = BLK_ZS_EMPTY,
        [BLK_ZS_OFFLINE] = BLK_ZS_OFFLINE,
    },
    [ZONE_OP_WRITE] = {
        [BLK_ZS_NOT_WP]  = BLK_ZS_NOT_WP,
        [BLK_ZS_EMPTY]   = BLK_ZS_IOPEN,
        [BLK_ZS_IOPEN]   = BLK_ZS_IOPEN,
        [BLK_ZS_EOPEN]   = BLK_ZS_EOPEN,
        [BLK_ZS_CLOSED]  = BLK_ZS_IOPEN,
        [BLK_ZS_RDONLY]  = -BLK_ZERR_RDONLY,
        [BLK_ZS_FULL]    = -BLK_ZERR_INVALID,
        [BLK_ZS_OFFLINE] = -BLK_ZERR_OFFLINE,
    },
};

int zone_next_state(BlockZoneOp op, BlockZoneState state)
{
    assert(op <= BLK_ZO_RESET_ALL && state < ZONE_NR_STATES);
    return next_state[op][state];
}

static bool state_is_open(BlockZoneState state)
{
    return state == BLK_ZS_IOPEN || state == BLK_ZS_EOPEN;
}

static bool state_is_active(BlockZoneState state)
{
    return state_is_open(state) || state == BLK_ZS_CLOSED;
}

/* Whether the zone has failed, wholly or for writes */
static bool state_is_failed(BlockZoneState state)
{
    return state == BLK_ZS_RDONLY || state == BLK_ZS_OFFLINE;
}

/* Whether @state has a write pointer that means something to a user */
static bool state_has_wp(BlockZoneState state)
{
    return state == BLK_ZS_EMPTY || state_is_active(state);
}

static uint32_t nr_open(const ZoneSet *zs)
{
    return zs->count[BLK_ZS_IOPEN] + zs->count[BLK_ZS_EOPEN];
}

static uint32_t nr_active(const ZoneSet *zs)
{
    return nr_open(zs) + zs->count[BLK_ZS_CLOSED];
}

static bool limit_is_reached(uint32_t limit, uint32_t count)
{
    return limit != 0 && count >= limit;
}

static bool is_granular(const ZoneSet *zs, uint64_t bytes)
{
    return (bytes & (zs->geometry.write_granularity - 1)) == 0;
}

static bool wp_is_possible(const ZoneSet *zs, uint32_t i, uint64_t wp)
{
    return is_granular(zs, wp) &&
           wp <= zone_geometry_capacity(&zs->geometry, i);
}

static Zone *get_zone(const ZoneSet *zs, uint32_t i)
{
    assert(i < zs->nr_zones);
    return &zs->zones[i];
}

static Zone *get_sequential_zone(const ZoneSet *zs, uint32_t i)
{
    assert(!zone_geometry_is_conventional(&zs->geometry, i));
    return get_zone(zs, i);
}

/* Put zone @i at the newest end of the list of implicitly open zones */
static void list_add(ZoneSet *zs, uint32_t i)
{
    Zone *z = &zs->zones[i];

    z->prev = zs->newest;
    z->next = ZONE_NONE;
    if (z->prev == ZONE_NONE) {
        zs->oldest = i;
    } else {
        zs->zones[z->prev].next = i;
    }
    zs->newest = i;
}

static void list_remove(ZoneSet *zs, uint32_t i)
{
    Zone *z = &zs->zones[i];

    if (z->prev == ZONE_NONE) {
        zs->oldest = z->next;
    } else {
        zs->zones[z->prev].next = z->next;
    }
    if (z->next == ZONE_NONE) {
        zs->newest = z->prev;
    } else {
        zs->zones[z->next].prev = z->prev;
    }
}

/*
 * The only place where a zone's state changes.  A change from implicitly open
 * to implicitly open makes the zone the most recently used one.
 */
static void set_state(ZoneSet *zs, uint32_t i, BlockZoneState state)
{
    Zone *z = &zs->zones[i];

    if (state == BLK_ZS_CLOSED && z->wp == 0) {
        state = BLK_ZS_EMPTY;
    }
    if (z->state == BLK_ZS_IOPEN) {
        list_remove(zs, i);
    }
    zs->count[z->state]--;
    z->state = state;
    zs->count[state]++;
    if (state == BLK_ZS_IOPEN) {
        list_add(zs, i);
    }
}

/*
 * Make sure that a zone can go from state @from to @to within the limits,
 * if need be by an implicit close of another zone.  The active resource comes
 * first: without it nothing is closed, not even a zone whose close would give
 * one back because it lost all its data to a failed write.
 */
static int reserve_resources(ZoneSet *zs, BlockZoneState from,
                             BlockZoneState to)
{
    const ZoneGeometry *g = &zs->geometry;

    if (state_is_active(to) && !state_is_active(from) &&
        limit_is_reached(g->max_active_zones, nr_active(zs))) {
        return -BLK_ZERR_ACTIVE;
    }
    if (state_is_open(to) && !state_is_open(from) &&
        limit_is_reached(g->max_open_zones, nr_open(zs))) {
        if (zs->oldest == ZONE_NONE) {
            return -BLK_ZERR_OPEN;
        }
        set_state(zs, zs->oldest, BLK_ZS_CLOSED);
    }
    return 0;
}

ZoneSet *zone_set_new(const ZoneGeometry *g)
{
    ZoneSet *zs = g_new0(ZoneSet, 1);
    uint32_t nr_conventional;
    uint32_t i;

    assert(is_power_of_2(g->zone_size));
    assert(is_power_of_2(g->write_granularity));
    assert(g->zone_capacity <= g->zone_size);
    assert(DIV_ROUND_UP(g->size, g->zone_size) < ZONE_NONE);

    zs->geometry = *g;
    zs->nr_zones = zone_geometry_nr_zones(g);
    zs->zones = g_new0(Zone, zs->nr_zones);
    zs->oldest = ZONE_NONE;
    zs->newest = ZONE_NONE;

    nr_conventional = MIN(g->conventional_zones, zs->nr_zones);
    for (i = 0; i < nr_conventional; i++) {
        zs->zones[i].state = BLK_ZS_NOT_WP;
    }
    for (; i < zs->nr_zones; i++) {
        zs->zones[i].state = BLK_ZS_EMPTY;
    }
    zs->count[BLK_ZS_NOT_WP] = nr_conventional;
    zs->count[BLK_ZS_EMPTY] = zs->nr_zones - nr_conventional;
    return zs;
}

void zone_set_free(ZoneSet *zs)
{
    if (zs) {
        g_free(zs->zones);
        g_free(zs);
    }
}

const ZoneGeometry *zone_set_geometry(const ZoneSet *zs)
{
    return &zs->geometry;
}

int zone_set_load(ZoneSet *zs, uint32_t i, BlockZoneState state, uint64_t wp)
{
    Zone *z = get_zone(zs, i);
    int ret;

    if (z->state == BLK_ZS_NOT_WP || !wp_is_possible(zs, i, wp)) {
        return -EINVAL;
    }

    switch (state) {
    case BLK_ZS_EMPTY:
    case BLK_ZS_CLOSED:
        if (state != zone_geometry_state(&zs->geometry, i, wp)) {
            return -EINVAL;
        }
        break;
    case BLK_ZS_FULL:
    case BLK_ZS_RDONLY:
    case BLK_ZS_OFFLINE:
        break;
    default:
        return -EINVAL;
    }

    ret = reserve_resources(zs, z->state, state);
    if (ret < 0) {
        return ret;
    }
    z->wp = wp;
    set_state(zs, i, state);
    return 0;
}

void zone_set_get(const ZoneSet *zs, uint32_t i, BlockZoneDescriptor *desc)
{
    const ZoneGeometry *g = &zs->geometry;
    const Zone *z = get_zone(zs, i);
    uint64_t start = zone_geometry_start(g, i);
    uint64_t length = zone_geometry_length(g, i);

    *desc = (BlockZoneDescriptor) {
        .start = start,
        .length = length,
        .cap = zone_geometry_capacity(g, i),
        .wp = start + (state_has_wp(z->state) ? z->wp : length),
        .type = zone_geometry_is_conventional(g, i) ? BLK_ZT_CONV : BLK_ZT_SWR,
        .state = z->state,
    };
}

BlockZoneState zone_set_state(const ZoneSet *zs, uint32_t i)
{
    return get_zone(zs, i)->state;
}

uint64_t zone_set_wp(const ZoneSet *zs, uint32_t i)
{
    return get_zone(zs, i)->wp;
}

uint32_t zone_set_count(const ZoneSet *zs, BlockZoneState state)
{
    assert(state < ZONE_NR_STATES);
    return zs->count[state];
}

int zone_set_mgmt(ZoneSet *zs, BlockZoneOp op, uint32_t i)
{
    Zone *z = get_zone(zs, i);
    int next, ret;

    next = zone_next_state(op, z->state);
    if (next < 0) {
        return next;
    }
    ret = reserve_resources(zs, z->state, next);
    if (ret < 0) {
        return ret;
    }
    if (next == BLK_ZS_EMPTY) {
        z->wp = 0;
    }
    set_state(zs, i, next);
    return 0;
}

int zone_set_fault(ZoneSet *zs, BlockZoneFault fault, uint32_t i)
{
    BlockZoneState state = zone_set_state(zs, i);
    BlockZoneState next = state;
    int ret;

    if (state == BLK_ZS_NOT_WP) {
        return -BLK_ZERR_INVALID;
    }
    if (fault == BLK_ZF_RDONLY) {
        next = BLK_ZS_RDONLY;
    } else if (fault == BLK_ZF_OFFLINE) {
        next = BLK_ZS_OFFLINE;
    } else if (state_is_failed(state)) {
        next = zone_geometry_state(&zs->geometry, i, zone_set_wp(zs, i));
    }
    if (next == state) {
        return 0;
    }
    ret = reserve_resources(zs, state, next);
    if (ret < 0) {
        return ret;
    }
    set_state(zs, i, next);
    return 0;
}

void zone_set_open_again(ZoneSet *zs, const ZoneSet *before)
{
    uint32_t left = zone_set_count(before, BLK_ZS_EOPEN);
    uint32_t nr_zones = MIN(zs->nr_zones, before->nr_zones);
    uint32_t i;

    for (i = 0; left && i < nr_zones; i++) {
        if (zone_set_state(before, i) == BLK_ZS_EOPEN) {
            zone_set_mgmt(zs, BLK_ZO_OPEN, i);
            left--;
        }
    }
}

/*
 * Checks of @bytes at @offset that do not depend on the state of a zone: on
 * the device, and not in two zones if one of them is sequential.
 */
static int check_place(const ZoneSet *zs, uint64_t offset, uint64_t bytes)
{
    const ZoneGeometry *g = &zs->geometry;
    uint32_t last;

    if (bytes > g->size || offset > g->size - bytes) {
        return -EIO;
    }
    if (bytes == 0) {
        return 0;
    }
    /* All sequential zones come after all conventional ones */
    last = zone_geometry_index(g, offset + bytes - 1);
    if (last != zone_geometry_index(g, offset) &&
        !zone_geometry_is_conventional(g, last)) {
        return -BLK_ZERR_INVALID;
    }
    return 0;
}

int zone_set_check_read(const ZoneSet *zs, uint64_t offset, uint64_t bytes)
{
    int ret = check_place(zs, offset, bytes);

    /* Nothing at the very end of the device is in no zone */
    if (ret < 0 || offset == zs->geometry.size) {
        return ret;
    }
    if (zone_set_state(zs, zone_geometry_index(&zs->geometry, offset)) ==
        BLK_ZS_OFFLINE) {
        return -BLK_ZERR_OFFLINE;
    }
    return 0;
}

/*
 * Admit a write that lies inside sequential zone @i; @pos is relative to the
 * zone's start.
 */
static int write_begin(ZoneSet *zs, uint32_t i, uint64_t pos, uint64_t bytes)
{
    Zone *z = get_sequential_zone(zs, i);
    uint64_t capacity = zone_geometry_capacity(&zs->geometry, i);
    int next = next_state[ZONE_OP_WRITE][z->state];
    int ret;

    if (bytes == 0) {
        return state_is_failed(z->state) ? next : 0;
    }
    if (next < 0) {
        return next;
    }
    if (z->wp == capacity) {
        /* Full as soon as the writes in flight are completed */
        return -BLK_ZERR_INVALID;
    }
    if (pos != z->wp || !is_granular(zs, bytes)) {
        return -BLK_ZERR_NOT_AT_WP;
    }
    if (bytes > capacity - pos) {
        return -BLK_ZERR_INVALID;
    }
    ret = reserve_resources(zs, z->state, next);
    if (ret < 0) {
        return ret;
    }
    z->wp += bytes;
    set_state(zs, i, next);
    return 0;
}

int zone_set_write_begin(ZoneSet *zs, uint64_t offset, uint64_t bytes)
{
    const ZoneGeometry *g = &zs->geometry;
    int ret = check_place(zs, offset, bytes);
    uint32_t i;

    /* Nothing at the very end of the device is in no zone */
    if (ret < 0 || offset == g->size) {
        return ret;
    }
    i = zone_geometry_index(g, offset);
    if (zone_geometry_is_conventional(g, i)) {
        return 0;
    }
    return write_begin(zs, i, offset - zone_geometry_start(g, i), bytes);
}

int zone_set_append_begin(ZoneSet *zs, uint64_t offset, uint64_t bytes,
                          uint64_t *where)
{
    const ZoneGeometry *g = &zs->geometry;
    int ret = check_place(zs, offset, bytes);
    uint64_t wp;
    uint32_t i;

    if (ret < 0) {
        return ret;
    }
    if (offset == g->size) {
        return -EIO;
    }
    i = zone_geometry_index(g, offset);
    if (zone_geometry_is_conventional(g, i) ||
        offset != zone_geometry_start(g, i)) {
        return -BLK_ZERR_INVALID;
    }
    wp = zone_set_wp(zs, i);
    ret = write_begin(zs, i, wp, bytes);
    if (ret < 0) {
        return ret;
    }
    *where = offset + wp;
    return 0;
}

void zone_set_write_end(ZoneSet *zs, uint32_t i, uint64_t wp)
{
    Zone *z = get_sequential_zone(zs, i);

    assert(wp <= z->wp);
    if (state_is_active(z->state) &&
        zone_geometry_state(&zs->geometry, i, wp) == BLK_ZS_FULL) {
        set_state(zs, i, BLK_ZS_FULL);
    }
}

void zone_set_write_abort(ZoneSet *zs, uint32_t i, uint64_t wp)
{
    Zone *z = get_sequential_zone(zs, i);

    assert(wp_is_possible(zs, i, wp));
    assert(wp == z->wp || (wp < z->wp && state_is_active(z->state)));
    z->wp = wp;
    if (z->state == BLK_ZS_CLOSED) {
        /* Makes it empty if nothing is left */
        set_state(zs, i, BLK_ZS_CLOSED);
    }
}
