/*
 * QMP commands for zoned block devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-block-zone-faults.h"
#include "block/block_int.h"
#include "block/zone-io.h"

static const BlockZoneFault zone_faults[] = {
    [BLOCKDEV_ZONE_STATE_USABLE]    = BLK_ZF_NONE,
    [BLOCKDEV_ZONE_STATE_READ_ONLY] = BLK_ZF_RDONLY,
    [BLOCKDEV_ZONE_STATE_OFFLINE]   = BLK_ZF_OFFLINE,
};

/* Whether zones of @bs can fail now, wherever they are */
static bool check_node(BlockDriverState *bs, Error **errp)
{
    const char *name = bdrv_get_node_name(bs);

    if (!bs->drv || !bs->drv->bdrv_co_zone_set_fault) {
        error_setg(errp, "Node '%s' (driver '%s') is not an emulated zoned "
                   "disk", name, bdrv_get_format_name(bs) ?: "");
        return false;
    }
    if (bs->bl.zoned == BLK_Z_NONE) {
        error_setg(errp, "Node '%s' has no sequential zones", name);
        return false;
    }
    if (bdrv_is_read_only(bs)) {
        error_setg(errp, "Node '%s' is read-only", name);
        return false;
    }
    if (bs->open_flags & BDRV_O_INACTIVE) {
        error_setg(errp, "Node '%s' is inactive: its zones belong to another "
                   "QEMU, before or after a migration", name);
        return false;
    }
    return true;
}

static bool check_offset(BlockDriverState *bs, uint64_t offset, Error **errp)
{
    const char *name = bdrv_get_node_name(bs);
    int64_t size = bdrv_getlength(bs);

    if (size < 0) {
        error_setg_errno(errp, -size, "Could not get the size of node '%s'",
                         name);
        return false;
    }
    if (offset >= size) {
        error_setg(errp, "offset is %" PRIu64 ", but must be less than "
                   "%" PRId64 " (the size of node '%s')", offset, size, name);
        return false;
    }
    if (!QEMU_IS_ALIGNED(offset, bs->bl.zone_size)) {
        error_setg(errp, "offset is %" PRIu64 ", but must be a multiple of "
                   "%" PRIu64 " (the zone size of node '%s')", offset,
                   bs->bl.zone_size, name);
        return false;
    }
    return true;
}

/* The zone that starts at @offset could not go to @state */
static void set_fault_error(BlockDriverState *bs, uint64_t offset,
                            BlockdevZoneState state, int ret, Error **errp)
{
    const char *name = bdrv_get_node_name(bs);
    const char *state_name = BlockdevZoneState_str(state);

    switch (ret) {
    case -BLK_ZERR_INVALID:
        error_setg(errp, "Zone at offset %" PRIu64 " of node '%s' is "
                   "conventional: only the state of sequential zones is kept "
                   "in the image", offset, name);
        break;
    case -BLK_ZERR_ACTIVE:
        error_setg(errp, "Zone at offset %" PRIu64 " of node '%s' cannot be "
                   "%s: it would be one active zone more than "
                   "max_active_zones, which is %" PRIu32, offset, name,
                   state_name, bs->bl.max_active_zones);
        break;
    default:
        error_setg_errno(errp, -ret, "Zone at offset %" PRIu64 " of node '%s' "
                         "cannot be %s", offset, name, state_name);
        break;
    }
}

/* Called in the AioContext of @bs */
static void coroutine_fn set_zone_state(BlockDriverState *bs, uint64_t offset,
                                        BlockdevZoneState state, Error **errp)
{
    int ret = bdrv_co_zone_set_fault(bs, zone_faults[state], offset);

    if (ret < 0) {
        set_fault_error(bs, offset, state, ret, errp);
        return;
    }
    ret = bdrv_co_flush(bs);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Zone at offset %" PRIu64 " of node '%s' "
                         "is %s now, but that could not be written to the "
                         "image", offset, bdrv_get_node_name(bs),
                         BlockdevZoneState_str(state));
    }
}

void coroutine_fn qmp_blockdev_set_zone_state(const char *node_name,
                                              uint64_t offset,
                                              BlockdevZoneState state,
                                              Error **errp)
{
    BlockDriverState *bs = bdrv_find_node(node_name);
    AioContext *old_ctx;

    if (!bs) {
        error_setg(errp, "Failed to find node with node-name='%s'", node_name);
        return;
    }
    if (!check_node(bs, errp) || !check_offset(bs, offset, errp)) {
        return;
    }

    /* Until it has left, @bs is neither deleted nor moved to another thread */
    old_ctx = bdrv_co_enter(bs);
    set_zone_state(bs, offset, state, errp);
    bdrv_co_leave(bs, old_ctx);
}
