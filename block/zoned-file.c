/*
 * The zoned image format: what has to be true of the node below
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"
#include "zoned.h"

/* How much of two images is compared at once */
#define COMPARE_SIZE (256 * KiB)

int zoned_check_unit(BlockDriverState *file, Error **errp)
{
    if (file->bl.request_alignment <= ZONED_BLOCK_SIZE) {
        return 0;
    }
    error_setg(errp, "Node '%s' writes in units of %" PRIu32 " bytes, but "
               "the zoned format needs %d or less", bdrv_get_node_name(file),
               file->bl.request_alignment, ZONED_BLOCK_SIZE);
    return -ENOTSUP;
}

int zoned_check_length(BlockDriverState *file, const ZonedHeader *h,
                       Error **errp)
{
    int64_t length = bdrv_getlength(file);
    uint64_t expected = zoned_file_size(h);

    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get the size of node '%s'",
                         bdrv_get_node_name(file));
        return length;
    }
    if (length < expected) {
        error_setg(errp, "Zoned image is truncated: it has %" PRId64
                   " bytes, but needs %" PRIu64, length, expected);
        return -EINVAL;
    }
    return 0;
}

/* Whether the first @bytes below @bs and @other are the same */
static int compare(BlockDriverState *bs, BlockBackend *other, int64_t bytes,
                   bool *same)
{
    g_autofree uint8_t *a = g_malloc(COMPARE_SIZE);
    g_autofree uint8_t *b = g_malloc(COMPARE_SIZE);
    int64_t offset;
    int ret;

    *same = true;
    for (offset = 0; *same && offset < bytes; offset += COMPARE_SIZE) {
        int64_t n = MIN(COMPARE_SIZE, bytes - offset);

        ret = bdrv_pread(bs->file, offset, n, a, 0);
        if (ret >= 0) {
            ret = blk_pread(other, offset, n, b, 0);
        }
        if (ret < 0) {
            return ret;
        }
        *same = memcmp(a, b, n) == 0;
    }
    return 0;
}

/*
 * All was flushed before this, so that the metadata tell an image from any
 * other one, and from itself at another time.  While another QEMU writes to
 * the image, only the header is the same whenever it is read.
 */
static int check_same_image(BlockDriverState *bs, BlockDriverState *file,
                            Error **errp)
{
    BDRVZonedState *s = bs->opaque;
    int64_t bytes = s->not_loaded ? ZONED_BLOCK_SIZE
                                  : s->meta.header.data_offset;
    BlockBackend *blk;
    bool same;
    int ret;

    blk = blk_new_with_bs(file, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, errp);
    if (!blk) {
        return -EPERM;
    }
    /* The nodes are drained, and must be read all the same */
    blk_set_disable_request_queuing(blk, true);
    ret = compare(bs, blk, bytes, &same);
    blk_unref(blk);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not compare nodes '%s' and '%s'",
                         bdrv_get_node_name(bs->file->bs),
                         bdrv_get_node_name(file));
        return ret;
    }
    if (!same) {
        error_setg(errp, "Node '%s' does not have the zoned image that node "
                   "'%s' has: only the same image, or a copy of what it is "
                   "now, can take its place; add another image with "
                   "blockdev-add", bdrv_get_node_name(file),
                   bdrv_get_node_name(bs->file->bs));
        return -EINVAL;
    }
    return 0;
}

int zoned_check_reopen(BDRVReopenState *reopen_state, Error **errp)
{
    BlockDriverState *bs = reopen_state->bs;
    BDRVZonedState *s = bs->opaque;
    const char *name = qdict_get_try_str(reopen_state->options, "file");
    BlockDriverState *file = name ? bdrv_find_node(name) : NULL;
    AioContext *ctx;
    int ret;

    if (!file || file == bs->file->bs) {
        return 0;
    }
    ret = zoned_check_unit(file, errp);
    if (ret < 0) {
        return ret;
    }
    ret = zoned_check_length(file, &s->meta.header, errp);
    if (ret < 0) {
        return ret;
    }

    /* That of @bs is held already, once */
    ctx = bdrv_get_aio_context(file);
    if (ctx != bdrv_get_aio_context(bs)) {
        aio_context_acquire(ctx);
    }
    ret = check_same_image(bs, file, errp);
    if (ctx != bdrv_get_aio_context(bs)) {
        aio_context_release(ctx);
    }
    return ret;
}
