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

static void take_zone(ZonedDiscards *d, uint32_t i)
{
    if (test_and_clear_bit(i, d->waiting)) {
        d->nr_waiting--;
    }
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
        take_zone(d, i);
        bytes += zone_geometry_length(g, i);
    }
    d->first = first;
    d->end = i;
    return bytes;
}

/* A drained section waits for the discard in flight, and not for all of them */
static bool may_discard(ZonedDiscards *d)
{
    return d->finishing || !qatomic_read(&d->bs->quiesce_counter);
}

static void coroutine_fn discard_entry(void *opaque)
{
    ZonedDiscards *d = opaque;
    BlockDriverState *bs = d->bs;
    uint32_t nr_zones = zone_geometry_nr_zones(&d->geometry);

    while (d->nr_waiting && may_discard(d)) {
        uint32_t i = find_first_bit(d->waiting, nr_zones);
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

void zoned_discards_resume(ZonedDiscards *d)
{
    if (d->nr_waiting && !d->running) {
        d->running = true;
        bdrv_inc_in_flight(d->bs);
        aio_co_schedule(bdrv_get_aio_context(d->bs),
                        qemu_coroutine_create(discard_entry, d));
    }
}

void zoned_discards_add(ZonedDiscards *d, uint32_t i)
{
    if (!(d->bs->open_flags & BDRV_O_UNMAP)) {
        return;
    }
    if (!test_and_set_bit(i, d->waiting)) {
        d->nr_waiting++;
    }
    zoned_discards_resume(d);
}

void zoned_discards_finish(ZonedDiscards *d)
{
    d->finishing = true;
    zoned_discards_resume(d);
    if (d->running) {
        BDRV_POLL_WHILE(d->bs, d->running);
    }
    d->finishing = false;
}

void zoned_discards_forget(ZonedDiscards *d)
{
    bitmap_zero(d->waiting, zone_geometry_nr_zones(&d->geometry));
    d->nr_waiting = 0;
    if (d->running) {
        BDRV_POLL_WHILE(d->bs, d->running);
    }
}

void coroutine_fn zoned_discards_before_write(ZonedDiscards *d, uint32_t i)
{
    take_zone(d, i);
    while (d->first <= i && i < d->end) {
        qemu_co_queue_wait(&d->done, NULL);
    }
}
