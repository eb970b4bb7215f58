/*
 * Zoned nodes in the block graph: who can be their parent
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_GRAPH_H
#define BLOCK_ZONE_GRAPH_H

#include "block/block_int-common.h"

/**
 * bdrv_zoned_model: how @bs treats writes off the write pointer, by what is
 * below it now.  Unlike its limits, this is right in the middle of a change of
 * the graph.
 *
 * Global state (GS) API, runs under the BQL.
 */
BlockZoneModel bdrv_zoned_model(BlockDriverState *bs);

/**
 * bdrv_zoned_check_parents: whether every parent of @bs can have it as a
 * child.  A parent that neither knows zones nor passes them on, be it a node,
 * a device or an export, must not have a host-managed disk.  Host-aware disks
 * can do without that.
 *
 * Global state (GS) API, runs under the BQL.  Called whenever permissions are
 * refreshed, and so for each change of the graph, however it came about.
 *
 * Returns 0 or -ENOTSUP.
 */
int bdrv_zoned_check_parents(BlockDriverState *bs, Error **errp);

#endif /* BLOCK_ZONE_GRAPH_H */
