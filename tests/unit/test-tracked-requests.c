/*
 * Unit tests for the order of requests that conflict: on a disk without zones
 * that of QEMU without zones, on one with zones that in which they came
 *
 * The disk holds each request up until it is told to let the next one go on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "zone-disk.h"

/*
 * Helpers
 */

/* A backend on a new disk, which goes with it */
static BlockBackend *new_slow_backend(BlockZoneModel model, TestDisk **disk)
{
    BlockDriverState *bs = new_slow_disk(model, "disk");
    BlockBackend *blk = new_backend(bs);

    *disk = bs->opaque;
    bdrv_unref(bs);
    return blk;
}

static void finish_all(TestDisk *d)
{
    while (step(d)) {
        /* again */
    }
    /* For the flush at the end */
    d->hold = false;
}

/*
 * Requests that tell when they are done.  Each has a letter, which is also what
 * it writes.
 */

typedef struct Request {
    GString *done;
    char name;
    char buf[GRAN];
    QEMUIOVector qiov;
    BlockZoneDescriptor zones[NR_ZONES];
    uint32_t nr_zones;
    int64_t offset;
} Request;

static void request_done(void *opaque, int ret)
{
    Request *r = opaque;

    g_assert_cmpint(ret, ==, 0);
    g_string_append_c(r->done, r->name);
}

static Request *request_init(Request *r, GString *done, char name,
                             size_t bytes)
{
    *r = (Request) { .done = done, .name = name, .nr_zones = NR_ZONES };
    memset(r->buf, name, sizeof(r->buf));
    qemu_iovec_init_buf(&r->qiov, r->buf, bytes);
    return r;
}

static void start_write(BlockBackend *blk, Request *r, GString *done,
                        char name, int64_t offset, size_t bytes)
{
    request_init(r, done, name, bytes);
    blk_aio_pwritev(blk, offset, &r->qiov, 0, request_done, r);
}

static void start_read(BlockBackend *blk, Request *r, GString *done,
                       char name, int64_t offset, BdrvRequestFlags flags)
{
    request_init(r, done, name, GRAN);
    blk_aio_preadv(blk, offset, &r->qiov, flags, request_done, r);
}

/*
 * Disks of any kind
 */

/* Of requests to the same place, the last one to come is the last one done */
static void test_unaligned_writes(gconstpointer model)
{
    g_autoptr(GString) done = g_string_new(NULL);
    Request r[4];
    TestDisk *d;
    BlockBackend *blk = new_slow_backend(GPOINTER_TO_INT(model), &d);
    int i;

    for (i = 0; i < ARRAY_SIZE(r); i++) {
        start_write(blk, &r[i], done, 'a' + i, 0, 512);
    }
    assert_log(d, "read 0+4096");
    finish_all(d);
    g_assert_cmpstr(done->str, ==, "abcd");
    g_assert_cmpint(d->data[0], ==, 'd');

    blk_unref(blk);
}

static void test_copy_on_read(gconstpointer model)
{
    g_autoptr(GString) done = g_string_new(NULL);
    Request r[4];
    TestDisk *d;
    BlockBackend *blk = new_slow_backend(GPOINTER_TO_INT(model), &d);
    int i;

    for (i = 0; i < ARRAY_SIZE(r); i++) {
        start_read(blk, &r[i], done, 'a' + i, 0, BDRV_REQ_COPY_ON_READ);
    }
    assert_log(d, "read 0+4096");
    finish_all(d);
    g_assert_cmpstr(done->str, ==, "abcd");

    blk_unref(blk);
}

/* Somebody who starts a request again whenever it is done */
typedef struct Stream {
    BlockBackend *blk;
    BlockZoneOp op;
    int64_t offset;
    bool *stop;
    unsigned done;
    QEMUIOVector qiov;
    char buf[512];
} Stream;

/* Many more than could be done before the others have had their turn */
#define ENDLESS 50

static void stream_write(void *opaque, int ret)
{
    Stream *s = opaque;

    g_assert_cmpint(ret, ==, 0);
    if (!*s->stop && s->done++ < ENDLESS) {
        qemu_iovec_init_buf(&s->qiov, s->buf, sizeof(s->buf));
        blk_aio_pwritev(s->blk, s->offset, &s->qiov, 0, stream_write, s);
    }
}

/* Two who never cease to write do not keep a third one from its turn */
static void test_endless_writes(gconstpointer model)
{
    g_autoptr(GString) done = g_string_new(NULL);
    bool stop = false;
    Request r;
    TestDisk *d;
    BlockBackend *blk = new_slow_backend(GPOINTER_TO_INT(model), &d);
    Stream first = { .blk = blk, .stop = &stop, .offset = 0 };
    Stream second = { .blk = blk, .stop = &stop, .offset = 1024 };

    stream_write(&first, 0);
    start_write(blk, &r, done, 'a', 512, 512);
    stream_write(&second, 0);
    while (!done->len && step(d)) {
        /* again */
    }
    g_assert_cmpstr(done->str, ==, "a");
    g_assert_cmpint(first.done + second.done, <=, 4);

    stop = true;
    finish_all(d);
    blk_unref(blk);
}

/*
 * Where the two kinds of disks differ
 */

static void test_overtaking(gconstpointer opaque)
{
    BlockZoneModel model = GPOINTER_TO_INT(opaque);
    g_autoptr(GString) done = g_string_new(NULL);
    Request r[3];
    TestDisk *d;
    BlockBackend *blk = new_slow_backend(model, &d);

    /* The second waits for the first, the third has nothing to do with that */
    start_write(blk, &r[0], done, 'a', 0, 512);
    start_write(blk, &r[1], done, 'b', GRAN - 512, 1024);
    start_write(blk, &r[2], done, 'c', GRAN + 512, 512);
    if (model == BLK_Z_NONE) {
        /* As it does not start, it does not stop others either */
        assert_log(d, "read 0+4096, read 4096+4096");
    } else {
        assert_log(d, "read 0+4096");
    }
    finish_all(d);
    g_assert_cmpstr(done->str, ==, model == BLK_Z_NONE ? "acb" : "abc");
    g_assert_cmpint(d->data[0], ==, 'a');
    g_assert_cmpint(d->data[GRAN - 1], ==, 'b');
    g_assert_cmpint(d->data[GRAN], ==, 'b');
    g_assert_cmpint(d->data[GRAN + 512], ==, 'c');

    blk_unref(blk);
}

/* Only some of those that wait for the first conflict with each other */
static void test_mixed(gconstpointer opaque)
{
    BlockZoneModel model = GPOINTER_TO_INT(opaque);
    g_autoptr(GString) done = g_string_new(NULL);
    Request r[6];
    TestDisk *d;
    BlockBackend *blk = new_slow_backend(model, &d);
    int i;

    for (i = 0; i < ARRAY_SIZE(r); i += 2) {
        start_read(blk, &r[i], done, 'a' + i, 0, BDRV_REQ_COPY_ON_READ);
        start_write(blk, &r[i + 1], done, 'b' + i, 0, GRAN);
    }
    assert_log(d, "read 0+4096");
    finish_all(d);
    g_assert_cmpstr(done->str, ==,
                    model == BLK_Z_NONE ? "abdfce" : "abcdef");

    blk_unref(blk);
}

/*
 * A serialising request by itself: it begins, becomes serialising, runs, and
 * ends, each time that it is entered.  Then it enters @then.
 */
typedef struct Tracked {
    BlockDriverState *bs;
    BdrvTrackedRequest req;
    Coroutine *co;
    Coroutine *then;
    bool running;
} Tracked;

static void coroutine_fn tracked_entry(void *opaque)
{
    Tracked *t = opaque;

    bdrv_tracked_request_begin(&t->req, t->bs, 0, GRAN, BDRV_TRACKED_WRITE);
    qemu_coroutine_yield();
    bdrv_make_request_serialising(&t->req, 1);
    t->running = true;
    qemu_coroutine_yield();
    t->running = false;
    bdrv_tracked_request_end(&t->req);
    /* A request that still looks at it does not survive that */
    memset(&t->req, 0xff, sizeof(t->req));
    if (t->then) {
        qemu_coroutine_enter(t->then);
    }
}

static void tracked_init(Tracked *t, BlockDriverState *bs)
{
    *t = (Tracked) { .bs = bs };
    t->co = qemu_coroutine_create(tracked_entry, t);
}

/* An older request can wait for a newer one, which must not wait for it then */
static void test_no_deadlock(gconstpointer model)
{
    BlockDriverState *bs = new_slow_disk(GPOINTER_TO_INT(model), "disk");
    Tracked a, b;

    tracked_init(&a, bs);
    tracked_init(&b, bs);
    qemu_coroutine_enter(a.co);
    qemu_coroutine_enter(b.co);

    qemu_coroutine_enter(a.co);
    g_assert_false(a.running);
    qemu_coroutine_enter(b.co);
    g_assert_true(b.running);

    qemu_coroutine_enter(b.co);
    g_assert_true(a.running);
    qemu_coroutine_enter(a.co);
    bdrv_unref(bs);
}

/* One that comes when another one is about to run, after what it waited for */
static void test_woken(gconstpointer opaque)
{
    BlockZoneModel model = GPOINTER_TO_INT(opaque);
    BlockDriverState *bs = new_slow_disk(model, "disk");
    Tracked first, waiting, late;
    Tracked *next, *last;

    tracked_init(&first, bs);
    tracked_init(&waiting, bs);
    tracked_init(&late, bs);
    qemu_coroutine_enter(first.co);
    qemu_coroutine_enter(first.co);
    g_assert_true(first.running);
    qemu_coroutine_enter(waiting.co);
    qemu_coroutine_enter(waiting.co);
    qemu_coroutine_enter(late.co);
    g_assert_false(waiting.running);

    first.then = late.co;
    qemu_coroutine_enter(first.co);
    next = model == BLK_Z_NONE ? &late : &waiting;
    last = model == BLK_Z_NONE ? &waiting : &late;
    g_assert_true(next->running);
    g_assert_false(last->running);
    qemu_coroutine_enter(next->co);
    g_assert_true(last->running);
    qemu_coroutine_enter(last->co);
    bdrv_unref(bs);
}

/*
 * Zones
 */

static void stream_mgmt(void *opaque, int ret)
{
    Stream *s = opaque;

    g_assert_cmpint(ret, ==, 0);
    if (!*s->stop && s->done++ < ENDLESS) {
        blk_aio_zone_mgmt(s->blk, s->op, s->offset, ZONE, stream_mgmt, s);
    }
}

static void start_zone_request(BlockBackend *blk, Request *r, GString *done,
                               char name)
{
    request_init(r, done, name, GRAN);
    switch (name) {
    case 'w':
        blk_aio_pwritev(blk, 0, &r->qiov, 0, request_done, r);
        break;
    case 'a':
        blk_aio_zone_append(blk, &r->offset, &r->qiov, 0, request_done, r);
        break;
    case 'r':
        /* of both zones */
        blk_aio_preadv(blk, ZONE - 512, &r->qiov, 0, request_done, r);
        break;
    case 'p':
        blk_aio_zone_report(blk, 0, &r->nr_zones, r->zones, request_done, r);
        break;
    case 'f':
        blk_aio_zone_mgmt(blk, BLK_ZO_FINISH, 0, 2 * ZONE, request_done, r);
        break;
    default:
        g_assert_not_reached();
    }
}

/* Two queues manage zones without end; @names are others who come meanwhile */
static void try_endless_mgmt(BlockZoneOp op, int64_t second_offset,
                             const char *names)
{
    g_autoptr(GString) done = g_string_new(NULL);
    g_autofree Request *r = g_new0(Request, strlen(names));
    bool stop = false;
    TestDisk *d;
    BlockBackend *blk = new_slow_backend(BLK_Z_HM, &d);
    Stream first = { .blk = blk, .op = op, .stop = &stop };
    Stream second = {
        .blk = blk, .op = op, .stop = &stop, .offset = second_offset,
    };
    int i;

    stream_mgmt(&first, 0);
    stream_mgmt(&second, 0);
    for (i = 0; i < strlen(names); i++) {
        start_zone_request(blk, &r[i], done, names[i]);
    }
    while (done->len < strlen(names) && step(d)) {
        /* again */
    }
    g_assert_cmpint(done->len, ==, strlen(names));
    /* They need not wait for more than those that came before */
    g_assert_cmpint(first.done, <=, 3);
    g_assert_cmpint(second.done, <=, 3);

    stop = true;
    finish_all(d);
    blk_unref(blk);
}

static void test_endless_mgmt(void)
{
    static const char *const names[] = {
        "w", "a", "r", "p", "f", "wparf", "fpwra"
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(names); i++) {
        try_endless_mgmt(BLK_ZO_RESET, 0, names[i]);
        try_endless_mgmt(BLK_ZO_RESET, ZONE, names[i]);
        try_endless_mgmt(BLK_ZO_OPEN, 0, names[i]);
        try_endless_mgmt(BLK_ZO_OPEN, ZONE, names[i]);
    }
}

/* Two write to a zone without end, which another one wants to finish */
static void test_mgmt_has_its_turn(void)
{
    g_autoptr(GString) done = g_string_new(NULL);
    bool stop = false;
    Request r;
    TestDisk *d;
    BlockBackend *blk = new_slow_backend(BLK_Z_HA, &d);
    Stream first = { .blk = blk, .stop = &stop, .offset = 0 };
    Stream second = { .blk = blk, .stop = &stop, .offset = GRAN };

    stream_write(&first, 0);
    stream_write(&second, 0);
    start_zone_request(blk, &r, done, 'f');
    while (!done->len && step(d)) {
        /* again */
    }
    g_assert_cmpstr(done->str, ==, "f");
    g_assert_cmpint(first.done + second.done, <=, 4);

    stop = true;
    finish_all(d);
    blk_unref(blk);
}

static void add_test(const char *name, GTestDataFunc func)
{
    g_autofree char *plain = g_strdup_printf("/tracked-requests/%s/plain",
                                             name);
    g_autofree char *zoned = g_strdup_printf("/tracked-requests/%s/zoned",
                                             name);

    g_test_add_data_func(plain, GINT_TO_POINTER(BLK_Z_NONE), func);
    g_test_add_data_func(zoned, GINT_TO_POINTER(BLK_Z_HA), func);
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);

    g_test_init(&argc, &argv, NULL);

    add_test("unaligned-writes", test_unaligned_writes);
    add_test("copy-on-read", test_copy_on_read);
    add_test("endless-writes", test_endless_writes);
    add_test("overtaking", test_overtaking);
    add_test("mixed", test_mixed);
    add_test("no-deadlock", test_no_deadlock);
    add_test("woken", test_woken);
    g_test_add_func("/tracked-requests/endless-mgmt", test_endless_mgmt);
    g_test_add_func("/tracked-requests/mgmt-has-its-turn",
                    test_mgmt_has_its_turn);

    return g_test_run();
}
