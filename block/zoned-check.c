/*
 * The zoned image format: check an image, and repair what can be repaired
 * without guessing
 *
 * There are two copies of every block of metadata.  In an image that was
 * closed both are the same, so one that is damaged can be restored from the
 * other.  After a crash they differ: the copies that are not current may be
 * torn, which is no damage, and for the others there is no second source.
 *
 * A zone of which nothing is known is fenced off: it becomes offline, whatever
 * its data in the file may be.  All other zones stay as they are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitmap.h"
#include "qemu/memalign.h"
#include "zoned.h"

/* A forged image can have millions of errors, which nobody reads */
#define MAX_MESSAGES 1000

/*
 * A check of one image.
 *
 * @meta: as it is read, and as a repair corrects it
 * @found: in the image
 * @loaded: @meta has a zone table
 * @buf: two blocks
 * @repairable: what a repair can put right
 * @lost: what it cannot
 * @messages: that were printed
 */
typedef struct ZonedCheck {
    BlockDriverState *bs;
    BdrvCheckResult *result;
    ZonedMeta meta;
    ZonedFound found;
    bool loaded;
    uint8_t *buf;
    int repairable;
    int lost;
    int messages;
} ZonedCheck;

/* A closed zone, and how much can still be written to it */
typedef struct ClosedZone {
    uint32_t zone;
    uint64_t room;
} ClosedZone;

static void G_GNUC_PRINTF(3, 4) found(ZonedCheck *c, int *count,
                                      const char *fmt, ...)
{
    va_list ap;

    ++*count;
    if (c->messages++ < MAX_MESSAGES) {
        va_start(ap, fmt);
        fprintf(stderr, "ERROR ");
        vfprintf(stderr, fmt, ap);
        fprintf(stderr, "\n");
        va_end(ap);
    } else if (c->messages == MAX_MESSAGES + 1) {
        fprintf(stderr, "ERROR and more, which are not listed\n");
    }
}

/* The check could not be made: nothing is known of the image */
static void failed(ZonedCheck *c, const char *text)
{
    fprintf(stderr, "ERROR %s\n", text);
    c->result->check_errors++;
}

/* From here on: headers and roots */

/* Returns whether one of the headers can be used */
static bool check_headers(ZonedCheck *c)
{
    ZonedFound *f = &c->found;
    Error *err = NULL;
    int copy;
    int ret = zoned_load_header(&c->meta, f, &err);

    if (ret < 0 && ret != -EINVAL) {
        failed(c, error_get_pretty(err));
        error_free(err);
        return false;
    }
    error_free(err);
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        if (f->headers[copy] < 0) {
            found(c, &c->repairable, "copy %d of the header: %s", copy,
                  error_get_pretty(f->header_errors[copy]));
        }
    }
    if (ret < 0) {
        found(c, &c->lost, "there is no good header");
    } else if (f->header_unsure) {
        found(c, &c->lost, "the headers are of two images, and nothing tells "
              "which one the zones are of");
        return false;
    } else if (f->ids_differ) {
        found(c, &c->repairable, "copy %d of the header is of another image, "
              "which has no zone table here", !f->header_copy);
    } else if (f->headers_differ) {
        found(c, &c->repairable, "copy %d of the header is not like copy %d",
              !f->header_copy, f->header_copy);
    }
    return ret >= 0;
}

static void check_length(ZonedCheck *c)
{
    int64_t length = bdrv_getlength(c->bs->file->bs);
    int64_t expected = zoned_file_size(&c->meta.header);

    if (length < 0) {
        failed(c, "could not get the size of the file");
    } else if (length < expected) {
        found(c, &c->lost, "image is truncated: it has %" PRId64 " bytes, but "
              "needs %" PRId64, length, expected);
    }
    c->result->image_end_offset = expected;
}

/*
 * In an image that is not clean, a copy of the root may be torn, or old.  One
 * that cannot be read could be the newer one.
 */
static void check_roots(ZonedCheck *c)
{
    const ZonedFound *f = &c->found;
    int copy;

    if (f->root_lost) {
        found(c, &c->repairable, "both copies of the zone table's root are "
              "damaged: a repair makes a new one.  If the image was not "
              "closed, zones go back to where the table was written last, and "
              "lose later data");
        return;
    }
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        if (!f->roots[copy] ||
            (!c->meta.root.clean && f->roots[copy] == -EINVAL)) {
            continue;
        }
        found(c, &c->repairable, "copy %d of the zone table's root %s%s", copy,
              f->roots[copy] == -EINVAL ? "is damaged" : "cannot be read",
              c->meta.root.clean ? "" : ": a repair takes the other one, which "
              "may be from before the last flush");
    }
}

static void check_deltas(ZonedCheck *c)
{
    const ZonedFound *f = &c->found;
    uint32_t n;

    for (n = 0; n < f->nr_deltas; n++) {
        const ZonedDelta *d = &f->deltas[n];

        if (f->states[n] == ZONED_DELTA_UNREADABLE) {
            found(c, &c->repairable, "the last %" PRIu32 " bytes of zone "
                  "%" PRIu32 " cannot be read: a repair takes the zone back to "
                  "where it was before they were written", d->summed, d->zone);
        } else if (f->states[n] == ZONED_DELTA_MISSING) {
            fprintf(stderr, "The last commit was cut short by a crash: zone "
                    "%" PRIu32 " is as it was %" PRIu32 " bytes before\n",
                    d->zone, d->summed);
        }
    }
}

/* From here on: the table */

/* Read copy @copy of block @block into @buf.  Returns whether it is intact. */
static bool read_block(ZonedCheck *c, uint32_t block, int copy, uint8_t *buf)
{
    ZonedMeta *m = &c->meta;
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
    uint32_t sum;

    return bdrv_pread(c->bs->file, zoned_table_offset(&m->header, copy, block),
                      ZONED_BLOCK_SIZE, buf, 0) >= 0 &&
           zoned_table_decode(&m->header, block, entries, buf, &sum) &&
           sum == m->sums[block];
}

static void report_block(ZonedCheck *c, uint32_t block, int copy)
{
    ZonedMeta *m = &c->meta;
    uint32_t first = zoned_block_first_zone(block);
    uint32_t last = first + zoned_block_nr_zones(&m->header, block) - 1;

    found(c, &c->repairable, "copy %d of block %" PRIu32 " of the zone "
          "table is damaged; it describes zones %" PRIu32 " to %" PRIu32,
          copy, block, first, last);
    set_bit(block, m->differ);
}

static void check_block(ZonedCheck *c, uint32_t block)
{
    ZonedMeta *m = &c->meta;
    uint32_t first = zoned_block_first_zone(block);
    uint32_t last = first + zoned_block_nr_zones(&m->header, block) - 1;
    int current = zoned_root_copy(&m->root, block);
    uint8_t *other = c->buf + ZONED_BLOCK_SIZE;
    bool good;

    if (test_bit(block, c->found.lost)) {
        found(c, &c->repairable, "block %" PRIu32 " of the zone table is "
              "damaged, and has no good copy that counts; it describes zones "
              "%" PRIu32 " to %" PRIu32 ". What they hold is lost: a repair "
              "takes those of them offline that are sequential", block, first,
              last);
        zoned_meta_changed(m, first);
        return;
    }
    good = read_block(c, block, current, c->buf);
    if (!good) {
        report_block(c, block, current);
    }
    if (m->root.clean &&
        (!read_block(c, block, !current, other) ||
         (good && memcmp(c->buf, other, ZONED_BLOCK_SIZE)))) {
        report_block(c, block, !current);
    }
}

static void correct(ZonedCheck *c, uint32_t i, uint64_t entry)
{
    c->meta.entries[i] = entry;
    zoned_meta_changed(&c->meta, i);
}

static void check_entry(ZonedCheck *c, uint32_t i)
{
    const ZonedHeader *h = &c->meta.header;
    uint64_t entry = c->meta.entries[i];
    BlockZoneState state;
    uint64_t wp;

    if (zoned_entry_parse(h, i, entry, &state, &wp)) {
        return;
    }
    if (zone_geometry_is_conventional(&h->geometry, i)) {
        found(c, &c->repairable, "zone %" PRIu32 " is conventional and cannot "
              "have the entry 0x%" PRIx64 ": a repair clears it, nothing is "
              "lost", i, entry);
        correct(c, i, 0);
    } else {
        found(c, &c->repairable, "zone %" PRIu32 " cannot have the entry "
              "0x%" PRIx64 ". What it holds is lost: a repair takes the zone "
              "offline", i, entry);
        correct(c, i, zoned_entry(BLK_ZS_OFFLINE, 0));
    }
}

static gint by_room(gconstpointer a, gconstpointer b)
{
    const ClosedZone *x = a, *y = b;

    if (x->room != y->room) {
        return x->room < y->room ? -1 : 1;
    }
    return x->zone < y->zone ? -1 : x->zone > y->zone;
}

static GArray *closed_zones(ZonedCheck *c)
{
    const ZonedHeader *h = &c->meta.header;
    uint32_t nr_zones = zone_geometry_nr_zones(&h->geometry);
    GArray *closed = g_array_new(false, false, sizeof(ClosedZone));
    BlockZoneState state;
    uint64_t wp;
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        if (zoned_entry_parse(h, i, c->meta.entries[i], &state, &wp) &&
            state == BLK_ZS_CLOSED) {
            ClosedZone z = {
                .zone = i,
                .room = zone_geometry_capacity(&h->geometry, i) - wp,
            };

            g_array_append_val(closed, z);
        }
    }
    return closed;
}

/*
 * Of closed zones that are too many, those with the least room become full:
 * all data stays readable, and as little space as possible is given up.
 */
static void check_limit(ZonedCheck *c)
{
    uint32_t limit = c->meta.header.geometry.max_active_zones;
    g_autoptr(GArray) closed = NULL;
    uint32_t n;

    if (!limit) {
        return;
    }
    closed = closed_zones(c);
    if (closed->len <= limit) {
        return;
    }
    g_array_sort(closed, by_room);
    for (n = 0; n < closed->len - limit; n++) {
        const ClosedZone *z = &g_array_index(closed, ClosedZone, n);
        uint64_t wp = zoned_entry_wp(c->meta.entries[z->zone]);

        found(c, &c->repairable, "%u zones are closed, but max_active_zones is "
              "%" PRIu32 ": a repair finishes zone %" PRIu32 ", where there is "
              "room for %" PRIu64 " more bytes; its data is kept",
              closed->len - n, limit, z->zone, z->room);
        correct(c, z->zone, zoned_entry(BLK_ZS_FULL, wp));
    }
}

static uint64_t done_wp(void *opaque, uint32_t i)
{
    ZonedCheck *c = opaque;

    return zone_set_wp(c->meta.zones, i);
}

/* Read the zone table as far as it is good, and correct the rest in memory */
static void check_table(ZonedCheck *c)
{
    ZonedMeta *m = &c->meta;
    Error *err = NULL;
    uint32_t i;
    int ret;

    zoned_meta_init(m);
    c->found.repair = true;
    ret = zoned_load_table(m, &c->found, &err);
    if (ret == -EINVAL) {
        found(c, &c->lost, "%s", error_get_pretty(err));
    } else if (ret < 0) {
        failed(c, error_get_pretty(err));
    }
    if (ret < 0) {
        error_free(err);
        return;
    }
    check_roots(c);
    check_deltas(c);
    for (i = 0; i < m->root.table_blocks; i++) {
        check_block(c, i);
    }
    for (i = 0; i < zone_geometry_nr_zones(&m->header.geometry); i++) {
        check_entry(c, i);
    }
    check_limit(c);
    if (zoned_load_zones(m, &err) < 0) {
        found(c, &c->lost, "%s", error_get_pretty(err));
        error_free(err);
        return;
    }
    c->loaded = true;
}

/* From here on: repair */

/* Word for word, as there may be fields in it that are not known here */
static int repair_header(ZonedCheck *c)
{
    int good = c->found.header_copy;
    int ret;

    if (!c->found.headers[!good] && !c->found.headers_differ) {
        return 0;
    }
    ret = bdrv_pread(c->bs->file, zoned_header_offset(good),
                         ZONED_BLOCK_SIZE, c->buf, 0);

    if (ret >= 0) {
        ret = bdrv_pwrite(c->bs->file, zoned_header_offset(!good),
                          ZONED_BLOCK_SIZE, c->buf, 0);
    }
    return ret;
}

/*
 * Of all metadata there is a good copy, in the image or in c->meta: write it
 * to the others.  What is good in the image stays so at every moment of this.
 */
static int repair(ZonedCheck *c)
{
    ZonedMeta *m = &c->meta;
    int ret = repair_header(c);

    if (ret >= 0) {
        ret = zoned_meta_confirm(m, &c->found);
    }
    if (ret >= 0) {
        ret = zoned_meta_leave_clean(m);
    }
    if (ret >= 0 && zoned_meta_is_dirty(m)) {
        ret = zoned_meta_commit(m);
    }
    return ret < 0 ? ret : zoned_meta_close_clean(m);
}

/*
 * Whether copy @copy of the root has changed since @before was read.  If it
 * could not be read then, or cannot be now, nobody knows.
 */
static bool root_has_changed(ZonedCheck *c, int copy, const uint8_t *before)
{
    return before && bdrv_pread(c->bs->file, zoned_root_offset(copy),
                                ZONED_BLOCK_SIZE, c->buf, 0) >= 0 &&
           memcmp(before, c->buf, ZONED_BLOCK_SIZE);
}

/* NULL if it cannot be read */
static uint8_t *read_root(ZonedCheck *c, int copy)
{
    int ret = bdrv_pread(c->bs->file, zoned_root_offset(copy),
                         ZONED_BLOCK_SIZE, c->buf, 0);

    return ret < 0 ? NULL : g_memdup2(c->buf, ZONED_BLOCK_SIZE);
}

int coroutine_fn zoned_check_image(BlockDriverState *bs,
                                   BdrvCheckResult *result, BdrvCheckMode fix)
{
    ZonedCheck c = {
        .bs = bs,
        .result = result,
        .meta.file = bs->file,
        .buf = qemu_blockalign(bs->file->bs, ZONED_COPIES * ZONED_BLOCK_SIZE),
    };
    g_autofree uint8_t *first = read_root(&c, 0);
    g_autofree uint8_t *second = read_root(&c, 1);
    int ret = 0;

    c.meta.done_wp = done_wp;
    c.meta.opaque = &c;
    if (check_headers(&c)) {
        check_length(&c);
        check_table(&c);
    }
    /* In an image that is in use, what was read does not belong together */
    if (root_has_changed(&c, 0, first) || root_has_changed(&c, 1, second)) {
        failed(&c, "the image was written while it was checked: check it when "
               "nobody uses it");
    } else if (c.repairable && c.loaded && !c.lost &&
               (fix & BDRV_FIX_ERRORS)) {
        ret = repair(&c);
        if (ret >= 0) {
            result->corruptions_fixed += c.repairable;
            c.repairable = 0;
        }
    }
    if (!result->check_errors) {
        result->corruptions += c.repairable + c.lost;
    }
    zoned_meta_destroy(&c.meta);
    zoned_found_destroy(&c.found);
    qemu_vfree(c.buf);
    return ret;
}
