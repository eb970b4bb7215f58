/*
 * The zoned image format: what the files of the driver share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_H
#define BLOCK_ZONED_H

#include "block/block_int.h"
#include "zoned-meta.h"
#include "zoned-writes.h"

/**
 * BDRVZonedState: an open image.
 *
 * @meta: the zones, in memory and on the medium
 * @writes: what is in flight to sequential zones
 * @damaged: the metadata could not be read; the image was opened only to be
 *           checked
 * @not_loaded: only the geometry was read, as another QEMU still writes to the
 *              image; until that is over, nobody knows here what is in the
 *              zones
 */
typedef struct BDRVZonedState {
    ZonedMeta meta;
    ZonedWrites writes;
    bool damaged;
    bool not_loaded;
} BDRVZonedState;

/*
 * zoned.c: read the metadata again, after it was changed by someone else.  If
 * that fails, the image is marked as damaged.
 */
int coroutine_fn zoned_reload(BlockDriverState *bs, Error **errp);

/* zoned-create.c */
extern QemuOptsList zoned_create_opts;
int coroutine_fn zoned_co_create(BlockdevCreateOptions *opts, Error **errp);
int coroutine_fn zoned_co_create_opts(BlockDriver *drv, const char *filename,
                                      QemuOpts *opts, Error **errp);

/*
 * zoned-file.c: whether @file has small enough blocks for an image, and is long
 * enough for this one; whether a reopen leaves @bs the image that it has.
 */
int zoned_check_unit(BlockDriverState *file, Error **errp);
int zoned_check_length(BlockDriverState *file, const ZonedHeader *h,
                       Error **errp);
int zoned_check_reopen(BDRVReopenState *reopen_state, Error **errp);

/* zoned-info.c */
ImageInfoSpecific *zoned_specific_info(const ZonedMeta *m);

/* zoned-check.c */
int coroutine_fn zoned_co_check(BlockDriverState *bs, BdrvCheckResult *result,
                                BdrvCheckMode fix);

#endif /* BLOCK_ZONED_H */
