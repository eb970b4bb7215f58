/*
 * Helpers of unit tests: a zoned disk that writes its calls down
 *
 * The log has each call that reaches the disk ("write 0+4096",
 * "reset 65536+65536").  The disk can hold requests up until it is told to go
 * on, with all of them or one after the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef ZONE_DISK_H
#define ZONE_DISK_H

#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "block/block_int.h"
#include "sysemu/block-backend.h"

#define ZONE     (64 * KiB)
#define NR_ZONES 8
#define GRAN     (4 * KiB)
/* The last zone is short */
#define DISK     (NR_ZONES * ZONE - 16 * KiB)

typedef struct TestDisk {
    GString *log;
    /* requests wait for release() or step() */
    bool hold;
    CoQueue held;
    /* where the last request ran */
    AioContext *ctx;
    /* what the next requests fail with */
    int error;
    uint64_t wp[NR_ZONES];
    BlockZoneType type[NR_ZONES];
    BlockZoneState state[NR_ZONES];
    uint32_t alignment;
    uint8_t data[DISK];
} TestDisk;

/* A disk whose zones are sequential and closed, with BDRV_O_* flags */
BlockDriverState *new_disk_with_flags(BlockZoneModel model, const char *name,
                                      int flags);
/* The same, writable */
BlockDriverState *new_disk(BlockZoneModel model, const char *name);
/* One that takes requests in units of GRAN only, and holds each of them up */
BlockDriverState *new_slow_disk(BlockZoneModel model, const char *name);

static inline BlockBackend *new_backend(BlockDriverState *bs)
{
    BlockBackend *blk = blk_new(qemu_get_aio_context(),
                                BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE,
                                BLK_PERM_ALL);

    blk_insert_bs(blk, bs, &error_abort);
    return blk;
}

/* A backend on a new host-managed disk, which goes with it */
static inline BlockBackend *new_zoned_backend(TestDisk **disk)
{
    BlockDriverState *bs = new_disk(BLK_Z_HM, "disk");
    BlockBackend *blk = new_backend(bs);

    *disk = bs->opaque;
    bdrv_unref(bs);
    return blk;
}

static inline BlockDriverState *open_raw(int64_t offset, int64_t size,
                                         Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "raw");
    qdict_put_str(options, "node-name", "raw");
    qdict_put_str(options, "file", "disk");
    qdict_put_int(options, "offset", offset);
    if (size >= 0) {
        qdict_put_int(options, "size", size);
    }
    return bdrv_open(NULL, NULL, options, BDRV_O_RDWR, errp);
}

/* The requests that have reached the disk since the last call */
#define assert_log(disk, expected) do {                         \
        g_assert_cmpstr((disk)->log->str, ==, expected);        \
        g_string_truncate((disk)->log, 0);                      \
    } while (0)

static inline void release(void *opaque)
{
    TestDisk *d = opaque;

    d->hold = false;
    qemu_co_enter_all(&d->held, NULL);
}

static inline void set_result(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

#define PENDING 1

static inline void wait_for(const int *result)
{
    while (*result == PENDING) {
        aio_poll(qemu_get_aio_context(), true);
    }
}

/* Let everything happen that can happen without release() or step() */
static inline void settle(void)
{
    while (aio_poll(qemu_get_aio_context(), false)) {
        /* again */
    }
}

/* Let the request go on that reached the disk first.  False: there is none. */
static inline bool step(TestDisk *d)
{
    bool any = qemu_co_enter_next(&d->held, NULL);

    settle();
    return any;
}

static inline int append(BlockBackend *blk, int64_t *offset, size_t bytes)
{
    g_autofree void *buf = g_malloc0(bytes);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);

    return blk_zone_append(blk, offset, &qiov, 0);
}

static inline int append_at(BlockBackend *blk, int64_t offset, size_t bytes)
{
    return append(blk, &offset, bytes);
}

#endif /* ZONE_DISK_H */
