/*
 * Zoned block devices of the host (Linux): what the kernel says of them, zone
 * reports and zone management
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#ifdef CONFIG_BLKZONED
#include <linux/blkzoned.h>
#endif
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "block/block_int.h"
#include "block/thread-pool.h"
#include "block/zone-set.h"
#include "host-zoned.h"
#include "trace.h"

/* Headers that are too old for the rest know no number for this either */
#ifndef BLKGETZONESZ
#define BLKGETZONESZ _IOR(0x12, 132, uint32_t)
#endif

/* How many zones the kernel is asked for at once */
#define REPORT_BATCH 1024

/*
 * Detection
 */

/* Contents of a file in the sysfs folder of @st, or NULL */
static char *read_sysfs(const struct stat *st, const char *name)
{
    g_autofree char *path =
        g_strdup_printf("/sys/dev/block/%u:%u/%s", major(st->st_rdev),
                        minor(st->st_rdev), name);
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return NULL;
    }
    return g_strstrip(text);
}

static BlockZoneModel parse_model(const char *text)
{
    if (!g_strcmp0(text, "host-managed")) {
        return BLK_Z_HM;
    }
    if (!g_strcmp0(text, "host-aware")) {
        return BLK_Z_HA;
    }
    return BLK_Z_NONE;
}

/*
 * The model of the disk that @st is, or is a partition of.  Returns false if
 * sysfs does not say it.
 */
static bool read_model(const struct stat *st, BlockZoneModel *model,
                       bool *is_partition)
{
    g_autofree char *partition = read_sysfs(st, "partition");
    g_autofree char *text = NULL;

    *is_partition = partition;
    text = read_sysfs(st, partition ? "../queue/zoned" : "queue/zoned");
    *model = parse_model(text);
    return text;
}

/* Whether the kernel knows zones of the device; for where sysfs is missing */
static bool has_zones(int fd)
{
    uint32_t zone_sectors = 0;

    return ioctl(fd, BLKGETZONESZ, &zone_sectors) >= 0 && zone_sectors;
}

#ifdef CONFIG_BLKZONED
static const bool has_calls = true;
#else
static const bool has_calls;
#endif

/* Whether a host-managed device can be used */
static int check_usable(bool is_partition, Error **errp)
{
    if (is_partition) {
        error_setg(errp, "A partition of a zoned device cannot be used: the "
                   "kernel knows the zones of the whole device only");
        return -ENOTSUP;
    }
    if (!has_calls) {
        error_setg(errp, "This is a zoned device, and this QEMU was built "
                   "without support for those");
        return -ENOTSUP;
    }
    return 0;
}

#ifdef CONFIG_BLKZONED

/* A number in the queue's sysfs folder, or 0 */
static uint64_t read_queue_limit(const struct stat *st, const char *name)
{
    g_autofree char *path = g_strconcat("queue/", name, NULL);
    g_autofree char *text = read_sysfs(st, path);
    uint64_t value;

    if (!text || qemu_strtou64(text, NULL, 10, &value) < 0) {
        return 0;
    }
    return value;
}

static int read_limits(int fd, const struct stat *st, HostZoned *hz,
                       Error **errp)
{
    uint32_t zone_sectors = 0;

    if (ioctl(fd, BLKGETZONESZ, &zone_sectors) < 0 ||
        !is_power_of_2(zone_sectors)) {
        error_setg(errp, "Zones of %" PRIu32 " sectors cannot be used: it has "
                   "to be a power of two", zone_sectors);
        return -ENOTSUP;
    }
    hz->zone_size = (uint64_t)zone_sectors * BDRV_SECTOR_SIZE;

    /* Before Linux 5.18, the physical block size was what counted */
    hz->write_granularity =
        read_queue_limit(st, "zone_write_granularity") ?:
        read_queue_limit(st, "physical_block_size") ?: BDRV_SECTOR_SIZE;
    hz->max_append_bytes = read_queue_limit(st, "zone_append_max_bytes");
    hz->max_open_zones = read_queue_limit(st, "max_open_zones");
    hz->max_active_zones = read_queue_limit(st, "max_active_zones");
    return 0;
}

#else

static int read_limits(int fd, const struct stat *st, HostZoned *hz,
                       Error **errp)
{
    g_assert_not_reached();
}

#endif

int host_zoned_probe(int fd, bool direct, HostZoned *hz, Error **errp)
{
    bool is_partition;
    struct stat st;
    int ret;

    memset(hz, 0, sizeof(*hz));
    if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode)) {
        return 0;
    }
    if (!read_model(&st, &hz->model, &is_partition) && has_zones(fd)) {
        error_setg(errp, "This is a zoned device, and /sys, which tells more "
                   "about it, cannot be read");
        return -ENOTSUP;
    }
    if (hz->model == BLK_Z_HA && (is_partition || !has_calls || !direct)) {
        /* It is as good as any other disk */
        hz->model = BLK_Z_NONE;
    }
    if (hz->model == BLK_Z_NONE) {
        return 0;
    }
    ret = check_usable(is_partition, errp);
    return ret < 0 ? ret : read_limits(fd, &st, hz, errp);
}

void host_zoned_limits(const HostZoned *hz, int64_t bytes, BlockLimits *bl)
{
    uint64_t max_append = hz->max_append_bytes ?: bl->max_hw_transfer ?:
                          hz->zone_size;

    bl->zoned = hz->model;
    bl->zone_size = hz->zone_size;
    bl->nr_zones = DIV_ROUND_UP(bytes, hz->zone_size);
    bl->max_open_zones = hz->max_open_zones;
    bl->max_active_zones = hz->max_active_zones;
    bl->write_granularity = hz->write_granularity;

    /* An append is one write to us, so that any length will do */
    max_append = MIN(max_append, BDRV_REQUEST_MAX_BYTES);
    max_append = QEMU_ALIGN_DOWN(max_append, hz->write_granularity);
    max_append = MAX(max_append, hz->write_granularity);
    bl->max_append_sectors = MIN(max_append, hz->zone_size) / BDRV_SECTOR_SIZE;
}

int host_zoned_error(int ret)
{
    switch (ret) {
    case -BLK_ZERR_OPEN:
    case -BLK_ZERR_ACTIVE:
        return ret;
    case -EREMOTEIO:
        /* ILLEGAL REQUEST or DATA PROTECT of a SCSI or SATA drive */
        return -EIO;
    default:
        return blk_zone_medium_error(ret);
    }
}

/*
 * Report and management, in a thread of the pool
 */

#ifdef CONFIG_BLKZONED

static int submit_to_pool(BlockDriverState *bs, ThreadPoolFunc *func, void *arg)
{
    ThreadPool *pool = aio_get_thread_pool(bdrv_get_aio_context(bs));

    return thread_pool_submit_co(pool, func, arg);
}

static bool wp_is_meaningless(uint8_t condition)
{
    return condition == BLK_ZONE_COND_NOT_WP ||
           condition == BLK_ZONE_COND_FULL ||
           condition == BLK_ZONE_COND_READONLY ||
           condition == BLK_ZONE_COND_OFFLINE;
}

static void describe_zone(const struct blk_zone *kernel, bool has_capacity,
                          BlockZoneDescriptor *zone)
{
    uint64_t wp = wp_is_meaningless(kernel->cond) ? kernel->start + kernel->len
                                                  : kernel->wp;

    /* Types and states have the kernel's numbers */
    *zone = (BlockZoneDescriptor) {
        .start = kernel->start << BDRV_SECTOR_BITS,
        .length = kernel->len << BDRV_SECTOR_BITS,
        .cap = (has_capacity ? kernel->capacity
                             : kernel->len) << BDRV_SECTOR_BITS,
        .wp = wp << BDRV_SECTOR_BITS,
        .type = kernel->type,
        .state = kernel->cond,
    };
}

/* One call of the kernel.  Returns the number of zones or -errno. */
static int report_batch(int fd, uint64_t offset, struct blk_zone_report *report,
                        uint32_t nr_zones, BlockZoneDescriptor *zones)
{
    uint32_t i;
    int ret;

    memset(report, 0, sizeof(*report));
    report->sector = offset >> BDRV_SECTOR_BITS;
    report->nr_zones = nr_zones;
    ret = ioctl(fd, BLKREPORTZONE, report) < 0 ? -errno : 0;
    trace_host_zoned_report(fd, offset, nr_zones, ret);
    if (ret < 0) {
        return ret;
    }
    if (report->nr_zones > nr_zones) {
        return -EIO;
    }
    for (i = 0; i < report->nr_zones; i++) {
        describe_zone(&report->zones[i], report->flags & BLK_ZONE_REP_CAPACITY,
                      &zones[i]);
    }
    return report->nr_zones;
}

/* Returns the number of zones or -errno */
static int report_zones(int fd, uint64_t offset, uint32_t nr_zones,
                        BlockZoneDescriptor *zones)
{
    uint32_t batch = MIN(nr_zones, REPORT_BATCH);
    g_autofree struct blk_zone_report *report =
        g_malloc(sizeof(*report) + batch * sizeof(struct blk_zone));
    uint32_t done = 0;

    while (done < nr_zones) {
        int ret = report_batch(fd, offset, report, MIN(batch, nr_zones - done),
                               zones + done);
        if (ret < 0) {
            return ret;
        }
        if (ret == 0) {
            break;
        }
        done += ret;
        offset = zones[done - 1].start + zones[done - 1].length;
    }
    return done;
}

typedef struct ReportWork {
    int fd;
    int64_t offset;
    uint32_t nr_zones;
    BlockZoneDescriptor *zones;
} ReportWork;

static int report_worker(void *opaque)
{
    ReportWork *work = opaque;

    return report_zones(work->fd, work->offset, work->nr_zones, work->zones);
}

int coroutine_fn host_zoned_co_report(BlockDriverState *bs, int fd,
                                      int64_t offset, uint32_t *nr_zones,
                                      BlockZoneDescriptor *zones)
{
    ReportWork work = {
        .fd = fd,
        .offset = offset,
        .nr_zones = *nr_zones,
        .zones = zones,
    };
    int ret = submit_to_pool(bs, report_worker, &work);

    if (ret < 0) {
        return host_zoned_error(ret);
    }
    *nr_zones = ret;
    return 0;
}

/* @whole: the range is all of the device */
typedef struct MgmtWork {
    int fd;
    BlockZoneOp op;
    bool whole;
    int64_t offset;
    int64_t bytes;
} MgmtWork;

static int call_mgmt(const MgmtWork *work)
{
    static const unsigned long requests[] = {
        [BLK_ZO_OPEN] = BLKOPENZONE,
        [BLK_ZO_CLOSE] = BLKCLOSEZONE,
        [BLK_ZO_FINISH] = BLKFINISHZONE,
        [BLK_ZO_RESET] = BLKRESETZONE,
        /* If it is all of them the kernel sees that from the range */
        [BLK_ZO_RESET_ALL] = BLKRESETZONE,
    };
    struct blk_zone_range range = {
        .sector = work->offset >> BDRV_SECTOR_BITS,
        .nr_sectors = work->bytes >> BDRV_SECTOR_BITS,
    };
    int ret = ioctl(work->fd, requests[work->op], &range) < 0 ? -errno : 0;

    trace_host_zoned_mgmt(work->fd, blk_zone_op_name(work->op), work->offset,
                          work->bytes, ret);
    return ret == -ENOTTY ? -ENOTSUP : ret;
}

/*
 * Call @func for each zone that @work is about, up to the first one that it
 * returns an error for.  Returns that, or what a report fails with.
 */
static int for_each_zone(const MgmtWork *work,
                         int (*func)(const BlockZoneDescriptor *zone,
                                     void *opaque),
                         void *opaque)
{
    g_autofree BlockZoneDescriptor *zones =
        g_new(BlockZoneDescriptor, REPORT_BATCH);
    int64_t offset = work->offset;
    int64_t end = work->offset + work->bytes;

    while (offset < end) {
        int i, nr = report_zones(work->fd, offset, REPORT_BATCH, zones);

        if (nr <= 0) {
            return nr < 0 ? host_zoned_error(nr) : -EIO;
        }
        for (i = 0; i < nr && zones[i].start < end; i++) {
            int ret = func(&zones[i], opaque);

            if (ret < 0) {
                return ret;
            }
        }
        offset = zones[nr - 1].start + zones[nr - 1].length;
    }
    return 0;
}

/*
 * What @op makes of @zone, or why it does not work.  A state that the drive has
 * and nobody here knows forbids nothing, and stays.
 */
static int state_after(const BlockZoneDescriptor *zone, BlockZoneOp op)
{
    return blk_zone_state_name(zone->state) ? zone_next_state(op, zone->state)
                                            : (int)zone->state;
}

/* Put @zone to the work @opaque, unless that does not work on it */
static int add_to_work(const BlockZoneDescriptor *zone, void *opaque)
{
    MgmtWork *work = opaque;
    int ret = state_after(zone, work->op);

    if (ret < 0) {
        return ret;
    }
    work->bytes += zone->length;
    return 0;
}

/*
 * What is in the way of @work, or 0.  @good is set to the part of it that is
 * about the zones before that.
 */
static int find_mgmt_error(const MgmtWork *work, MgmtWork *good)
{
    *good = *work;
    good->bytes = 0;
    return for_each_zone(work, add_to_work, good);
}

/* What a call of the kernel failed with, which may stand for many causes */
static int explain_mgmt_error(const MgmtWork *work, int ret)
{
    MgmtWork good;

    ret = host_zoned_error(ret);
    return ret == -EIO ? find_mgmt_error(work, &good) ?: ret : ret;
}

/*
 * Open or close.  SCSI drives say that it is done where the state of a zone
 * forbids it.  So the zones are looked at before, and not only after an error.
 */
static int change_state(const MgmtWork *work)
{
    MgmtWork good;
    int error = find_mgmt_error(work, &good);
    int ret = good.bytes ? call_mgmt(&good) : 0;

    return ret < 0 ? explain_mgmt_error(&good, ret) : error;
}

/* Reset the zones that have been put together in @run, if there are any */
static int reset_run(MgmtWork *run)
{
    int ret = run->bytes ? call_mgmt(run) : 0;

    run->bytes = 0;
    return ret;
}

/* Put @zone to those before it in the run @opaque if it would change */
static int add_to_run(const BlockZoneDescriptor *zone, void *opaque)
{
    MgmtWork *run = opaque;

    if (state_after(zone, run->op) == zone->state) {
        return reset_run(run);
    }
    if (!run->bytes) {
        run->offset = zone->start;
    }
    run->bytes += zone->length;
    return 0;
}

/*
 * Of a part of the device, the kernel resets all zones or fails at the first
 * one that cannot be reset.  So it gets only those that have to be.
 */
static int reset_part(const MgmtWork *work)
{
    MgmtWork run = { .fd = work->fd, .op = work->op };

    return for_each_zone(work, add_to_run, &run) ?: reset_run(&run);
}

static int reset_all(const MgmtWork *work)
{
    return host_zoned_error(work->whole ? call_mgmt(work) : reset_part(work));
}

static int mgmt_worker(void *opaque)
{
    MgmtWork *work = opaque;

    switch (work->op) {
    case BLK_ZO_OPEN:
    case BLK_ZO_CLOSE:
        return change_state(work);
    case BLK_ZO_RESET_ALL:
        return reset_all(work);
    default:
        return explain_mgmt_error(work, call_mgmt(work));
    }
}

int coroutine_fn host_zoned_co_mgmt(BlockDriverState *bs, int fd,
                                    BlockZoneOp op, int64_t offset,
                                    int64_t bytes)
{
    MgmtWork work = {
        .fd = fd,
        .op = op,
        .whole = bytes == bdrv_getlength(bs),
        .offset = offset,
        .bytes = bytes,
    };

    return submit_to_pool(bs, mgmt_worker, &work);
}

#else

/* host_zoned_probe() lets no zoned device get here */

int coroutine_fn host_zoned_co_report(BlockDriverState *bs, int fd,
                                      int64_t offset, uint32_t *nr_zones,
                                      BlockZoneDescriptor *zones)
{
    return -ENOTSUP;
}

int coroutine_fn host_zoned_co_mgmt(BlockDriverState *bs, int fd,
                                    BlockZoneOp op, int64_t offset,
                                    int64_t bytes)
{
    return -ENOTSUP;
}

#endif /* CONFIG_BLKZONED */
