/*
 * Unit tests for the zoned format: discards of zones that were reset
 *
 * The file below holds each discard up until it is told to let it go on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "sysemu/block-backend.h"
#include "../block/zoned-discard.h"

#define ZONE        (1 * GiB)
#define NR_ZONES    8
#define DATA_OFFSET (1 * MiB)

/*
 * The file, and the image
 */

/*
 * @log: zones whose discard has begun, and a dot where one has ended
 * @held: the discard in flight
 */
typedef struct TestFile {
    GString *log;
    Coroutine *held;
} TestFile;

static TestFile file;
static BlockBackend *guest;

static int coroutine_fn file_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                         int64_t bytes)
{
    g_assert_cmpint(bytes, ==, ZONE);
    g_assert_null(file.held);
    g_string_append_printf(file.log, "%" PRId64, (offset - DATA_OFFSET) / ZONE);
    file.held = qemu_coroutine_self();
    qemu_coroutine_yield();
    g_string_append_c(file.log, '.');
    return 0;
}

static int64_t file_getlength(BlockDriverState *bs)
{
    return DATA_OFFSET + NR_ZONES * ZONE;
}

static BlockDriver bdrv_test_file = {
    .format_name      = "test-file",
    .bdrv_child_perm  = bdrv_default_perms,
    .bdrv_getlength   = file_getlength,
    .bdrv_co_pdiscard = file_co_pdiscard,
};

static BlockDriver bdrv_test_image = {
    .format_name      = "test-image",
    .bdrv_child_perm  = bdrv_default_perms,
};

static BlockDriverState *image_new(ZonedDiscards *d)
{
    static const ZoneGeometry geometry = {
        .size = NR_ZONES * ZONE,
        .zone_size = ZONE,
        .zone_capacity = ZONE,
        .write_granularity = 4 * KiB,
    };
    BlockDriverState *below, *bs;

    file.log = g_string_new(NULL);
    below = bdrv_new_open_driver(&bdrv_test_file, "file",
                                 BDRV_O_RDWR | BDRV_O_UNMAP, &error_abort);
    bs = bdrv_new_open_driver(&bdrv_test_image, "image",
                              BDRV_O_RDWR | BDRV_O_UNMAP, &error_abort);
    bs->file = bdrv_attach_child(bs, below, "file", &child_of_bds,
                                 BDRV_CHILD_DATA | BDRV_CHILD_PRIMARY,
                                 &error_abort);
    guest = blk_new_with_bs(bs, BLK_PERM_WRITE, BLK_PERM_ALL, &error_abort);
    zoned_discards_init(d, bs, &geometry, DATA_OFFSET);
    return bs;
}

static void image_delete(BlockDriverState *bs, ZonedDiscards *d)
{
    zoned_discards_destroy(d);
    blk_unref(guest);
    bdrv_unref(bs);
    g_string_free(file.log, true);
}

/* What the file has seen until now */
#define assert_log(expected) g_assert_cmpstr(file.log->str, ==, expected)

/* Let everything happen that can happen without end_one() */
static void settle(void)
{
    while (aio_poll(qemu_get_aio_context(), false)) {
        /* again */
    }
}

static void end_one(void *opaque)
{
    Coroutine *co = file.held;

    file.held = NULL;
    aio_co_wake(co);
}

/* The discard in flight ends while somebody waits for that */
static void end_one_soon(void)
{
    aio_bh_schedule_oneshot(qemu_get_aio_context(), end_one, NULL);
}

static void add(ZonedDiscards *d, const char *zones)
{
    for (; *zones; zones++) {
        zoned_discards_add(d, *zones - '0');
    }
}

static void end_all(void)
{
    settle();
    while (file.held) {
        end_one(NULL);
        settle();
    }
}

/*
 * The tests
 */

static void test_all(void)
{
    ZonedDiscards d;
    BlockDriverState *bs = image_new(&d);

    /* Nobody waits for it */
    add(&d, "521");
    assert_log("");
    end_all();
    assert_log("1.2.5.");
    add(&d, "1");
    end_all();
    assert_log("1.2.5.1.");
    image_delete(bs, &d);
}

static void test_ignore(void)
{
    ZonedDiscards d;
    BlockDriverState *bs = image_new(&d);

    bs->open_flags &= ~BDRV_O_UNMAP;
    add(&d, "12");
    end_all();
    assert_log("");
    image_delete(bs, &d);
}

/* A drained section waits for one discard, and others wait for its end */
static void test_drain(void)
{
    ZonedDiscards d;
    BlockDriverState *bs = image_new(&d);

    add(&d, "1234");
    settle();
    assert_log("1");
    end_one_soon();
    bdrv_drained_begin(bs);
    assert_log("1.");
    zoned_discards_resume(&d);
    add(&d, "6");
    settle();
    assert_log("1.");
    bdrv_drained_end(bs);

    zoned_discards_resume(&d);
    end_all();
    assert_log("1.2.3.4.6.");
    zoned_discards_resume(&d);
    settle();
    assert_log("1.2.3.4.6.");
    image_delete(bs, &d);
}

/* One that has not begun when the drained section does */
static void test_drain_before(void)
{
    ZonedDiscards d;
    BlockDriverState *bs = image_new(&d);

    add(&d, "12");
    bdrv_drained_begin(bs);
    assert_log("");
    bdrv_drained_end(bs);
    add(&d, "3");
    end_all();
    assert_log("1.2.3.");
    image_delete(bs, &d);
}

/* After a hand-over nothing is discarded any more */
static void test_forget(void)
{
    ZonedDiscards d;
    BlockDriverState *bs = image_new(&d);

    add(&d, "123");
    settle();
    end_one_soon();
    zoned_discards_forget(&d);
    assert_log("1.");
    zoned_discards_resume(&d);
    settle();
    assert_log("1.");

    /* Nor if it was drained before */
    add(&d, "45");
    bdrv_drained_begin(bs);
    zoned_discards_forget(&d);
    bdrv_drained_end(bs);
    zoned_discards_resume(&d);
    settle();
    assert_log("1.");

    /* Until there is something new */
    add(&d, "7");
    end_all();
    assert_log("1.7.");
    image_delete(bs, &d);
}

static void end_all_bh(void *opaque)
{
    ZonedDiscards *d = opaque;

    if (file.held) {
        end_one(NULL);
    }
    if (d->running) {
        aio_bh_schedule_oneshot(qemu_get_aio_context(), end_all_bh, d);
    }
}

/* A close discards all there is, though the image is drained */
static void test_finish(void)
{
    ZonedDiscards d;
    BlockDriverState *bs = image_new(&d);

    add(&d, "12");
    bdrv_drained_begin(bs);
    add(&d, "5");
    assert_log("");
    aio_bh_schedule_oneshot(qemu_get_aio_context(), end_all_bh, &d);
    zoned_discards_finish(&d);
    assert_log("1.2.5.");
    zoned_discards_finish(&d);
    bdrv_drained_end(bs);
    assert_log("1.2.5.");
    image_delete(bs, &d);
}

typedef struct Write {
    ZonedDiscards *d;
    uint32_t zone;
    bool done;
} Write;

static void coroutine_fn write_entry(void *opaque)
{
    Write *w = opaque;

    zoned_discards_before_write(w->d, w->zone);
    w->done = true;
}

static void start_write(Write *w, ZonedDiscards *d, uint32_t zone)
{
    *w = (Write) { .d = d, .zone = zone };
    qemu_coroutine_enter(qemu_coroutine_create(write_entry, w));
}

/* A zone that is written is not discarded, whenever its turn would have come */
static void test_write(void)
{
    ZonedDiscards d;
    BlockDriverState *bs = image_new(&d);
    Write first, second, third;

    add(&d, "1234");
    settle();
    assert_log("1");
    start_write(&first, &d, 1);
    start_write(&second, &d, 2);
    start_write(&third, &d, 6);
    g_assert_false(first.done);
    g_assert_true(second.done);
    g_assert_true(third.done);
    end_one_soon();
    bdrv_drained_begin(bs);
    g_assert_true(first.done);
    start_write(&third, &d, 3);
    g_assert_true(third.done);
    bdrv_drained_end(bs);
    zoned_discards_resume(&d);
    end_all();
    assert_log("1.4.");
    image_delete(bs, &d);
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);

    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zoned-discard/all", test_all);
    g_test_add_func("/zoned-discard/ignore", test_ignore);
    g_test_add_func("/zoned-discard/drain", test_drain);
    g_test_add_func("/zoned-discard/drain-before", test_drain_before);
    g_test_add_func("/zoned-discard/forget", test_forget);
    g_test_add_func("/zoned-discard/finish", test_finish);
    g_test_add_func("/zoned-discard/write", test_write);

    return g_test_run();
}
