/*
 * Unit tests for the order of requests that conflict: on a disk without zones
 * that of QEMU without zones, on one with zones that in which they came
 *
 * The disk of these tests holds each request up until it is told to let the
 * next one go on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "sysemu/block-backend.h"

#define ALIGN    (4 * KiB)
#define ZONE     (64 * KiB)
#define NR_ZONES 4
#define DISK     (NR_ZONES * ZONE)

/*
 * The disk under test
 */

typedef struct TestDisk {
    /* all requests that have reached it since the last assert_reached() */
    GString *log;
    /* in the order in which they came */
    CoQueue held;
    uint8_t data[DISK];
} TestDisk;

static BlockZoneModel new_disk_model;

static void coroutine_fn G_GNUC_PRINTF(2, 3)
disk_hold(TestDisk *d, const char *fmt, ...)
{
    va_list ap;

    if (d->log->len) {
        g_string_append(d->log, ", ");
    }
    va_start(ap, fmt);
    g_string_append_vprintf(d->log, fmt, ap);
    va_end(ap);
    qemu_co_queue_wait(&d->held, NULL);
}

static int disk_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    TestDisk *d = bs->opaque;

    d->log = g_string_new(NULL);
    qemu_co_queue_init(&d->held);
    return 0;
}

static void disk_close(BlockDriverState *bs)
{
    TestDisk *d = bs->opaque;

    g_string_free(d->log, true);
}

static int64_t disk_getlength(BlockDriverState *bs)
{
    return DISK;
}

static void disk_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = ALIGN;
    bs->bl.zoned = new_disk_model;
    if (new_disk_model == BLK_Z_NONE) {
        return;
    }
    bs->bl.zone_size = ZONE;
    bs->bl.nr_zones = NR_ZONES;
    bs->bl.max_append_sectors = ZONE / BDRV_SECTOR_SIZE;
    bs->bl.write_granularity = ALIGN;
}

static int coroutine_fn disk_preadv(BlockDriverState *bs, int64_t offset,
                                    int64_t bytes, QEMUIOVector *qiov,
                                    BdrvRequestFlags flags)
{
    TestDisk *d = bs->opaque;

    disk_hold(d, "read %" PRId64 "+%" PRId64, offset, bytes);
    qemu_iovec_from_buf(qiov, 0, d->data + offset, bytes);
    return 0;
}

static int coroutine_fn disk_pwritev(BlockDriverState *bs, int64_t offset,
                                     int64_t bytes, QEMUIOVector *qiov,
                                     BdrvRequestFlags flags)
{
    TestDisk *d = bs->opaque;

    disk_hold(d, "write %" PRId64 "+%" PRId64, offset, bytes);
    qemu_iovec_to_buf(qiov, 0, d->data + offset, bytes);
    return 0;
}

static int coroutine_fn disk_zone_report(BlockDriverState *bs, int64_t offset,
                                         uint32_t *nr_zones,
                                         BlockZoneDescriptor *zones)
{
    uint32_t i;

    disk_hold(bs->opaque, "report %" PRId64 "+%" PRIu32, offset, *nr_zones);
    for (i = 0; i < *nr_zones; i++) {
        zones[i] = (BlockZoneDescriptor) {
            .start = offset + i * ZONE,
            .length = ZONE,
            .cap = ZONE,
            .wp = offset + i * ZONE,
            .type = BLK_ZT_SWR,
            .state = BLK_ZS_EMPTY,
        };
    }
    return 0;
}

static int coroutine_fn disk_zone_mgmt(BlockDriverState *bs, BlockZoneOp op,
                                       int64_t offset, int64_t bytes)
{
    disk_hold(bs->opaque, "%s %" PRId64 "+%" PRId64, blk_zone_op_name(op),
              offset, bytes);
    return 0;
}

static int coroutine_fn disk_zone_append(BlockDriverState *bs, int64_t *offset,
                                         QEMUIOVector *qiov,
                                         BdrvRequestFlags flags)
{
    disk_hold(bs->opaque, "append %" PRId64 "+%zu", *offset, qiov->size);
    return 0;
}

static BlockDriver bdrv_test_disk = {
    .format_name            = "test-disk",
    .instance_size          = sizeof(TestDisk),
    .bdrv_open              = disk_open,
    .bdrv_close             = disk_close,
    .bdrv_getlength         = disk_getlength,
    .bdrv_refresh_limits    = disk_refresh_limits,
    .bdrv_co_preadv         = disk_preadv,
    .bdrv_co_pwritev        = disk_pwritev,
    .bdrv_co_zone_report    = disk_zone_report,
    .bdrv_co_zone_mgmt      = disk_zone_mgmt,
    .bdrv_co_zone_append    = disk_zone_append,
};

/*
 * Helpers
 */

static BlockDriverState *new_disk(BlockZoneModel model)
{
    new_disk_model = model;
    return bdrv_new_open_driver(&bdrv_test_disk, "disk", BDRV_O_RDWR,
                                &error_abort);
}

/* A backend on a new disk, which goes with it */
static BlockBackend *new_backend(BlockZoneModel model, TestDisk **disk)
{
    BlockDriverState *bs = new_disk(model);
    BlockBackend *blk = blk_new(qemu_get_aio_context(),
                                BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE,
                                BLK_PERM_ALL);

    blk_insert_bs(blk, bs, &error_abort);
    *disk = bs->opaque;
    bdrv_unref(bs);
    return blk;
}

/* Let everything happen that can happen without step() */
static void settle(void)
{
    while (aio_poll(qemu_get_aio_context(), false)) {
        /* again */
    }
}

/* Let the request go on that reached the disk first.  False: there is none. */
static bool step(TestDisk *d)
{
    bool any = qemu_co_enter_next(&d->held, NULL);

    settle();
    return any;
}

static void finish_all(TestDisk *d)
{
    while (step(d)) {
        /* again */
    }
}

/* The requests that have reached the disk since the last call */
#define assert_reached(disk, expected) do {                     \
        g_assert_cmpstr((disk)->log->str, ==, expected);        \
        g_string_truncate((disk)->log, 0);                      \
    } while (0)

/*
 * Requests that tell when they are done.  Each has a letter, which is also what
 * it writes.
 */

typedef struct Request {
    GString *done;
    char name;
    char buf[ALIGN];
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
    request_init(r, done, name, ALIGN);
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
    BlockBackend *blk = new_backend(GPOINTER_TO_INT(model), &d);
    int i;

    for (i = 0; i < ARRAY_SIZE(r); i++) {
        start_write(blk, &r[i], done, 'a' + i, 0, 512);
    }
    assert_reached(d, "read 0+4096");
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
    BlockBackend *blk = new_backend(GPOINTER_TO_INT(model), &d);
    int i;

    for (i = 0; i < ARRAY_SIZE(r); i++) {
        start_read(blk, &r[i], done, 'a' + i, 0, BDRV_REQ_COPY_ON_READ);
    }
    assert_reached(d, "read 0+4096");
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
    BlockBackend *blk = new_backend(GPOINTER_TO_INT(model), &d);
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
    BlockBackend *blk = new_backend(model, &d);

    /* The second waits for the first, the third has nothing to do with that */
    start_write(blk, &r[0], done, 'a', 0, 512);
    start_write(blk, &r[1], done, 'b', ALIGN - 512, 1024);
    start_write(blk, &r[2], done, 'c', ALIGN + 512, 512);
    if (model == BLK_Z_NONE) {
        /* As it does not start, it does not stop others either */
        assert_reached(d, "read 0+4096, read 4096+4096");
    } else {
        assert_reached(d, "read 0+4096");
    }
    finish_all(d);
    g_assert_cmpstr(done->str, ==, model == BLK_Z_NONE ? "acb" : "abc");
    g_assert_cmpint(d->data[0], ==, 'a');
    g_assert_cmpint(d->data[ALIGN - 1], ==, 'b');
    g_assert_cmpint(d->data[ALIGN], ==, 'b');
    g_assert_cmpint(d->data[ALIGN + 512], ==, 'c');

    blk_unref(blk);
}

/* Only some of those that wait for the first conflict with each other */
static void test_mixed(gconstpointer opaque)
{
    BlockZoneModel model = GPOINTER_TO_INT(opaque);
    g_autoptr(GString) done = g_string_new(NULL);
    Request r[6];
    TestDisk *d;
    BlockBackend *blk = new_backend(model, &d);
    int i;

    for (i = 0; i < ARRAY_SIZE(r); i += 2) {
        start_read(blk, &r[i], done, 'a' + i, 0, BDRV_REQ_COPY_ON_READ);
        start_write(blk, &r[i + 1], done, 'b' + i, 0, ALIGN);
    }
    assert_reached(d, "read 0+4096");
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

    bdrv_tracked_request_begin(&t->req, t->bs, 0, ALIGN, BDRV_TRACKED_WRITE);
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
    BlockDriverState *bs = new_disk(GPOINTER_TO_INT(model));
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
    BlockDriverState *bs = new_disk(model);
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
    request_init(r, done, name, ALIGN);
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
    BlockBackend *blk = new_backend(BLK_Z_HM, &d);
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
    BlockBackend *blk = new_backend(BLK_Z_HA, &d);
    Stream first = { .blk = blk, .stop = &stop, .offset = 0 };
    Stream second = { .blk = blk, .stop = &stop, .offset = ALIGN };

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
