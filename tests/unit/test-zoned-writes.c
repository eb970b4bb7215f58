/*
 * Unit tests for the zoned format: writes that do not come in the order in
 * which they were submitted, and the order in which they are reported
 *
 * The file below holds each write up until another one is submitted, and ends
 * it from there.  So do fast media, now and then.  What the writer submits
 * when it is told then comes in any order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "sysemu/block-backend.h"
#include "block/block_int.h"
#include "../block/zoned-layout.h"

#define GRANULARITY (4 * KiB)
#define ZONE_SIZE   (256 * KiB)
#define DISK_SIZE   (1 * MiB)
#define MAX_DEPTH   16

/*
 * The file
 */

/*
 * @fail_at: the write to this offset fails, once; 0: none does
 * @held: coroutines of writes in flight
 */
typedef struct TestFile {
    uint8_t *data;
    uint64_t size;
    uint64_t fail_at;
    Coroutine *held[MAX_DEPTH];
    unsigned nr_held;
} TestFile;

/* End any one of the writes in flight */
static void file_end_one(TestFile *f)
{
    unsigned i = g_test_rand_int_range(0, f->nr_held);
    Coroutine *co = f->held[i];

    f->held[i] = f->held[--f->nr_held];
    aio_co_wake(co);
}

static int coroutine_fn file_co_preadv(BlockDriverState *bs, int64_t offset,
                                       int64_t bytes, QEMUIOVector *qiov,
                                       BdrvRequestFlags flags)
{
    TestFile *f = *(TestFile **)bs->opaque;

    qemu_iovec_from_buf(qiov, 0, f->data + offset, bytes);
    return 0;
}

static int coroutine_fn file_co_pwritev(BlockDriverState *bs, int64_t offset,
                                        int64_t bytes, QEMUIOVector *qiov,
                                        BdrvRequestFlags flags)
{
    TestFile *f = *(TestFile **)bs->opaque;

    if (offset >= f->size - DISK_SIZE) {
        unsigned ended = g_test_rand_int_range(0, 4);

        while (f->nr_held && ended--) {
            file_end_one(f);
        }
        f->held[f->nr_held++] = qemu_coroutine_self();
        qemu_coroutine_yield();
    }
    if (offset == f->fail_at) {
        f->fail_at = 0;
        return -EIO;
    }
    qemu_iovec_to_buf(qiov, 0, f->data + offset, bytes);
    return 0;
}

static BlockDriver bdrv_test_file = {
    .format_name     = "test-file",
    .instance_size   = sizeof(TestFile *),
    .bdrv_child_perm = bdrv_default_perms,
    .bdrv_co_preadv  = file_co_preadv,
    .bdrv_co_pwritev = file_co_pwritev,
};

/* A new image of empty zones */
static void file_init(TestFile *f)
{
    static uint64_t entries[DISK_SIZE / ZONE_SIZE];
    ZonedHeader h = {
        .geometry = {
            .size = DISK_SIZE,
            .zone_size = ZONE_SIZE,
            .zone_capacity = ZONE_SIZE,
            .write_granularity = GRANULARITY,
        },
        .max_append_bytes = ZONE_SIZE,
        .datasum_key = 12345,
    };
    ZonedRoot root = { .generation = 1, .table_blocks = 1, .clean = true };
    int copy;

    g_assert(zoned_header_check(&h, &error_abort));
    zoned_header_init(&h);
    g_assert_cmpuint(zoned_table_blocks(&h), ==, root.table_blocks);
    *f = (TestFile) { .size = zoned_file_size(&h) };
    f->data = g_malloc0(f->size);
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        root.table_sum =
            zoned_table_encode(&h, 0, entries,
                               f->data + zoned_table_offset(&h, copy, 0));
    }
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        zoned_header_encode(&h, f->data + zoned_header_offset(copy));
        zoned_root_encode(&h, &root, f->data + zoned_root_offset(copy));
    }
}

/*
 * The writer
 */

/*
 * Writes blocks one after the other, several at a time.
 *
 * @depth: how many are in flight
 * @next, @end: blocks that are still to be written
 * @in_flight: how many have been submitted and not reported
 * @buf: what to write to the disk
 * @nr_reported: how many have been reported
 * @failed: block numbers of those that failed, in the order of the reports
 */
typedef struct Writer {
    TestFile file;
    BlockBackend *blk;
    unsigned depth;
    unsigned next;
    unsigned end;
    unsigned in_flight;
    uint8_t *buf;
    unsigned nr_reported;
    GArray *failed;
} Writer;

typedef struct BlockWrite {
    Writer *writer;
    QEMUIOVector qiov;
    unsigned block;
} BlockWrite;

static void writer_submit(Writer *w);

static void block_written(void *opaque, int ret)
{
    BlockWrite *b = opaque;
    Writer *w = b->writer;

    w->nr_reported++;
    if (ret < 0) {
        /* Never that it is not at the write pointer */
        g_assert_cmpint(ret, ==, -EIO);
        g_array_append_val(w->failed, b->block);
        w->next = w->end;
    }
    g_free(b);
    w->in_flight--;
    writer_submit(w);
}

static void write_block(Writer *w, unsigned block)
{
    BlockWrite *b = g_new(BlockWrite, 1);
    int64_t offset = (int64_t)block * GRANULARITY;

    b->writer = w;
    b->block = block;
    qemu_iovec_init_buf(&b->qiov, w->buf + offset, GRANULARITY);
    w->in_flight++;
    blk_aio_pwritev(w->blk, offset, &b->qiov, 0, block_written, b);
}

static void writer_submit(Writer *w)
{
    while (w->next < w->end && w->in_flight < w->depth) {
        write_block(w, w->next++);
    }
}

/* Until all is reported */
static void writer_wait(Writer *w)
{
    while (w->in_flight) {
        if (!aio_poll(qemu_get_aio_context(), false) && w->file.nr_held) {
            file_end_one(&w->file);
        }
    }
}

static void writer_run(Writer *w, unsigned first, unsigned end)
{
    w->next = first;
    w->end = end;
    writer_submit(w);
    writer_wait(w);
}

static void writer_init(Writer *w, unsigned depth)
{
    BlockDriverState *bs;
    QDict *options = qdict_new();
    unsigned i;

    *w = (Writer) { .depth = depth };
    file_init(&w->file);
    bs = bdrv_new_open_driver(&bdrv_test_file, "file", BDRV_O_RDWR,
                              &error_abort);
    *(TestFile **)bs->opaque = &w->file;
    bs->total_sectors = w->file.size / BDRV_SECTOR_SIZE;

    qdict_put_str(options, "driver", "zoned");
    qdict_put_str(options, "file", "file");
    w->blk = blk_new_open(NULL, NULL, options, BDRV_O_RDWR, &error_abort);
    bdrv_unref(bs);

    w->buf = g_malloc(DISK_SIZE);
    for (i = 0; i < DISK_SIZE; i++) {
        w->buf[i] = i / GRANULARITY + 1;
    }
    w->failed = g_array_new(false, false, sizeof(unsigned));
}

static void writer_destroy(Writer *w)
{
    blk_unref(w->blk);
    g_array_unref(w->failed);
    g_free(w->buf);
    g_free(w->file.data);
}

static void assert_in_order(GArray *blocks)
{
    unsigned i;

    for (i = 1; i < blocks->len; i++) {
        g_assert_cmpuint(g_array_index(blocks, unsigned, i - 1), <,
                         g_array_index(blocks, unsigned, i));
    }
}

static void assert_written(Writer *w, unsigned end)
{
    g_autofree uint8_t *buf = g_malloc(DISK_SIZE);
    unsigned zone;

    for (zone = 0; zone < DISK_SIZE / ZONE_SIZE; zone++) {
        g_assert_cmpint(blk_pread(w->blk, zone * ZONE_SIZE, ZONE_SIZE,
                                  buf + zone * ZONE_SIZE, 0), ==, 0);
    }
    g_assert_cmpmem(buf, end * GRANULARITY, w->buf, end * GRANULARITY);
    g_assert(buffer_is_zero(buf + end * GRANULARITY,
                            DISK_SIZE - end * GRANULARITY));
}

/*
 * Tests
 */

static void test_sequential(void)
{
    const unsigned end = DISK_SIZE / GRANULARITY;
    unsigned depth;

    for (depth = 1; depth <= MAX_DEPTH; depth++) {
        Writer w;

        writer_init(&w, depth);
        writer_run(&w, 0, end);
        g_assert_cmpuint(w.failed->len, ==, 0);
        g_assert_cmpuint(w.nr_reported, ==, end);
        assert_written(&w, end);
        writer_destroy(&w);
    }
}

/* Failed writes succeed when tried again in the order of the reports */
static void test_failure(void)
{
    const unsigned end = ZONE_SIZE / GRANULARITY;
    unsigned bad;

    for (bad = 0; bad < end; bad++) {
        Writer w;
        unsigned i, written;
        GArray *again;

        writer_init(&w, MAX_DEPTH);
        w.file.fail_at = w.file.size - DISK_SIZE + bad * GRANULARITY;
        writer_run(&w, 0, end);
        assert_in_order(w.failed);
        g_assert_cmpuint(w.failed->len, >, 0);
        g_assert_cmpuint(g_array_index(w.failed, unsigned, 0), ==, bad);
        assert_written(&w, bad);

        written = w.nr_reported;
        again = w.failed;
        w.failed = g_array_new(false, false, sizeof(unsigned));
        for (i = 0; i < again->len; i++) {
            write_block(&w, g_array_index(again, unsigned, i));
        }
        writer_wait(&w);
        g_assert_cmpuint(w.failed->len, ==, 0);
        assert_written(&w, written);
        g_array_unref(again);
        writer_destroy(&w);
    }
}

static void place_written(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

/* A write that nothing will come before is at the wrong place */
static void test_wrong_place(void)
{
    unsigned in_flight;

    for (in_flight = 0; in_flight < 4; in_flight++) {
        int ret = -EINPROGRESS;
        QEMUIOVector qiov;
        Writer w;
        unsigned i;

        writer_init(&w, MAX_DEPTH);
        qemu_iovec_init_buf(&qiov, w.buf, GRANULARITY);
        for (i = 0; i < in_flight; i++) {
            write_block(&w, i);
        }
        blk_aio_pwritev(w.blk, (in_flight + 1) * GRANULARITY, &qiov, 0,
                        place_written, &ret);
        while (ret == -EINPROGRESS) {
            aio_poll(qemu_get_aio_context(), true);
        }
        g_assert_cmpint(ret, ==, -BLK_ZERR_NOT_AT_WP);
        writer_wait(&w);
        g_assert_cmpuint(w.failed->len, ==, 0);
        assert_written(&w, in_flight);
        writer_destroy(&w);
    }
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zoned-writes/sequential", test_sequential);
    g_test_add_func("/zoned-writes/failure", test_failure);
    g_test_add_func("/zoned-writes/wrong-place", test_wrong_place);
    return g_test_run();
}
