/*
 * QTest testcase for virtio-blk on a zoned disk: a file below that fails, and a
 * machine that stops and goes on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/qmp/qdict.h"
#include "zoned-image.h"

/* A mistake of the guest's does not stop it */
static void test_zone_error_policy(void)
{
    Disk *d = disk_new_with(",werror=stop,rerror=stop");

    g_assert_cmpint(write_sectors(d, 4 * ZONE + GRANULE, GRANULE), ==,
                    S_UNALIGNED_WP);
    g_assert_cmpint(read_sectors(d, 5 * ZONE - 1, 2), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, 0, GRANULE), ==, S_INVALID_CMD);
    g_assert_cmpint(append(d, 2 * ZONE, GRANULE + 1), ==, S_UNALIGNED_WP);
    g_assert_cmpint(append(d, DISK_SECTORS, GRANULE), ==, S_IOERR);
    g_assert_cmpint(zone_op(d, T_CLOSE, 2 * ZONE), ==, S_INVALID_CMD);
    g_assert_cmpint(zone_op(d, T_OPEN, DISK_SECTORS), ==, S_IOERR);
    g_assert_true(is_running(d));
    disk_free(d);
}

/* IMAGE_OPTIONS, but nothing is written to the image when it is opened */
#define NO_CONVENTIONAL IMAGE_OPTIONS ",conventional_zones=0"

/* Places in the image, in sectors */
#define ROOT(copy)  ((copy) * 1024 + 8)
#define TABLE(copy) ((copy) * 1024 + 16)
#define ANYWHERE    -1

/* The zones are the last part of the image */
static int64_t image_sector(const char *image, uint64_t disk_sector)
{
    struct stat st;

    g_assert_cmpint(stat(image, &st), ==, 0);
    return st.st_size / SECTOR - DISK_SECTORS + disk_sector;
}

/*
 * A disk whose medium fails the first @times requests of type @iotype at
 * @sector of the image.  Its driver is not there yet.
 */
static Disk *disk_probe_faulty(char *image, const char *iotype, int64_t sector,
                               int error, int times,
                               const char *device_options)
{
    g_autoptr(GString) nodes = g_string_new("-blockdev driver=blkdebug,"
                                            "node-name=dbg,image=file");

    for (int i = 0; i < times; i++) {
        g_string_append_printf(nodes, ",inject-error.%d.event=none,"
                               "inject-error.%d.iotype=%s,"
                               "inject-error.%d.errno=%d,"
                               "inject-error.%d.once=on",
                               i, i, iotype, i, error, i);
        if (sector != ANYWHERE) {
            g_string_append_printf(nodes, ",inject-error.%d.sector=%" PRId64,
                                   i, sector);
        }
    }
    g_string_append(nodes, " -blockdev driver=zoned,node-name=disk,file=dbg");
    return disk_probe(image, nodes->str, device_options);
}

/* A disk whose medium fails the first write to zone 2, once */
static Disk *disk_new_failing(const char *device_options)
{
    char *image = image_new(IMAGE_SIZE, NO_CONVENTIONAL);
    Disk *d = disk_probe_faulty(image, "write", image_sector(image, 2 * ZONE),
                                EIO, 1, device_options);

    disk_start(d, F_VERSION_1 | F_ZONED);
    return d;
}

static void test_medium_error(void)
{
    static const char *const policies[] = { "report", "ignore" };
    uint64_t where;

    /* even if it shall be ignored: nobody knows where the data went */
    for (int i = 0; i < ARRAY_SIZE(policies); i++) {
        g_autofree char *options = g_strdup_printf(",werror=%s", policies[i]);
        Disk *d = disk_new_failing(options);

        g_assert_cmpint(append_bytes(d, 2 * ZONE, GRANULE * SECTOR, &where),
                        ==, S_IOERR);
        g_assert_cmpint(append_bytes(d, 2 * ZONE, GRANULE * SECTOR, &where),
                        ==, S_OK);
        g_assert_cmpint(where, ==, 2 * ZONE);
        disk_free(d);
    }
}

/* The machine stops, and the request is done when it goes on */
static void test_medium_error_stop(void)
{
    static const size_t steps[] = { 0, 32 };

    for (int i = 0; i < ARRAY_SIZE(steps); i++) {
        Disk *d = disk_new_failing(",werror=stop");
        Request r = { .type = T_APPEND, .sector = 2 * ZONE, .in_len = 8,
                      .out_len = GRANULE * SECTOR, .step = steps[i],
                      .in_step = 9 };
        uint8_t in[8];

        submit(d, &r);
        kick(d);
        qtest_qmp_eventwait(d->qts, "STOP");
        g_assert_false(is_running(d));
        g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));

        qobject_unref(qtest_qmp(d->qts, "{ 'execute': 'cont' }"));
        complete(d, &r, 1);
        g_assert_cmpint(r.status, ==, S_OK);
        request_in(d, &r, in);
        g_assert_cmpint(ldq_le_p(in), ==, 2 * ZONE);
        request_done(d, &r);
        assert_zone(d, 2 * ZONE, ZS_IOPEN, 2 * ZONE + GRANULE);
        disk_free(d);
    }
}

static void submit_write(Disk *d, Request *r, uint64_t sector)
{
    *r = (Request) { .type = T_OUT, .sector = sector,
                     .out_len = GRANULE * SECTOR };
    submit(d, r);
}

/*
 * Of many writes to a zone the first fails, and the others with it.  They are
 * done when the machine goes on, in the order in which they were submitted,
 * and what comes meanwhile does not overtake them.
 */
static void test_medium_error_stop_queue(void)
{
    enum { N = 70, LATE = 4 };
    /* Without ioeventfd the device hears a driver even while it is stopped */
    Disk *d = disk_new_failing(",werror=stop,ioeventfd=off");
    Request r[N + LATE];
    int i;

    for (i = 0; i < N; i++) {
        submit_write(d, &r[i], 2 * ZONE + i * GRANULE);
    }
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    for (; i < N + LATE; i++) {
        submit_write(d, &r[i], 2 * ZONE + i * GRANULE);
    }
    kick(d);
    g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));

    qobject_unref(qtest_qmp(d->qts, "{ 'execute': 'cont' }"));
    complete(d, r, N + LATE);
    for (i = 0; i < N + LATE; i++) {
        g_assert_cmpint(r[i].status, ==, S_OK);
        request_done(d, &r[i]);
    }
    assert_zone(d, 2 * ZONE, ZS_IOPEN, 2 * ZONE + (N + LATE) * GRANULE);
    disk_free(d);
}

/*
 * Requests that the medium fails several times.  The machine stops, and when
 * the cause is gone the requests are done as if nothing had been.
 */

/* What precedes the requests */
typedef enum {
    NEW_ZONE,                   /* nothing */
    OPEN_ZONE,                  /* it is open, without data */
    WRITTEN_ZONE,               /* its first granule is written */
    RESET_ZONE,                 /* a reset after a write that was flushed */
} Before;

#define ZONE_2 -2

/*
 * @iotype, @sector: what fails in the image; ZONE_2: the start of that zone
 * @sync: there is no write cache, so that each request ends with a commit
 * @type, @requests: so many of this type, one after the other in zone 2
 * @sectors: that each of them writes or reads
 * @state, @wp: of zone 2 at the end, @wp being relative to its start
 */
typedef struct MediumCase {
    const char *iotype;
    int64_t sector;
    bool sync;
    Before before;
    int type;
    int requests;
    uint32_t sectors;
    int state;
    uint64_t wp;
} MediumCase;

static const MediumCase medium_cases[] = {
    { "write", ZONE_2, false, NEW_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "write", ZONE_2, false, NEW_ZONE, T_APPEND, 1, 8, ZS_IOPEN, 8 },
    { "read", ZONE_2, false, WRITTEN_ZONE, T_IN, 1, 8, ZS_IOPEN, 8 },
    /* Before new data is written there is a commit */
    { "write", TABLE(1), false, RESET_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "write", TABLE(1), false, RESET_ZONE, T_APPEND, 1, 8, ZS_IOPEN, 8 },
    { "write", TABLE(1), false, RESET_ZONE, T_FLUSH, 1, 0, ZS_EMPTY, 0 },
    /* The first commit: a root that says unclean, one that names the data */
    { "write", ROOT(1), false, WRITTEN_ZONE, T_FLUSH, 2, 0, ZS_IOPEN, 8 },
    { "write", ROOT(0), false, WRITTEN_ZONE, T_FLUSH, 2, 0, ZS_IOPEN, 8 },
    { "flush", ANYWHERE, false, WRITTEN_ZONE, T_FLUSH, 2, 0, ZS_IOPEN, 8 },
    { "write", ROOT(1), true, NEW_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "write", ROOT(0), true, NEW_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "flush", ANYWHERE, true, NEW_ZONE, T_OUT, 5, 8, ZS_IOPEN, 40 },
    { "write", ROOT(0), true, NEW_ZONE, T_OUT, 1, CAP, ZS_FULL, 0 },
    { "write", ROOT(0), true, NEW_ZONE, T_APPEND, 1, 8, ZS_IOPEN, 8 },
    { "flush", ANYWHERE, true, NEW_ZONE, T_APPEND, 1, 8, ZS_IOPEN, 8 },
    { "write", TABLE(1), true, NEW_ZONE, T_FINISH, 1, 0, ZS_FULL, 0 },
    { "flush", ANYWHERE, true, OPEN_ZONE, T_RESET, 1, 0, ZS_EMPTY, 0 },
};

static Disk *disk_new_for_case(const MediumCase *c, int error, int times,
                               const char *device_options)
{
    char *image = image_new(IMAGE_SIZE, NO_CONVENTIONAL);
    int64_t sector = c->sector == ZONE_2 ? image_sector(image, 2 * ZONE)
                                         : c->sector;
    Disk *d = disk_probe_faulty(image, c->iotype, sector, error, times,
                                device_options);

    g_test_message("%s at %" PRId64 ": %s, %d requests %d, sync %d", c->iotype,
                   sector, strerror(error), c->requests, c->type, c->sync);
    /* A driver that cannot flush gets no write cache */
    disk_start(d, F_VERSION_1 | F_ZONED | (c->sync ? 0 : F_FLUSH));
    if (c->before == OPEN_ZONE) {
        g_assert_cmpint(zone_op(d, T_OPEN, 2 * ZONE), ==, S_OK);
    }
    if (c->before == WRITTEN_ZONE || c->before == RESET_ZONE) {
        g_assert_cmpint(write_sectors(d, 2 * ZONE, GRANULE), ==, S_OK);
    }
    if (c->before == RESET_ZONE) {
        g_assert_cmpint(run(d, (Request) { .type = T_FLUSH }, NULL), ==, S_OK);
        g_assert_cmpint(zone_op(d, T_RESET, 2 * ZONE), ==, S_OK);
    }
    return d;
}

static Request request_of_case(const MediumCase *c, int i)
{
    Request r = { .type = c->type, .sector = 2 * ZONE };

    switch (c->type) {
    case T_IN:
        r.in_len = c->sectors * SECTOR;
        break;
    case T_APPEND:
        r.in_len = 8;
        r.out_len = c->sectors * SECTOR;
        break;
    case T_OUT:
        r.sector += i * c->sectors;
        r.out_len = c->sectors * SECTOR;
        break;
    case T_FLUSH:
        r.sector = 0;
        break;
    }
    return r;
}

/* Wait until the machine has stopped because of @error in a request */
static void wait_for_stop(Disk *d, bool is_read, int error)
{
    QDict *event = qtest_qmp_eventwait_ref(d->qts, "BLOCK_IO_ERROR");
    QDict *data = qdict_get_qdict(event, "data");

    g_assert_cmpstr(qdict_get_str(data, "action"), ==, "stop");
    g_assert_cmpstr(qdict_get_str(data, "operation"), ==,
                    is_read ? "read" : "write");
    g_assert_cmpint(qdict_get_bool(data, "nospace"), ==, error == ENOSPC);
    qobject_unref(event);
    qtest_qmp_eventwait(d->qts, "STOP");
    g_assert_false(is_running(d));
    g_assert_false(qvirtqueue_get_buf(d->qts, d->vq, NULL, NULL));
}

/*
 * A machine that stops flushes, and this may fail, too.  So the faults last for
 * one stop or for two.
 */
static void check_medium_stop(const MediumCase *c, int error,
                              const char *device_options)
{
    Disk *d = disk_new_for_case(c, error, 3, device_options);
    Request r[8];
    uint8_t in[8];

    for (int i = 0; i < c->requests; i++) {
        r[i] = request_of_case(c, i);
        submit(d, &r[i]);
    }
    kick(d);
    wait_for_stop(d, c->type == T_IN, error);
    go_on(d);
    complete_and_resume(d, r, c->requests);

    if (c->type == T_APPEND) {
        request_in(d, &r[0], in);
        g_assert_cmpint(ldq_le_p(in), ==, 2 * ZONE);
    }
    for (int i = 0; i < c->requests; i++) {
        g_assert_cmpint(r[i].status, ==, S_OK);
        request_done(d, &r[i]);
    }
    assert_zone(d, 2 * ZONE, c->state, 2 * ZONE + c->wp);
    g_assert_true(is_running(d));
    disk_free(d);
}

static void test_medium_stop(void)
{
    for (int i = 0; i < ARRAY_SIZE(medium_cases); i++) {
        check_medium_stop(&medium_cases[i], EIO, ",werror=stop,rerror=stop");
    }
}

/* The same when an iothread does the work */
static void test_medium_stop_iothread(void)
{
    for (int i = 0; i < ARRAY_SIZE(medium_cases); i++) {
        check_medium_stop(&medium_cases[i], EIO,
                          ",iothread=io0,werror=stop,rerror=stop");
    }
}

/* Without werror= a machine stops when there is no space */
static void test_medium_full(void)
{
    for (int i = 0; i < ARRAY_SIZE(medium_cases); i++) {
        if (medium_cases[i].type != T_IN) {
            check_medium_stop(&medium_cases[i], ENOSPC, "");
        }
    }
}

/* It does not stop for other errors: the guest is told, and tries again */
static void test_medium_report(void)
{
    for (int i = 0; i < ARRAY_SIZE(medium_cases); i++) {
        const MediumCase *c = &medium_cases[i];
        Disk *d = disk_new_for_case(c, EIO, 2, "");
        Request r = request_of_case(c, 0);

        for (int try = 0; try < 2; try++) {
            g_assert_cmpint(run(d, r, NULL), ==, S_IOERR);
        }
        g_assert_cmpint(run(d, r, NULL), ==, S_OK);
        assert_zone(d, 2 * ZONE, c->state,
                    2 * ZONE + (c->requests == 1 ? c->wp : GRANULE));
        g_assert_true(is_running(d));
        disk_free(d);
    }
}

/*
 * An open or close changes nothing that outlasts a crash, so that there is
 * nothing that can fail.  It could not be tried again: a zone without data is
 * not closed twice.
 */
static void test_medium_open_close(void)
{
    Disk *d = disk_probe_faulty(image_new(IMAGE_SIZE, NO_CONVENTIONAL), "flush",
                                ANYWHERE, EIO, 1, ",werror=stop");

    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(zone_op(d, T_OPEN, 2 * ZONE), ==, S_OK);
    assert_zone(d, 2 * ZONE, ZS_EOPEN, 2 * ZONE);
    g_assert_cmpint(zone_op(d, T_CLOSE, 2 * ZONE), ==, S_OK);
    assert_zone(d, 2 * ZONE, ZS_EMPTY, 2 * ZONE);
    g_assert_true(is_running(d));
    disk_free(d);
}

/* A request that waits for the machine to go on is dropped by a reset */
static void test_reset_stopped(void)
{
    Disk *d = disk_new_failing(",werror=stop");
    Request r = { .type = T_APPEND, .sector = 2 * ZONE, .in_len = 8,
                  .out_len = GRANULE * SECTOR };

    submit(d, &r);
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    qvirtio_start_device(d->dev);
    qobject_unref(qtest_qmp(d->qts, "{ 'execute': 'cont' }"));
    request_done(d, &r);
    disk_start(d, F_VERSION_1 | F_ZONED);
    g_assert_cmpint(get_zone(d, 2 * ZONE).wp, ==, 2 * ZONE);
    disk_free(d);
}

/* Submit @n reads that all fail, and stop and resume the machine */
static void fail_and_restart(Disk *d, Request *r, int n)
{
    for (int i = 0; i < n; i++) {
        r[i] = (Request) { .type = T_IN, .sector = 8 * i, .in_len = SECTOR };
        submit(d, &r[i]);
    }
    kick(d);
    qtest_qmp_eventwait(d->qts, "STOP");
    qobject_unref(qtest_qmp(d->qts, "{ 'execute': 'cont' }"));
}

/*
 * Without zones, requests are restarted in the order of QEMU without zones: the
 * last first.  They end in the order in which they are submitted, as the disk
 * takes the same time for each.
 */
static void test_plain_restart(void)
{
    Disk *d = g_new0(Disk, 1);
    Request r[3];

    d->qts = qtest_initf("-machine pc -blockdev driver=blkdebug,node-name=disk,"
                         "image.driver=null-co,image.read-zeroes=on,"
                         "image.size=16777216,image.latency-ns=1000000,"
                         "inject-error.0.event=none,inject-error.0.once=on,"
                         "inject-error.1.event=none,inject-error.1.once=on,"
                         "inject-error.2.event=none,inject-error.2.once=on "
                         "-device virtio-blk-pci,drive=disk,rerror=stop,"
                         "request-merging=off,addr=%d", PCI_SLOT);
    disk_find(d);
    disk_start(d, F_VERSION_1);
    fail_and_restart(d, r, ARRAY_SIZE(r));
    for (int i = ARRAY_SIZE(r) - 1; i >= 0; i--) {
        uint32_t head;

        while (!qvirtqueue_get_buf(d->qts, d->vq, &head, NULL)) {
            qtest_clock_step(d->qts, 100);
        }
        g_assert_cmpint(head, ==, r[i].head);
        request_done(d, &r[i]);
    }
    disk_free(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/virtio-blk-zoned/zone-error-policy",
                   test_zone_error_policy);
    qtest_add_func("/virtio-blk-zoned/medium-error", test_medium_error);
    qtest_add_func("/virtio-blk-zoned/medium-error-stop",
                   test_medium_error_stop);
    qtest_add_func("/virtio-blk-zoned/medium-error-stop-queue",
                   test_medium_error_stop_queue);
    qtest_add_func("/virtio-blk-zoned/medium-stop", test_medium_stop);
    qtest_add_func("/virtio-blk-zoned/medium-stop-iothread",
                   test_medium_stop_iothread);
    qtest_add_func("/virtio-blk-zoned/medium-full", test_medium_full);
    qtest_add_func("/virtio-blk-zoned/medium-report", test_medium_report);
    qtest_add_func("/virtio-blk-zoned/medium-open-close",
                   test_medium_open_close);
    qtest_add_func("/virtio-blk-zoned/reset-stopped", test_reset_stopped);
    qtest_add_func("/virtio-blk-zoned/plain-restart", test_plain_restart);
    return g_test_run();
}
