/*
 * Zone queues: writes to the zones of a real device, in order and in few
 * large requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/coroutine.h"
#include "qemu/queue.h"
#include "block/block_int.h"
#include "block/zone-io.h"
#include "zone-queue.h"

/*
 * A zone that is written to is often followed by the next one.  So the report
 * for its first write asks for the zones behind it, too.
 */
#define READ_AHEAD 64

/*
 * ZoneWrite: a write that waits for its turn or is in flight
 *
 * @where: where the data goes; valid once the zone's state has been checked
 * @alone: not to be joined with others
 * @retried: an append whose first place was taken
 * @done: this is in no list any more; @ret is valid unless it was released
 * @released: the zone is conventional, so that no turn is needed
 * @passes_on: this is done, and is to pass the zone on before it completes
 */
typedef struct ZoneWrite {
    Coroutine *co;
    QEMUIOVector *qiov;
    uint64_t where;
    bool append;
    bool alone;
    bool retried;
    bool done;
    bool released;
    bool passes_on;
    int ret;
    QSIMPLEQ_ENTRY(ZoneWrite) next;
} ZoneWrite;

typedef QSIMPLEQ_HEAD(ZoneWriteList, ZoneWrite) ZoneWriteList;

/*
 * QueuedZone: a zone that has been written to, or is about to be
 *
 * A QueuedZone without writes is kept for what it knows: that the zone is
 * conventional, or where the write pointer is.  Full zones are not kept.
 *
 * @index: the key in ZoneQueue.zones
 * @known: the members below it are valid
 * @wp: where the next write goes
 * @end: up to where the zone can be written
 * @fresh: nothing has been learnt of the zone since it is here, and so
 *         nothing was written to it
 * @busy: one of the writes acts for the zone
 * @waiting: all writes that are not in flight; the first one acts for the zone,
 *           or will act next
 */
typedef struct QueuedZone {
    gint64 index;
    bool fresh;
    bool busy;
    bool known;
    bool conventional;
    uint64_t wp;
    uint64_t end;
    ZoneWriteList waiting;
} QueuedZone;

/*
 * ZoneReport: a report in flight that may tell about more than one zone
 *
 * @index: the first of READ_AHEAD zones
 * @done: coroutines that wait for the report
 */
typedef struct ZoneReport {
    uint64_t index;
    CoQueue done;
    QLIST_ENTRY(ZoneReport) next;
} ZoneReport;

/*
 * @zones: from the index of a zone to its QueuedZone
 * @forgotten: counts how often zones may have changed behind a report
 */
struct ZoneQueue {
    BlockDriverState *bs;
    const ZoneQueueOps *ops;
    BlockZoneModel model;
    uint64_t zone_size;
    uint32_t granularity;
    uint64_t max_joined;
    GHashTable *zones;
    QLIST_HEAD(, ZoneReport) reports;
    uint64_t forgotten;
};

ZoneQueue *zone_queue_new(BlockDriverState *bs, const ZoneQueueOps *ops,
                          BlockZoneModel model, uint64_t zone_size,
                          uint32_t granularity, uint64_t max_joined)
{
    ZoneQueue *zq = g_new(ZoneQueue, 1);

    *zq = (ZoneQueue) {
        .bs = bs,
        .ops = ops,
        .model = model,
        .zone_size = zone_size,
        .granularity = granularity,
        .max_joined = max_joined,
        .zones = g_hash_table_new_full(g_int64_hash, g_int64_equal,
                                       NULL, g_free),
    };
    return zq;
}

void zone_queue_free(ZoneQueue *zq)
{
    if (zq) {
        g_hash_table_destroy(zq->zones);
        g_free(zq);
    }
}

/* Zones and what is known of them */

static QueuedZone *find_zone(ZoneQueue *zq, uint64_t index)
{
    return g_hash_table_lookup(zq->zones, &(gint64) { index });
}

static QueuedZone *add_zone(ZoneQueue *zq, uint64_t index)
{
    QueuedZone *zone = g_new0(QueuedZone, 1);

    zone->index = index;
    zone->fresh = true;
    QSIMPLEQ_INIT(&zone->waiting);
    g_hash_table_insert(zq->zones, &zone->index, zone);
    return zone;
}

/* Nobody acts for @zone any more: keep it only for what it knows */
static void leave_zone(ZoneQueue *zq, QueuedZone *zone)
{
    zone->busy = false;
    if (zone->known && !zone->conventional && zone->wp == zone->end) {
        zone->known = false;
    }
    if (!zone->known) {
        zq->forgotten++;
        g_hash_table_remove(zq->zones, &zone->index);
    }
}

static void learn_zone(QueuedZone *zone, const BlockZoneDescriptor *desc)
{
    zone->fresh = false;
    zone->known = true;
    zone->conventional = desc->type == BLK_ZT_CONV;
    zone->wp = desc->wp;
    zone->end = desc->start + desc->cap;
}

/* Keep what a report tells about zones that nothing was written to since */
static void learn_zones(ZoneQueue *zq, const BlockZoneDescriptor *zones,
                        uint32_t nr_zones)
{
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        uint64_t index = zones[i].start / zq->zone_size;
        QueuedZone *zone;

        if (bdrv_zone_write_error(zones[i].state)) {
            continue;
        }
        zone = find_zone(zq, index) ?: add_zone(zq, index);
        if (zone->fresh) {
            learn_zone(zone, &zones[i]);
        }
    }
}

/* Read zone @index from the device.  Returns 0 or what a report fails with. */
static int coroutine_fn read_zone(ZoneQueue *zq, uint64_t index,
                                  BlockZoneDescriptor *desc)
{
    uint32_t nr_zones = 1;
    int ret;

    ret = zq->ops->report(zq->bs, index * zq->zone_size, &nr_zones, desc);
    return ret == 0 && nr_zones == 0 ? -EIO : ret;
}

/* The same, and learn what is needed to write to the zone */
static int coroutine_fn learn_from_device(ZoneQueue *zq, QueuedZone *zone,
                                          BlockZoneDescriptor *desc)
{
    int ret;

    zone->known = false;
    ret = read_zone(zq, zone->index, desc);
    if (ret == 0 && !bdrv_zone_write_error(desc->state)) {
        learn_zone(zone, desc);
    }
    return ret;
}

static void coroutine_fn wait_for_report(ZoneQueue *zq, uint64_t index)
{
    ZoneReport *report;

    QLIST_FOREACH(report, &zq->reports, next) {
        if (index >= report->index && index - report->index < READ_AHEAD) {
            qemu_co_queue_wait(&report->done, NULL);
            return;
        }
    }
}

/*
 * Learn about @zone, which is fresh, and about those behind it.  What cannot
 * be learnt that way is not known then.
 */
static void coroutine_fn learn_by_read_ahead(ZoneQueue *zq, QueuedZone *zone)
{
    g_autofree BlockZoneDescriptor *zones =
        g_new(BlockZoneDescriptor, READ_AHEAD);
    ZoneReport report = { .index = zone->index };
    uint64_t forgotten;
    uint32_t nr_zones = READ_AHEAD;
    int ret;

    wait_for_report(zq, zone->index);
    if (!zone->fresh) {
        return;
    }

    forgotten = zq->forgotten;
    qemu_co_queue_init(&report.done);
    QLIST_INSERT_HEAD(&zq->reports, &report, next);
    ret = zq->ops->report(zq->bs, zone->index * zq->zone_size, &nr_zones,
                          zones);
    if (ret == 0 && zq->forgotten == forgotten) {
        learn_zones(zq, zones, nr_zones);
    }
    zone->fresh = false;
    QLIST_REMOVE(&report, next);
    qemu_co_queue_restart_all(&report.done);
}

static gboolean zone_is_forgotten(gpointer key, gpointer value, gpointer opaque)
{
    const int64_t *range = opaque;
    QueuedZone *zone = value;

    if (zone->index < range[0] || zone->index >= range[1]) {
        return false;
    }
    zone->known = false;
    return !zone->busy;
}

void zone_queue_forget(ZoneQueue *zq, int64_t offset, int64_t bytes)
{
    int64_t range[2] = {
        offset / zq->zone_size,
        DIV_ROUND_UP(offset + bytes, zq->zone_size),
    };
    QueuedZone *zone;

    zq->forgotten++;
    if (range[1] - range[0] > 1) {
        g_hash_table_foreach_remove(zq->zones, zone_is_forgotten, range);
        return;
    }
    zone = find_zone(zq, range[0]);
    if (zone && zone_is_forgotten(NULL, zone, range)) {
        g_hash_table_remove(zq->zones, &zone->index);
    }
}

/* Errors */

/* Why a request to the zone that @desc describes failed with @ret */
static int explain_error(const BlockZoneDescriptor *desc, int ret)
{
    if (ret == -EIO &&
        (desc->state == BLK_ZS_RDONLY || desc->state == BLK_ZS_OFFLINE)) {
        return bdrv_zone_write_error(desc->state);
    }
    return ret;
}

/* Why a request at @offset ended with @ret */
static int coroutine_fn explain_result(ZoneQueue *zq, int64_t offset, int ret)
{
    BlockZoneDescriptor desc;

    if (ret == -EIO && !read_zone(zq, offset / zq->zone_size, &desc)) {
        return explain_error(&desc, ret);
    }
    return ret;
}

/* Whether the device has the first block of @w where that was to be written */
static bool coroutine_fn may_have_taken(ZoneQueue *zq, const ZoneWrite *w)
{
    g_autofree void *expected = g_malloc(zq->granularity);
    g_autofree void *found = g_malloc(zq->granularity);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, found, zq->granularity);

    qemu_iovec_to_buf(w->qiov, 0, expected, zq->granularity);
    return zq->ops->read(zq->bs, w->where, &qiov) < 0 ||
           memcmp(expected, found, zq->granularity) == 0;
}

/*
 * What was to be written from @first on failed with EIO; the zone is now as
 * @desc says.  Whether that is because somebody else has written to the zone,
 * finished or reset it, and nothing of @first and those behind it is there.
 *
 * A write pointer past @first does not answer that: the device may have failed
 * after a part of the data, and another program have gone on from there.  But
 * the device begins with the first block, and nobody can replace that.
 */
static bool coroutine_fn place_is_taken(ZoneQueue *zq,
                                        const BlockZoneDescriptor *desc,
                                        const ZoneWrite *first)
{
    switch (desc->state) {
    case BLK_ZS_RDONLY:
    case BLK_ZS_OFFLINE:
        return false;
    case BLK_ZS_FULL:
        return !may_have_taken(zq, first);
    default:
        return desc->wp < first->where ||
               (desc->wp > first->where && !may_have_taken(zq, first));
    }
}

/* Whether the device may have taken some of the data of @w */
static bool write_has_begun(const ZoneWrite *w, const BlockZoneDescriptor *desc)
{
    switch (desc->state) {
    case BLK_ZS_FULL:
        return true;
    case BLK_ZS_RDONLY:
    case BLK_ZS_OFFLINE:
        return false;
    default:
        return desc->wp > w->where;
    }
}

/* The queue of a zone */

/*
 * Let @w go on, after all others that were told to before.  A coroutine that
 * is woken from another one can be overtaken by what a third one submits when
 * it completes, and submitters rely on their order.
 */
static void resume_write(ZoneWrite *w)
{
    aio_co_schedule(qemu_get_current_aio_context(), w->co);
}

static void finish_write(ZoneWrite *w, int ret)
{
    w->ret = ret;
    w->done = true;
    if (w->co != qemu_coroutine_self()) {
        resume_write(w);
    }
}

/*
 * Whether @w can be written when the write pointer is at @wp.  Sets @w->where
 * if so.
 */
static int check_write(ZoneQueue *zq, QueuedZone *zone, uint64_t wp,
                       ZoneWrite *w)
{
    if (wp == zone->end) {
        return -BLK_ZERR_INVALID;
    }
    if (w->append) {
        w->where = wp;
    }
    if (w->where != wp || !QEMU_IS_ALIGNED(w->qiov->size, zq->granularity)) {
        return -BLK_ZERR_NOT_AT_WP;
    }
    if (w->qiov->size > zone->end - wp) {
        return -BLK_ZERR_INVALID;
    }
    return 0;
}

/*
 * Check @w, whose turn it is.  What is known of the zone is not enough to
 * refuse a write: the zone may have been reset behind our back.
 */
static int coroutine_fn check_first_write(ZoneQueue *zq, QueuedZone *zone,
                                          ZoneWrite *w)
{
    BlockZoneDescriptor desc;
    int ret;

    if (zone->fresh && zq->model == BLK_Z_HM) {
        learn_by_read_ahead(zq, zone);
    }
    if (zone->known && (zone->conventional ||
                        check_write(zq, zone, zone->wp, w) == 0)) {
        return 0;
    }

    ret = learn_from_device(zq, zone, &desc);
    if (ret < 0) {
        return ret;
    }
    if (zone->known && zone->conventional) {
        return 0;
    }
    ret = bdrv_zone_write_error(desc.state);
    return ret < 0 ? ret : check_write(zq, zone, zone->wp, w);
}

/* Move @first and all that can be joined with it to @batch */
static uint64_t take_batch(ZoneQueue *zq, QueuedZone *zone,
                           ZoneWriteList *batch, QEMUIOVector *joined)
{
    uint64_t end = zone->wp;
    ZoneWrite *w, *first = QSIMPLEQ_FIRST(&zone->waiting);

    while ((w = QSIMPLEQ_FIRST(&zone->waiting))) {
        if (w != first &&
            (first->alone || w->alone ||
             joined->size + w->qiov->size > zq->max_joined ||
             joined->niov + w->qiov->niov > IOV_MAX ||
             check_write(zq, zone, end, w) < 0)) {
            break;
        }
        QSIMPLEQ_REMOVE_HEAD(&zone->waiting, next);
        QSIMPLEQ_INSERT_TAIL(batch, w, next);
        qemu_iovec_concat(joined, w->qiov, 0, w->qiov->size);
        end += w->qiov->size;
    }
    return end;
}

/* Let @w, or those in @batch, have their turn once more, before all others */
static void try_again(QueuedZone *zone, ZoneWriteList *batch)
{
    ZoneWriteList later = QSIMPLEQ_HEAD_INITIALIZER(later);

    QSIMPLEQ_CONCAT(&later, &zone->waiting);
    QSIMPLEQ_CONCAT(&zone->waiting, batch);
    QSIMPLEQ_CONCAT(&zone->waiting, &later);
}

/* The writes in @batch were in flight as one, that got @ret */
static void coroutine_fn fail_batch(ZoneQueue *zq, QueuedZone *zone,
                                    ZoneWriteList *batch, int ret)
{
    ZoneWriteList again = QSIMPLEQ_HEAD_INITIALIZER(again);
    ZoneWrite *w, *first = QSIMPLEQ_FIRST(batch);
    bool joined = QSIMPLEQ_NEXT(first, next);
    BlockZoneDescriptor desc;
    bool described, taken;

    described = !learn_from_device(zq, zone, &desc);
    taken = described && ret == -EIO && place_is_taken(zq, &desc, first);
    if (taken) {
        ret = bdrv_zone_write_error(desc.state) ?: -BLK_ZERR_NOT_AT_WP;
    } else if (described && !joined) {
        ret = explain_error(&desc, ret);
    }

    while ((w = QSIMPLEQ_FIRST(batch))) {
        bool retry;

        QSIMPLEQ_REMOVE_HEAD(batch, next);
        if (taken) {
            retry = w->append && !w->retried;
            w->retried = true;
        } else {
            retry = joined && described && !write_has_begun(w, &desc);
        }
        w->alone = true;
        if (retry) {
            QSIMPLEQ_INSERT_TAIL(&again, w, next);
        } else {
            finish_write(w, ret);
        }
    }
    try_again(zone, &again);
}

/*
 * Write the first of the waiting writes, which has passed its check, and those
 * that can be joined with it.  Returns the last of them, NULL if they failed.
 */
static ZoneWrite *coroutine_fn write_batch(ZoneQueue *zq, QueuedZone *zone)
{
    ZoneWriteList batch = QSIMPLEQ_HEAD_INITIALIZER(batch);
    QEMUIOVector joined;
    uint64_t where = zone->wp;
    ZoneWrite *last = NULL;
    uint64_t end;
    ZoneWrite *w;
    int ret;

    qemu_iovec_init(&joined, QSIMPLEQ_FIRST(&zone->waiting)->qiov->niov);
    end = take_batch(zq, zone, &batch, &joined);
    ret = zq->ops->write(zq->bs, where, &joined);
    qemu_iovec_destroy(&joined);

    if (ret < 0) {
        fail_batch(zq, zone, &batch, ret);
        return NULL;
    }
    zone->wp = end;
    while ((w = QSIMPLEQ_FIRST(&batch))) {
        QSIMPLEQ_REMOVE_HEAD(&batch, next);
        finish_write(w, 0);
        last = w;
    }
    return last;
}

/* Let all of a zone that turned out to be conventional write as they like */
static void release_all(QueuedZone *zone)
{
    ZoneWrite *w;

    while ((w = QSIMPLEQ_FIRST(&zone->waiting))) {
        QSIMPLEQ_REMOVE_HEAD(&zone->waiting, next);
        w->released = true;
        finish_write(w, 0);
    }
}

/* Let the first write that waits act for @zone, if there is one */
static void pass_zone_on(ZoneQueue *zq, QueuedZone *zone)
{
    ZoneWrite *w = QSIMPLEQ_FIRST(&zone->waiting);

    if (w) {
        resume_write(w);
    } else {
        leave_zone(zq, zone);
    }
}

/* @self is first of the waiting writes: act for the zone until it is done */
static void coroutine_fn act_for_zone(ZoneQueue *zq, QueuedZone *zone,
                                      ZoneWrite *self)
{
    ZoneWrite *last = NULL;

    while (!self->done) {
        ZoneWrite *w = QSIMPLEQ_FIRST(&zone->waiting);
        int ret;

        ret = check_first_write(zq, zone, w);
        if (ret < 0) {
            QSIMPLEQ_REMOVE_HEAD(&zone->waiting, next);
            finish_write(w, ret);
        } else if (zone->conventional) {
            release_all(zone);
        } else {
            last = write_batch(zq, zone);
        }
    }

    if (zq->model == BLK_Z_HA && !zone->conventional) {
        /* Writes move the write pointer without asking here */
        zone->known = false;
    }
    if (last && last != self && QSIMPLEQ_EMPTY(&zone->waiting)) {
        /*
         * Each of those that are done may be followed by another write.  The
         * first of these would go to the device alone if it did not have to
         * wait for the others.
         */
        last->passes_on = true;
    } else {
        pass_zone_on(zq, zone);
    }
}

static int coroutine_fn write_anywhere(ZoneQueue *zq, uint64_t offset,
                                       QEMUIOVector *qiov)
{
    return explain_result(zq, offset, zq->ops->write(zq->bs, offset, qiov));
}

/* Wait in the queue of the zone that @w is for; be done or released then */
static void coroutine_fn wait_and_write(ZoneQueue *zq, QueuedZone *zone,
                                        ZoneWrite *w)
{
    QSIMPLEQ_INSERT_TAIL(&zone->waiting, w, next);
    if (zone->busy) {
        qemu_coroutine_yield();
    } else {
        zone->busy = true;
    }
    /* Else, if it is done, the zone is somebody else's, and may be gone */
    if (!w->done) {
        act_for_zone(zq, zone, w);
    } else if (w->passes_on) {
        pass_zone_on(zq, zone);
    }
}

static int coroutine_fn write_in_zone(ZoneQueue *zq, uint64_t index,
                                      ZoneWrite *w)
{
    QueuedZone *zone = find_zone(zq, index) ?: add_zone(zq, index);

    if (zone->known && zone->conventional) {
        w->released = true;
    } else {
        wait_and_write(zq, zone, w);
    }
    if (!w->released) {
        return w->ret;
    }
    return w->append ? -BLK_ZERR_INVALID
                     : write_anywhere(zq, w->where, w->qiov);
}

static bool is_in_one_zone(ZoneQueue *zq, uint64_t offset, uint64_t bytes)
{
    return offset / zq->zone_size == (offset + bytes - 1) / zq->zone_size;
}

/* Whether all zones of a range are conventional: 0 or -BLK_ZERR_INVALID */
static int coroutine_fn check_conventional(ZoneQueue *zq, uint64_t offset,
                                           uint64_t bytes)
{
    uint64_t first = offset / zq->zone_size;
    uint64_t last = (offset + bytes - 1) / zq->zone_size;
    uint32_t nr_zones = last - first + 1;
    g_autofree BlockZoneDescriptor *zones =
        g_new(BlockZoneDescriptor, nr_zones);
    uint32_t i;
    int ret;

    ret = zq->ops->report(zq->bs, first * zq->zone_size, &nr_zones, zones);
    if (ret < 0) {
        return ret;
    }
    for (i = 0; i < nr_zones; i++) {
        if (zones[i].type != BLK_ZT_CONV) {
            return -BLK_ZERR_INVALID;
        }
    }
    return 0;
}

int coroutine_fn zone_queue_co_read(ZoneQueue *zq, int64_t offset,
                                    QEMUIOVector *qiov)
{
    return explain_result(zq, offset, zq->ops->read(zq->bs, offset, qiov));
}

int coroutine_fn zone_queue_co_write(ZoneQueue *zq, int64_t offset,
                                     QEMUIOVector *qiov)
{
    ZoneWrite w = {
        .co = qemu_coroutine_self(),
        .qiov = qiov,
        .where = offset,
    };
    int ret = 0;

    if (qiov->size == 0) {
        return 0;
    }
    if (zq->model == BLK_Z_HM && is_in_one_zone(zq, offset, qiov->size)) {
        return write_in_zone(zq, offset / zq->zone_size, &w);
    }
    if (zq->model == BLK_Z_HM) {
        ret = check_conventional(zq, offset, qiov->size);
    }
    return ret < 0 ? ret : write_anywhere(zq, offset, qiov);
}

int coroutine_fn zone_queue_co_append(ZoneQueue *zq, int64_t *offset,
                                      QEMUIOVector *qiov)
{
    ZoneWrite w = {
        .co = qemu_coroutine_self(),
        .qiov = qiov,
        .append = true,
    };
    int ret = write_in_zone(zq, *offset / zq->zone_size, &w);

    if (ret == 0) {
        *offset = w.where;
    }
    return ret;
}
