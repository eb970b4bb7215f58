/*
 * Zoned nodes in the block graph: who can be their parent, or copy them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "block/zone-graph.h"

static bool passes_zones_through(BlockDriverState *bs)
{
    return bs->drv && bs->drv->passes_zones_through;
}

/* The node below @bs that has the zones, if any has; or NULL */
static BlockDriverState *find_zoned(BlockDriverState *bs)
{
    while (bs && passes_zones_through(bs)) {
        bs = bdrv_primary_bs(bs);
    }
    return bs;
}

BlockZoneModel bdrv_zoned_model(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();

    bs = find_zoned(bs);
    return bs ? bs->bl.zoned : BLK_Z_NONE;
}

bool bdrv_zone_writes_cached(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();

    bs = find_zoned(bs);
    return bs && bs->bl.zone_writes_cached;
}

/* The parents of @bs, through which the host-managed node @zoned is reached */
static int check_parents(BlockDriverState *bs, BlockDriverState *zoned,
                         Error **errp)
{
    BdrvChild *c;
    int ret;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        BlockDriverState *parent;

        if (!c->klass->parent_is_bds) {
            if (c->klass->check_zoned && !c->klass->check_zoned(c, errp)) {
                return -ENOTSUP;
            }
            continue;
        }

        parent = c->opaque;
        if (!passes_zones_through(parent)) {
            error_setg(errp, "Node '%s' (driver '%s') cannot use the "
                       "host-managed zoned node '%s' as '%s': this driver "
                       "does not keep to the order of writes that zones need",
                       bdrv_get_node_name(parent),
                       parent->drv ? parent->drv->format_name : "",
                       bdrv_get_node_name(zoned), c->name);
            return -ENOTSUP;
        }
        ret = check_parents(parent, zoned, errp);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

int bdrv_zoned_check_parents(BlockDriverState *bs, Error **errp)
{
    GLOBAL_STATE_CODE();

    if (bdrv_zoned_model(bs) != BLK_Z_HM) {
        return 0;
    }
    return check_parents(bs, bs, errp);
}

bool bdrv_zoned_check_migrate(BlockDriverState *bs, Error **errp)
{
    GLOBAL_STATE_CODE();

    if (bdrv_zoned_model(bs) != BLK_Z_HM) {
        return true;
    }
    error_setg(errp, "Block migration (migrate -b or -i) cannot copy the "
               "host-managed zoned node '%s': it does not keep to the order of "
               "writes that zones need. Use storage that both hosts reach; "
               "blockdev-snapshot and block-stream of the node below can move "
               "an image there", bdrv_get_node_name(bs));
    return false;
}

bool bdrv_zoned_check_job_source(BlockDriverState *bs, JobType type,
                                 Error **errp)
{
    /* A mirror wants a node that has none above it */
    const char *instead = type == JOB_TYPE_MIRROR ?
                          "blockdev-snapshot and block-stream" :
                          "blockdev-backup";

    GLOBAL_STATE_CODE();

    if (bdrv_zoned_model(bs) != BLK_Z_HM) {
        return true;
    }
    error_setg(errp, "Cannot %s the host-managed zoned disk '%s': the job does "
               "not keep to the order of writes that zones need. Use %s on the "
               "node below it", JobType_str(type),
               bdrv_get_device_or_node_name(bs), instead);
    return false;
}

bool bdrv_zoned_check_migrate_all(Error **errp)
{
    BlockDriverState *bs;
    BdrvNextIterator it;

    GLOBAL_STATE_CODE();

    for (bs = bdrv_first(&it); bs; bs = bdrv_next(&it)) {
        /* Read-only disks are not copied */
        if (!bdrv_is_read_only(bs) && !bdrv_zoned_check_migrate(bs, errp)) {
            bdrv_next_cleanup(&it);
            return false;
        }
    }
    return true;
}

/* The zoned image above @bs, unless it is among @nodes */
static BlockDriverState *find_image_above(BlockDriverState *bs, GList *nodes)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        BlockDriverState *parent = c->klass->parent_is_bds ? c->opaque : NULL;

        if (!parent) {
            continue;
        }
        if (parent->bl.zoned == BLK_Z_NONE) {
            parent = find_image_above(parent, nodes);
        } else if (passes_zones_through(parent) ||
                   (g_list_find(nodes, parent) && bdrv_is_writable(parent))) {
            parent = NULL;
        }
        if (parent) {
            return parent;
        }
    }
    return NULL;
}

bool bdrv_zoned_check_revert(BlockDriverState *bs, GList *nodes, Error **errp)
{
    BlockDriverState *image = find_image_above(bs, nodes);

    GLOBAL_STATE_CODE();

    if (!image) {
        return true;
    }
    error_setg(errp, "Cannot load a snapshot of node '%s', which is below the "
               "zoned image '%s': the image would not know of it. Load the "
               "snapshot on '%s' instead", bdrv_get_node_name(bs),
               bdrv_get_node_name(image), bdrv_get_node_name(image));
    return false;
}
