/*
 * Fuzzing: a node that keeps what is written to it in memory
 *
 * An image that lies about its size must not cost the memory that it speaks
 * of, so that only pages exist which were written to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "memory.h"

typedef struct MemoryNode {
    Memory *memory;
} MemoryNode;

/* Of the next node to be opened */
static Memory *new_node_memory;

Memory *memory_new(void)
{
    Memory *m = g_new(Memory, 1);

    *m = (Memory) {
        .pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                       g_free),
        .fail_after = -1,
    };
    return m;
}

void memory_free(Memory *m)
{
    g_hash_table_destroy(m->pages);
    g_free(m);
}

uint8_t *memory_page(Memory *m, uint64_t n)
{
    uint8_t *page = g_hash_table_lookup(m->pages, &n);

    if (!page) {
        page = g_malloc0(MEMORY_PAGE);
        g_hash_table_insert(m->pages, g_memdup2(&n, sizeof(n)), page);
    }
    return page;
}

void memory_put(Memory *m, uint64_t offset, const void *data, size_t bytes)
{
    while (bytes) {
        size_t in_page = offset % MEMORY_PAGE;
        size_t n = MIN(bytes, MEMORY_PAGE - in_page);

        memcpy(memory_page(m, offset / MEMORY_PAGE) + in_page, data, n);
        data += n;
        offset += n;
        bytes -= n;
    }
}

void memory_get(Memory *m, uint64_t offset, void *to, size_t bytes)
{
    uint8_t *data = to;

    while (bytes) {
        size_t in_page = offset % MEMORY_PAGE;
        size_t n = MIN(bytes, MEMORY_PAGE - in_page);
        uint64_t number = offset / MEMORY_PAGE;
        const uint8_t *page = g_hash_table_lookup(m->pages, &number);

        if (page) {
            memcpy(data, page + in_page, n);
        } else {
            memset(data, 0, n);
        }
        data += n;
        offset += n;
        bytes -= n;
    }
}

static void coroutine_fn take_a_while(Memory *m)
{
    if (m->defer) {
        aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
        qemu_coroutine_yield();
    }
}

static bool coroutine_fn fails(Memory *m)
{
    take_a_while(m);
    return m->fail_after >= 0 && m->fail_after-- == 0;
}

static int memory_node_open(BlockDriverState *bs, QDict *options, int flags,
                            Error **errp)
{
    MemoryNode *n = bs->opaque;

    n->memory = new_node_memory;
    bs->total_sectors = n->memory->length >> BDRV_SECTOR_BITS;
    return 0;
}

static int64_t memory_node_getlength(BlockDriverState *bs)
{
    MemoryNode *n = bs->opaque;

    return n->memory->length;
}

static int coroutine_fn memory_node_preadv(BlockDriverState *bs, int64_t offset,
                                           int64_t bytes, QEMUIOVector *qiov,
                                           BdrvRequestFlags flags)
{
    MemoryNode *n = bs->opaque;
    g_autofree uint8_t *data = g_malloc(bytes);

    take_a_while(n->memory);
    memory_get(n->memory, offset, data, bytes);
    qemu_iovec_from_buf(qiov, 0, data, bytes);
    return 0;
}

static int coroutine_fn memory_node_pwritev(BlockDriverState *bs,
                                            int64_t offset, int64_t bytes,
                                            QEMUIOVector *qiov,
                                            BdrvRequestFlags flags)
{
    MemoryNode *n = bs->opaque;
    g_autofree uint8_t *data = g_malloc(bytes);

    if (fails(n->memory)) {
        return -EIO;
    }
    qemu_iovec_to_buf(qiov, 0, data, bytes);
    memory_put(n->memory, offset, data, bytes);
    return 0;
}

/* Pages that are wholly in the range are given up, the others stay */
static int coroutine_fn memory_node_pdiscard(BlockDriverState *bs,
                                             int64_t offset, int64_t bytes)
{
    Memory *m = ((MemoryNode *)bs->opaque)->memory;
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, m->pages);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        uint64_t start = *(uint64_t *)key * MEMORY_PAGE;

        if (start >= offset && start + MEMORY_PAGE <= offset + bytes) {
            g_hash_table_iter_remove(&iter);
        }
    }
    return 0;
}

static int coroutine_fn memory_node_flush(BlockDriverState *bs)
{
    MemoryNode *n = bs->opaque;

    return fails(n->memory) ? -EIO : 0;
}

static BlockDriver bdrv_fuzz_memory = {
    .format_name            = "fuzz-memory",
    .instance_size          = sizeof(MemoryNode),
    .bdrv_open              = memory_node_open,
    .bdrv_getlength         = memory_node_getlength,
    .bdrv_co_preadv         = memory_node_preadv,
    .bdrv_co_pwritev        = memory_node_pwritev,
    .bdrv_co_pdiscard       = memory_node_pdiscard,
    .bdrv_co_flush_to_disk  = memory_node_flush,
};

BlockDriverState *memory_open(Memory *m, const char *node_name)
{
    new_node_memory = m;
    return bdrv_new_open_driver(&bdrv_fuzz_memory, node_name, BDRV_O_RDWR,
                                &error_abort);
}
