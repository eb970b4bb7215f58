/*
 * Zoned nodes in the block graph: who can be their parent
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_GRAPH_H
#define BLOCK_ZONE_GRAPH_H

#include "block/block_int-common.h"

/**
 * bdrv_zoned_model - the zone model of a node, by what is below it now
 * @bs: the node
 *
 * Unlike the node's limits, this is right in the middle of a change of the
 * graph.
 *
 * Context: Global state API, runs under the BQL.
 *
 * Returns: %BLK_Z_NONE for a node without zones.
 */
BlockZoneModel bdrv_zoned_model(BlockDriverState *bs);

/**
 * bdrv_zone_writes_cached - whether writes to the zones of a node would go
 * through the page cache, which does not keep their order
 * @bs: the node
 *
 * Context: Global state API, runs under the BQL.
 */
bool bdrv_zone_writes_cached(BlockDriverState *bs);

/**
 * bdrv_zoned_check_parents - whether every parent of a node can have it as a
 * child
 * @bs: the node
 * @errp: set if a parent cannot; it names node, driver and child
 *
 * A parent that neither knows zones nor passes them on, be it a node, a device
 * or an export, must not have a host-managed disk.  Host-aware disks take any
 * write, so that they may have any parent.
 *
 * Called whenever permissions are refreshed, and so for each change of the
 * graph, from whatever command it comes.
 *
 * Context: Global state API, runs under the BQL.
 *
 * Returns: 0, or -ENOTSUP if a parent cannot have the node.
 */
int bdrv_zoned_check_parents(BlockDriverState *bs, Error **errp);

/**
 * bdrv_zoned_check_migrate - whether block migration (migrate -b) can copy a
 * node, or write to it at the destination
 * @bs: the node
 * @errp: set if it cannot; it names the node and what to do instead
 *
 * Block migration writes in any order, which a host-managed disk does not take.
 *
 * Context: Global state API, runs under the BQL.
 *
 * Returns: false for a host-managed disk.
 */
bool bdrv_zoned_check_migrate(BlockDriverState *bs, Error **errp);

/**
 * bdrv_zoned_check_migrate_all - whether block migration can copy all nodes
 * that it would copy
 * @errp: set if it cannot, as by bdrv_zoned_check_migrate()
 *
 * Read-only disks are not copied, and so are never a reason.
 *
 * Context: Global state API, runs under the BQL.
 *
 * Returns: false if there is a writable host-managed disk.
 */
bool bdrv_zoned_check_migrate_all(Error **errp);

/**
 * bdrv_zoned_check_job_source - whether a block job can have a node as its
 * source
 * @bs: the node
 * @type: of the job, a mirror or a backup
 * @errp: set if it cannot; it names the node and what to do instead
 *
 * Such a job puts a filter on its source, and the filter does not know zones.
 * Jobs call this before they make their target.
 *
 * Context: Global state API, runs under the BQL.
 *
 * Returns: false for a host-managed disk.
 */
bool bdrv_zoned_check_job_source(BlockDriverState *bs, JobType type,
                                 Error **errp);

/**
 * bdrv_zoned_check_revert - whether a node can go back to a snapshot
 * @bs: the node
 * @nodes: all nodes that shall go back to it
 * @errp: set if it cannot; it names the image above @bs and what to do instead
 *
 * A zoned image has its zones in memory.  If the node below it changed, the
 * image would not know of it, and overwrite data and lose zones.  That is no
 * problem where the image goes back to the snapshot as well.
 *
 * Context: Global state API, runs under the BQL.
 *
 * Returns: whether it can.
 */
bool bdrv_zoned_check_revert(BlockDriverState *bs, GList *nodes, Error **errp);

#endif /* BLOCK_ZONE_GRAPH_H */
