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
 * @ws: where it is listed
 * @zone: its number
 * @done_wp: how much of it is known to be written, relative to its start
 * @reported_wp: how much of that belongs to writes that were reported; where
 *               they fail, the write pointer goes back to here
 * @running: how many writes have not finished their I/O
 * @error: of the first write in order that failed; 0: none has
 * @writes: in order of their place in the zone
 * @counting: coroutines that wait for their data to be counted
 * @recovered: coroutines that wait for the write pointer to be back
 */
struct ZonedActivity {
    ZonedWrites *ws;
    uint32_t zone;
    uint64_t done_wp;
    uint64_t reported_wp;
    unsigned running;
    int error;
    ZonedWriteQueue writes;
    CoQueue counting;
    CoQueue recovered;
};

void zoned_writes_init(ZonedWrites *ws, BlockDriverState *bs,
                       ZonedMeta *meta)
{
    ws->bs = bs;
    ws->meta = meta;
    ws->active = g_hash_table_new(NULL, NULL);
    QTAILQ_INIT(&ws->early);
    ws->early_bh_scheduled = false;
}

void zoned_writes_destroy(ZonedWrites *ws)
{
    assert(g_hash_table_size(ws->active) == 0);
    assert(QTAILQ_EMPTY(&ws->early) && !ws->early_bh_scheduled);
    g_hash_table_destroy(ws->active);
    ws->active = NULL;
}

static ZonedActivity *find_activity(const ZonedWrites *ws, uint32_t i)
{
    /* A commit asks for many zones, and mostly when there are no writes */
    return g_hash_table_size(ws->active) ?
           g_hash_table_lookup(ws->active, GUINT_TO_POINTER(i)) : NULL;
}

uint64_t zoned_writes_done_wp(const ZonedWrites *ws, uint32_t i)
{
    ZonedActivity *a = find_activity(ws, i);

    return a ? a->done_wp : zone_set_wp(ws->meta->zones, i);
}

/* Insert @w into @queue, which is in the order of places */
static void insert_in_order(ZonedWriteQueue *queue, ZonedWrite *w)
{
    ZonedWrite *other;

    QTAILQ_FOREACH_REVERSE(other, queue, next) {
        if (other->zone < w->zone ||
            (other->zone == w->zone && other->start <= w->start)) {
            QTAILQ_INSERT_AFTER(queue, other, w, next);
            return;
        }
    }
    QTAILQ_INSERT_HEAD(queue, w, next);
}

/*
 * Let those in @queue go on, one after the other.  Not called by a coroutine,
 * so that each comes to its end, or to where it waits, before the next one.
 */
static void wake_all(ZonedWriteQueue *queue)
{
    ZonedWrite *w;

    while ((w = QTAILQ_FIRST(queue))) {
        QTAILQ_REMOVE(queue, w, next);
        aio_co_wake(w->co);
    }
}

/*
 * All writes that were submitted before those that wait here have come: a
 * bottom half runs when no coroutine is about to run any more.  Most have gone
 * on by then, in their turn.
 */
static void early_bh(void *opaque)
{
    ZonedWrites *ws = opaque;
    ZonedWriteQueue early = QTAILQ_HEAD_INITIALIZER(early);
    ZonedWrite *w;

    /* Those that come from now on wait for another one */
    ws->early_bh_scheduled = false;
    while ((w = QTAILQ_FIRST(&ws->early))) {
        QTAILQ_REMOVE(&ws->early, w, next);
        QTAILQ_INSERT_TAIL(&early, w, next);
    }
    wake_all(&early);
    bdrv_dec_in_flight(ws->bs);
}

static void coroutine_fn wait_for_earlier(ZonedWrites *ws, ZonedWrite *w)
{
    insert_in_order(&ws->early, w);
    if (!ws->early_bh_scheduled) {
        ws->early_bh_scheduled = true;
        /* It may come after all writes: they can get their turn before it */
        bdrv_inc_in_flight(ws->bs);
        aio_bh_schedule_oneshot(qemu_get_current_aio_context(), early_bh, ws);
    }
    qemu_coroutine_yield();
}

void coroutine_fn zoned_writes_wait_failed(ZonedWrites *ws, uint32_t i)
{
    ZonedActivity *a;

    while ((a = find_activity(ws, i)) && a->error) {
        qemu_co_queue_wait(&a->recovered, NULL);
    }
}

int coroutine_fn zoned_write_wait_turn(ZonedWrites *ws, uint32_t i,
                                       uint64_t start)
{
    ZonedActivity *a = find_activity(ws, i);
    ZonedWrite w = {
        .zone = i,
        .start = start,
        .co = qemu_coroutine_self(),
    };

    if (!(a && a->error) && start > zone_set_wp(ws->meta->zones, i)) {
        wait_for_earlier(ws, &w);
        a = find_activity(ws, i);
    }
    if (!w.retired && a && a->error && start > a->reported_wp) {
        insert_in_order(&a->writes, &w);
        qemu_coroutine_yield();
    }
    if (w.retired) {
        return w.ret;
    }
    zoned_writes_wait_failed(ws, i);
    return 0;
}

/*
 * The write pointer of zone @i is at @wp now: if a write came too early to
 * there, it need not wait for the bottom half.  It runs when the coroutine that
 * is running gives way.
 */
static void coroutine_fn wake_next(ZonedWrites *ws, uint32_t i, uint64_t wp)
{
    ZonedWrite *w;

    QTAILQ_FOREACH(w, &ws->early, next) {
        if (w->zone == i && w->start == wp) {
            QTAILQ_REMOVE(&ws->early, w, next);
            aio_co_wake(w->co);
            return;
        }
    }
}

void coroutine_fn
zoned_write_start(ZonedWrites *ws, ZonedWrite *w, uint32_t i,
                  uint64_t start, uint64_t end)
{
    ZonedActivity *a = find_activity(ws, i);

    if (!a) {
        /* Nothing else is in flight: all before @start is done */
        a = g_new0(ZonedActivity, 1);
        a->ws = ws;
        a->zone = i;
        a->done_wp = start;
        a->reported_wp = start;
        QTAILQ_INIT(&a->writes);
        qemu_co_queue_init(&a->counting);
        qemu_co_queue_init(&a->recovered);
        g_hash_table_insert(ws->active, GUINT_TO_POINTER(i), a);
    }
    assert(!a->error);
    a->running++;
    *w = (ZonedWrite) {
        .activity = a,
        .zone = i,
        .start = start,
        .end = end,
        .co = qemu_coroutine_self(),
    };
    QTAILQ_INSERT_TAIL(&a->writes, w, next);
    wake_next(ws, i, end);
}

/* Move those in @ws->early that are for the zone of @a to its other writes */
static void take_early(ZonedWrites *ws, ZonedActivity *a)
{
    ZonedWrite *w, *next;

    QTAILQ_FOREACH_SAFE(w, &ws->early, next, next) {
        if (w->zone == a->zone) {
            QTAILQ_REMOVE(&ws->early, w, next);
            insert_in_order(&a->writes, w);
        }
    }
}

/*
 * The first write in order has failed, and all others have ended by now.
 * Those that were submitted behind them, before anybody could know of it, have
 * come and fail, too.
 */
static void fail_bh(void *opaque)
{
    ZonedActivity *a = opaque;
    ZonedWrites *ws = a->ws;
    ZonedWrite *w;

    take_early(ws, a);
    QTAILQ_FOREACH(w, &a->writes, next) {
        w->ret = a->error;
        w->retired = true;
    }
    if (a->done_wp != a->reported_wp) {
        /* The medium may have been told of data that does not count now */
        zoned_meta_emptied(ws->meta, a->zone, a->done_wp);
    }
    zone_set_write_abort(ws->meta->zones, a->zone, a->reported_wp);
    g_hash_table_remove(ws->active, GUINT_TO_POINTER(a->zone));

    /* They may be tried again from here on */
    wake_all(&a->writes);
    qemu_co_enter_all(&a->recovered, NULL);
    g_free(a);
}

/* Count the data that is in the file without a gap */
static void count_written(ZonedWrites *ws, ZonedActivity *a)
{
    ZonedWrite *w;

    QTAILQ_FOREACH(w, &a->writes, next) {
        if (w->counted) {
            continue;
        }
        if (!w->written) {
            break;
        }
        w->counted = true;
        a->done_wp = w->end;
        zoned_datasums_count(ws->meta->datasums, w->zone, w->start, w->end,
                             w->summed ? &w->sum : NULL);
        zoned_meta_changed(ws->meta, a->zone);
    }
    qemu_co_queue_restart_all(&a->counting);
}

int coroutine_fn zoned_write_wait_counted(ZonedWrites *ws, ZonedWrite *w)
{
    ZonedActivity *a = w->activity;

    w->written = true;
    if (!a->error) {
        count_written(ws, a);
    }
    while (!w->counted && !a->error) {
        qemu_co_queue_wait(&a->counting, NULL);
    }
    return a->error;
}

/* @w, first in the queue of @a, is done, as is all before it */
static void retire(ZonedActivity *a, ZonedWrite *w)
{
    a->reported_wp = w->end;
    QTAILQ_REMOVE(&a->writes, w, next);
    w->retired = true;
    if (w->co != qemu_coroutine_self()) {
        aio_co_wake(w->co);
    }
}

/* Report what can be reported, now that one more write has ended */
static void advance(ZonedWrites *ws, ZonedActivity *a)
{
    ZonedWrite *w;
    uint64_t old_wp = a->reported_wp;

    if (!a->error) {
        count_written(ws, a);
    }
    while ((w = QTAILQ_FIRST(&a->writes)) && w->finished && !a->error) {
        if (w->ret < 0) {
            a->error = w->ret;
            qemu_co_queue_restart_all(&a->counting);
        } else {
            retire(a, w);
        }
    }
    if (a->reported_wp != old_wp) {
        zone_set_write_end(ws->meta->zones, a->zone, a->reported_wp);
    }
    if (a->error && !a->running) {
        aio_bh_schedule_oneshot(qemu_get_current_aio_context(), fail_bh, a);
    } else if (QTAILQ_EMPTY(&a->writes)) {
        g_hash_table_remove(ws->active, GUINT_TO_POINTER(a->zone));
        g_free(a);
    }
}

int coroutine_fn zoned_write_finish(ZonedWrites *ws, ZonedWrite *w, int ret)
{
    w->ret = MIN(ret, 0);
    w->written = ret >= 0;
    w->finished = true;
    w->activity->running--;
    advance(ws, w->activity);

    if (!w->retired) {
        qemu_coroutine_yield();
        assert(w->retired);
    }
    return w->ret;
}
