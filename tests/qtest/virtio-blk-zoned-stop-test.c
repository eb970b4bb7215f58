/*
 * QTest testcase for virtio-blk on a zoned disk: what the driver has submitted
 * behind a write that stops the machine
 *
 * It does not know that the write has failed.  So when the machine goes on,
 * everything has to be done in the order in which it was submitted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qmp/qdict.h"
#include "zoned-image.h"

/* The start of a zone, where the first write fails, once */
#define BAD        (2 * ZONE)
#define MAX_STEPS  4

/*
 * A request to the zone that starts at BAD; @fill and @sector, relative to
 * that, are for writes
 */
typedef struct Step {
    int type;
    uint32_t sector;
    uint8_t fill;
} Step;

/*
 * What is submitted at once, and what the zone is like at the end: @first is
 * the first byte that can be read there.
 */
typedef struct StopCase {
    Step steps[MAX_STEPS];
    int state;
    uint32_t wp;
    uint8_t first;
} StopCase;

static const StopCase stop_cases[] = {
    { { { T_OUT, 0, 1 }, { T_RESET } }, ZS_EMPTY, 0, 0 },
    { { { T_OUT, 0, 1 }, { T_RESET_ALL } }, ZS_EMPTY, 0, 0 },
    { { { T_OUT, 0, 1 }, { T_FINISH } }, ZS_FULL, 0, 1 },
    { { { T_OUT, 0, 1 }, { T_CLOSE } }, ZS_CLOSED, 8, 1 },
    { { { T_OUT, 0, 1 }, { T_OPEN } }, ZS_EOPEN, 8, 1 },
    { { { T_OUT, 0, 1 }, { T_APPEND, 0, 2 } }, ZS_IOPEN, 16, 1 },
    { { { T_APPEND, 0, 1 }, { T_FINISH } }, ZS_FULL, 0, 1 },
    { { { T_OUT, 0, 1 }, { T_OUT, 8, 2 }, { T_OUT, 16, 3 }, { T_OUT, 24, 4 } },
      ZS_IOPEN, 32, 1 },
    { { { T_OUT, 0, 1 }, { T_OUT, 8, 2 }, { T_FINISH } }, ZS_FULL, 0, 1 },
    { { { T_OUT, 0, 1 }, { T_RESET }, { T_OUT, 0, 3 }, { T_OUT, 8, 4 } },
      ZS_IOPEN, 16, 3 },
    { { { T_OUT, 0, 1 }, { T_RESET_ALL }, { T_APPEND, 0, 3 } },
      ZS_IOPEN, 8, 3 },
};

/* How the device works: @features besides those that a zoned disk needs */
typedef struct StopMode {
    const char *options;
    uint64_t features;
    bool throttled;
} StopMode;

static Disk *disk_new_failing(const StopMode *mode)
{
    Disk *d = g_new0(Disk, 1);
    struct stat st;

    d->image = image_new(IMAGE_SIZE, IMAGE_OPTIONS);
    g_assert_cmpint(stat(d->image, &st), ==, 0);
    /* The zones are the last part of the image */
    d->qts = qtest_initf("-machine pc -object iothread,id=io0 "
                         "-blockdev driver=zoned,node-name=disk,"
                         "file.driver=blkdebug,file.image.driver=file,"
                         "file.image.filename=%s,"
                         "file.inject-error.0.event=none,"
                         "file.inject-error.0.iotype=write,"
                         "file.inject-error.0.once=on,"
                         "file.inject-error.0.sector=%" PRId64 " "
                         "-device virtio-blk-pci,id=vd,drive=disk,addr=%d,"
                         "werror=stop%s", d->image,
                         (int64_t)st.st_size / SECTOR - DISK_SECTORS + BAD,
                         PCI_SLOT, mode->options);
    disk_find(d);
    disk_start(d, F_VERSION_1 | F_ZONED | mode->features);
    return d;
}

/* Let only @iops writes begin in a second, in which nothing else happens */
static void throttle(Disk *d, int iops)
{
    QDict *reply = qtest_qmp(d->qts, "{ 'execute': 'block_set_io_throttle', "
                             "'arguments': { 'id': %s, 'bps': 0, 'bps_rd': 0, "
                             "'bps_wr': 0, 'iops': 0, 'iops_rd': 0, "
                             "'iops_wr': %d } }", QDEV_PATH, iops);

    g_assert_true(qdict_haskey(reply, "return"));
    qobject_unref(reply);
}

static void submit_step(Disk *d, const Step *step, Request *r)
{
    uint8_t block[GRANULE * SECTOR];

    *r = (Request) { .type = step->type, .sector = BAD + step->sector };
    if (step->fill) {
        memset(block, step->fill, sizeof(block));
        r->out = block;
        r->out_len = sizeof(block);
    }
    if (step->type == T_APPEND) {
        r->in_len = 8;
    }
    submit(d, r);
}

static void check_case(const StopCase *c, const StopMode *mode)
{
    Disk *d = disk_new_failing(mode);
    Request r[MAX_STEPS];
    uint8_t in[GRANULE * SECTOR];
    int n;

    if (mode->throttled) {
        throttle(d, 1);
    }
    for (n = 0; n < MAX_STEPS && c->steps[n].type; n++) {
        submit_step(d, &c->steps[n], &r[n]);
    }
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));

    if (mode->throttled) {
        throttle(d, 0);
    }
    go_on(d);
    complete(d, r, n);
    for (int i = 0; i < n; i++) {
        g_assert_cmpint(r[i].status, ==, S_OK);
        request_done(d, &r[i]);
    }
    assert_zone(d, BAD, c->state, BAD + c->wp);
    g_assert_cmpint(run(d, (Request) { .type = T_IN, .sector = BAD,
                                       .in_len = sizeof(in) }, in), ==, S_OK);
    g_assert_cmpint(in[0], ==, c->first);

    /* Nothing is held back any more */
    g_assert_cmpint(zone_op(d, T_RESET, BAD), ==, S_OK);
    g_assert_cmpint(write_sectors(d, BAD, GRANULE), ==, S_OK);
    g_assert_cmpint(append(d, BAD, GRANULE), ==, S_OK);
    disk_free(d);
}

static void test_stop(const void *opaque)
{
    for (int i = 0; i < ARRAY_SIZE(stop_cases); i++) {
        g_test_message("case %d", i);
        check_case(&stop_cases[i], opaque);
    }
}

/* The guest's own mistakes reach it, though they had to wait */
static void test_mistakes(void)
{
    static const StopMode mode = { ",rerror=stop", F_FLUSH };
    static const Step steps[] = {
        { T_OUT, 0, 1 }, { T_OUT, 24, 2 }, { T_FINISH }, { T_CLOSE },
    };
    Disk *d = disk_new_failing(&mode);
    Request r[ARRAY_SIZE(steps)];

    for (int i = 0; i < ARRAY_SIZE(steps); i++) {
        submit_step(d, &steps[i], &r[i]);
    }
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    go_on(d);
    complete(d, r, ARRAY_SIZE(steps));
    g_assert_cmpint(r[0].status, ==, S_OK);
    g_assert_cmpint(r[1].status, ==, S_UNALIGNED_WP);
    g_assert_cmpint(r[2].status, ==, S_OK);
    g_assert_cmpint(r[3].status, ==, S_INVALID_CMD);
    for (int i = 0; i < ARRAY_SIZE(steps); i++) {
        request_done(d, &r[i]);
    }
    g_assert_true(is_running(d));
    disk_free(d);
}

/* A reset of the device drops what waits, and new requests are not held back */
static void test_device_reset(void)
{
    static const StopMode mode = { "", F_FLUSH };
    Disk *d = disk_new_failing(&mode);
    Request r[2];

    submit_step(d, &(Step) { T_OUT, 0, 1 }, &r[0]);
    submit_step(d, &(Step) { T_FINISH }, &r[1]);
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    qvirtio_start_device(d->dev);
    go_on(d);
    request_done(d, &r[0]);
    request_done(d, &r[1]);
    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(get_zone(d, BAD).wp, ==, BAD);
    g_assert_cmpint(append(d, BAD, GRANULE), ==, S_OK);
    assert_zone(d, BAD, ZS_IOPEN, BAD + GRANULE);
    disk_free(d);
}

int main(int argc, char **argv)
{
    static const StopMode plain = { "", F_FLUSH };
    static const StopMode sync = { "", 0 };
    static const StopMode iothread = { ",iothread=io0", F_FLUSH };
    static const StopMode throttled = { "", F_FLUSH, true };

    g_test_init(&argc, &argv, NULL);

    qtest_add_data_func("/virtio-blk-zoned-stop/plain", &plain, test_stop);
    qtest_add_data_func("/virtio-blk-zoned-stop/no-write-cache", &sync,
                        test_stop);
    qtest_add_data_func("/virtio-blk-zoned-stop/iothread", &iothread,
                        test_stop);
    qtest_add_data_func("/virtio-blk-zoned-stop/throttled", &throttled,
                        test_stop);
    qtest_add_func("/virtio-blk-zoned-stop/mistakes", test_mistakes);
    qtest_add_func("/virtio-blk-zoned-stop/device-reset", test_device_reset);
    return g_test_run();
}
