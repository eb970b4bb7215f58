/*
 * Crash laboratory: a medium with a volatile write cache, as a block node
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/zoned-layout.h"
#include "medium.h"

/* What a block holds that has been given back is anything */
#define DISCARDED 0xd5

/*
 * A request that is held.
 *
 * @write: NULL for a flush
 * @begun: moment
 * @co: to be woken
 */
struct MediumRequest {
    MediumWrite *write;
    uint64_t begun;
    Coroutine *co;
    int ret;
};

typedef struct MediumNode {
    Medium *medium;
} MediumNode;

/* Of the next node to be opened */
static Medium *new_node_medium;

static void write_free(void *opaque)
{
    MediumWrite *w = opaque;

    g_free(w->data);
    g_free(w);
}

Medium *medium_new(uint64_t data_offset, uint64_t length, uint64_t *clock)
{
    Medium *m = g_new(Medium, 1);

    *m = (Medium) {
        .clock = clock,
        .data_offset = data_offset,
        .length = length,
        .size = MEDIUM_META_SIZE + length - data_offset,
        .log = g_ptr_array_new_with_free_func(write_free),
        .pending = g_ptr_array_new(),
    };
    m->content = g_malloc0(m->size);
    m->base = g_malloc0(m->size);
    return m;
}

void medium_free(Medium *m)
{
    g_assert(m->pending->len == 0);
    g_ptr_array_free(m->log, true);
    g_ptr_array_free(m->pending, true);
    g_free(m->content);
    g_free(m->base);
    g_free(m);
}

size_t medium_index(const Medium *m, uint64_t offset)
{
    if (offset < m->data_offset) {
        uint64_t in_area = offset % ZONED_COPY_DISTANCE;

        g_assert(in_area < MEDIUM_AREA_SIZE);
        return offset / ZONED_COPY_DISTANCE * MEDIUM_AREA_SIZE + in_area;
    }
    return offset - m->data_offset + MEDIUM_META_SIZE;
}

static void apply(const Medium *m, uint8_t *content, const MediumWrite *w,
                  uint64_t from, uint64_t to)
{
    uint8_t *p = content + medium_index(m, w->offset);

    if (from >= to) {
        return;
    }
    if (w->data) {
        memcpy(p + from, w->data + from, to - from);
    } else {
        memset(p + from, DISCARDED, to - from);
    }
}

/*
 * Ends of requests
 */

static void write_ends(Medium *m, MediumWrite *w)
{
    w->completed = (*m->clock)++;
    m->last_was_table = !medium_is_root(w->offset) &&
                        w->offset < m->data_offset;
    apply(m, m->content, w, 0, w->bytes);
}

static void flush_ends(Medium *m, uint64_t begun)
{
    uint64_t moment = (*m->clock)++;
    unsigned i;

    for (i = 0; i < m->log->len; i++) {
        MediumWrite *w = g_ptr_array_index(m->log, i);

        if (w->completed < begun && w->durable == NEVER) {
            w->durable = moment;
        }
    }
}

static void request_ends(Medium *m, MediumRequest *r)
{
    if (m->dead) {
        r->ret = -EIO;
    } else if (r->write) {
        write_ends(m, r->write);
    } else {
        flush_ends(m, r->begun);
    }
}

static int coroutine_fn run_request(Medium *m, MediumWrite *w)
{
    MediumRequest r = { .write = w, .begun = (*m->clock)++ };

    if (m->hold) {
        r.co = qemu_coroutine_self();
        g_ptr_array_add(m->pending, &r);
        qemu_coroutine_yield();
    } else {
        request_ends(m, &r);
    }
    return r.ret;
}

static void settle(void)
{
    while (aio_poll(qemu_get_aio_context(), false)) {
        /* again */
    }
}

void medium_complete(Medium *m, unsigned n)
{
    MediumRequest *r = g_ptr_array_remove_index(m->pending, n);

    request_ends(m, r);
    aio_co_wake(r->co);
    settle();
}

static void check_overlap(Medium *m, const MediumWrite *w)
{
    unsigned i;

    for (i = 0; i < m->pending->len; i++) {
        MediumRequest *r = g_ptr_array_index(m->pending, i);

        if (r->write && r->write->offset < w->offset + w->bytes &&
            w->offset < r->write->offset + r->write->bytes) {
            m->overlap = true;
        }
    }
}

/* @data is taken over */
static int coroutine_fn submit(Medium *m, uint64_t offset, uint64_t bytes,
                               uint8_t *data)
{
    MediumWrite *w = g_new(MediumWrite, 1);

    *w = (MediumWrite) {
        .offset = offset,
        .bytes = bytes,
        .data = data,
        .submitted = *m->clock,
        .completed = NEVER,
        .durable = NEVER,
    };
    check_overlap(m, w);
    g_ptr_array_add(m->log, w);
    return run_request(m, w);
}

/*
 * Power cuts and kills
 */

void medium_image(const Medium *m, uint64_t moment, const MediumPart *parts,
                  uint8_t *image)
{
    unsigned i;

    if (image != m->base) {
        memcpy(image, m->base, m->size);
    }
    for (i = 0; i < m->log->len; i++) {
        const MediumWrite *w = g_ptr_array_index(m->log, i);

        if (medium_in_doubt(w, moment)) {
            apply(m, image, w, parts[i].from, parts[i].to);
        } else if (w->submitted < moment) {
            apply(m, image, w, 0, w->bytes);
        }
    }
}

void medium_restart(Medium *m)
{
    memcpy(m->content, m->base, m->size);
    g_ptr_array_set_size(m->log, 0);
}

/* Of a write that was in flight, its first sectors are in the cache */
static void kill_write(Medium *m, MediumWrite *w, uint64_t sectors)
{
    w->bytes = sectors * BDRV_SECTOR_SIZE;
    write_ends(m, w);
    if (!w->bytes) {
        g_ptr_array_remove(m->log, w);
    }
}

void medium_kill(Medium *m, uint64_t (*choose)(void *opaque, uint64_t n),
                 void *opaque)
{
    unsigned i;

    for (i = 0; i < m->pending->len; i++) {
        MediumRequest *r = g_ptr_array_index(m->pending, i);

        if (r->write) {
            uint64_t sectors = r->write->bytes / BDRV_SECTOR_SIZE;
            uint64_t how = choose(opaque, 3);

            kill_write(m, r->write, how == 0 ? 0 : how == 1 ? sectors :
                                    choose(opaque, sectors + 1));
        }
    }
    m->dead = true;
    m->hold = false;
    while (m->pending->len) {
        medium_complete(m, 0);
    }
}

void medium_revive(Medium *m)
{
    m->dead = false;
}

/*
 * The node
 */

static int medium_node_open(BlockDriverState *bs, QDict *options, int flags,
                            Error **errp)
{
    MediumNode *n = bs->opaque;

    n->medium = new_node_medium;
    bs->total_sectors = n->medium->length >> BDRV_SECTOR_BITS;
    return 0;
}

static int64_t medium_node_getlength(BlockDriverState *bs)
{
    MediumNode *n = bs->opaque;

    return n->medium->length;
}

static void medium_node_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = BDRV_SECTOR_SIZE;
}

static int coroutine_fn medium_node_preadv(BlockDriverState *bs, int64_t offset,
                                           int64_t bytes, QEMUIOVector *qiov,
                                           BdrvRequestFlags flags)
{
    Medium *m = ((MediumNode *)bs->opaque)->medium;

    qemu_iovec_from_buf(qiov, 0, m->content + medium_index(m, offset), bytes);
    return 0;
}

static int coroutine_fn medium_node_pwritev(BlockDriverState *bs,
                                            int64_t offset, int64_t bytes,
                                            QEMUIOVector *qiov,
                                            BdrvRequestFlags flags)
{
    Medium *m = ((MediumNode *)bs->opaque)->medium;
    uint8_t *data;

    if (m->dead) {
        return -EIO;
    }
    data = g_malloc(bytes);
    qemu_iovec_to_buf(qiov, 0, data, bytes);
    return submit(m, offset, bytes, data);
}

static int coroutine_fn medium_node_pdiscard(BlockDriverState *bs,
                                             int64_t offset, int64_t bytes)
{
    Medium *m = ((MediumNode *)bs->opaque)->medium;

    return m->dead ? -EIO : submit(m, offset, bytes, NULL);
}

static int coroutine_fn medium_node_flush(BlockDriverState *bs)
{
    Medium *m = ((MediumNode *)bs->opaque)->medium;

    return m->dead ? -EIO : run_request(m, NULL);
}

static BlockDriver bdrv_crash_medium = {
    .format_name            = "crash-medium",
    .instance_size          = sizeof(MediumNode),
    .bdrv_open              = medium_node_open,
    .bdrv_getlength         = medium_node_getlength,
    .bdrv_refresh_limits    = medium_node_refresh_limits,
    .bdrv_co_preadv         = medium_node_preadv,
    .bdrv_co_pwritev        = medium_node_pwritev,
    .bdrv_co_pdiscard       = medium_node_pdiscard,
    .bdrv_co_flush_to_disk  = medium_node_flush,
};

Medium *medium_of(BlockDriverState *bs)
{
    return bs->drv == &bdrv_crash_medium ? ((MediumNode *)bs->opaque)->medium
                                         : NULL;
}

BlockDriverState *medium_open(Medium *m, const char *node_name)
{
    new_node_medium = m;
    return bdrv_new_open_driver(&bdrv_crash_medium, node_name, BDRV_O_RDWR,
                                &error_abort);
}
