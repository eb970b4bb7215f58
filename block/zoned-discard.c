/*
 * The zoned image format: give the space of empty zones back
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/units.h"
#include "zoned-discard.h"

/* Not more than this in one discard, so that a write does not wait for long */
#define MAX_BYTES (1 * GiB)

void zoned_discards_init(ZonedDiscards *d, BlockDriverState *bs,
                         const ZoneGeometry *g, uint64_t data_offset)
{
    *d = (ZonedDiscards) {
        .bs = bs,
        .geometry = *g,
        .data_offset = data_offset,
        .waiting = bitmap_new(zone_geometry_nr_zones(g)),
    };
    qemu_co_queue_init(&d->done);
}

void zoned_discards_destroy(ZonedDiscards *d)
{
    assert(!d->running);
    g_free(d->waiting);
    d->waiting = NULL;
}

/* Take zones that follow each other, from @first on */
static uint64_t take_zones(ZonedDiscards *d, uint32_t first)
{
    const ZoneGeometry *g = &d->geometry;
    uint32_t nr_zones = zone_geometry_nr_zones(g);
    uint64_t bytes = 0;
    uint32_t i;

    for (i = first; i < nr_zones && test_bit(i, d->waiting); i++) {
        if (bytes && bytes + g->zone_size > MAX_BYTES) {
            break;
        }
        clear_bit(i, d->waiting);
        bytes += zone_geometry_length(g, i);
    }
    d->first = first;
    d->end = i;
    return bytes;
}

static void coroutine_fn discard_entry(void *opaque)
{
    ZonedDiscards *d = opaque;
    BlockDriverState *bs = d->bs;
    uint32_t nr_zones = zone_geometry_nr_zones(&d->geometry);
    uint32_t i;

    while ((i = find_first_bit(d->waiting, nr_zones)) < nr_zones) {
        uint64_t bytes = take_zones(d, i);

        bdrv_co_pdiscard(bs->file, d->data_offset +
                         zone_geometry_start(&d->geometry, i), bytes);
        d->first = d->end;
        qemu_co_queue_restart_all(&d->done);
    }
    d->running = false;
    bdrv_dec_in_flight(bs);
    aio_wait_kick();
}

void zoned_discards_finish(ZonedDiscards *d)
{
    if (d->running) {
        BDRV_POLL_WHILE(d->bs, d->running);
    }
}

void zoned_discards_add(ZonedDiscards *d, uint32_t i)
{
    if (!(d->bs->open_flags & BDRV_O_UNMAP)) {
        return;
    }
    set_bit(i, d->waiting);
    if (!d->running) {
        d->running = true;
        bdrv_inc_in_flight(d->bs);
        aio_co_schedule(bdrv_get_aio_context(d->bs),
                        qemu_coroutine_create(discard_entry, d));
    }
}

void coroutine_fn zoned_discards_before_write(ZonedDiscards *d, uint32_t i)
{
    clear_bit(i, d->waiting);
    while (d->first <= i && i < d->end) {
        qemu_co_queue_wait(&d->done, NULL);
    }
}
