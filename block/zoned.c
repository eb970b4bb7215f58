/*
 * The zoned image format: a persistent host-managed disk on any node
 *
 * Requests come in here.  Whether they are allowed, and what they do to a
 * zone, is decided by the state machine (zone-set.c); their data goes straight
 * to the node below; the zone table follows at a flush (zoned-meta.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "block/block_int.h"
#include "block/zone-io.h"
#include "trace.h"
#include "zoned.h"

static bool is_sequential(BDRVZonedState *s, uint64_t offset)
{
    const ZoneGeometry *g = &s->meta.header.geometry;

    return offset < g->size &&
           !zone_geometry_is_conventional(g, zone_geometry_index(g, offset));
}

/*
 * Whether nobody can tell what the zones are like: the image is damaged, or was
 * opened while another QEMU writes to it.
 */
static bool are_zones_unknown(BDRVZonedState *s)
{
    return s->damaged || s->not_loaded;
}

/* An offset on the disk as an offset in the file */
static uint64_t to_file(BDRVZonedState *s, uint64_t offset)
{
    return s->meta.header.data_offset + offset;
}

/*
 * How many bytes from @offset on, in its zone, hold data; all of them in a
 * conventional zone.  Above that the zone reads as zeroes, whatever is in the
 * file.
 */
static uint64_t data_bytes_at(BDRVZonedState *s, uint64_t offset)
{
    const ZoneGeometry *g = &s->meta.header.geometry;
    uint32_t i = zone_geometry_index(g, offset);
    uint64_t in_zone = offset - zone_geometry_start(g, i);
    uint64_t end = zone_geometry_is_conventional(g, i) ?
                   zone_geometry_length(g, i) :
                   zoned_writes_done_wp(&s->writes, i);

    return end > in_zone ? end - in_zone : 0;
}

/* How much of @bytes from @offset on can be read at once */
static int64_t bytes_to_read(BDRVZonedState *s, int64_t offset, int64_t bytes)
{
    const ZoneGeometry *g = &s->meta.header.geometry;
    uint32_t i = zone_geometry_index(g, offset);

    /* Zones have conventional ones before them only */
    if (zone_geometry_is_conventional(g, i)) {
        i = g->conventional_zones - 1;
    }
    return MIN(bytes, zone_geometry_start(g, i) + zone_geometry_length(g, i) -
                      offset);
}

/* Whether some of this could not be read when the image was opened */
static bool is_unreadable(BDRVZonedState *s, uint64_t offset, uint64_t bytes)
{
    const ZoneGeometry *g = &s->meta.header.geometry;
    uint32_t n;

    for (n = 0; n < s->nr_unreadable; n++) {
        const ZonedDelta *d = &s->unreadable[n];
        uint64_t end = zone_geometry_start(g, d->zone) + d->end;

        if (offset < end && end - d->summed < offset + bytes) {
            return true;
        }
    }
    return false;
}

/* A read that does not leave its zone, unless it is of conventional zones */
static int coroutine_fn read_zone(BlockDriverState *bs, int64_t offset,
                                  int64_t bytes, QEMUIOVector *qiov,
                                  size_t qiov_offset, BdrvRequestFlags flags)
{
    BDRVZonedState *s = bs->opaque;
    int64_t data = bytes;
    int ret;

    ret = zone_set_check_read(s->meta.zones, offset, bytes);
    if (ret < 0) {
        return ret;
    }
    if (is_sequential(s, offset)) {
        if (s->not_loaded) {
            return -EIO;
        }
        data = MIN(bytes, data_bytes_at(s, offset));
        qemu_iovec_memset(qiov, qiov_offset + data, 0, bytes - data);
    }
    if (!data) {
        return 0;
    }
    if (is_unreadable(s, offset, data)) {
        return -EIO;
    }
    ret = bdrv_co_preadv_part(bs->file, to_file(s, offset), data, qiov,
                              qiov_offset, flags);
    return blk_zone_medium_error(ret);
}

static int coroutine_fn zoned_co_preadv_part(BlockDriverState *bs,
                                             int64_t offset, int64_t bytes,
                                             QEMUIOVector *qiov,
                                             size_t qiov_offset,
                                             BdrvRequestFlags flags)
{
    BDRVZonedState *s = bs->opaque;

    if (s->damaged) {
        return -EIO;
    }
    while (bytes) {
        int64_t n = bytes_to_read(s, offset, bytes);
        int ret = read_zone(bs, offset, n, qiov, qiov_offset, flags);

        if (ret < 0) {
            return ret;
        }
        offset += n;
        qiov_offset += n;
        bytes -= n;
    }
    return 0;
}

static int coroutine_fn zoned_co_flush(BlockDriverState *bs)
{
    BDRVZonedState *s = bs->opaque;
    int ret;

    if (s->damaged) {
        return -EIO;
    }
    if (zoned_is_inactive(bs) || s->meta.root_state == ZONED_ROOT_FOUND) {
        /* Nobody has written here */
        return 0;
    }
    ret = zoned_meta_commit(&s->meta);
    zoned_discards_resume(&s->discards);
    return blk_zone_medium_error(ret);
}

/* @qiov is NULL for zeroes */
static int coroutine_fn write_file(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   size_t qiov_offset, BdrvRequestFlags flags)
{
    BDRVZonedState *s = bs->opaque;
    int ret;

    if (qiov) {
        ret = bdrv_co_pwritev_part(bs->file, to_file(s, offset), bytes, qiov,
                                   qiov_offset, flags);
    } else {
        ret = bdrv_co_pwrite_zeroes(bs->file, to_file(s, offset), bytes, flags);
    }
    return blk_zone_medium_error(ret);
}

/* Make the data of @w durable, which is in the file */
static int coroutine_fn commit_write(BlockDriverState *bs, ZonedWrite *w)
{
    BDRVZonedState *s = bs->opaque;
    int ret = zoned_write_wait_counted(&s->writes, w);

    return ret < 0 ? ret : zoned_co_flush(bs);
}

/* Write the data of @w.  The next root can have its datasum, if @w has one. */
static int coroutine_fn write_data(BlockDriverState *bs, ZonedWrite *w,
                                   uint64_t offset, uint64_t bytes,
                                   QEMUIOVector *qiov, size_t qiov_offset,
                                   BdrvRequestFlags flags)
{
    BDRVZonedState *s = bs->opaque;
    int ret;

    if (!qiov) {
        return write_file(bs, offset, bytes, NULL, 0, flags);
    }
    ret = zoned_datasums_write(&s->datasums, bs->file, to_file(s, offset),
                               bytes, qiov, qiov_offset, flags, &w->sum,
                               &w->summed);
    return blk_zone_medium_error(ret);
}

/* The write to a sequential zone was admitted, and its place is @offset */
static int coroutine_fn write_zone(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   size_t qiov_offset, BdrvRequestFlags flags)
{
    BDRVZonedState *s = bs->opaque;
    const ZoneGeometry *g = &s->meta.header.geometry;
    uint32_t i = zone_geometry_index(g, offset);
    uint64_t in_zone = offset - zone_geometry_start(g, i);
    ZonedWrite w;
    int ret;

    zoned_write_start(&s->writes, &w, i, in_zone, in_zone + bytes);
    ret = blk_zone_medium_error(zoned_meta_before_write(&s->meta, i));
    if (ret >= 0) {
        zoned_discards_before_write(&s->discards, i);
        ret = write_data(bs, &w, offset, bytes, qiov, qiov_offset,
                         flags & ~BDRV_REQ_FUA);
    }
    if (ret >= 0 && (flags & BDRV_REQ_FUA)) {
        ret = commit_write(bs, &w);
    }
    return zoned_write_finish(&s->writes, &w, ret);
}

static int coroutine_fn zoned_co_pwritev_part(BlockDriverState *bs,
                                              int64_t offset, int64_t bytes,
                                              QEMUIOVector *qiov,
                                              size_t qiov_offset,
                                              BdrvRequestFlags flags)
{
    BDRVZonedState *s = bs->opaque;
    const ZoneGeometry *g = &s->meta.header.geometry;
    bool sequential = is_sequential(s, offset);
    int ret;

    if (are_zones_unknown(s)) {
        return -EIO;
    }
    if (sequential) {
        uint32_t i = zone_geometry_index(g, offset);

        ret = zoned_write_wait_turn(&s->writes, i,
                                    offset - zone_geometry_start(g, i));
        if (ret < 0) {
            return ret;
        }
    }
    ret = zone_set_write_begin(s->meta.zones, offset, bytes);
    if (ret < 0) {
        trace_zoned_refuse_write(bs, offset, bytes, blk_zone_strerror(ret));
        return ret;
    }
    if (sequential && bytes) {
        return write_zone(bs, offset, bytes, qiov, qiov_offset, flags);
    }
    if (bytes) {
        ret = write_file(bs, offset, bytes, qiov, qiov_offset,
                         flags & ~BDRV_REQ_FUA);
    }
    return ret >= 0 && (flags & BDRV_REQ_FUA) ? zoned_co_flush(bs) : ret;
}

static int coroutine_fn zoned_co_pwrite_zeroes(BlockDriverState *bs,
                                               int64_t offset, int64_t bytes,
                                               BdrvRequestFlags flags)
{
    return zoned_co_pwritev_part(bs, offset, bytes, NULL, 0, flags);
}

/*
 * There is nothing to give back in a part of a sequential zone: a reset does
 * that for the whole of it.
 */
static int coroutine_fn zoned_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                          int64_t bytes)
{
    BDRVZonedState *s = bs->opaque;

    if (s->damaged || is_sequential(s, offset + bytes - 1)) {
        return -ENOTSUP;
    }
    return blk_zone_medium_error(bdrv_co_pdiscard(bs->file, to_file(s, offset),
                                                  bytes));
}

static int coroutine_fn zoned_co_zone_report(BlockDriverState *bs,
                                             int64_t offset, uint32_t *nr_zones,
                                             BlockZoneDescriptor *zones)
{
    BDRVZonedState *s = bs->opaque;
    const ZoneGeometry *g = &s->meta.header.geometry;
    uint32_t first = zone_geometry_index(g, offset);
    uint32_t i;

    if (are_zones_unknown(s)) {
        return -EIO;
    }
    *nr_zones = MIN(*nr_zones, zone_geometry_nr_zones(g) - first);
    for (i = 0; i < *nr_zones; i++) {
        zone_set_get(s->meta.zones, first + i, &zones[i]);
    }
    return 0;
}

static int coroutine_fn manage_zone(BlockDriverState *bs, BlockZoneOp op,
                                    uint32_t i)
{
    BDRVZonedState *s = bs->opaque;
    ZoneSet *zones = s->meta.zones;
    BlockZoneState old_state = zone_set_state(zones, i);
    uint64_t old_wp = zone_set_wp(zones, i);
    int ret = zone_set_mgmt(zones, op, i);

    if (ret < 0) {
        return ret;
    }
    if (zone_set_wp(zones, i) < old_wp) {
        /* If the medium has never said anything else, it need not say this */
        if (zoned_meta_emptied(&s->meta, i, old_wp)) {
            zoned_discards_add(&s->discards, i);
        }
    } else if (bdrv_zone_op_changes_data(op) &&
               zone_set_state(zones, i) != old_state) {
        zoned_meta_changed(&s->meta, i);
    }
    return 0;
}

static int coroutine_fn zoned_co_zone_mgmt(BlockDriverState *bs, BlockZoneOp op,
                                           int64_t offset, int64_t bytes)
{
    BDRVZonedState *s = bs->opaque;
    const ZoneGeometry *g = &s->meta.header.geometry;
    uint32_t first = zone_geometry_index(g, offset);
    uint32_t last = zone_geometry_index(g, offset + bytes - 1);
    uint32_t i;
    int ret;

    if (are_zones_unknown(s)) {
        return -EIO;
    }
    for (i = first; i <= last; i++) {
        ret = manage_zone(bs, op, i);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

static int coroutine_fn zoned_co_zone_set_fault(BlockDriverState *bs,
                                                BlockZoneFault fault,
                                                int64_t offset)
{
    BDRVZonedState *s = bs->opaque;
    uint32_t i = zone_geometry_index(&s->meta.header.geometry, offset);
    int ret;

    if (are_zones_unknown(s)) {
        return -EIO;
    }
    ret = zone_set_fault(s->meta.zones, fault, i);
    if (ret >= 0) {
        zoned_meta_changed(&s->meta, i);
    }
    return ret;
}

static int coroutine_fn zoned_co_zone_append(BlockDriverState *bs,
                                             int64_t *offset,
                                             QEMUIOVector *qiov,
                                             BdrvRequestFlags flags)
{
    BDRVZonedState *s = bs->opaque;
    uint64_t where;
    int ret;

    if (are_zones_unknown(s)) {
        return -EIO;
    }
    zoned_writes_wait_failed(&s->writes, zone_geometry_index(
                             &s->meta.header.geometry, *offset));
    ret = zone_set_append_begin(s->meta.zones, *offset, qiov->size, &where);
    if (ret < 0) {
        return ret;
    }
    ret = write_zone(bs, where, qiov->size, qiov, 0, flags);
    if (ret >= 0) {
        *offset = where;
    }
    return ret;
}

static int coroutine_fn zoned_co_block_status(BlockDriverState *bs,
                                              bool want_zero,
                                              int64_t offset, int64_t bytes,
                                              int64_t *pnum, int64_t *map,
                                              BlockDriverState **file)
{
    BDRVZonedState *s = bs->opaque;
    const ZoneGeometry *g = &s->meta.header.geometry;
    uint32_t i = zone_geometry_index(g, offset);
    uint64_t data;

    if (are_zones_unknown(s)) {
        return -EIO;
    }
    if (zone_set_state(s->meta.zones, i) == BLK_ZS_OFFLINE) {
        /* A read tells what is wrong */
        *pnum = MIN(bytes, zone_geometry_length(g, i) -
                           (offset - zone_geometry_start(g, i)));
        return BDRV_BLOCK_DATA;
    }
    data = data_bytes_at(s, offset);
    if (data) {
        *pnum = MIN(bytes, data);
        *map = to_file(s, offset);
        *file = bs->file->bs;
        return BDRV_BLOCK_DATA | BDRV_BLOCK_RECURSE | BDRV_BLOCK_OFFSET_VALID;
    }
    *pnum = MIN(bytes, zone_geometry_start(g, i) + zone_geometry_length(g, i) -
                       offset);
    return BDRV_BLOCK_ZERO;
}

static void zoned_refresh_limits(BlockDriverState *bs, Error **errp)
{
    BDRVZonedState *s = bs->opaque;
    const ZoneGeometry *g = &s->meta.header.geometry;

    /*
     * What the file takes at once is the file's affair.  Were a write split
     * here, and its second half failed, then the first would have moved the
     * write pointer, so that the write could not be tried again.
     */
    bs->bl.max_transfer = 0;

    /* Without sequential zones it is an ordinary disk */
    if (s->damaged || g->conventional_zones == zone_geometry_nr_zones(g)) {
        return;
    }
    bs->bl.zoned = BLK_Z_HM;
    bs->bl.zone_size = g->zone_size;
    bs->bl.nr_zones = zone_geometry_nr_zones(g);
    bs->bl.max_append_sectors =
        s->meta.header.max_append_bytes >> BDRV_SECTOR_BITS;
    bs->bl.max_open_zones = g->max_open_zones;
    bs->bl.max_active_zones = g->max_active_zones;
    bs->bl.write_granularity = g->write_granularity;
}

static int64_t zoned_getlength(BlockDriverState *bs)
{
    BDRVZonedState *s = bs->opaque;

    return s->meta.header.geometry.size;
}

static int coroutine_fn zoned_co_truncate(BlockDriverState *bs, int64_t offset,
                                          bool exact, PreallocMode prealloc,
                                          BdrvRequestFlags flags, Error **errp)
{
    error_setg(errp, "A zoned image cannot be resized: its zones are laid out "
               "when it is created");
    return -ENOTSUP;
}

static int zoned_has_zero_init(BlockDriverState *bs)
{
    return bdrv_has_zero_init(bs->file->bs);
}

static int zoned_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVZonedState *s = bs->opaque;

    bdi->is_dirty = !s->meta.root.clean;
    return 0;
}

static ImageInfoSpecific *zoned_get_specific_info(BlockDriverState *bs,
                                                  Error **errp)
{
    BDRVZonedState *s = bs->opaque;

    /* While another QEMU writes to it, only that one knows the zones */
    return s->damaged || zoned_is_inactive(bs) ? NULL : zoned_specific_info(s);
}

static int zoned_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return zoned_header_probe(buf, buf_size) ? 100 : 0;
}

static int coroutine_fn zoned_co_check(BlockDriverState *bs,
                                       BdrvCheckResult *result,
                                       BdrvCheckMode fix)
{
    BDRVZonedState *s = bs->opaque;
    int ret = zoned_check_image(bs, result, fix);

    /* An image that was opened to be checked has nothing in memory */
    if (ret >= 0 && result->corruptions_fixed && !s->damaged) {
        ret = zoned_reload(bs, NULL);
    }
    return ret;
}

/* The file has its size for ever, so jobs below may rely on that */
static void zoned_child_perm(BlockDriverState *bs, BdrvChild *c,
                             BdrvChildRole role,
                             BlockReopenQueue *reopen_queue,
                             uint64_t perm, uint64_t shared,
                             uint64_t *nperm, uint64_t *nshared)
{
    bdrv_default_perms(bs, c, role, reopen_queue, perm, shared, nperm, nshared);
    *nperm &= ~BLK_PERM_RESIZE;
}

static const char *const zoned_strong_runtime_opts[] = { NULL };

static BlockDriver bdrv_zoned = {
    .format_name            = "zoned",
    .instance_size          = sizeof(BDRVZonedState),
    .is_format              = true,
    .keeps_open_zones_in_memory = true,
    .strong_runtime_opts    = zoned_strong_runtime_opts,

    .bdrv_probe             = zoned_probe,
    .bdrv_open              = zoned_open,
    .bdrv_close             = zoned_close,
    .bdrv_reopen_prepare    = zoned_reopen_prepare,
    .bdrv_reopen_commit     = zoned_reopen_commit,
    .bdrv_reopen_commit_post = zoned_reopen_commit_post,
    .bdrv_inactivate        = zoned_inactivate,
    .bdrv_co_invalidate_cache = zoned_co_invalidate_cache,
    .bdrv_child_perm        = zoned_child_perm,
    .bdrv_refresh_limits    = zoned_refresh_limits,

    .bdrv_co_create         = zoned_co_create,
    .bdrv_co_create_opts    = zoned_co_create_opts,
    .create_opts            = &zoned_create_opts,

    .bdrv_co_preadv_part    = zoned_co_preadv_part,
    .bdrv_co_pwritev_part   = zoned_co_pwritev_part,
    .bdrv_co_pwrite_zeroes  = zoned_co_pwrite_zeroes,
    .bdrv_co_pdiscard       = zoned_co_pdiscard,
    .bdrv_co_flush          = zoned_co_flush,
    .bdrv_co_block_status   = zoned_co_block_status,
    .bdrv_co_zone_report    = zoned_co_zone_report,
    .bdrv_co_zone_mgmt      = zoned_co_zone_mgmt,
    .bdrv_co_zone_set_fault = zoned_co_zone_set_fault,
    .bdrv_co_zone_append    = zoned_co_zone_append,

    .bdrv_getlength         = zoned_getlength,
    .bdrv_co_truncate       = zoned_co_truncate,
    .bdrv_has_zero_init     = zoned_has_zero_init,
    .bdrv_get_info          = zoned_get_info,
    .bdrv_get_specific_info = zoned_get_specific_info,
    .bdrv_co_check          = zoned_co_check,
};

static void bdrv_zoned_init(void)
{
    bdrv_register(&bdrv_zoned);
}

block_init(bdrv_zoned_init);
