/*
 * Unit tests for zone queues: what a real device gets to see of the writes to
 * its zones, and what the writers are told
 *
 * The device of these tests keeps its zones as a drive does, writes down each
 * call ("write 65536+4096") and can hold writes up or fail them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "../block/zone-queue.h"

#define ZONE     (64 * KiB)
#define CAPACITY (48 * KiB)
#define NR_ZONES 8
/* Zones 0 and 1 are conventional */
#define NR_CONV  2
#define BLOCK    (4 * KiB)

/*
 * The device
 */

typedef struct TestDevice {
    GString *log;
    uint8_t data[NR_ZONES * ZONE];
    BlockZoneDescriptor zones[NR_ZONES];
    /* requests wait for release() */
    bool hold_writes;
    bool hold_reports;
    CoQueue held;
    /*
     * what the next write fails with, how much of it is taken before, and how
     * much somebody else writes behind that
     */
    int error;
    size_t taken;
    size_t rival;
    /* what all reads fail with */
    int read_error;
    BlockDriverState bs;
    ZoneQueue *zq;
} TestDevice;

static void G_GNUC_PRINTF(2, 3) log_call(TestDevice *d, const char *fmt, ...)
{
    va_list ap;

    if (d->log->len) {
        g_string_append(d->log, ", ");
    }
    va_start(ap, fmt);
    g_string_append_vprintf(d->log, fmt, ap);
    va_end(ap);
}

static int coroutine_fn device_report(BlockDriverState *bs, int64_t offset,
                                      uint32_t *nr_zones,
                                      BlockZoneDescriptor *zones)
{
    TestDevice *d = bs->opaque;
    uint32_t first = offset / ZONE;

    *nr_zones = MIN(*nr_zones, NR_ZONES - first);
    log_call(d, "report %" PRIu32 "+%" PRIu32, first, *nr_zones);
    memcpy(zones, &d->zones[first], *nr_zones * sizeof(*zones));
    if (d->hold_reports) {
        qemu_co_queue_wait(&d->held, NULL);
    }
    return 0;
}

/* Returns how much of a write the device takes, or -errno */
static int device_check(TestDevice *d, BlockZoneDescriptor *zone,
                        int64_t offset, size_t bytes)
{
    int error = d->error;

    d->error = 0;
    if (error) {
        return d->taken ?: error;
    }
    if (zone->type != BLK_ZT_CONV &&
        (zone->state != BLK_ZS_IOPEN || offset != zone->wp ||
         bytes > zone->start + zone->cap - zone->wp)) {
        return -EIO;
    }
    return bytes;
}

static int coroutine_fn device_write(BlockDriverState *bs, int64_t offset,
                                     QEMUIOVector *qiov)
{
    TestDevice *d = bs->opaque;
    BlockZoneDescriptor *zone = &d->zones[offset / ZONE];
    int ret;

    log_call(d, "write %" PRId64 "+%zu", offset, qiov->size);
    if (d->hold_writes) {
        qemu_co_queue_wait(&d->held, NULL);
    }
    ret = device_check(d, zone, offset, qiov->size);
    if (ret < 0) {
        return ret;
    }
    qemu_iovec_to_buf(qiov, 0, &d->data[offset], ret);
    if (zone->type != BLK_ZT_CONV) {
        zone->wp += ret;
    }
    if (ret == qiov->size) {
        return 0;
    }
    zone->wp += d->rival;
    return -EIO;
}

static int coroutine_fn device_read(BlockDriverState *bs, int64_t offset,
                                    QEMUIOVector *qiov)
{
    TestDevice *d = bs->opaque;

    log_call(d, "read %" PRId64 "+%zu", offset, qiov->size);
    qemu_iovec_from_buf(qiov, 0, &d->data[offset], qiov->size);
    return d->read_error;
}

static TestDevice *new_device(BlockZoneModel model)
{
    static const ZoneQueueOps ops = {
        .report = device_report,
        .write = device_write,
        .read = device_read,
    };
    TestDevice *d = g_new0(TestDevice, 1);
    uint64_t i;

    d->log = g_string_new(NULL);
    d->bs.opaque = d;
    qemu_co_queue_init(&d->held);
    for (i = 0; i < NR_ZONES; i++) {
        d->zones[i] = (BlockZoneDescriptor) {
            .start = i * ZONE,
            .length = ZONE,
            .cap = i < NR_CONV ? ZONE : CAPACITY,
            .wp = i * ZONE,
            .type = i < NR_CONV ? BLK_ZT_CONV : BLK_ZT_SWR,
            .state = i < NR_CONV ? BLK_ZS_NOT_WP : BLK_ZS_IOPEN,
        };
    }
    d->zq = zone_queue_new(&d->bs, &ops, model, ZONE, BLOCK, 5 * BLOCK);
    return d;
}

static void free_device(TestDevice *d)
{
    zone_queue_free(d->zq);
    g_string_free(d->log, true);
    g_free(d);
}

/* The requests that have reached the device since the last call */
#define assert_log(d, expected) do {                            \
        g_assert_cmpstr((d)->log->str, ==, expected);           \
        g_string_truncate((d)->log, 0);                         \
    } while (0)

/* Let everything happen that can happen without release() */
static void settle(void)
{
    while (aio_poll(qemu_get_aio_context(), false)) {
        /* again */
    }
}

static void release(TestDevice *d)
{
    d->hold_writes = d->hold_reports = false;
    qemu_co_enter_all(&d->held, NULL);
    settle();
}

/*
 * Requests
 */

#define PENDING 1

typedef struct Request {
    TestDevice *d;
    int64_t offset;
    bool append;
    int ret;
    /* a write that succeeds is followed by so many more, each so far behind */
    int more;
    int64_t step;
    uint8_t buf[CAPACITY];
    QEMUIOVector qiov;
} Request;

static void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;

    if (r->append) {
        r->ret = zone_queue_co_append(r->d->zq, &r->offset, &r->qiov);
        return;
    }
    r->ret = zone_queue_co_write(r->d->zq, r->offset, &r->qiov);
    while (r->ret == 0 && r->more) {
        r->more--;
        r->offset += r->step;
        r->ret = zone_queue_co_write(r->d->zq, r->offset, &r->qiov);
    }
}

static void start(Request *r, TestDevice *d, bool append, int64_t offset,
                  size_t bytes, uint8_t pattern)
{
    r->d = d;
    r->offset = offset;
    r->append = append;
    r->more = 0;
    r->ret = PENDING;
    memset(r->buf, pattern, sizeof(r->buf));
    qemu_iovec_init_buf(&r->qiov, r->buf, bytes);
    qemu_coroutine_enter(qemu_coroutine_create(request_entry, r));
    settle();
}

static int submit(TestDevice *d, bool append, int64_t offset, size_t bytes)
{
    Request r;

    start(&r, d, append, offset, bytes, 1);
    g_assert_cmpint(r.ret, !=, PENDING);
    return r.ret;
}

static int write_at(TestDevice *d, int64_t offset, size_t bytes)
{
    return submit(d, false, offset, bytes);
}

static int append_to(TestDevice *d, int64_t offset, size_t bytes)
{
    return submit(d, true, offset, bytes);
}

static void assert_written(const Request *r)
{
    g_assert_cmpint(r->ret, ==, 0);
    g_assert_cmpint(memcmp(&r->d->data[r->offset], r->buf, r->qiov.size),
                    ==, 0);
}

/* Seven writes of a block each to zone 2, the first of which is held up */
static void start_seven(Request *r, TestDevice *d, bool append)
{
    int i;

    d->hold_writes = true;
    for (i = 0; i < 7; i++) {
        start(&r[i], d, append, 2 * ZONE + (append ? 0 : i * BLOCK), BLOCK,
              i + 1);
    }
    assert_log(d, "report 2+6, write 131072+4096");
}

/*
 * Order
 */

static void test_joined(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[7];
    int i;

    start_seven(r, d, false);
    release(d);
    assert_log(d, "write 135168+20480, write 155648+4096");
    for (i = 0; i < 7; i++) {
        assert_written(&r[i]);
    }
    /* Nothing is asked twice, and the zones behind are known, too */
    g_assert_cmpint(write_at(d, 2 * ZONE + 7 * BLOCK, BLOCK), ==, 0);
    g_assert_cmpint(write_at(d, 3 * ZONE, BLOCK), ==, 0);
    assert_log(d, "write 159744+4096, write 196608+4096");
    free_device(d);
}

/* Three writes that wait go to the device as one */
static void test_joined_again(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[3];
    int i;

    d->hold_writes = true;
    for (i = 0; i < 3; i++) {
        start(&r[i], d, false, 2 * ZONE + i * BLOCK, BLOCK, i + 1);
        r[i].more = 2;
        r[i].step = 3 * BLOCK;
    }
    assert_log(d, "report 2+6, write 131072+4096");
    release(d);
    assert_log(d, "write 135168+12288, write 147456+12288, "
               "write 159744+8192");
    for (i = 0; i < 3; i++) {
        assert_written(&r[i]);
        g_assert_cmpint(r[i].offset, ==, 2 * ZONE + (6 + i) * BLOCK);
    }

    /* Nobody is left to act for the zone */
    g_assert_cmpint(write_at(d, 2 * ZONE + 9 * BLOCK, BLOCK), ==, 0);
    assert_log(d, "write 167936+4096");
    free_device(d);
}

static void test_zones_in_parallel(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[4];
    int i;

    d->hold_reports = d->hold_writes = true;
    for (i = 0; i < 4; i++) {
        start(&r[i], d, false, (2 + i) * ZONE, BLOCK, i + 1);
    }
    assert_log(d, "report 2+6");
    d->hold_reports = false;
    qemu_co_enter_all(&d->held, NULL);
    settle();
    assert_log(d, "write 131072+4096, write 196608+4096, "
               "write 262144+4096, write 327680+4096");
    release(d);
    for (i = 0; i < 4; i++) {
        assert_written(&r[i]);
    }
    free_device(d);
}

static void test_appends(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[7];
    int i;

    start_seven(r, d, true);
    release(d);
    assert_log(d, "write 135168+20480, write 155648+4096");
    for (i = 0; i < 7; i++) {
        g_assert_cmpint(r[i].offset, ==, 2 * ZONE + i * BLOCK);
        assert_written(&r[i]);
    }
    free_device(d);
}

static void test_conventional(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[2];

    g_assert_cmpint(write_at(d, 4 * BLOCK, 512), ==, 0);
    d->log->len = 0;
    d->hold_writes = true;
    start(&r[0], d, false, 8 * BLOCK, BLOCK, 1);
    start(&r[1], d, false, 0, BLOCK, 2);
    assert_log(d, "write 32768+4096, write 0+4096");
    release(d);
    assert_written(&r[0]);
    assert_written(&r[1]);

    g_assert_cmpint(write_at(d, ZONE - BLOCK, 2 * BLOCK), ==, 0);
    g_assert_cmpint(write_at(d, 2 * ZONE - BLOCK, 2 * BLOCK), ==,
                    -BLK_ZERR_INVALID);
    g_assert_cmpint(append_to(d, 0, BLOCK), ==, -BLK_ZERR_INVALID);
    free_device(d);
}

/*
 * Refusals
 */

static void test_refused(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    int64_t z = 2 * ZONE;

    d->zones[3].state = BLK_ZS_RDONLY;
    d->zones[4].state = BLK_ZS_OFFLINE;
    d->zones[5].state = BLK_ZS_FULL;

    g_assert_cmpint(write_at(d, z + BLOCK, BLOCK), ==, -BLK_ZERR_NOT_AT_WP);
    g_assert_cmpint(write_at(d, z, 512), ==, -BLK_ZERR_NOT_AT_WP);
    g_assert_cmpint(append_to(d, z, 512), ==, -BLK_ZERR_NOT_AT_WP);
    g_assert_cmpint(write_at(d, z + 12 * BLOCK, 8 * BLOCK), ==,
                    -BLK_ZERR_INVALID);
    g_assert_cmpint(write_at(d, z, 11 * BLOCK), ==, 0);
    g_assert_cmpint(append_to(d, z, 2 * BLOCK), ==, -BLK_ZERR_INVALID);
    g_assert_cmpint(write_at(d, z + 11 * BLOCK, 2 * BLOCK), ==,
                    -BLK_ZERR_INVALID);
    g_assert_cmpint(append_to(d, z, BLOCK), ==, 0);
    d->zones[2].state = BLK_ZS_FULL;
    g_assert_cmpint(append_to(d, z, BLOCK), ==, -BLK_ZERR_INVALID);
    g_assert_cmpint(write_at(d, z, BLOCK), ==, -BLK_ZERR_INVALID);

    g_assert_cmpint(write_at(d, 3 * ZONE, BLOCK), ==, -BLK_ZERR_RDONLY);
    g_assert_cmpint(append_to(d, 3 * ZONE, BLOCK), ==, -BLK_ZERR_RDONLY);
    g_assert_cmpint(write_at(d, 4 * ZONE, BLOCK), ==, -BLK_ZERR_OFFLINE);
    g_assert_cmpint(write_at(d, 5 * ZONE, BLOCK), ==, -BLK_ZERR_INVALID);
    g_assert_null(strstr(d->log->str, "write 1966"));
    free_device(d);
}

/*
 * Failures
 */

/* The joined write of five fails when the device has taken two blocks of it */
static void fail_joined(TestDevice *d, Request *r, bool append)
{
    start_seven(r, d, append);
    d->hold_writes = false;
    qemu_co_enter_next(&d->held, NULL);
    d->error = -EIO;
    d->taken = 2 * BLOCK;
    settle();
}

static void test_failed_writes(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[7];
    int i;

    fail_joined(d, r, false);
    assert_written(&r[0]);
    /* Some data of the next two is there, but who knows */
    g_assert_cmpint(r[1].ret, ==, -EIO);
    g_assert_cmpint(r[2].ret, ==, -EIO);
    /* Those behind fit, and are written where they belong */
    for (i = 3; i < 7; i++) {
        assert_written(&r[i]);
    }
    assert_log(d, "write 135168+20480, report 2+1, read 135168+4096, "
               "write 143360+4096, write 147456+4096, write 151552+4096, "
               "write 155648+4096");
    free_device(d);
}

static void test_failed_appends(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[7];
    int i, j;

    fail_joined(d, r, true);
    for (i = 0; i < 7; i++) {
        if (i == 1 || i == 2) {
            g_assert_cmpint(r[i].ret, ==, -EIO);
            continue;
        }
        assert_written(&r[i]);
        for (j = 0; j < i; j++) {
            g_assert(r[j].ret < 0 || r[i].offset != r[j].offset);
        }
    }
    free_device(d);
}

/* A write that the device takes nothing of fails those that build on it */
static void test_failed_alone(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[2];

    g_assert_cmpint(write_at(d, 3 * ZONE, BLOCK), ==, 0);
    d->hold_writes = true;
    d->error = -BLK_ZERR_OPEN;
    start(&r[0], d, false, 2 * ZONE, BLOCK, 1);
    start(&r[1], d, false, 2 * ZONE + BLOCK, BLOCK, 2);
    g_string_truncate(d->log, 0);
    release(d);
    g_assert_cmpint(r[0].ret, ==, -BLK_ZERR_OPEN);
    g_assert_cmpint(r[1].ret, ==, -BLK_ZERR_NOT_AT_WP);
    g_string_truncate(d->log, 0);

    /* Another zone is not asked for anew */
    g_assert_cmpint(write_at(d, 3 * ZONE + BLOCK, BLOCK), ==, 0);
    assert_log(d, "write 200704+4096");
    g_assert_cmpint(write_at(d, 2 * ZONE, BLOCK), ==, 0);
    free_device(d);
}

static void test_state_changes(void)
{
    TestDevice *d = new_device(BLK_Z_HM);

    g_assert_cmpint(write_at(d, 2 * ZONE, BLOCK), ==, 0);
    d->zones[2].state = BLK_ZS_RDONLY;
    g_assert_cmpint(write_at(d, 2 * ZONE + BLOCK, BLOCK), ==,
                    -BLK_ZERR_RDONLY);
    d->zones[2].state = BLK_ZS_IOPEN;
    g_assert_cmpint(append_to(d, 2 * ZONE, BLOCK), ==, 0);
    d->zones[2].state = BLK_ZS_OFFLINE;
    g_assert_cmpint(append_to(d, 2 * ZONE, BLOCK), ==, -BLK_ZERR_OFFLINE);
    free_device(d);
}

/* Somebody else uses the device at the same time */
static void test_changed_behind_our_back(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r;

    g_assert_cmpint(write_at(d, 2 * ZONE, 4 * BLOCK), ==, 0);
    d->zones[2].wp = 2 * ZONE;
    g_assert_cmpint(write_at(d, 2 * ZONE, BLOCK), ==, 0);

    /* As much as the write itself, and more */
    d->zones[2].wp += BLOCK;
    start(&r, d, false, 2 * ZONE + BLOCK, BLOCK, 6);
    g_assert_cmpint(r.ret, ==, -BLK_ZERR_NOT_AT_WP);
    d->zones[2].wp += BLOCK;
    start(&r, d, true, 2 * ZONE, BLOCK, 7);
    g_assert_cmpint(r.offset, ==, 2 * ZONE + 3 * BLOCK);
    assert_written(&r);
    d->zones[2].wp += 2 * BLOCK;
    start(&r, d, true, 2 * ZONE, BLOCK, 8);
    g_assert_cmpint(r.offset, ==, 2 * ZONE + 6 * BLOCK);
    assert_written(&r);

    /* The zone is finished */
    d->zones[2].state = BLK_ZS_FULL;
    start(&r, d, false, 2 * ZONE + 7 * BLOCK, BLOCK, 9);
    g_assert_cmpint(r.ret, ==, -BLK_ZERR_INVALID);
    free_device(d);
}

/* A write that fills the zone fails, but its data is there */
static void test_filled_and_failed(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r;

    g_assert_cmpint(write_at(d, 2 * ZONE, CAPACITY - BLOCK), ==, 0);
    memset(&d->data[2 * ZONE + CAPACITY - BLOCK], 5, BLOCK);
    d->zones[2].state = BLK_ZS_FULL;
    start(&r, d, true, 2 * ZONE, BLOCK, 5);
    g_assert_cmpint(r.ret, ==, -EIO);
    free_device(d);
}

/* The first of those that are held goes on, all others later */
static void release_one(TestDevice *d)
{
    qemu_co_enter_next(&d->held, NULL);
    settle();
}

/* Three writes, the last two of which are now in flight to zone 2 as one */
static void start_three(Request *r, TestDevice *d, bool append)
{
    int i;

    d->hold_writes = true;
    for (i = 0; i < 3; i++) {
        start(&r[i], d, append, 2 * ZONE + (append ? 0 : i * BLOCK), BLOCK,
              i + 1);
    }
    release_one(d);
    assert_log(d, "report 2+6, write 131072+4096, write 135168+8192");
    assert_written(&r[0]);
}

/* Of joined writes too, nothing is there if somebody else has their place */
static void test_taken_joined(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[3];

    /* Appends find another one, each by itself */
    start_three(r, d, true);
    d->zones[2].wp += 3 * BLOCK;
    release(d);
    assert_log(d, "report 2+1, read 135168+4096, write 147456+4096, "
               "write 151552+4096");
    assert_written(&r[1]);
    assert_written(&r[2]);
    free_device(d);

    /* Once */
    d = new_device(BLK_Z_HM);
    start_three(r, d, true);
    d->zones[2].wp += 3 * BLOCK;
    release_one(d);
    d->zones[2].wp += 2 * BLOCK;
    release_one(d);
    g_assert_cmpint(r[1].ret, ==, -BLK_ZERR_NOT_AT_WP);
    release(d);
    g_assert_cmpint(r[2].offset, ==, 2 * ZONE + 6 * BLOCK);
    assert_written(&r[2]);
    free_device(d);

    /* Writes have no other place */
    d = new_device(BLK_Z_HM);
    start_three(r, d, false);
    d->zones[2].wp += 3 * BLOCK;
    release(d);
    assert_log(d, "report 2+1, read 135168+4096");
    g_assert_cmpint(r[1].ret, ==, -BLK_ZERR_NOT_AT_WP);
    g_assert_cmpint(r[2].ret, ==, -BLK_ZERR_NOT_AT_WP);
    free_device(d);

    /* The zone was reset, and there is nothing to read */
    d = new_device(BLK_Z_HM);
    start_three(r, d, true);
    d->zones[2].wp = 2 * ZONE;
    release(d);
    assert_log(d, "report 2+1, write 131072+4096, write 135168+4096");
    assert_written(&r[1]);
    assert_written(&r[2]);
    free_device(d);
}

/* Data that the device has taken is not written again, though others went on */
static void test_taken_in_part(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r[3];

    start_three(r, d, true);
    d->error = -EIO;
    d->taken = BLOCK;
    d->rival = 2 * BLOCK;
    release(d);
    assert_log(d, "report 2+1, read 135168+4096");
    g_assert_cmpint(r[1].ret, ==, -EIO);
    g_assert_cmpint(r[2].ret, ==, -EIO);

    start(&r[0], d, true, 2 * ZONE, 2 * BLOCK, 4);
    assert_written(&r[0]);
    d->error = -EIO;
    start(&r[1], d, true, 2 * ZONE, 2 * BLOCK, 5);
    g_assert_cmpint(r[1].ret, ==, -EIO);
    free_device(d);
}

static void test_forget(void)
{
    TestDevice *d = new_device(BLK_Z_HM);
    Request r;

    d->zones[3].wp += BLOCK;
    d->hold_reports = true;
    start(&r, d, false, 2 * ZONE, BLOCK, 1);
    /* A reset of the next zone, which the report in flight tells about */
    zone_queue_forget(d->zq, 3 * ZONE, ZONE);
    d->zones[3].wp = 3 * ZONE;
    zone_queue_forget(d->zq, 3 * ZONE, ZONE);
    release(d);
    assert_written(&r);

    g_string_truncate(d->log, 0);
    start(&r, d, true, 3 * ZONE, BLOCK, 2);
    g_assert_cmpint(r.offset, ==, 3 * ZONE);
    assert_written(&r);
    assert_log(d, "report 3+5, write 196608+4096");

    /* All of them */
    zone_queue_forget(d->zq, 0, NR_ZONES * ZONE);
    d->zones[2].wp = 2 * ZONE;
    g_string_truncate(d->log, 0);
    g_assert_cmpint(append_to(d, 2 * ZONE, BLOCK), ==, 0);
    assert_log(d, "report 2+6, write 131072+4096");
    free_device(d);
}

static int read_block(TestDevice *d, int64_t offset)
{
    uint8_t buf[BLOCK];
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, sizeof(buf));

    return zone_queue_co_read(d->zq, offset, &qiov);
}

static void coroutine_fn failed_reads(void *opaque)
{
    TestDevice *d = opaque;

    g_assert_cmpint(read_block(d, 2 * ZONE), ==, 0);
    assert_log(d, "read 131072+4096");
    d->read_error = -EIO;
    g_assert_cmpint(read_block(d, 2 * ZONE), ==, -EIO);
    d->zones[2].state = BLK_ZS_OFFLINE;
    g_assert_cmpint(read_block(d, 2 * ZONE), ==, -BLK_ZERR_OFFLINE);
    d->read_error = -ENODATA;
    g_assert_cmpint(read_block(d, 2 * ZONE), ==, -ENODATA);
}

static void test_failed_reads(void)
{
    TestDevice *d = new_device(BLK_Z_HM);

    qemu_coroutine_enter(qemu_coroutine_create(failed_reads, d));
    settle();
    g_assert_cmpint(d->read_error, ==, -ENODATA);
    free_device(d);
}

static void test_host_aware(void)
{
    TestDevice *d = new_device(BLK_Z_HA);
    Request r;
    int i;

    for (i = NR_CONV; i < NR_ZONES; i++) {
        d->zones[i].type = BLK_ZT_SWP;
    }
    d->zones[2].wp += BLOCK;
    start(&r, d, true, 2 * ZONE, BLOCK, 2);
    g_assert_cmpint(r.offset, ==, 2 * ZONE + BLOCK);
    assert_written(&r);
    d->zones[2].wp += 4 * BLOCK;
    start(&r, d, true, 2 * ZONE, BLOCK, 3);
    g_assert_cmpint(r.offset, ==, 2 * ZONE + 6 * BLOCK);

    d->zones[2].type = BLK_ZT_CONV;         /* of the device: any write */
    g_string_truncate(d->log, 0);
    g_assert_cmpint(write_at(d, 2 * ZONE + 512, ZONE / 2), ==, 0);
    assert_log(d, "write 131584+32768");
    free_device(d);
}

int main(int argc, char **argv)
{
    qemu_init_main_loop(&error_abort);
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zone-queue/joined", test_joined);
    g_test_add_func("/zone-queue/joined-again", test_joined_again);
    g_test_add_func("/zone-queue/zones-in-parallel", test_zones_in_parallel);
    g_test_add_func("/zone-queue/appends", test_appends);
    g_test_add_func("/zone-queue/conventional", test_conventional);
    g_test_add_func("/zone-queue/refused", test_refused);
    g_test_add_func("/zone-queue/failed/reads", test_failed_reads);
    g_test_add_func("/zone-queue/failed/writes", test_failed_writes);
    g_test_add_func("/zone-queue/failed/appends", test_failed_appends);
    g_test_add_func("/zone-queue/failed/alone", test_failed_alone);
    g_test_add_func("/zone-queue/state-changes", test_state_changes);
    g_test_add_func("/zone-queue/changed-behind-our-back",
                    test_changed_behind_our_back);
    g_test_add_func("/zone-queue/failed/filled", test_filled_and_failed);
    g_test_add_func("/zone-queue/taken/joined", test_taken_joined);
    g_test_add_func("/zone-queue/taken/in-part", test_taken_in_part);
    g_test_add_func("/zone-queue/forget", test_forget);
    g_test_add_func("/zone-queue/host-aware", test_host_aware);
    return g_test_run();
}
