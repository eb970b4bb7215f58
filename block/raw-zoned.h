/*
 * raw: a window on a zoned disk
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_RAW_ZONED_H
#define BLOCK_RAW_ZONED_H

#include "block/block_int-common.h"

/*
 * raw_zoned_check: whether a raw node can stand on @file.
 *
 * On a host-managed disk @offset and @size must be on zone boundaries (@size
 * may also end with the disk).  A @writable node on it must not be of a format
 * that was @probed: the disk chooses the place of an append, so raw cannot keep
 * a guest from writing the header of another format to the first sector.
 *
 * Returns 0 or -EINVAL.
 */
int raw_zoned_check(BlockDriverState *file, uint64_t offset, bool has_size,
                    uint64_t size, bool probed, bool writable, Error **errp);

/*
 * raw_zoned_reopen_file: the node that will be the file of a raw node after a
 * reopen with @options
 */
BlockDriverState *raw_zoned_reopen_file(BlockDriverState *bs,
                                        const QDict *options);

/*
 * raw_zoned_check_reopen: whether a device that uses @bs, and has told its
 * guest what the zones are like, can go on using it when @file and the window
 * are these.  It is not told of a change.
 *
 * Returns 0, or -EINVAL with an error that has both values.
 */
int raw_zoned_check_reopen(BlockDriverState *bs, BlockDriverState *file,
                           uint64_t offset, bool has_size, uint64_t size,
                           Error **errp);

/*
 * raw_zoned_refresh_limits: show the zones of @bs->file between @offset and
 * @offset + @size (or the end of the disk, without @has_size) as those of @bs
 */
void raw_zoned_refresh_limits(BlockDriverState *bs, uint64_t offset,
                              bool has_size, uint64_t size, Error **errp);

/*
 * The zone callbacks, with the window's start on @file as @window.
 * See bdrv_co_zone_report() and bdrv_co_zone_mgmt().
 */
int coroutine_fn raw_zoned_report(BdrvChild *file, int64_t window,
                                  int64_t offset, uint32_t *nr_zones,
                                  BlockZoneDescriptor *zones);
int coroutine_fn raw_zoned_mgmt(BdrvChild *file, int64_t window,
                                BlockZoneOp op, int64_t offset, int64_t bytes);

/*
 * raw_zoned_append: as bdrv_co_zone_append(), on @bs->file with the window's
 * start there as @window.
 *
 * Fails with -EPERM for the first zone if the format of @bs was probed: an
 * append could write the header of another format to the first sector.
 */
int coroutine_fn raw_zoned_append(BlockDriverState *bs, int64_t window,
                                  int64_t *offset, QEMUIOVector *qiov,
                                  BdrvRequestFlags flags);

#endif /* BLOCK_RAW_ZONED_H */
