/*
 * The zoned image format: an image is opened, reloaded and closed
 *
 * From the medium into memory when the image is opened, taken over from another
 * QEMU or made writable, and back when it is closed or handed over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "block/block_int.h"
#include "zoned.h"

static uint64_t done_wp(void *opaque, uint32_t i)
{
    BDRVZonedState *s = opaque;

    return zoned_writes_done_wp(&s->writes, i);
}

/*
 * What was found is the state that the image has from now on: make it durable,
 * if the image is open for writing.
 */
static int take_over(BlockDriverState *bs, ZonedMeta *m, const ZonedFound *f,
                     Error **errp)
{
    ERRP_GUARD();
    int ret;

    if (bdrv_is_read_only(bs)) {
        zoned_found_warn(m, f);
        return 0;
    }
    if (!zoned_found_certain(m, f, errp)) {
        error_append_hint(errp, "The image can be opened read-only.  'qemu-img "
                          "check -f zoned' says what is wrong, and with '-r "
                          "all' repairs what can be repaired.\n");
        return -EIO;
    }
    zoned_found_warn(m, f);
    ret = zoned_meta_confirm(m, f);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the metadata of the "
                         "zoned image");
    }
    return ret;
}

static int load_table(BlockDriverState *bs, ZonedMeta *m, ZonedFound *f,
                      Error **errp)
{
    ERRP_GUARD();
    int ret = zoned_load_table(m, f, errp);

    if (ret >= 0) {
        ret = zoned_load_zones(m, errp);
    }
    if (ret == -EINVAL) {
        error_append_hint(errp, "'qemu-img check -f zoned' says what is "
                          "damaged, and with '-r all' repairs what can be "
                          "repaired.\n");
    }
    return ret < 0 ? ret : take_over(bs, m, f, errp);
}

static void note_what_is_missing(BDRVZonedState *s, const ZonedFound *f)
{
    uint32_t n;

    s->cut_zones = zoned_found_count(f, ZONED_DELTA_MISSING);
    s->nr_unreadable = 0;
    for (n = 0; n < f->nr_deltas; n++) {
        if (f->states[n] == ZONED_DELTA_UNREADABLE) {
            s->unreadable[s->nr_unreadable++] = f->deltas[n];
        }
    }
}

/* Whether the image is still the one that was opened */
static bool check_same_header(const ZonedHeader *old, const ZonedHeader *new,
                              Error **errp)
{
    const ZoneGeometry *o = &old->geometry, *n = &new->geometry;
    const struct {
        const char *name;
        uint64_t old, new;
    } fields[] = {
        { "size", o->size, n->size },
        { "zone_size", o->zone_size, n->zone_size },
        { "zone_capacity", o->zone_capacity, n->zone_capacity },
        { "conventional_zones", o->conventional_zones, n->conventional_zones },
        { "max_open_zones", o->max_open_zones, n->max_open_zones },
        { "max_active_zones", o->max_active_zones, n->max_active_zones },
        { "max_append_bytes", old->max_append_bytes, new->max_append_bytes },
        { "write_granularity", o->write_granularity, n->write_granularity },
    };
    g_autofree char *old_id = qemu_uuid_unparse_strdup(&old->id);
    g_autofree char *new_id = qemu_uuid_unparse_strdup(&new->id);
    int i;

    if (zoned_headers_are_equal(old, new)) {
        return true;
    }
    for (i = 0; i < ARRAY_SIZE(fields); i++) {
        if (fields[i].old != fields[i].new) {
            error_setg(errp, "It is not the image that was opened: its %s is "
                       "%" PRIu64 ", and was %" PRIu64, fields[i].name,
                       fields[i].new, fields[i].old);
            return false;
        }
    }
    error_setg(errp, "It is not the image that was opened: its id is %s, and "
               "was %s", new_id, old_id);
    return false;
}

/*
 * Read the metadata into @m, for an image that is opened with @flags.  What
 * this leaves behind is freed by zoned_meta_destroy().
 *
 * While another QEMU still writes to the image, before this one takes over
 * from it, the zone table cannot be read: it changes meanwhile.
 */
static int load_meta(BlockDriverState *bs, ZonedMeta *m, int flags,
                     Error **errp)
{
    BDRVZonedState *s = bs->opaque;
    ZonedFound f = { };
    int ret;

    *m = (ZonedMeta) {
        .file = bs->file,
        .done_wp = done_wp,
        .opaque = s,
        .datasums = &s->datasums,
        .discards = &s->discards,
    };
    ret = zoned_load_header(m, &f, errp);
    if (ret >= 0 && s->meta.zones &&
        !check_same_header(&s->meta.header, &m->header, errp)) {
        ret = -EINVAL;
    }
    if (ret >= 0) {
        ret = zoned_check_length(bs->file->bs, &m->header, errp);
    }
    if (ret < 0) {
        goto out;
    }
    zoned_meta_init(m);
    s->datasums.key = m->header.datasum_key;
    if (!(flags & BDRV_O_INACTIVE)) {
        ret = load_table(bs, m, &f, errp);
        note_what_is_missing(s, &f);
    }
out:
    zoned_found_destroy(&f);
    return ret;
}

static void unload(BlockDriverState *bs)
{
    BDRVZonedState *s = bs->opaque;

    zoned_meta_destroy(&s->meta);
    zoned_writes_destroy(&s->writes);
    zoned_discards_destroy(&s->discards);
    zoned_datasums_destroy(&s->datasums);
}

/* No promise holds then, and nobody else would say so */
static void warn_of_no_flush(BlockDriverState *bs)
{
    if (bs->file->bs->bl.no_flush && !bdrv_is_read_only(bs)) {
        warn_report("The server of node '%s' does not offer flushes: after a "
                    "crash of it, a zoned image there may have lost what the "
                    "guest has flushed, or be damaged. Use one that does",
                    bdrv_get_node_name(bs->file->bs));
    }
}

int zoned_open(BlockDriverState *bs, QDict *options, int flags, Error **errp)
{
    BDRVZonedState *s = bs->opaque;
    int ret;

    ret = bdrv_open_file_child(NULL, options, "file", bs, errp);
    if (ret < 0) {
        return ret;
    }
    ret = zoned_check_unit(bs->file->bs, errp);
    if (ret < 0) {
        return ret;
    }

    zoned_writes_init(&s->writes, bs, &s->meta);
    zoned_datasums_init(&s->datasums);
    /* A check reads the image for itself, to tell all causes together */
    s->damaged = flags & BDRV_O_CHECK;
    s->not_loaded = flags & BDRV_O_INACTIVE;
    if (!s->damaged) {
        ret = load_meta(bs, &s->meta, flags, errp);
        if (ret < 0) {
            unload(bs);
            return ret;
        }
        zoned_discards_init(&s->discards, bs, &s->meta.header.geometry,
                            s->meta.header.data_offset);
    }
    warn_of_no_flush(bs);

    bs->total_sectors = s->meta.header.geometry.size >> BDRV_SECTOR_BITS;
    bs->supported_write_flags = BDRV_REQ_FUA;
    bs->supported_zero_flags = BDRV_REQ_FUA |
                               (BDRV_REQ_MAY_UNMAP &
                                bs->file->bs->supported_zero_flags);
    return 0;
}

/* Bring all to the medium, and mark the image as clean */
static int close_clean(BlockDriverState *bs)
{
    BDRVZonedState *s = bs->opaque;
    int ret;

    if (zoned_meta_is_dirty(&s->meta)) {
        ret = bdrv_flush(bs);
        if (ret < 0) {
            return ret;
        }
    }
    return zoned_meta_close_clean(&s->meta);
}

/* Whether the image is to be left in good order for whoever opens it next */
static bool is_ours(BlockDriverState *bs)
{
    BDRVZonedState *s = bs->opaque;

    return !s->damaged && !bdrv_is_read_only(bs) && !zoned_is_inactive(bs);
}

/*
 * The guest waits for this.  So the space of zones that were to be discarded is
 * not given back.
 */
int zoned_inactivate(BlockDriverState *bs)
{
    BDRVZonedState *s = bs->opaque;
    int ret;

    if (!is_ours(bs)) {
        return 0;
    }
    /* A reader, of an export for instance, may flush meanwhile */
    bdrv_drained_begin(bs);
    ret = close_clean(bs);
    /* Even a commit of the close may have emptied zones */
    zoned_discards_forget(&s->discards);
    bdrv_drained_end(bs);
    return ret;
}

void zoned_close(BlockDriverState *bs)
{
    BDRVZonedState *s = bs->opaque;

    if (is_ours(bs)) {
        int ret = close_clean(bs);

        if (ret < 0) {
            error_report("Node '%s': could not write the metadata of the zoned "
                         "image when it was closed: %s",
                         bdrv_get_device_or_node_name(bs), strerror(-ret));
        }
        zoned_discards_finish(&s->discards);
    }
    unload(bs);
}

/*
 * Read the metadata again, after it was changed by someone else, or before it
 * is changed here.  Readers, those of an export for instance, go on while the
 * medium is read.  They see the zones as they were, and then as they are.
 */
int coroutine_fn zoned_reload(BlockDriverState *bs, Error **errp)
{
    BDRVZonedState *s = bs->opaque;
    ZonedMeta fresh;
    int ret;

    ret = load_meta(bs, &fresh, 0, errp);
    s->damaged = ret < 0;
    if (ret < 0) {
        zoned_meta_destroy(&fresh);
    } else {
        zoned_meta_replace(&s->meta, &fresh);
        s->not_loaded = false;
    }
    return ret;
}

void coroutine_fn zoned_co_invalidate_cache(BlockDriverState *bs,
                                            Error **errp)
{
    if (zoned_reload(bs, errp) < 0) {
        error_prepend(errp, "Could not reload the zoned image: ");
    }
}

int zoned_reopen_prepare(BDRVReopenState *reopen_state,
                         BlockReopenQueue *queue, Error **errp)
{
    int ret = zoned_check_reopen(reopen_state, errp);

    if (ret < 0 || reopen_state->flags & BDRV_O_RDWR) {
        return ret;
    }
    ret = zoned_inactivate(reopen_state->bs);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the zone table");
    }
    return ret;
}

/* The reopen may have put another node below the image */
void zoned_reopen_commit(BDRVReopenState *reopen_state)
{
    BDRVZonedState *s = reopen_state->bs->opaque;

    s->meta.file = reopen_state->bs->file;
}

typedef struct ReloadCo {
    BlockDriverState *bs;
    bool done;
} ReloadCo;

static void coroutine_fn reload_entry(void *opaque)
{
    ReloadCo *r = opaque;
    Error *err = NULL;

    if (zoned_reload(r->bs, &err) < 0) {
        error_reportf_err(err, "Node '%s' cannot be written, nor read any "
                          "more: ", bdrv_get_device_or_node_name(r->bs));
    }
    r->done = true;
    aio_wait_kick();
}

/* An image that was read-only: what was found then is confirmed now */
void zoned_reopen_commit_post(BDRVReopenState *reopen_state)
{
    BlockDriverState *bs = reopen_state->bs;
    BDRVZonedState *s = bs->opaque;
    ReloadCo r = { .bs = bs };

    if (bdrv_is_read_only(bs) || zoned_is_inactive(bs) || s->damaged ||
        s->meta.root_state != ZONED_ROOT_FOUND) {
        return;
    }
    bdrv_coroutine_enter(bs, qemu_coroutine_create(reload_entry, &r));
    BDRV_POLL_WHILE(bs, !r.done);
}
