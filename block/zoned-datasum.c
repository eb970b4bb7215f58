/*
 * The zoned image format: datasums, which are hashes of new data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "block/aio_task.h"
#include "crypto/random.h"
#include "zoned-datasum.h"

#define P ZONED_DATASUM_PRIME
#define P_BITS 61

/* So many words are added before the sum is reduced modulo P */
#define LANES 8

/*
 * The datasum of this much data takes about as long as a flush of a fast disk,
 * and is taken while the data is written.
 */
#define MAX_BYTES (256 * KiB)

/* Of copies, so that they can be written without the host's page cache */
#define ALIGNMENT 4096

/* The datasum @sum of the data of a zone between @start and @end */
typedef struct ZonedRun {
    uint64_t start;
    uint64_t end;
    uint64_t sum;
} ZonedRun;

/* A number below 2^128 */
typedef struct Wide {
    uint64_t low;
    uint64_t high;
} Wide;

/* @w += @a * @b */
static inline void mul_add(Wide *w, uint64_t a, uint64_t b)
{
    uint64_t low, high;

    mulu64(&low, &high, a, b);
    w->low += low;
    w->high += high + (w->low < low);
}

/* @w modulo P, for @w below 2^123: 2^61 is 1 */
static inline uint64_t reduce(Wide w)
{
    uint64_t x = (w.low & P) + (w.low >> P_BITS | w.high << (64 - P_BITS));

    x = (x & P) + (x >> P_BITS);
    return x >= P ? x - P : x;
}

static uint64_t mul(uint64_t a, uint64_t b)
{
    Wide w = { 0 };

    mul_add(&w, a, b);
    return reduce(w);
}

static uint64_t power(uint64_t key, uint64_t n)
{
    uint64_t result = 1;

    for (; n; n >>= 1) {
        if (n & 1) {
            result = mul(result, key);
        }
        key = mul(key, key);
    }
    return result;
}

bool zoned_datasum_random_key(uint64_t *key, Error **errp)
{
    do {
        if (qcrypto_random_bytes(key, sizeof(*key), errp) < 0) {
            return false;
        }
        *key &= P;
    } while (*key == 0 || *key == P);
    return true;
}

/*
 * Horner's rule, @LANES words at a time.  @sum and the powers are below 2^61,
 * and words below 2^32, so that all of a step is below 2^123.
 */
uint64_t zoned_datasum(uint64_t key, uint64_t sum, const void *buf,
                       uint64_t bytes)
{
    const uint8_t *p = buf;
    uint64_t powers[LANES + 1];
    int i;

    assert(bytes % ZONED_DATASUM_WORD == 0);
    powers[0] = 1;
    for (i = 1; i <= LANES; i++) {
        powers[i] = mul(powers[i - 1], key);
    }
    for (; bytes >= LANES * ZONED_DATASUM_WORD;
         bytes -= LANES * ZONED_DATASUM_WORD) {
        Wide w = { 0 };

        mul_add(&w, sum, powers[LANES]);
        for (i = LANES - 1; i >= 0; i--, p += ZONED_DATASUM_WORD) {
            mul_add(&w, (uint32_t)ldl_le_p(p), powers[i]);
        }
        sum = reduce(w);
    }
    for (; bytes; bytes -= ZONED_DATASUM_WORD, p += ZONED_DATASUM_WORD) {
        Wide w = { .low = (uint32_t)ldl_le_p(p) };

        mul_add(&w, sum, key);
        sum = reduce(w);
    }
    return sum;
}

uint64_t zoned_datasum_join(uint64_t key, uint64_t first, uint64_t second,
                            uint64_t bytes)
{
    Wide w = { .low = second };

    mul_add(&w, first, power(key, bytes / ZONED_DATASUM_WORD));
    return reduce(w);
}

bool zoned_datasum_matches(uint64_t key, uint64_t sum, const void *buf,
                           uint64_t bytes)
{
    return zoned_datasum(key, 0, buf, bytes) == sum;
}

void zoned_datasums_init(ZonedDatasums *d)
{
    *d = (ZonedDatasums) {
        .runs = g_hash_table_new_full(NULL, NULL, NULL, g_free),
    };
}

void zoned_datasums_destroy(ZonedDatasums *d)
{
    assert(d->nr_copies == 0);
    g_clear_pointer(&d->runs, g_hash_table_destroy);
    qemu_vfree(d->room);
    d->room = NULL;
}

/* Room for a copy of @bytes bytes, or NULL if they shall not be copied */
static uint8_t *take_room(ZonedDatasums *d, BdrvChild *file, uint64_t bytes)
{
    uint8_t *copy;

    if (bytes > MAX_BYTES - MAX(d->bytes, d->used)) {
        /* The next commit has to flush first: no need to copy what follows */
        d->bytes = MAX_BYTES;
        return NULL;
    }
    if (!d->room) {
        d->room = qemu_blockalign(file->bs, MAX_BYTES);
    }
    copy = d->room + d->used;
    d->used += ROUND_UP(bytes, ALIGNMENT);
    d->bytes += bytes;
    d->nr_copies++;
    return copy;
}

static void give_room_back(ZonedDatasums *d)
{
    assert(d->nr_copies);
    if (--d->nr_copies == 0) {
        d->used = 0;
    }
}

typedef struct WriteTask {
    AioTask task;
    BdrvChild *file;
    uint64_t offset;
    QEMUIOVector *qiov;
    BdrvRequestFlags flags;
} WriteTask;

static int coroutine_fn write_task(AioTask *task)
{
    WriteTask *t = container_of(task, WriteTask, task);

    return bdrv_co_pwritev(t->file, t->offset, t->qiov->size, t->qiov,
                           t->flags);
}

int coroutine_fn
zoned_datasums_write(ZonedDatasums *d, BdrvChild *file, uint64_t offset,
                     uint64_t bytes, QEMUIOVector *qiov, size_t qiov_offset,
                     BdrvRequestFlags flags, uint64_t *sum, bool *known)
{
    uint8_t *copy = take_room(d, file, bytes);
    QEMUIOVector copy_qiov = QEMU_IOVEC_INIT_BUF(copy_qiov, copy, bytes);
    AioTaskPool *pool;
    WriteTask *t;
    int ret;

    *known = copy;
    if (!copy) {
        return bdrv_co_pwritev_part(file, offset, bytes, qiov, qiov_offset,
                                    flags);
    }
    qemu_iovec_to_buf(qiov, qiov_offset, copy, bytes);
    t = g_new(WriteTask, 1);
    *t = (WriteTask) {
        .task.func = write_task,
        .file = file,
        .offset = offset,
        .qiov = &copy_qiov,
        .flags = flags,
    };
    pool = aio_task_pool_new(1);
    aio_task_pool_start_task(pool, &t->task);
    *sum = zoned_datasum(d->key, 0, copy, bytes);
    aio_task_pool_wait_all(pool);
    ret = aio_task_pool_status(pool);
    aio_task_pool_free(pool);
    give_room_back(d);
    return ret;
}

static ZonedRun *find_run(const ZonedDatasums *d, uint32_t zone)
{
    return g_hash_table_lookup(d->runs, GUINT_TO_POINTER(zone));
}

void zoned_datasums_count(ZonedDatasums *d, uint32_t zone, uint64_t start,
                          uint64_t end, const uint64_t *sum)
{
    ZonedRun *run = find_run(d, zone);

    if (!sum) {
        g_hash_table_remove(d->runs, GUINT_TO_POINTER(zone));
        return;
    }
    if (run && run->end == start) {
        run->sum = zoned_datasum_join(d->key, run->sum, *sum, end - start);
        run->end = end;
        return;
    }

    /* The first of the zone, or after its write pointer went back */
    run = g_new(ZonedRun, 1);
    *run = (ZonedRun) {
        .start = start,
        .end = end,
        .sum = *sum,
    };
    g_hash_table_insert(d->runs, GUINT_TO_POINTER(zone), run);
}

bool zoned_datasums_find(const ZonedDatasums *d, uint32_t zone, uint64_t start,
                         uint64_t end, uint64_t *sum)
{
    ZonedRun *run = find_run(d, zone);

    if (!run || run->start != start || run->end != end) {
        return false;
    }
    *sum = run->sum;
    return true;
}

void zoned_datasums_restart(ZonedDatasums *d)
{
    g_hash_table_remove_all(d->runs);
    d->bytes = 0;
}
