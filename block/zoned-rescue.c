/*
 * The zoned image format: a zone table that is damaged, made into one that
 * an image can be used with
 *
 * Nothing is guessed.  A zone of which nothing is known is fenced off: it is
 * offline, whatever its data in the file may be.  All other zones stay as they
 * are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitmap.h"
#include "zoned-rescue.h"

/* A closed zone, and how much can still be written to it */
typedef struct ClosedZone {
    uint32_t zone;
    uint64_t room;
} ClosedZone;

static void G_GNUC_PRINTF(2, 3) found(ZonedRescue *r, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    r->found(r->opaque, text);
}

static uint64_t rescued_wp(void *opaque, uint32_t i)
{
    ZonedRescue *r = opaque;

    return zone_set_wp(r->meta.zones, i);
}

static void correct(ZonedRescue *r, uint32_t i, uint64_t entry)
{
    r->meta.entries[i] = entry;
    zoned_meta_changed(&r->meta, i);
}

/* Blocks of the table that nothing is known of; they have been fenced off */
static void report_lost_blocks(ZonedRescue *r)
{
    const ZonedHeader *h = &r->meta.header;
    uint32_t nr_blocks = zoned_table_blocks(h);
    uint64_t b;

    for (b = find_first_bit(r->meta.lost, nr_blocks); b < nr_blocks;
         b = find_next_bit(r->meta.lost, nr_blocks, b + 1)) {
        uint32_t first = zoned_block_first_zone(b);
        uint32_t last = first + zoned_block_nr_zones(h, b) - 1;

        found(r, "block %" PRIu64 " of the zone table is damaged, and has no "
              "good copy that counts; it describes zones %" PRIu32 " to "
              "%" PRIu32 ". What they hold is lost: a repair takes those of "
              "them offline that are sequential", b, first, last);
        zoned_meta_changed(&r->meta, first);
    }
}

static void correct_entry(ZonedRescue *r, uint32_t i)
{
    const ZonedHeader *h = &r->meta.header;
    uint64_t old = r->meta.entries[i];
    uint64_t new = zoned_entry_correct(h, i, old);
    uint64_t capacity = zone_geometry_capacity(&h->geometry, i);

    if (new == old) {
        return;
    }
    if (zone_geometry_is_conventional(&h->geometry, i)) {
        found(r, "zone %" PRIu32 " is conventional and cannot have the entry "
              "0x%" PRIx64 ": a repair clears it, nothing is lost", i, old);
    } else if (zoned_entry_wp(new) == capacity) {
        found(r, "zone %" PRIu32 " cannot have %" PRIu64 " bytes of data, its "
              "capacity is %" PRIu64 ": a repair takes all of that for data",
              i, zoned_entry_wp(old), capacity);
    } else {
        found(r, "zone %" PRIu32 " cannot have the entry 0x%" PRIx64 ". What "
              "it holds is lost: a repair takes the zone offline", i, old);
    }
    correct(r, i, new);
}

static gint by_room(gconstpointer a, gconstpointer b)
{
    const ClosedZone *x = a, *y = b;

    if (x->room != y->room) {
        return x->room < y->room ? -1 : 1;
    }
    return x->zone < y->zone ? -1 : x->zone > y->zone;
}

static GArray *closed_zones(ZonedRescue *r)
{
    const ZonedHeader *h = &r->meta.header;
    uint32_t nr_zones = zone_geometry_nr_zones(&h->geometry);
    GArray *closed = g_array_new(false, false, sizeof(ClosedZone));
    BlockZoneState state;
    uint64_t wp;
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        if (zoned_entry_parse(h, i, r->meta.entries[i], &state, &wp) &&
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
static void correct_limit(ZonedRescue *r)
{
    uint32_t limit = r->meta.header.geometry.max_active_zones;
    g_autoptr(GArray) closed = NULL;
    uint32_t n;

    if (!limit) {
        return;
    }
    closed = closed_zones(r);
    if (closed->len <= limit) {
        return;
    }
    g_array_sort(closed, by_room);
    for (n = 0; n < closed->len - limit; n++) {
        const ClosedZone *z = &g_array_index(closed, ClosedZone, n);
        uint64_t wp = zoned_entry_wp(r->meta.entries[z->zone]);

        found(r, "%u zones are closed, but max_active_zones is %" PRIu32 ": a "
              "repair finishes zone %" PRIu32 ", where there is room for "
              "%" PRIu64 " more bytes; its data is kept", closed->len - n,
              limit, z->zone, z->room);
        correct(r, z->zone, zoned_entry(BLK_ZS_FULL, wp));
    }
}

int zoned_rescue_load(ZonedRescue *r, Error **errp)
{
    ZonedMeta *m = &r->meta;
    uint32_t i;
    int ret;

    zoned_meta_init(m);
    m->lost = bitmap_new(zoned_table_blocks(&m->header));
    m->done_wp = rescued_wp;
    m->opaque = r;

    ret = zoned_meta_load_table(m, errp);
    if (ret < 0) {
        return ret;
    }
    if (m->root_lost) {
        found(r, "both copies of the zone table's root are damaged: a repair "
              "makes a new one.  If the image was not closed, zones go back to "
              "where the table was written last, and lose later data");
    }
    if (m->unreadable) {
        found(r, "the data cannot be read that was written last: a repair "
              "takes zones back to where they were before the last flush");
    }
    report_lost_blocks(r);
    for (i = 0; i < zone_geometry_nr_zones(&m->header.geometry); i++) {
        correct_entry(r, i);
    }
    correct_limit(r);
    return zoned_meta_load_zones(m, errp);
}

int zoned_rescue_write(ZonedRescue *r)
{
    int ret = zoned_meta_commit(&r->meta);

    return ret < 0 ? ret : zoned_meta_settle(&r->meta);
}

void zoned_rescue_unload(ZonedRescue *r)
{
    zoned_meta_unload(&r->meta);
    g_free(r->meta.lost);
    r->meta.lost = NULL;
}
