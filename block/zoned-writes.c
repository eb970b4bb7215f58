/*
 * The zoned image format: writes in flight to sequential zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "zoned-writes.h"

/*
 * A zone with writes in flight.
 *
 * @zone: its number
 * @done_wp: how much of it is known to be written, relative to its start
 * @running: how many writes have not finished their I/O
 * @error: of the first write in order that failed; 0: none has
 * @writes: in order of their place in the zone
 * @recovered: coroutines that wait for the write pointer to be back
 */
struct ZonedActivity {
    uint32_t zone;
    uint64_t done_wp;
    unsigned running;
    int error;
    QTAILQ_HEAD(, ZonedWrite) writes;
    CoQueue recovered;
};

void zoned_writes_init(ZonedWrites *ws, ZonedMeta *meta)
{
    ws->meta = meta;
    ws->active = g_hash_table_new(NULL, NULL);
}

void zoned_writes_destroy(ZonedWrites *ws)
{
    assert(g_hash_table_size(ws->active) == 0);
    g_hash_table_destroy(ws->active);
    ws->active = NULL;
}

static ZonedActivity *find_activity(const ZonedWrites *ws, uint32_t i)
{
    return g_hash_table_lookup(ws->active, GUINT_TO_POINTER(i));
}

uint64_t zoned_writes_done_wp(const ZonedWrites *ws, uint32_t i)
{
    ZonedActivity *a = find_activity(ws, i);

    return a ? a->done_wp : zone_set_wp(ws->meta->zones, i);
}

void coroutine_fn zoned_writes_wait_failed(ZonedWrites *ws, uint32_t i)
{
    ZonedActivity *a;

    while ((a = find_activity(ws, i)) && a->error) {
        qemu_co_queue_wait(&a->recovered, NULL);
    }
}

int coroutine_fn zoned_write_after_failed(ZonedWrites *ws, uint32_t i,
                                          uint64_t start)
{
    ZonedActivity *a = find_activity(ws, i);
    ZonedWrite w = { .activity = a };

    if (!a || !a->error || start <= a->done_wp) {
        zoned_writes_wait_failed(ws, i);
        return 0;
    }
    a->running++;
    QTAILQ_INSERT_TAIL(&a->writes, &w, next);
    return zoned_write_finish(ws, &w, a->error);
}

void zoned_write_start(ZonedWrites *ws, ZonedWrite *w, uint32_t i,
                       uint64_t start, uint64_t end)
{
    ZonedActivity *a = find_activity(ws, i);

    if (!a) {
        /* Nothing else is in flight: all before @start is done */
        a = g_new0(ZonedActivity, 1);
        a->zone = i;
        a->done_wp = start;
        QTAILQ_INIT(&a->writes);
        qemu_co_queue_init(&a->recovered);
        g_hash_table_insert(ws->active, GUINT_TO_POINTER(i), a);
    }
    assert(!a->error);
    a->running++;
    *w = (ZonedWrite) { .activity = a, .end = end };
    QTAILQ_INSERT_TAIL(&a->writes, w, next);
}

static void settle(ZonedActivity *a, ZonedWrite *w, int ret)
{
    QTAILQ_REMOVE(&a->writes, w, next);
    w->ret = ret;
    w->settled = true;

    /*
     * Not aio_co_wake(): this is a coroutine, and those that it wakes run depth
     * first.  What they submit next would come out of order, which is fatal in
     * a zone.
     */
    aio_co_schedule(qemu_coroutine_get_aio_context(w->co), w->co);
}

/* The first write in order has failed, and all others have ended by now */
static void fail_all(ZonedWrites *ws, ZonedActivity *a)
{
    ZonedWrite *w, *next;

    zone_set_write_abort(ws->meta->zones, a->zone, a->done_wp);
    QTAILQ_FOREACH_SAFE(w, &a->writes, next, next) {
        settle(a, w, a->error);
    }
}

/* Report what can be reported, now that one more write has ended */
static void advance(ZonedWrites *ws, ZonedActivity *a)
{
    ZonedWrite *w;
    uint64_t old_wp = a->done_wp;

    while ((w = QTAILQ_FIRST(&a->writes)) && w->finished && !a->error) {
        if (w->ret < 0) {
            a->error = w->ret;
        } else {
            a->done_wp = w->end;
            settle(a, w, 0);
        }
    }
    if (a->done_wp != old_wp) {
        zone_set_write_end(ws->meta->zones, a->zone, a->done_wp);
        zoned_meta_changed(ws->meta, a->zone);
    }
    if (a->error && !a->running) {
        fail_all(ws, a);
    }
    if (QTAILQ_EMPTY(&a->writes)) {
        g_hash_table_remove(ws->active, GUINT_TO_POINTER(a->zone));
        qemu_co_queue_restart_all(&a->recovered);
        g_free(a);
    }
}

/*
 * Even a write that need not wait is reported from a bottom half.  Its I/O may
 * have ended while another coroutine was submitting; what its owner submits in
 * turn would then overtake what is to be submitted after that one.
 */
int coroutine_fn zoned_write_finish(ZonedWrites *ws, ZonedWrite *w, int ret)
{
    w->ret = ret;
    w->finished = true;
    w->co = qemu_coroutine_self();
    w->activity->running--;
    advance(ws, w->activity);

    qemu_coroutine_yield();
    assert(w->settled);
    return w->ret;
}
