/*
 * The zone state machine: the zones of an emulated zoned device
 *
 * Transitions, resource limits and the choice of the error are decided here
 * and nowhere else.  There is no I/O, no coroutine and no block graph in it;
 * whoever emulates a zoned device asks the state machine first and then does
 * the I/O.
 *
 * Nothing here takes a lock: the owner serialises the calls.
 *
 * Offsets and lengths are in bytes and absolute on the device; write pointers
 * too, except where a comment says that they are relative to their zone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_SET_H
#define BLOCK_ZONE_SET_H

#include "block/zone.h"

/**
 * ZoneGeometry: what a zoned device is like from the day it is made.
 *
 * @size: of the device; it must be of less than UINT32_MAX zones
 * @zone_size: of each zone but perhaps the last; a power of two
 * @zone_capacity: bytes of each sequential zone that can be written, at most
 *                 @zone_size
 * @conventional_zones: how many zones from the start are conventional
 * @max_open_zones: 0: no limit
 * @max_active_zones: 0: no limit
 * @write_granularity: unit of writes to sequential zones; a power of two.
 *                     A sequential zone whose capacity is no multiple of it
 *                     cannot be written to its end.
 */
typedef struct ZoneGeometry {
    uint64_t size;
    uint64_t zone_size;
    uint64_t zone_capacity;
    uint32_t conventional_zones;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
    uint32_t write_granularity;
} ZoneGeometry;

static inline uint32_t zone_geometry_nr_zones(const ZoneGeometry *g)
{
    return DIV_ROUND_UP(g->size, g->zone_size);
}

static inline uint32_t zone_geometry_index(const ZoneGeometry *g,
                                           uint64_t offset)
{
    return offset / g->zone_size;
}

static inline uint64_t zone_geometry_start(const ZoneGeometry *g, uint32_t i)
{
    return i * g->zone_size;
}

static inline uint64_t zone_geometry_length(const ZoneGeometry *g, uint32_t i)
{
    return MIN(g->zone_size, g->size - zone_geometry_start(g, i));
}

static inline bool zone_geometry_is_conventional(const ZoneGeometry *g,
                                                 uint32_t i)
{
    return i < g->conventional_zones;
}

/* Capacity of zone @i: of a conventional zone its length */
static inline uint64_t zone_geometry_capacity(const ZoneGeometry *g, uint32_t i)
{
    uint64_t length = zone_geometry_length(g, i);

    return zone_geometry_is_conventional(g, i) ? length
                                               : MIN(length, g->zone_capacity);
}

typedef struct ZoneSet ZoneSet;

/**
 * zone_set_new: the zones of a new device.  Sequential zones are empty,
 * conventional zones are BLK_ZS_NOT_WP.  @g is copied.
 */
ZoneSet *zone_set_new(const ZoneGeometry *g);
void zone_set_free(ZoneSet *zs);

const ZoneGeometry *zone_set_geometry(const ZoneSet *zs);

/**
 * zone_set_load: put sequential zone @i into the state in which a medium
 * holds it across a power cycle.  Used before the first request only.
 *
 * @wp: relative to the zone's start; how much of the zone holds data, for
 *      full, read-only and offline zones also
 *
 * Returns 0, -EINVAL if @i is conventional, or @state and @wp contradict each
 * other or the zone's capacity or granularity (an empty zone has no data, a
 * closed one has some and is not filled up; open and not-wp zones do not
 * outlive a power cycle), -BLK_ZERR_ACTIVE if the zone would be one more
 * active zone than the limit allows.
 */
int zone_set_load(ZoneSet *zs, uint32_t i, BlockZoneState state, uint64_t wp);

/**
 * zone_set_get: describe zone @i as zone reports do.  Where the state makes
 * the write pointer meaningless (conventional, full, read-only and offline
 * zones), it is the end of the zone, start + length, as Linux drives show it
 * for full zones.
 */
void zone_set_get(const ZoneSet *zs, uint32_t i, BlockZoneDescriptor *desc);

/** zone_set_state: the state of zone @i */
BlockZoneState zone_set_state(const ZoneSet *zs, uint32_t i);

/**
 * zone_set_wp: how much of zone @i holds data, relative to its start.  Unlike
 * the write pointer of a report, it is valid in every state of a sequential
 * zone: a finished zone keeps what it had at its finish.  Writes count from
 * their submission on.
 */
uint64_t zone_set_wp(const ZoneSet *zs, uint32_t i);

/** zone_set_count: how many zones are in @state */
uint32_t zone_set_count(const ZoneSet *zs, BlockZoneState state);

/**
 * zone_set_mgmt: apply @op to zone @i.  The owner sees to it that no write to
 * the zone is in flight.
 *
 * The close of an open zone without data makes it empty.  A finish needs no
 * resource, whatever the state before it.  BLK_ZO_RESET_ALL, which the owner
 * passes for each zone in turn, always works: it leaves a zone that cannot be
 * reset as it is.
 *
 * Returns 0, or without a change of any zone: -BLK_ZERR_INVALID (conventional
 * zone, or a transition that the state forbids), -BLK_ZERR_RDONLY,
 * -BLK_ZERR_OFFLINE, -BLK_ZERR_OPEN, -BLK_ZERR_ACTIVE.  Where both resources
 * are exhausted the answer is -BLK_ZERR_ACTIVE.  An open that finds no open
 * resource closes the least recently used implicitly open zone to get one;
 * that zone becomes empty if a failed write has left it without data, and may
 * still have writes in flight if not.  What counts as use is a write.
 */
int zone_set_mgmt(ZoneSet *zs, BlockZoneOp op, uint32_t i);

/**
 * zone_set_fault: let zone @i fail, or make a failed zone usable again.  The
 * owner sees to it that no write to the zone is in flight.
 *
 * A zone that fails gives its resources back and keeps its data and write
 * pointer, which zone_set_wp() goes on to tell.  With BLK_ZF_NONE a read-only
 * or offline zone becomes empty, closed or full, as its write pointer says: a
 * zone that was finished below its capacity is closed then.  A zone that has
 * not failed stays as it is.
 *
 * Returns 0, or without a change: -BLK_ZERR_INVALID (conventional zone),
 * -BLK_ZERR_ACTIVE (the zone would be closed, and one active zone more than
 * the limit allows).
 */
int zone_set_fault(ZoneSet *zs, BlockZoneFault fault, uint32_t i);

/**
 * zone_set_check_read: whether a read of @bytes at @offset is allowed.
 *
 * Returns 0, -EIO (past the end of the device), -BLK_ZERR_INVALID (a read
 * that touches two zones, one of them sequential), -BLK_ZERR_OFFLINE.
 */
int zone_set_check_read(const ZoneSet *zs, uint64_t offset, uint64_t bytes);

/**
 * zone_set_write_begin: admit a write of @bytes at @offset.
 *
 * In a sequential zone the write pointer moves here, at submission, so that
 * the next write in order is admitted while this one is in flight.  An empty
 * or closed zone becomes implicitly open.  The zone becomes full not before
 * zone_set_write_end(), so that a failed write can be taken back without need
 * of a resource.  Writes inside conventional zones change nothing.
 *
 * Where several errors hold, the first of these is returned: -EIO (past the
 * end of the device), -BLK_ZERR_INVALID (touches two zones, one of them
 * sequential), -BLK_ZERR_INVALID (full), -BLK_ZERR_RDONLY or -BLK_ZERR_OFFLINE
 * (state), -BLK_ZERR_NOT_AT_WP (start, or granularity of start or end),
 * -BLK_ZERR_INVALID (past the capacity), -BLK_ZERR_ACTIVE, -BLK_ZERR_OPEN
 * (resources).  A zone whose last byte has been submitted counts as full
 * here.  A write of 0 bytes is checked for its place (the end of the
 * device, two zones, and the zone being read-only or offline) and changes
 * nothing.
 */
int zone_set_write_begin(ZoneSet *zs, uint64_t offset, uint64_t bytes);

/**
 * zone_set_append_begin: admit an append of @bytes to the zone that starts at
 * @offset; *@where is set to the offset that the data goes to.
 *
 * As zone_set_write_begin() at the write pointer, except that the end of the
 * device and the touch of two zones are judged as if the data went to
 * @offset; and next to them, -BLK_ZERR_INVALID if the zone is conventional or
 * @offset is not its start.  At the end of the device there is no zone, so
 * that an append of 0 bytes there gets -EIO too.
 */
int zone_set_append_begin(ZoneSet *zs, uint64_t offset, uint64_t bytes,
                          uint64_t *where);

/**
 * zone_set_write_end: every write to sequential zone @i below @wp (relative
 * to the zone's start) has been completed with success.  Where that is the
 * whole capacity the zone becomes full and gives its resources back; else
 * nothing changes.
 */
void zone_set_write_end(ZoneSet *zs, uint32_t i, uint64_t wp);

/**
 * zone_set_write_abort: a write to sequential zone @i failed.  The write
 * pointer goes back to @wp (relative to the zone's start), the end of the
 * data that is known to be written, a multiple of the granularity.  Called
 * when no write above @wp is in flight any more.  A closed zone in which
 * nothing is left becomes empty; an open one stays open.  Never needs a
 * resource.
 */
void zone_set_write_abort(ZoneSet *zs, uint32_t i, uint64_t wp);

#endif /* BLOCK_ZONE_SET_H */
