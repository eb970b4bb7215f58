/*
 * The zone state machine: the zones of an emulated zoned device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_SET_H
#define BLOCK_ZONE_SET_H

#include "block/zone.h"

/**
 * DOC: The zone state machine
 *
 * Transitions, resource limits and the choice of the error are decided here
 * and nowhere else.  There is no I/O, no coroutine and no block graph in it: an
 * emulator of a zoned device asks the state machine first and then does the
 * I/O.
 *
 * Nothing here takes a lock: the owner serialises the calls, and does not yield
 * between a check and what relies on it.
 *
 * Offsets and lengths are in bytes and absolute on the device; write pointers
 * too, except where a comment says that they are relative to their zone.  Zones
 * are numbered from 0.
 *
 * The states and transitions are those of virtio 1.3 (5.2.6), which has them
 * from ZBC-2 and the NVMe Zoned Namespace Command Set (ZNS).  The standards
 * differ in three places, and this follows virtio: a close of an empty or full
 * zone and an open of a full one are errors, while ZBC has them succeed without
 * effect; there is a limit on active zones, which ZBC lacks; and where both
 * limits are reached, the error is that of the active zones.
 */

/**
 * struct ZoneGeometry - what a zoned device is like from the day it is made
 *
 * @size: of the device; it must be of less than UINT32_MAX zones
 * @zone_size: of each zone but perhaps the last; a power of two
 * @zone_capacity: how much of each sequential zone can be written, at most
 *                 @zone_size (ZCAP of ZNS)
 * @conventional_zones: how many zones from the start are conventional
 * @max_open_zones: limit on implicitly and explicitly open zones; 0: none
 * @max_active_zones: limit on these and closed zones; 0: none
 * @write_granularity: unit of writes to sequential zones; a power of two.
 *                     A sequential zone whose capacity is no multiple of it
 *                     cannot be written to its end.
 *
 * Sizes are in bytes.
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

/* Number of zones, a smaller last zone included */
static inline uint32_t zone_geometry_nr_zones(const ZoneGeometry *g)
{
    return DIV_ROUND_UP(g->size, g->zone_size);
}

/* The zone that the byte at @offset is in */
static inline uint32_t zone_geometry_index(const ZoneGeometry *g,
                                           uint64_t offset)
{
    return offset / g->zone_size;
}

/* Where zone @i begins */
static inline uint64_t zone_geometry_start(const ZoneGeometry *g, uint32_t i)
{
    return i * g->zone_size;
}

/* Bytes from the start of zone @i to that of the next, or to the end */
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

/*
 * The state of sequential zone @i with data up to @wp, relative to its start,
 * if the zone is neither open nor finished, and has not failed
 */
static inline BlockZoneState zone_geometry_state(const ZoneGeometry *g,
                                                 uint32_t i, uint64_t wp)
{
    if (wp == 0) {
        return BLK_ZS_EMPTY;
    }
    return wp == zone_geometry_capacity(g, i) ? BLK_ZS_FULL : BLK_ZS_CLOSED;
}

/**
 * zone_next_state - what an operation makes of a zone, as far as its state says
 * @op: the operation
 * @state: the state of the zone
 *
 * This is the table of transitions, for those whose zones are kept elsewhere.
 * Limits on open and active zones are not looked at, and neither is the write
 * pointer: a close of an open zone without data makes it empty.
 *
 * Returns: the state afterwards, or
 *
 * * -BLK_ZERR_INVALID - @state forbids @op, or the zone is conventional
 * * -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE - the zone has failed
 */
int zone_next_state(BlockZoneOp op, BlockZoneState state);

typedef struct ZoneSet ZoneSet;

/**
 * zone_set_new - the zones of a new device
 * @g: the geometry, which is copied
 *
 * Sequential zones are empty, conventional zones are %BLK_ZS_NOT_WP.
 *
 * Returns: the zones, for zone_set_free().
 */
ZoneSet *zone_set_new(const ZoneGeometry *g);

/**
 * zone_set_free - the reverse of zone_set_new()
 * @zs: the zones; NULL is allowed
 */
void zone_set_free(ZoneSet *zs);

/**
 * zone_set_geometry - the geometry of a device
 * @zs: the zones
 *
 * Returns: a geometry that is valid as long as @zs.
 */
const ZoneGeometry *zone_set_geometry(const ZoneSet *zs);

/**
 * zone_set_load - put a sequential zone into the state in which a medium holds
 * it across a power cycle
 * @zs: the zones, before the first request
 * @i: number of the zone
 * @state: empty, closed, full, read-only or offline
 * @wp: relative to the zone's start; how much of the zone holds data, for
 *      full, read-only and offline zones also
 *
 * An empty zone has no data; a closed one has some and is not filled up.  Open
 * zones do not outlive a power cycle.
 *
 * Returns:
 * * 0 - on success
 * * -EINVAL - the zone is conventional, or @state and @wp contradict each other
 *   or the zone's capacity or granularity
 * * -BLK_ZERR_ACTIVE - the zone would be one active zone too many
 */
int zone_set_load(ZoneSet *zs, uint32_t i, BlockZoneState state, uint64_t wp);

/**
 * zone_set_get - describe a zone as zone reports do
 * @zs: the zones
 * @i: number of the zone
 * @desc: where to put the description
 *
 * Where the state makes the write pointer meaningless (conventional, full,
 * read-only and offline zones), it is the end of the zone, start + length, as
 * Linux drives show it for full zones.
 */
void zone_set_get(const ZoneSet *zs, uint32_t i, BlockZoneDescriptor *desc);

/**
 * zone_set_state - the state of a zone
 * @zs: the zones
 * @i: number of the zone
 *
 * Returns: the state.
 */
BlockZoneState zone_set_state(const ZoneSet *zs, uint32_t i);

/**
 * zone_set_wp - how much of a zone holds data
 * @zs: the zones
 * @i: number of the zone
 *
 * Unlike the write pointer of a report, this is valid in every state of a
 * sequential zone: a finished zone keeps what it had at its finish.  Writes
 * count from their submission on.
 *
 * Returns: bytes, relative to the zone's start; 0 for conventional zones.
 */
uint64_t zone_set_wp(const ZoneSet *zs, uint32_t i);

/**
 * zone_set_count - how many zones are in a state
 * @zs: the zones
 * @state: the state
 *
 * Returns: the number, at no cost for the number of zones.
 */
uint32_t zone_set_count(const ZoneSet *zs, BlockZoneState state);

/**
 * zone_set_mgmt - apply an operation to a zone (virtio 1.3, 5.2.6; Zone
 * Management Send of ZNS; ZBC OUT)
 * @zs: the zones
 * @op: the operation
 * @i: number of the zone, to which no write is in flight
 *
 * The close of an open zone without data makes it empty.  A finish needs no
 * resource, whatever the state before it.  %BLK_ZO_RESET_ALL, which the owner
 * passes for each zone in turn, always works: it leaves a zone that cannot be
 * reset as it is.
 *
 * An open that finds no open resource closes the least recently written
 * implicitly open zone to get one, as all three standards allow.  That zone
 * becomes empty if a failed write has left it without data, and may still have
 * writes in flight if not.
 *
 * Returns: 0, or without a change of any zone
 *
 * * -BLK_ZERR_INVALID - the zone is conventional, or its state forbids @op
 * * -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE - the zone has failed
 * * -BLK_ZERR_ACTIVE - there is no active resource
 * * -BLK_ZERR_OPEN - there is no open resource, but an active one
 */
int zone_set_mgmt(ZoneSet *zs, BlockZoneOp op, uint32_t i);

/**
 * zone_set_fault - let a zone fail, or make a failed zone usable again
 * @zs: the zones
 * @fault: what the zone shall suffer from
 * @i: number of the zone, to which no write is in flight
 *
 * A zone that fails gives its resources back and keeps its data and write
 * pointer, which zone_set_wp() still returns.  With %BLK_ZF_NONE a read-only or
 * offline zone becomes empty, closed or full, as its write pointer says: a
 * zone that was finished below its capacity is closed then.  A zone that has
 * not failed stays as it is.
 *
 * Returns: 0, or without a change
 *
 * * -BLK_ZERR_INVALID - the zone is conventional
 * * -BLK_ZERR_ACTIVE - the zone would be closed, one active zone too many
 */
int zone_set_fault(ZoneSet *zs, BlockZoneFault fault, uint32_t i);

/**
 * zone_set_open_again - explicitly open what was explicitly open before
 * @zs: the zones as a medium has them, which knows no open ones
 * @before: the same zones in the eyes of their user
 *
 * For a medium that was read again without a power cycle.  A zone that is now
 * something that cannot be opened stays as it is, and so does one for which
 * there is no resource.
 */
void zone_set_open_again(ZoneSet *zs, const ZoneSet *before);

/**
 * zone_set_check_read - whether a read is allowed
 * @zs: the zones
 * @offset: start of the read
 * @bytes: length of the read
 *
 * Returns:
 * * 0 - the read is allowed
 * * -EIO - it goes past the end of the device
 * * -BLK_ZERR_INVALID - it touches two zones, one of them sequential (virtio
 *   1.3, 5.2.6; ZBC without URSWRZ; ZNS without reads across zones)
 * * -BLK_ZERR_OFFLINE - the zone is offline
 */
int zone_set_check_read(const ZoneSet *zs, uint64_t offset, uint64_t bytes);

/**
 * zone_set_write_begin - admit a write (virtio 1.3, 5.2.6)
 * @zs: the zones
 * @offset: start of the write
 * @bytes: length of the write
 *
 * In a sequential zone the write pointer moves here, at submission, so that
 * the next write in order is admitted while this one is in flight.  An empty
 * or closed zone becomes implicitly open.  The zone becomes full not before
 * zone_set_write_end(), so that a failed write can be taken back without need
 * of a resource.  Writes inside conventional zones change nothing.
 *
 * A zone whose last byte has been submitted counts as full here.  A write of 0
 * bytes is checked for its place (the end of the device, two zones, and the
 * zone being read-only or offline) and changes nothing.
 *
 * Returns: 0, or the first of these errors that holds
 *
 * * -EIO - the write goes past the end of the device
 * * -BLK_ZERR_INVALID - it touches two zones, one of them sequential
 * * -BLK_ZERR_INVALID, -BLK_ZERR_RDONLY, -BLK_ZERR_OFFLINE - the zone is full,
 *   or has failed
 * * -BLK_ZERR_NOT_AT_WP - start or end is off the write pointer or granularity
 * * -BLK_ZERR_INVALID - the write goes past the capacity
 * * -BLK_ZERR_ACTIVE - there is no active resource
 * * -BLK_ZERR_OPEN - there is no open resource
 */
int zone_set_write_begin(ZoneSet *zs, uint64_t offset, uint64_t bytes);

/**
 * zone_set_append_begin - admit an append (virtio 1.3, 5.2.6; ZNS)
 * @zs: the zones
 * @offset: start of the zone
 * @bytes: length of the append
 * @where: out and only on success, the offset that the data goes to
 *
 * As zone_set_write_begin() at the write pointer, except that the end of the
 * device and the touch of two zones are judged as if the data went to
 * @offset.  At the end of the device there is no zone, so that an append of 0
 * bytes there fails with -EIO too.
 *
 * Returns: 0 or an error of zone_set_write_begin(); next to the touch of two
 * zones, -BLK_ZERR_INVALID if the zone is conventional or @offset is not its
 * start.
 */
int zone_set_append_begin(ZoneSet *zs, uint64_t offset, uint64_t bytes,
                          uint64_t *where);

/**
 * zone_set_write_end - the data of writes to a zone is in place
 * @zs: the zones
 * @i: number of the sequential zone
 * @wp: relative to the zone's start; every write below it has succeeded
 *
 * Where @wp is the whole capacity the zone becomes full and gives its resources
 * back; else nothing changes.
 */
void zone_set_write_end(ZoneSet *zs, uint32_t i, uint64_t wp);

/**
 * zone_set_write_abort - a write to a zone has failed
 * @zs: the zones
 * @i: number of the sequential zone
 * @wp: relative to the zone's start, a multiple of the granularity; the end of
 *      the data that is known to be written.  No write above it is in flight.
 *
 * The write pointer goes back to @wp.  A closed zone in which nothing is left
 * becomes empty; an open one stays open.  No resource is needed.
 */
void zone_set_write_abort(ZoneSet *zs, uint32_t i, uint64_t wp);

#endif /* BLOCK_ZONE_SET_H */
