/*
 * Zoned block devices: types, limits and errors shared by the block layer,
 * its drivers and the devices on top
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_H
#define BLOCK_ZONE_H

/**
 * DOC: Zones
 *
 * A zoned device is divided into zones of equal length (the last one may be
 * shorter).  A sequential zone is written from its start in order, at its
 * write pointer, up to its capacity, and is emptied by a reset.
 *
 * Every offset, length and write pointer is in bytes and absolute on the
 * device, unless its name says sectors (512 bytes).
 *
 * The numbers of types and states are those of virtio 1.3 (5.2.6, z_type and
 * z_state) and of Linux (linux/blkzoned.h).  The states mean the same as the
 * zone conditions of ZBC-2 and the zone states of the NVMe Zoned Namespace
 * Command Set.
 */

/**
 * enum BlockZoneModel - how a device treats writes off the write pointer
 *
 * @BLK_Z_NONE: an ordinary disk, without zones
 * @BLK_Z_HM: host-managed, such a write to a sequential zone fails
 * @BLK_Z_HA: host-aware, such a write works but may be slow
 */
typedef enum BlockZoneModel {
    BLK_Z_NONE = 0,
    BLK_Z_HM = 1,
    BLK_Z_HA = 2,
} BlockZoneModel;

/**
 * enum BlockZoneType - what writes a zone takes
 *
 * @BLK_ZT_CONV: conventional, anywhere; there is no write pointer
 * @BLK_ZT_SWR: sequential write required, at the write pointer only
 * @BLK_ZT_SWP: sequential write preferred, anywhere, but faster at the write
 *              pointer
 */
typedef enum BlockZoneType {
    BLK_ZT_CONV = 1,
    BLK_ZT_SWR = 2,
    BLK_ZT_SWP = 3,
} BlockZoneType;

/**
 * enum BlockZoneState - what can be done with a zone, and what it costs
 *
 * @BLK_ZS_NOT_WP: the zone has no write pointer (conventional)
 * @BLK_ZS_EMPTY: nothing written since the last reset
 * @BLK_ZS_IOPEN: implicitly open, by a write
 * @BLK_ZS_EOPEN: explicitly open, by %BLK_ZO_OPEN
 * @BLK_ZS_CLOSED: partly written, holds no open resource
 * @BLK_ZS_RDONLY: readable; no write and no management
 * @BLK_ZS_FULL: written up to its capacity, or finished
 * @BLK_ZS_OFFLINE: neither readable nor writable
 *
 * Implicitly and explicitly open zones count against max_open_zones; these and
 * closed zones against max_active_zones.
 */
typedef enum BlockZoneState {
    BLK_ZS_NOT_WP = 0x0,
    BLK_ZS_EMPTY = 0x1,
    BLK_ZS_IOPEN = 0x2,
    BLK_ZS_EOPEN = 0x3,
    BLK_ZS_CLOSED = 0x4,
    BLK_ZS_RDONLY = 0xd,
    BLK_ZS_FULL = 0xe,
    BLK_ZS_OFFLINE = 0xf,
} BlockZoneState;

/**
 * enum BlockZoneOp - zone management operations
 *
 * @BLK_ZO_OPEN: open explicitly
 * @BLK_ZO_CLOSE: give the open resource back
 * @BLK_ZO_FINISH: make the zone full
 * @BLK_ZO_RESET: make the zone empty
 * @BLK_ZO_RESET_ALL: empty each zone of the range that is open, closed or
 *                    full, and leave all other zones as they are
 */
typedef enum BlockZoneOp {
    BLK_ZO_OPEN,
    BLK_ZO_CLOSE,
    BLK_ZO_FINISH,
    BLK_ZO_RESET,
    BLK_ZO_RESET_ALL,
} BlockZoneOp;

/**
 * enum BlockZoneFault - what a zone of an emulated disk is made to suffer from
 *
 * @BLK_ZF_NONE: nothing, the zone can be used
 * @BLK_ZF_RDONLY: the zone becomes %BLK_ZS_RDONLY
 * @BLK_ZF_OFFLINE: the zone becomes %BLK_ZS_OFFLINE
 */
typedef enum BlockZoneFault {
    BLK_ZF_NONE,
    BLK_ZF_RDONLY,
    BLK_ZF_OFFLINE,
} BlockZoneFault;

/**
 * struct BlockZoneDescriptor - one zone of a zone report
 *
 * @start: where the zone begins
 * @length: distance to the next zone's start, or to the end of the disk
 * @cap: how many bytes from @start on can be written
 * @wp: the write pointer; meaningless where @state is %BLK_ZS_NOT_WP,
 *      %BLK_ZS_RDONLY, %BLK_ZS_FULL or %BLK_ZS_OFFLINE
 * @type: what writes the zone takes
 * @state: the state at some moment while the report ran
 *
 * All but the last two are in bytes, @start and @wp from the start of the disk.
 */
typedef struct BlockZoneDescriptor {
    uint64_t start;
    uint64_t length;
    uint64_t cap;
    uint64_t wp;
    BlockZoneType type;
    BlockZoneState state;
} BlockZoneDescriptor;

/**
 * DOC: Zone errors
 *
 * Zone requests have errors of their own, beside those of any request.  Each
 * cause has one errno, so that a device model finds the status for its guest in
 * a table, and never has to guess.  Drivers return these for their causes only:
 * an error of the medium that happens to have one of these numbers goes through
 * blk_zone_medium_error() first.
 *
 * The numbers of the two resource errors are those that Linux returns for a
 * zoned block device.
 */

/* Not every host has it; like the substitutes in osdep.h */
#ifndef ETOOMANYREFS
#define ETOOMANYREFS        4100
#endif

/* the start or the end is off the write pointer or the granularity */
#define BLK_ZERR_NOT_AT_WP  ESPIPE

/* the zone's type, state, bounds or free capacity forbid it */
#define BLK_ZERR_INVALID    EDOM

/* max_open_zones would be passed */
#define BLK_ZERR_OPEN       ETOOMANYREFS

/* max_active_zones would be passed */
#define BLK_ZERR_ACTIVE     EOVERFLOW

/* the zone is read-only */
#define BLK_ZERR_RDONLY     EROFS

/* the zone is offline */
#define BLK_ZERR_OFFLINE    ENODEV

/**
 * blk_zone_error_is - whether an error is a zone error
 * @ret: the outcome of a request, 0 or a negative errno
 *
 * Context: Any.  The functions of this header read constant tables only.
 *
 * Returns: true if @ret is one of the six zone errors.
 */
bool blk_zone_error_is(int ret);

/**
 * blk_zone_strerror - an error in words
 * @ret: a negative errno
 *
 * Returns: The cause of a zone error, "not at the write pointer" for instance,
 * and the text of strerror() for any other error.  The text is not freed.
 */
const char *blk_zone_strerror(int ret);

/**
 * blk_zone_medium_error - what an error of the medium below an emulated zoned
 * disk becomes
 * @ret: the outcome of a request to the medium, 0 or a negative errno
 *
 * Returns: @ret, or -EIO if @ret would read as a zone error.
 */
int blk_zone_medium_error(int ret);

/**
 * blk_zone_state_name - the name of a zone state in tools and QAPI
 * @state: the state
 *
 * Returns: "empty", "imp-open", "exp-open", "closed", "full", "read-only",
 * "offline" or "not-wp"; NULL if @state is no zone state.
 */
const char *blk_zone_state_name(BlockZoneState state);

/**
 * blk_zone_state_parse - the reverse of blk_zone_state_name()
 * @name: a name
 * @state: where to put the state; unchanged on failure
 *
 * Returns: false if @name is the name of no state.
 */
bool blk_zone_state_parse(const char *name, BlockZoneState *state);

/**
 * blk_zone_op_name - the name of an operation in traces and messages
 * @op: the operation
 *
 * Returns: "open", "close", "finish", "reset" or "reset-all"; NULL if @op is
 * no operation.
 */
const char *blk_zone_op_name(BlockZoneOp op);

#endif /* BLOCK_ZONE_H */
