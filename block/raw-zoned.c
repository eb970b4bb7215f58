/*
 * raw: a window on a zoned disk
 *
 * The zone part of raw-format.c: the window's limits, and the
 * arithmetic between places in the window and places on the disk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "block/block_int.h"
#include "block/zone-io.h"
#include "sysemu/block-backend.h"
#include "raw-zoned.h"

/*
 * Whether a window is made of whole zones.  @length is the length of the disk.
 * If not, an error names what is wrong.
 */
static bool window_fits(uint64_t zone_size, int64_t length, uint64_t offset,
                        bool has_size, uint64_t size, Error **errp)
{
    if (!QEMU_IS_ALIGNED(offset, zone_size)) {
        error_setg(errp, "offset (%" PRIu64 ") is not a multiple of the zone "
                   "size (%" PRIu64 ")", offset, zone_size);
        return false;
    }
    if (has_size && !QEMU_IS_ALIGNED(size, zone_size) &&
        offset + size != length) {
        error_setg(errp, "size (%" PRIu64 ") is neither a multiple of the zone "
                   "size (%" PRIu64 ") nor up to the end of the disk", size,
                   zone_size);
        return false;
    }
    return true;
}

int raw_zoned_check(BlockDriverState *file, uint64_t offset, bool has_size,
                    uint64_t size, bool probed, bool writable, Error **errp)
{
    int64_t length;

    if (file->bl.zoned != BLK_Z_HM) {
        return 0;
    }
    if (probed && writable) {
        error_setg(errp, "The format of a host-managed zoned disk must be "
                   "specified ('%s' was guessed to be raw)",
                   bdrv_get_node_name(file));
        return -EINVAL;
    }

    length = bdrv_getlength(file);
    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get image size");
        return length;
    }
    return window_fits(file->bl.zone_size, length, offset, has_size, size,
                       errp) ? 0 : -EINVAL;
}

BlockDriverState *raw_zoned_reopen_file(BlockDriverState *bs,
                                        const QDict *options)
{
    const char *name = qdict_get_try_str(options, "file");
    BlockDriverState *file = name ? bdrv_find_node(name) : NULL;

    return file ?: bs->file->bs;
}

/*
 * The zones of a window on @file; none if there are none.  Returns 0, or a
 * negative errno with an error.
 */
static int window_limits(BlockDriverState *file, uint64_t offset, bool has_size,
                         uint64_t size, BlockLimits *bl, Error **errp)
{
    const BlockLimits *fl = &file->bl;
    int64_t length;

    if (fl->zoned == BLK_Z_NONE) {
        return 0;
    }

    length = bdrv_getlength(file);
    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get image size");
        return length;
    }
    /* A host-aware disk without its zones is an ordinary disk */
    if (!window_fits(fl->zone_size, length, offset, has_size, size,
                     fl->zoned == BLK_Z_HM ? errp : NULL)) {
        return fl->zoned == BLK_Z_HM ? -EINVAL : 0;
    }
    if (!has_size) {
        size = length - MIN(length, offset);
    }

    bdrv_zone_limits_copy(bl, fl, size);
    return 0;
}

void raw_zoned_refresh_limits(BlockDriverState *bs, uint64_t offset,
                              bool has_size, uint64_t size, Error **errp)
{
    window_limits(bs->file->bs, offset, has_size, size, &bs->bl, errp);
}

/*
 * Whether a device has @bs, perhaps below other windows.  It has told its guest
 * what the zones are like; tools look when they need to know.
 */
static bool has_device(BlockDriverState *bs)
{
    BlockBackend *blk;

    for (blk = blk_all_next(NULL); blk; blk = blk_all_next(blk)) {
        BlockDriverState *p = blk_get_attached_dev(blk) ? blk_bs(blk) : NULL;

        while (p && p != bs && p->drv && p->drv->passes_zones_through) {
            p = bdrv_primary_bs(p);
        }
        if (p == bs) {
            return true;
        }
    }
    return false;
}

/* Whether a user of @bs can go on with @now, who was told of @told */
static bool is_as_told(BlockDriverState *bs, const char *what, uint64_t told,
                       uint64_t now, Error **errp)
{
    if (told == now) {
        return true;
    }
    error_setg(errp, "A device uses node '%s' as a host-managed zoned disk, "
               "and its %s would change from %" PRIu64 " to %" PRIu64,
               bdrv_get_node_name(bs), what, told, now);
    return false;
}

int raw_zoned_check_reopen(BlockDriverState *bs, BlockDriverState *file,
                           uint64_t offset, bool has_size, uint64_t size,
                           Error **errp)
{
    BlockLimits bl = { };
    const BlockLimits *told = &bs->bl;
    int64_t length = bdrv_getlength(bs);
    int ret;

    /* A disk that becomes host-managed is checked with its permissions */
    if (told->zoned != BLK_Z_HM || !has_device(bs)) {
        return 0;
    }
    ret = window_limits(file, offset, has_size, size, &bl, errp);
    if (ret < 0) {
        return ret;
    }
    if (!has_size) {
        size = MAX(bdrv_getlength(file), 0);
        size -= MIN(size, offset);
    }
    if (is_as_told(bs, "zone size", told->zone_size, bl.zone_size, errp) &&
        is_as_told(bs, "size", length, size, errp) &&
        is_as_told(bs, "limit on open zones", told->max_open_zones,
                   bl.max_open_zones, errp) &&
        is_as_told(bs, "limit on active zones", told->max_active_zones,
                   bl.max_active_zones, errp) &&
        is_as_told(bs, "longest append, in sectors,", told->max_append_sectors,
                   bl.max_append_sectors, errp) &&
        is_as_told(bs, "write granularity", told->write_granularity,
                   bl.write_granularity, errp)) {
        return 0;
    }
    return -EINVAL;
}

int coroutine_fn raw_zoned_report(BdrvChild *file, int64_t window,
                                  int64_t offset, uint32_t *nr_zones,
                                  BlockZoneDescriptor *zones)
{
    uint32_t i;
    int ret;

    ret = bdrv_co_zone_report(file->bs, offset + window, nr_zones, zones);
    if (ret < 0) {
        return ret;
    }

    for (i = 0; i < *nr_zones; i++) {
        zones[i].start -= window;
        /* One that means nothing, of a full zone say, may be anything */
        if (zones[i].wp >= window) {
            zones[i].wp -= window;
        }
    }
    return 0;
}

int coroutine_fn raw_zoned_mgmt(BdrvChild *file, int64_t window,
                                BlockZoneOp op, int64_t offset, int64_t bytes)
{
    return bdrv_co_zone_mgmt(file, op, offset + window, bytes);
}

int coroutine_fn raw_zoned_append(BlockDriverState *bs, int64_t window,
                                  int64_t *offset, QEMUIOVector *qiov,
                                  BdrvRequestFlags flags)
{
    int64_t where = *offset + window;
    int ret;

    /* The append could go to the first sector, which writes must not touch */
    if (bs->probed && *offset == 0) {
        return -EPERM;
    }

    ret = bdrv_co_zone_append(bs->file, &where, qiov, flags);
    if (ret >= 0) {
        *offset = where - window;
    }
    return ret;
}
