/*
 * Zoned block devices: types, limits and errors shared by the block layer,
 * its drivers and the devices on top
 *
 * A zoned device is divided into zones of equal length (the last one may be
 * shorter).  A sequential zone is written from its start in order, at its
 * write pointer, up to its capacity, and is emptied by a reset.
 *
 * Every offset, length and write pointer is in bytes and absolute on the
 * device, unless its name says sectors (512 bytes).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_H
#define BLOCK_ZONE_H

/**
 * BlockZoneModel: how a device treats writes that do not start at a write
 * pointer.
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
 * BlockZoneType: the values are those of virtio 1.3, 5.2.6 (z_type), and of
 * Linux, linux/blkzoned.h.
 *
 * @BLK_ZT_CONV: conventional, no write pointer
 * @BLK_ZT_SWR: sequential write required
 * @BLK_ZT_SWP: sequential write preferred
 */
typedef enum BlockZoneType {
    BLK_ZT_CONV = 1,
    BLK_ZT_SWR = 2,
    BLK_ZT_SWP = 3,
} BlockZoneType;

/**
 * BlockZoneState: the values are those of virtio 1.3, 5.2.6 (z_state), and of
 * Linux, linux/blkzoned.h.
 *
 * @BLK_ZS_NOT_WP: the zone has no write pointer (conventional)
 * @BLK_ZS_EMPTY: nothing written since the last reset
 * @BLK_ZS_IOPEN: implicitly open, by a write
 * @BLK_ZS_EOPEN: explicitly open, by BLK_ZO_OPEN
 * @BLK_ZS_CLOSED: partly written, holds no open resource
 * @BLK_ZS_RDONLY: readable; no write and no management
 * @BLK_ZS_FULL: written up to its capacity, or finished
 * @BLK_ZS_OFFLINE: neither readable nor writable
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
 * BlockZoneOp: zone management operations.
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
 * BlockZoneFault: what a zone of an emulated disk is made to suffer from.
 *
 * @BLK_ZF_NONE: nothing, it can be used
 * @BLK_ZF_RDONLY: it can be read only
 * @BLK_ZF_OFFLINE: it can neither be read nor written
 */
typedef enum BlockZoneFault {
    BLK_ZF_NONE,
    BLK_ZF_RDONLY,
    BLK_ZF_OFFLINE,
} BlockZoneFault;

/**
 * BlockZoneDescriptor: one zone as zone reports return it.
 *
 * @start: where the zone begins
 * @length: distance to the next zone's start, or to the end of the disk
 * @cap: how many bytes from @start on can be written
 * @wp: the write pointer; meaningless where @state is BLK_ZS_NOT_WP,
 *      BLK_ZS_RDONLY, BLK_ZS_FULL or BLK_ZS_OFFLINE
 */
typedef struct BlockZoneDescriptor {
    uint64_t start;
    uint64_t length;
    uint64_t cap;
    uint64_t wp;
    BlockZoneType type;
    BlockZoneState state;
} BlockZoneDescriptor;

/*
 * What a zone request can fail with, beside the errors that any request can
 * have.  Each cause has an errno of its own, so that a device model can tell
 * its guest the cause by looking it up, and never has to guess.  Drivers pass
 * these only for what they stand for: an error of the medium that happens to
 * have one of these numbers goes through blk_zone_medium_error() first.
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
 * blk_zone_error_is: whether @ret (a negative errno) is one of the zone
 * errors above.
 */
bool blk_zone_error_is(int ret);

/**
 * blk_zone_strerror: a zone error (a negative errno) in words, "not at the
 * write pointer" for instance.  Other errors get strerror()'s words.
 */
const char *blk_zone_strerror(int ret);

/**
 * blk_zone_medium_error: what an error of the medium below an emulated zoned
 * disk becomes.  Returns @ret, or -EIO if @ret would read as a zone error.
 */
int blk_zone_medium_error(int ret);

/**
 * blk_zone_state_name: the name of @state in tools and QAPI ("empty",
 * "imp-open", "exp-open", "closed", "full", "read-only", "offline",
 * "not-wp"); NULL if @state is no zone state.
 */
const char *blk_zone_state_name(BlockZoneState state);

/**
 * blk_zone_state_parse: the reverse of blk_zone_state_name().  Returns false
 * if @name names no state.
 */
bool blk_zone_state_parse(const char *name, BlockZoneState *state);

/** blk_zone_op_name: the name of @op in traces and messages ("open"). */
const char *blk_zone_op_name(BlockZoneOp op);

#endif /* BLOCK_ZONE_H */
