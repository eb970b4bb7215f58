/*
 * The zoned image format: what the files of the driver share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_H
#define BLOCK_ZONED_H

#include "block/block_int.h"
#include "zoned-datasum.h"
#include "zoned-discard.h"
#include "zoned-load.h"
#include "zoned-meta.h"
#include "zoned-writes.h"

/*
 * BDRVZonedState: an open image.
 *
 * @meta: the zones, in memory and on the medium
 * @writes: what is in flight to sequential zones
 * @datasums: of the data that is new
 * @discards: of zones that were emptied
 * @cut_zones: how many zones end earlier than the newest root says, as their
 *             last data was not there when the image was opened
 * @unreadable: the data of the newest root that could not be read, if the image
 *              is read-only: nobody knows whether it is right
 * @nr_unreadable: of how many zones
 * @damaged: the metadata could not be read; the image was opened only to be
 *           checked
 * @not_loaded: only the geometry was read, as another QEMU still writes to the
 *              image; until that is over, nobody knows here what is in the
 *              zones
 */
typedef struct BDRVZonedState {
    ZonedMeta meta;
    ZonedWrites writes;
    ZonedDatasums datasums;
    ZonedDiscards discards;
    uint32_t cut_zones;
    ZonedDelta unreadable[ZONED_MAX_DELTAS];
    uint32_t nr_unreadable;
    bool damaged;
    bool not_loaded;
} BDRVZonedState;

/* Whether the image belongs to another QEMU, before or after a migration */
static inline bool zoned_is_inactive(BlockDriverState *bs)
{
    return bs->open_flags & BDRV_O_INACTIVE;
}

/*
 * zoned-open.c: callbacks of the driver, and what zoned_co_check() needs to
 * read the metadata again.
 */
int zoned_open(BlockDriverState *bs, QDict *options, int flags, Error **errp);
void zoned_close(BlockDriverState *bs);
int coroutine_fn zoned_reload(BlockDriverState *bs, Error **errp);
void coroutine_fn zoned_co_invalidate_cache(BlockDriverState *bs,
                                            Error **errp);
int zoned_inactivate(BlockDriverState *bs);
int zoned_reopen_prepare(BDRVReopenState *reopen_state,
                         BlockReopenQueue *queue, Error **errp);
void zoned_reopen_commit(BDRVReopenState *reopen_state);
void zoned_reopen_commit_post(BDRVReopenState *reopen_state);

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
ImageInfoSpecific *zoned_specific_info(const BDRVZonedState *s);

/*
 * zoned-check.c: read all metadata of the image in @bs->file, say what is
 * wrong, and with @fix repair what can be repaired without a guess.
 *
 * Returns 0, whatever was found; or the error of a repair.
 */
int coroutine_fn zoned_check_image(BlockDriverState *bs,
                                   BdrvCheckResult *result, BdrvCheckMode fix);

#endif /* BLOCK_ZONED_H */
